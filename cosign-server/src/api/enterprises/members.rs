//! Members of enterprises: joining, inviting, leaving, handing over.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::OneMember;
use crate::{
    api::{
        Api, Problem,
        accounts::{LoggedIn, Secret, id},
        extract::{Bare, Input, Parameters, Segments},
        openapi::{Named, Problems},
        page::{NextBody, Paging, shown},
        people::word,
    },
    domain::{
        Error,
        office::{Stored, enterprise::Enterprise, grant::What, invitation::Invitation, personal::Phone},
        services::{Given, Joining, Member, RightWanted},
    },
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(join))
        .routes(routes!(list))
        .routes(routes!(remove))
        .routes(routes!(give))
        .routes(routes!(leave))
        .routes(routes!(hand_over))
        .routes(routes!(invite))
        .routes(routes!(invitations))
        .routes(routes!(accept))
        .routes(routes!(take_back))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = JoinRight)]
#[serde(deny_unknown_fields)]
struct RightBody {
    /// Either on which trading platform the enterprise's certificate is to be used,
    platform_id: Option<String>,
    /// or which certificate of it,
    holding_id: Option<String>,
    /// or which seal.
    seal_id: Option<String>,
    from_ms: u64,
    until_ms: u64,
}

/// Either who administers it, or why; or, for operators to look at, a code of the legal representative's phone or a paid order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JoinWanted {
    /// The name of an administrator.
    administrator_name: Option<Secret>,
    /// The last four digits of that person's phone.
    administrator_digits: Option<Secret>,
    /// 1 to 500 characters.
    reason: Option<Secret>,
    /// A code that the legal representative's phone got, for `legal`.
    legal_code_id: Option<String>,
    legal_code: Option<Secret>,
    /// An order for joining that is paid.
    order_id: Option<String>,
    /// What the user wants to use of the enterprise, and when.
    #[serde(default)]
    #[schema(max_items = 16)]
    rights: Vec<RightBody>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Asked {
    /// Nothing when it happened at once.
    approval_id: Option<String>,
}

impl Asked {
    pub(super) fn for_one(approval: crate::domain::office::Id) -> Self {
        Self { approval_id: Some(approval.to_string()) }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ServiceGiven)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenBody {
    platform_id: String,
    /// `ca` or `seal`.
    service: String,
    /// The line of the order with which the enterprise bought it.
    line_id: String,
}

/// Give a member a package that the enterprise has bought and nobody has used
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/members/{account}/services", tag = "enterprises",
    security(("user" = [])), params(("enterprise" = String, Path), ("account" = String, Path), Named),
    request_body = GivenBody, responses((status = 204, description = "It is the member's own"), Problems),
)]
pub(super) async fn give(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<GivenBody>,
) -> Result<StatusCode, Problem> {
    let given = Given {
        platform: id(&body.platform_id)?,
        service: word(&body.service, "there is no such service")?,
        line: id(&body.line_id)?,
    };
    let (enterprise, member) = (id(segments.get("enterprise")?)?, id(segments.get("account")?)?);
    api.office.give_service(&user, enterprise, member, given, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask to join an enterprise
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/join", tag = "enterprises", security(("user" = [])),
    params(("enterprise" = String, Path), Named), request_body = JoinWanted,
    responses((status = 201, body = Asked), Problems),
)]
pub(super) async fn join(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<JoinWanted>,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    let reason = body.reason.map(|reason| reason.0);
    let known = (body.administrator_name, body.administrator_digits, reason);
    let other = (body.legal_code_id, body.legal_code, body.order_id);
    let joining = match (known, other) {
        ((Some(name), Some(digits), reason), (None, None, None)) => {
            Joining::Known { name: name.0, digits: digits.0, reason }
        }
        ((None, None, Some(reason)), (None, None, None)) => Joining::Explained(reason),
        ((None, None, None), (Some(code_id), Some(code), None)) => {
            Joining::Legal(code_id.parse().map_err(|_| Error::CodeInvalid)?, code.0)
        }
        ((None, None, None), (None, None, Some(order))) => Joining::Bought(id(&order)?),
        _ => {
            return Err(Error::BadRequest(
                "joining takes the name of an administrator and four digits, or a reason",
            )
            .into());
        }
    };
    let right = |right: &RightBody| {
        let what = match (&right.platform_id, &right.holding_id, &right.seal_id) {
            (Some(platform), None, None) => What::Certificate { platform: id(platform)? },
            (None, Some(holding), None) => What::Holding { holding: id(holding)? },
            (None, None, Some(seal)) => What::Seal { seal: id(seal)? },
            _ => return Err(Error::BadRequest("a right is of a platform, a certificate or a seal").into()),
        };
        Ok::<_, Problem>(RightWanted { what, from_ms: right.from_ms, until_ms: right.until_ms })
    };
    let rights = body.rights.iter().map(right).collect::<Result<Vec<_>, _>>()?;
    let enterprise = id(segments.get("enterprise")?)?;
    let asked = api.office.join(&user, enterprise, joining, &rights, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(Asked::for_one(asked))))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct MembersWanted {
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only those whose name contains this.
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Member)]
struct MemberBody {
    account_id: String,
    name: Option<String>,
    /// Masked.
    phone: Option<String>,
    joined_at_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Members)]
pub(super) struct MembersBody {
    members: Vec<MemberBody>,
    next: Option<NextBody>,
}

