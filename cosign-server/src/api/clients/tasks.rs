//! Tasks that a platform files, the users that it knows, and whether signatures are right.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ScansWrite, Signed, TasksWrite,
    scans::{CertificateRef, bytes, word},
};
use crate::{
    api::{
        Api, Problem,
        accounts::{Secret, id},
        documents::SpotBody,
        extract::{Parameters, Segments},
        openapi::{Named, Problems},
        page::{NextBody, Paging, shown},
    },
    domain::{
        Error,
        office::{
            Entity as _, Id, Named as _, Stored,
            binding::Binding,
            personal::Phone,
            task::{Paper, Task, TaskKind, TaskState},
        },
        services::{NewTask, Signer},
    },
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(file))
        .routes(routes!(show))
        .routes(routes!(withdraw))
        .routes(routes!(batch))
        .routes(routes!(bindings))
        .routes(routes!(decide))
        .routes(routes!(verify))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewTask)]
#[serde(deny_unknown_fields)]
struct TaskBody {
    /// `data`, `hash` or `document`.
    kind: String,
    /// What the signer is shown.
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    /// Hexadecimal: 1 to 8192 bytes of data, or a digest of 32. Signed is SM3(Z || content).
    #[serde(default)]
    content: String,
    /// A document that was handed in, to be sealed; with it there is no content.
    document_id: Option<String>,
    /// Where the seal shows in it.
    #[serde(default)]
    places: Vec<SpotBody>,
}

/// All are for one signer: a user who is bound to the platform, whoever has a phone, or whoever scans the code of a task.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewTasks)]
#[serde(deny_unknown_fields)]
struct FileBody {
    account_id: Option<String>,
    phone: Option<Secret>,
    /// Until when they can be signed, unix milliseconds; at most 90 days ahead.
    until_ms: u64,
    tasks: Vec<TaskBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FiledTasks)]
struct FiledBody {
    batch_id: String,
    /// In order.
    task_ids: Vec<String>,
}

/// File tasks to be signed by one signer
#[utoipa::path(
    post, path = "/v1/client/tasks", tag = "tasks", security(("client" = [])), params(Named),
    request_body = FileBody, responses((status = 201, body = FiledBody), Problems),
)]
async fn file(
    State(api): State<Api>,
    signed: Signed<TasksWrite>,
) -> Result<(StatusCode, Json<FiledBody>), Problem> {
    let FileBody { account_id, phone, until_ms, tasks } = signed.json()?;
    let signer = match (account_id, phone) {
        (Some(account), None) => Signer::Account(id(&account)?),
        (None, Some(phone)) => Signer::Phone(Phone::parse(&phone.0)?),
        (None, None) => Signer::Scanner,
        _ => return Err(Error::BadRequest("a signer is an account or a phone").into()),
    };
    let task = |TaskBody { kind, title, content, document_id, places }: TaskBody| {
        let spots = SpotBody::spots(places)?;
        let paper = document_id.as_deref().map(id).transpose()?.map(|document| Paper { document, spots });
        let (kind, content) = (word::<TaskKind>(&kind)?, bytes(&content)?);
        Ok::<_, Problem>(NewTask { kind, title, content, paper })
    };
    let tasks = tasks.into_iter().map(task).collect::<Result<Vec<_>, _>>()?;
    let filed = api.office.file_tasks(&signed.client, &signer, until_ms, &tasks, signed.once()?).await?;
    let task_ids = filed.tasks.iter().map(Id::to_string).collect();
    Ok((StatusCode::CREATED, Json(FiledBody { batch_id: filed.id.to_string(), task_ids })))
}

#[derive(Serialize, ToSchema)]
#[schema(as = ClientTask)]
struct FiledTaskBody {
    task_id: String,
    batch_id: String,
    kind: &'static str,
    state: &'static str,
    /// Who signs, once that is known.
    account_id: Option<String>,
    certificate: Option<CertificateRef>,
    /// The document that is sealed.
    document_id: Option<String>,
    /// r || s in hexadecimal.
    signature: Option<String>,
    /// Why it was refused.
    reason: Option<String>,
    until_ms: u64,
}

fn body(api: &Api, found: &Stored<Task>) -> Result<FiledTaskBody, Problem> {
    let task = &found.entity;
    let [_, _, reason] = api.office.task_words(task)?;
    let certificate = task.chosen.as_ref().filter(|_| task.signature.is_some());
    Ok(FiledTaskBody {
        task_id: found.id.to_string(),
        batch_id: task.filed.batch.to_string(),
        kind: task.filed.kind.as_str(),
        state: task.state().as_str(),
        account_id: task.filed.account.map(|account| account.to_string()),
        certificate: certificate.map(|(certificate, _)| certificate.name.clone().into()),
        document_id: task.filed.paper.as_ref().map(|paper| paper.document.to_string()),
        signature: task.signature.clone(),
        reason: reason.map(|reason| reason.to_string()),
        until_ms: task.filed.until_ms,
    })
}

/// A task of the platform, and what came of it
#[utoipa::path(
    get, path = "/v1/client/tasks/{task}", tag = "tasks", security(("client" = [])),
    params(("task" = String, Path)), responses((status = 200, body = FiledTaskBody), Problems),
)]
async fn show(
    State(api): State<Api>,
    segments: Segments,
    Signed { client, .. }: Signed<TasksWrite>,
) -> Result<Json<FiledTaskBody>, Problem> {
    Ok(Json(body(&api, &api.office.filed_task(&client, id(segments.get("task")?)?).await?)?))
}

