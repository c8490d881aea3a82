//! What is asked for in enterprises, and deciding on it.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        Api, Problem,
        accounts::{LoggedIn, Secret, id},
        clients::CertificateRef,
        extract::{Bare, Input, Parameters, Segments},
        openapi::{Named, Problems},
        page::{NextBody, Paging, shown},
        scans::signature,
    },
    domain::{
        Error,
        office::{
            Entity as _, Named as _, Stored,
            approval::{Approval, ApprovalState, Ask, AskKind, Ground},
        },
        services::{Decision, Inbox, Signing},
    },
};

use super::letters::{MAX_SIGNED, MarkBody, signing};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(inbox))
        .routes(routes!(asked))
        .routes(routes!(show))
        .routes(routes!(linked))
        .routes(routes!(decide))
        .routes(routes!(share))
        .routes(routes!(withdraw))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Opinion)]
struct OpinionBody {
    /// As what somebody decided.
    judge: &'static str,
    /// Who: an account or an operator.
    by: String,
    at_ms: u64,
    passed: bool,
    /// Why it was returned.
    ground: Option<&'static str>,
    words: Option<String>,
    /// The certificate of the enterprise with which a letter was signed.
    certificate: Option<CertificateRef>,
    /// That signature, r || s in hexadecimal.
    signature: Option<String>,
}

/// What is asked for together with a membership.
#[derive(Serialize, ToSchema)]
#[schema(as = RightAsked)]
struct RightBody {
    grant_id: String,
    state: &'static str,
    /// What may be used: `certificate` (on a platform), `holding` (a certificate that there is) or `seal`.
    kind: &'static str,
    /// Which: a platform, a certificate or a seal.
    thing_id: String,
    from_ms: u64,
    until_ms: u64,
    /// Whether the legal representative decides on it, once the person is a member.
    by_legal: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Approval)]
pub(in crate::api) struct ApprovalBody {
    approval_id: String,
    /// What is asked for.
    kind: &'static str,
    state: &'static str,
    applicant_id: String,
    applicant_name: Option<String>,
    /// The enterprise, or the claim of one.
    place_id: String,
    reason: Option<String>,
    /// What the enterprise is to be called.
    new_name: Option<String>,
    /// Who is to represent it.
    new_legal_name: Option<String>,
    /// Files that were handed in with it.
    files: Vec<String>,
    /// What is asked for together with a membership: who decides may give less.
    rights: Vec<RightBody>,
    /// Who decides, in turn.
    stages: Vec<&'static str>,
    /// Who decides next.
    next: Option<&'static str>,
    opinions: Vec<OpinionBody>,
    asked_at_ms: u64,
    changed_at_ms: u64,
}