/// The members of an enterprise, newest first; for those who manage it
#[utoipa::path(
    get, path = "/v1/enterprises/{enterprise}/members", tag = "enterprises", security(("user" = [])),
    params(("enterprise" = String, Path), MembersWanted),
    responses((status = 200, body = MembersBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Parameters(wanted): Parameters<MembersWanted>,
) -> Result<Json<MembersBody>, Problem> {
    let page = Paging::new(wanted.after, wanted.limit).page()?;
    let enterprise = id(segments.get("enterprise")?)?;
    let found = api.office.members(&user, enterprise, wanted.name.as_deref(), &page).await?;
    let body = |member: Member| MemberBody {
        account_id: member.membership.entity.account.to_string(),
        name: member.name.map(|name| name.to_string()),
        phone: member.phone,
        joined_at_ms: member.membership.entity.since_ms,
    };
    let (members, next) = shown(found, |one| Ok::<_, Problem>(body(one)))?;
    Ok(Json(MembersBody { members, next }))
}

/// Remove a member: all that the person may use there ends
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/members/{account}/remove", tag = "enterprises",
    security(("user" = [])), params(("enterprise" = String, Path), ("account" = String, Path), Named),
    responses((status = 204, description = "The person is a member no more"), Problems),
)]
pub(super) async fn remove(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    let (enterprise, member) = (id(segments.get("enterprise")?)?, id(segments.get("account")?)?);
    api.office.remove_member(&user, enterprise, member, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LeaveWanted {
    /// 1 to 500 characters.
    reason: Option<Secret>,
}

/// Leave an enterprise, or ask to
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/leave", tag = "enterprises", security(("user" = [])),
    params(("enterprise" = String, Path), Named), request_body = LeaveWanted,
    responses((status = 201, body = Asked), Problems),
)]
pub(super) async fn leave(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<LeaveWanted>,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    let reason = body.reason.map(|reason| reason.0);
    let asked = api.office.leave(&user, id(segments.get("enterprise")?)?, reason, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(Asked { approval_id: asked.map(|id| id.to_string()) })))
}

/// Hand the administrator's place over to a member; the legal representative signs it
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/transfer", tag = "enterprises", security(("user" = [])),
    params(("enterprise" = String, Path), Named), request_body = OneMember,
    responses((status = 201, body = Asked), Problems),
)]
pub(super) async fn hand_over(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<OneMember>,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    let (enterprise, to) = (id(segments.get("enterprise")?)?, id(&body.account_id)?);
    let asked = api.office.hand_over(&user, enterprise, to, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(Asked { approval_id: asked.map(|id| id.to_string()) })))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Invited {
    name: Secret,
    phone: Secret,
    /// Whether the person is to administer the enterprise.
    #[serde(default)]
    administrator: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct InvitationMade {
    invitation_id: String,
}

/// Invite somebody to an enterprise, whether they have an account or not
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/invitations", tag = "enterprises", security(("user" = [])),
    params(("enterprise" = String, Path), Named), request_body = Invited,
    responses((status = 201, body = InvitationMade), Problems),
)]
pub(super) async fn invite(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<Invited>,
) -> Result<(StatusCode, Json<InvitationMade>), Problem> {
    let (enterprise, phone) = (id(segments.get("enterprise")?)?, Phone::parse(&body.phone.0)?);
    let (name, once) = (&body.name.0, once.as_ref());
    let invited = api.office.invite(&user, enterprise, name, &phone, body.administrator, once).await?;
    Ok((StatusCode::CREATED, Json(InvitationMade { invitation_id: invited.to_string() })))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Invitation)]
struct InvitationBody {
    invitation_id: String,
    enterprise_id: String,
    enterprise_name: String,
    administrator: bool,
    sent_at_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Invitations)]
pub(super) struct InvitationsBody {
    invitations: Vec<InvitationBody>,
    next: Option<NextBody>,
}

/// The invitations to the phone of the user, newest first
#[utoipa::path(
    get, path = "/v1/invitations", tag = "enterprises", security(("user" = [])), params(Paging),
    responses((status = 200, body = InvitationsBody), Problems),
)]
pub(super) async fn invitations(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<InvitationsBody>, Problem> {
    let found = api.office.invitations(&user, &paging.page()?).await?;
    let body = |(one, enterprise): (Stored<Invitation>, Stored<Enterprise>)| InvitationBody {
        invitation_id: one.id.to_string(),
        enterprise_id: enterprise.id.to_string(),
        enterprise_name: enterprise.entity.facts.name.as_str().to_owned(),
        administrator: one.entity.administrator,
        sent_at_ms: one.created_ms,
    };
    let (invitations, next) = shown(found, |one| Ok::<_, Problem>(body(one)))?;
    Ok(Json(InvitationsBody { invitations, next }))
}

/// Accept an invitation, as the person who was invited
#[utoipa::path(
    post, path = "/v1/invitations/{invitation}/accept", tag = "enterprises", security(("user" = [])),
    params(("invitation" = String, Path), Named),
    responses((status = 204, description = "The user is a member"), Problems),
)]
pub(super) async fn accept(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    api.office.accept_invitation(&user, id(segments.get("invitation")?)?, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take an invitation back
#[utoipa::path(
    post, path = "/v1/invitations/{invitation}/withdraw", tag = "enterprises", security(("user" = [])),
    params(("invitation" = String, Path), Named),
    responses((status = 204, description = "It cannot be accepted any more"), Problems),
)]
pub(super) async fn take_back(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    api.office.withdraw_invitation(&user, id(segments.get("invitation")?)?, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