/// Take a task back
#[utoipa::path(
    post, path = "/v1/client/tasks/{task}/withdraw", tag = "tasks", security(("client" = [])),
    params(("task" = String, Path), Named), responses((status = 200, body = FiledTaskBody), Problems),
)]
async fn withdraw(
    State(api): State<Api>,
    segments: Segments,
    signed: Signed<TasksWrite>,
) -> Result<Json<FiledTaskBody>, Problem> {
    let task = id(segments.get("task")?)?;
    api.office.withdraw_task(&signed.client, task, signed.once()?).await?;
    Ok(Json(body(&api, &api.office.filed_task(&signed.client, task).await?)?))
}

#[derive(Serialize, ToSchema)]
#[schema(as = TaskBatch)]
struct BatchBody {
    batch_id: String,
    /// `open`, `all-signed`, `partly`, `all-refused` or `failed`.
    state: &'static str,
    tasks: Vec<FiledTaskBody>,
}

fn batch_state(tasks: &[Stored<Task>]) -> &'static str {
    let states = || tasks.iter().map(|task| task.entity.state());
    if states().any(|state| matches!(state, TaskState::Pending | TaskState::Signing)) {
        "open"
    } else if states().all(|state| state == TaskState::Signed) {
        "all-signed"
    } else if states().any(|state| state == TaskState::Signed) {
        "partly"
    } else if states().all(|state| state == TaskState::Refused) {
        "all-refused"
    } else {
        "failed"
    }
}

/// Tasks that were filed together
#[utoipa::path(
    get, path = "/v1/client/batches/{batch}", tag = "tasks", security(("client" = [])),
    params(("batch" = String, Path)), responses((status = 200, body = BatchBody), Problems),
)]
async fn batch(
    State(api): State<Api>,
    segments: Segments,
    Signed { client, .. }: Signed<TasksWrite>,
) -> Result<Json<BatchBody>, Problem> {
    let batch = id(segments.get("batch")?)?;
    let found = api.office.batch(&client, batch).await?;
    let tasks = found.iter().map(|task| body(&api, task)).collect::<Result<_, _>>()?;
    Ok(Json(BatchBody { batch_id: batch.to_string(), state: batch_state(&found), tasks }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Binding)]
struct BindingBody {
    binding_id: String,
    state: &'static str,
    account_id: String,
    /// With which it was made.
    certificate: CertificateRef,
    bound_at_ms: u64,
}

impl BindingBody {
    fn of(one: Stored<Binding>) -> Self {
        Self {
            binding_id: one.id.to_string(),
            state: one.entity.state().as_str(),
            account_id: one.entity.account.to_string(),
            certificate: one.entity.certificate.into(),
            bound_at_ms: one.created_ms,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = RegistrationDecision)]
#[serde(deny_unknown_fields)]
struct DecisionBody {
    /// Whether the platform takes the user.
    pass: bool,
}

/// Decide on a user who has registered on the platform
#[utoipa::path(
    post, path = "/v1/client/bindings/{binding}/decision", tag = "scans", security(("client" = [])),
    params(("binding" = String, Path), Named), request_body = DecisionBody,
    responses((status = 200, body = BindingBody), Problems),
)]
async fn decide(
    State(api): State<Api>,
    segments: Segments,
    signed: Signed<ScansWrite>,
) -> Result<Json<BindingBody>, Problem> {
    let DecisionBody { pass } = signed.json()?;
    let binding = id(segments.get("binding")?)?;
    let found = api.office.decide_registration(&signed.client, binding, pass, signed.once()?).await?;
    Ok(Json(BindingBody::of(found)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Bindings)]
struct BindingsBody {
    bindings: Vec<BindingBody>,
    next: Option<NextBody>,
}

/// The users that the platform knows, newest first
#[utoipa::path(
    get, path = "/v1/client/bindings", tag = "scans", security(("client" = [])), params(Paging),
    responses((status = 200, body = BindingsBody), Problems),
)]
async fn bindings(
    State(api): State<Api>,
    Parameters(paging): Parameters<Paging>,
    Signed { client, .. }: Signed<ScansWrite>,
) -> Result<Json<BindingsBody>, Problem> {
    let of = Id::from_bytes(*client.id.as_bytes());
    let (bindings, next) =
        shown(api.office.bindings(of, &paging.page()?).await?, |one| Ok::<_, Problem>(BindingBody::of(one)))?;
    Ok(Json(BindingsBody { bindings, next }))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = MessageSignature)]
#[serde(deny_unknown_fields)]
struct VerifyBody {
    certificate: CertificateRef,
    /// Hexadecimal, 1 to 8192 bytes.
    message: String,
    /// r || s in hexadecimal.
    signature: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = VerifiedSignatureData)]
#[serde(rename_all = "camelCase")]
struct VerifiedData {
    verify_signature_result: bool,
}

/// In the form of mutual recognition.
#[derive(Serialize, ToSchema)]
#[schema(as = VerifiedSignature)]
#[serde(rename_all = "camelCase")]
struct VerifiedBody {
    code: u16,
    success: bool,
    data: VerifiedData,
    msg: String,
    error_code: String,
}

/// Whether a message was signed with a certificate
///
/// The call succeeds when the signature does not verify, too: that is its answer.
#[utoipa::path(
    post, path = "/v1/client/verifications", tag = "scans", security(("client" = [])), params(Named),
    request_body = VerifyBody, responses((status = 200, body = VerifiedBody), Problems),
)]
async fn verify(State(api): State<Api>, signed: Signed<ScansWrite>) -> Result<Json<VerifiedBody>, Problem> {
    let VerifyBody { certificate, message, signature } = signed.json()?;
    let message = bytes(&message)?;
    let name = certificate.into();
    let verify_signature_result = api.office.verifies(&signed.client, &name, &message, &signature).await?;
    let data = VerifiedData { verify_signature_result };
    let (msg, error_code) = (String::new(), String::new());
    Ok(Json(VerifiedBody { code: 200, success: true, data, msg, error_code }))
}