impl ApprovalBody {
    pub(in crate::api) async fn of(api: &Api, found: Stored<Approval>) -> Result<Self, Problem> {
        let read = |words: &Option<_>| {
            words
                .as_ref()
                .map(|words| api.office.open_words(words).map(|words| words.to_string()))
                .transpose()
        };
        let one = &found.entity;
        let opinions = one.opinions.iter().map(|opinion| {
            Ok::<_, Error>(OpinionBody {
                judge: opinion.judge.as_str(),
                by: opinion.by.to_string(),
                at_ms: opinion.at_ms,
                passed: opinion.ground.is_none(),
                ground: opinion.ground.map(Ground::as_str),
                words: read(&opinion.words)?,
                certificate: opinion.stamp.as_ref().map(|stamp| stamp.certificate.clone().into()),
                signature: opinion.stamp.as_ref().map(|stamp| stamp.signature.clone()),
            })
        });
        let rights = api.office.rights_asked(one).await?.into_iter().map(|(right, grant)| {
            let terms = grant.entity.terms;
            RightBody {
                grant_id: right.grant.to_string(),
                state: grant.entity.state().as_str(),
                kind: terms.what.as_str(),
                thing_id: terms.what.id().to_string(),
                from_ms: terms.from_ms,
                until_ms: terms.until_ms,
                by_legal: right.by_legal,
            }
        });
        let rights = rights.collect();
        Ok(Self {
            approval_id: found.id.to_string(),
            kind: one.ask.kind().as_str(),
            state: one.state().as_str(),
            applicant_id: one.applicant.to_string(),
            applicant_name: api.office.person_name(one.applicant).await?.map(|name| name.to_string()),
            place_id: one.place.to_string(),
            reason: read(&one.reason)?,
            new_name: match &one.ask {
                Ask::Rename { name, .. } => Some(name.as_str().to_owned()),
                _ => None,
            },
            new_legal_name: match &one.ask {
                Ask::Represent { legal: Some(legal), .. } => {
                    Some(api.office.read_legal(legal)?.0.to_string())
                }
                _ => None,
            },
            files: one.ask.files().iter().map(ToString::to_string).collect(),
            rights,
            stages: one.stages.iter().map(|judge| judge.as_str()).collect(),
            next: one.next().map(|judge| judge.as_str()),
            opinions: opinions.collect::<Result<_, _>>()?,
            asked_at_ms: found.created_ms,
            changed_at_ms: found.changed_ms,
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Approvals)]
pub(in crate::api) struct ApprovalsBody {
    approvals: Vec<ApprovalBody>,
    next: Option<NextBody>,
}

impl ApprovalsBody {
    pub(in crate::api) async fn of(
        api: &Api,
        found: crate::domain::page::Paged<Stored<Approval>>,
    ) -> Result<Self, Problem> {
        let (items, next) = shown(found, Ok::<_, Problem>)?;
        let mut approvals = Vec::new();
        for one in items {
            approvals.push(ApprovalBody::of(api, one).await?);
        }
        Ok(Self { approvals, next })
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct InboxWanted {
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only of this kind.
    kind: Option<String>,
    /// Only those that stand so.
    state: Option<String>,
    /// Only of applicants with this name, whatever kind and state.
    applicant: Option<String>,
}

/// What was asked for in an enterprise, newest first; for those who manage it
#[utoipa::path(
    get, path = "/v1/enterprises/{enterprise}/approvals", tag = "approvals", security(("user" = [])),
    params(("enterprise" = String, Path), InboxWanted),
    responses((status = 200, body = ApprovalsBody), Problems),
)]
pub(super) async fn inbox(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Parameters(wanted): Parameters<InboxWanted>,
) -> Result<Json<ApprovalsBody>, Problem> {
    const NONE: Error = Error::BadRequest("there is no such kind or state of approvals");
    let kind = wanted.kind.map(|name| AskKind::from_name(&name).ok_or(NONE)).transpose()?;
    let state = wanted.state.map(|name| ApprovalState::from_name(&name).ok_or(NONE)).transpose()?;
    let which = Inbox { kind, state, name: wanted.applicant.map(Into::into) };
    let page = Paging::new(wanted.after, wanted.limit).page()?;
    let found = api.office.inbox(&user, id(segments.get("enterprise")?)?, &which, &page).await?;
    Ok(Json(ApprovalsBody::of(&api, found).await?))
}

/// What the user asked for, newest first
#[utoipa::path(
    get, path = "/v1/approvals", tag = "approvals", security(("user" = [])), params(Paging),
    responses((status = 200, body = ApprovalsBody), Problems),
)]
pub(super) async fn asked(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<ApprovalsBody>, Problem> {
    let found = api.office.asked(&user, &paging.page()?).await?;
    Ok(Json(ApprovalsBody::of(&api, found).await?))
}

/// Something that the user asked for, or may decide on
#[utoipa::path(
    get, path = "/v1/approvals/{approval}", tag = "approvals", security(("user" = [])),
    params(("approval" = String, Path)), responses((status = 200, body = ApprovalBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<ApprovalBody>, Problem> {
    let found = api.office.approval(&user, id(segments.get("approval")?)?).await?;
    Ok(Json(ApprovalBody::of(&api, found).await?))
}

/// What a link leads to, for who may decide on it
#[utoipa::path(
    get, path = "/v1/approval-links/{link}", tag = "approvals", security(("user" = [])),
    params(("link" = String, Path)), responses((status = 200, body = ApprovalBody), Problems),
)]
pub(super) async fn linked(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<ApprovalBody>, Problem> {
    let found = api.office.linked(&user, segments.get("link")?).await?;
    Ok(Json(ApprovalBody::of(&api, found).await?))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Decision)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct DecisionBody {
    pass: bool,
    /// Why it is returned: `incomplete`, `wrong`, `unwanted` or `other`.
    ground: Option<String>,
    /// 1 to 500 characters; needed when it is returned.
    words: Option<Secret>,
    /// How the legal representative signs it when passing it: with a code to the phone of the user, for `sign`,
    code_id: Option<String>,
    code: Option<Secret>,
    /// or with the password of the account,
    password: Option<Secret>,
    /// and what stands on the letter.
    mark: Option<MarkBody>,
    /// Which of the rights that are asked for with a membership are given; all of them, if it is not said.
    #[schema(max_items = 16)]
    grant_ids: Option<Vec<String>>,
    /// The certificate of the enterprise with which the letter of a request to join is signed.
    certificate: Option<CertificateRef>,
    /// That signature over the letter, r || s in hexadecimal.
    signature: Option<String>,
}

impl DecisionBody {
    pub(in crate::api) fn read(self) -> Result<(Decision, Option<Signing>), Problem> {
        const NONE: Error =
            Error::BadRequest("what is returned is `incomplete`, `wrong`, `unwanted` or `other`");
        let ground = match (self.pass, self.ground) {
            (true, None) => None,
            (false, Some(ground)) => Some(Ground::from_name(&ground).ok_or(NONE)?),
            _ => return Err(NONE.into()),
        };
        let signing = signing((self.code_id, self.code), self.password, self.mark)?;
        let stamp = match (self.certificate, self.signature) {
            (Some(certificate), Some(text)) => Some((certificate.into(), signature(&text)?)),
            (None, None) => None,
            _ => return Err(Error::BadRequest("there is no letter to be signed").into()),
        };
        let keep = self.grant_ids.map(|ids| ids.iter().map(|text| id(text)).collect()).transpose()?;
        Ok((Decision { ground, words: self.words.map(|words| words.0), keep, stamp }, signing))
    }
}

/// Pass or return what somebody else asked for
#[utoipa::path(
    post, path = "/v1/approvals/{approval}/decision", tag = "approvals", security(("user" = [])),
    params(("approval" = String, Path), Named), request_body = DecisionBody,
    responses((status = 204, description = "It is decided"), Problems),
)]
pub(super) async fn decide(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<DecisionBody, MAX_SIGNED>,
) -> Result<StatusCode, Problem> {
    let (decision, signing) = body.read()?;
    api.office.decide(&user, id(segments.get("approval")?)?, decision, signing, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize, ToSchema)]
#[schema(as = ApprovalLink)]
pub(super) struct LinkBody {
    /// For `/v1/approval-links/`; to be shown as a QR code, or sent. Given out this once; a new one replaces it.
    link: String,
}

/// Make a link to what the user asked for, to hand on to who decides
#[utoipa::path(
    post, path = "/v1/approvals/{approval}/link", tag = "approvals", security(("user" = [])),
    params(("approval" = String, Path)), responses((status = 201, body = LinkBody), Problems),
)]
pub(super) async fn share(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    _: Bare,
) -> Result<(StatusCode, Json<LinkBody>), Problem> {
    let link = api.office.share(&user, id(segments.get("approval")?)?).await?;
    Ok((StatusCode::CREATED, Json(LinkBody { link: link.to_string() })))
}

/// Ask for it no longer
#[utoipa::path(
    post, path = "/v1/approvals/{approval}/withdraw", tag = "approvals", security(("user" = [])),
    params(("approval" = String, Path), Named), responses((status = 204, description = "It is void"), Problems),
)]
pub(super) async fn withdraw(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    api.office.unask(&user, id(segments.get("approval")?)?, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
