//! Tasks that wait for the signature of a user.
#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{LoggedIn, Secret, id},
    clients::CertificateRef,
    extract::{Input, Parameters, Segments},
    openapi::{Named, Problems},
    page::{NextBody, Paging, shown},
    scans::signature,
    terminals::unlocking,
};
use crate::domain::{
    office::{Entity as _, Named as _, Stored, proof::Hash, task::Task},
    services::{Each, Pile},
};

/// Longest body that signs or refuses: 64 tasks.
const MAX: usize = 64 * 1024;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(start))
        .routes(routes!(sign))
        .routes(routes!(refuse))
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum PileBody {
    Pending,
    Processed,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Those that wait, or those that are signed or refused.
    #[param(inline)]
    pile: Option<PileBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Task)]
struct TaskBody {
    task_id: String,
    batch_id: String,
    kind: &'static str,
    state: &'static str,
    /// Who filed it.
    system: String,
    title: Option<String>,
    /// What is signed, hexadecimal.
    content: Option<String>,
    /// The document that is sealed.
    document_id: Option<String>,
    certificate: Option<CertificateRef>,
    /// Why it was refused.
    reason: Option<String>,
    filed_at_ms: u64,
    until_ms: u64,
}

fn body(api: &Api, found: &Stored<Task>) -> Result<TaskBody, Problem> {
    let task = &found.entity;
    let [title, content, reason] = api.office.task_words(task)?;
    Ok(TaskBody {
        task_id: found.id.to_string(),
        batch_id: task.filed.batch.to_string(),
        kind: task.filed.kind.as_str(),
        state: task.state().as_str(),
        system: task.filed.system.name.as_str().to_owned(),
        title: title.map(|text| text.to_string()),
        content: content.map(|text| text.to_string()),
        document_id: task.filed.paper.as_ref().map(|paper| paper.document.to_string()),
        certificate: task.chosen.as_ref().map(|(certificate, _)| certificate.name.clone().into()),
        reason: reason.map(|text| text.to_string()),
        filed_at_ms: found.created_ms,
        until_ms: task.filed.until_ms,
    })
}

#[derive(Serialize, ToSchema)]
#[schema(as = Tasks)]
struct TasksBody {
    tasks: Vec<TaskBody>,
    next: Option<NextBody>,
}

/// The tasks of the user, newest first
#[utoipa::path(
    get, path = "/v1/tasks", tag = "tasks", security(("user" = [])), params(Which),
    responses((status = 200, body = TasksBody), Problems),
)]
async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(Which { after, limit, pile }): Parameters<Which>,
) -> Result<Json<TasksBody>, Problem> {
    let pile = pile.map(|pile| match pile {
        PileBody::Pending => Pile::Pending,
        PileBody::Processed => Pile::Processed,
    });
    let found = api.office.tasks(&user, pile, &Paging::new(after, limit).page()?).await?;
    let (tasks, next) = shown(found, |task| body(&api, &task))?;
    Ok(Json(TasksBody { tasks, next }))
}

/// A task
#[utoipa::path(
    get, path = "/v1/tasks/{task}", tag = "tasks", security(("user" = [])), params(("task" = String, Path)),
    responses((status = 200, body = TaskBody), Problems),
)]
async fn show(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<TaskBody>, Problem> {
    Ok(Json(body(&api, &api.office.task(&user, id(segments.get("task")?)?).await?)?))
}

#[derive(Serialize, ToSchema)]
#[schema(as = TaskResult)]
struct EachBody {
    task_id: String,
    /// What is to be signed, hexadecimal.
    digest: Option<String>,
    /// The code of the problem, if there was one.
    code: Option<String>,
    /// What was wrong.
    detail: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TaskResults)]
struct ResultsBody {
    /// In order: what is wrong with one is said there, and the others are done.
    results: Vec<EachBody>,
}

fn results(each: Vec<Each>) -> Json<ResultsBody> {
    let result = |Each { id, digest, code, detail }: Each| EachBody {
        task_id: id.to_string(),
        digest: digest.map(|Hash(digest)| hex::encode(digest)),
        code,
        detail,
    };
    Json(ResultsBody { results: each.into_iter().map(result).collect() })
}

#[derive(Deserialize, ToSchema)]
#[schema(as = TasksToSign)]
#[serde(deny_unknown_fields)]
struct StartBody {
    certificate: CertificateRef,
    task_ids: Vec<String>,
    /// The seal for documents that are sealed.
    seal_id: Option<String>,
}

fn ids(texts: &[String]) -> Result<Vec<crate::domain::office::Id>, Problem> {
    texts.iter().map(|text| id(text)).collect()
}

/// Take a certificate for tasks: tells what is to be signed of each
#[utoipa::path(
    post, path = "/v1/task-signatures/start", tag = "tasks", security(("user" = [])), params(Named),
    request_body = StartBody, responses((status = 200, body = ResultsBody), Problems),
)]
async fn start(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<StartBody, MAX>,
) -> Result<Json<ResultsBody>, Problem> {
    let (name, tasks) = (body.certificate.into(), ids(&body.task_ids)?);
    let seal = body.seal_id.as_deref().map(id).transpose()?;
    Ok(results(api.office.start_tasks(&user, &name, (&tasks, seal), once.as_ref()).await?))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = TaskSignature)]
#[serde(deny_unknown_fields)]
struct SignatureBody {
    task_id: String,
    /// r || s in hexadecimal; without it the phone could not sign, and the task waits again.
    signature: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = TaskSignatures)]
#[serde(deny_unknown_fields)]
struct SignBody {
    signatures: Vec<SignatureBody>,
    /// By what the password of the key was given if the user did not enter it: `remembered` or `biometrics`.
    unlocked: Option<String>,
}

/// Hand in signatures of tasks
#[utoipa::path(
    post, path = "/v1/task-signatures", tag = "tasks", security(("user" = [])), params(Named),
    request_body = SignBody, responses((status = 200, body = ResultsBody), Problems),
)]
async fn sign(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<SignBody, MAX>,
) -> Result<Json<ResultsBody>, Problem> {
    let one = |one: &SignatureBody| {
        Ok::<_, Problem>((id(&one.task_id)?, one.signature.as_deref().map(signature).transpose()?))
    };
    let signatures = body.signatures.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let unlocked = unlocking(body.unlocked.as_deref())?;
    Ok(results(api.office.sign_tasks(&user, &signatures, unlocked, once.as_ref()).await?))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = TaskRefusals)]
#[serde(deny_unknown_fields)]
struct RefuseBody {
    task_ids: Vec<String>,
    /// 1 to 500 characters.
    reason: Secret,
}

/// Refuse tasks
#[utoipa::path(
    post, path = "/v1/task-refusals", tag = "tasks", security(("user" = [])), params(Named),
    request_body = RefuseBody, responses((status = 200, body = ResultsBody), Problems),
)]
async fn refuse(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<RefuseBody, MAX>,
) -> Result<Json<ResultsBody>, Problem> {
    let tasks = ids(&body.task_ids)?;
    Ok(results(api.office.refuse_tasks(&user, &tasks, &body.reason.0, once.as_ref()).await?))
}
