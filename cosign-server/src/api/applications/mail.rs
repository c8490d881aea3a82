//! Forms that are printed and stamped.
#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::which;
use crate::{
    api::{
        Api, Problem,
        accounts::LoggedIn,
        extract::{Input, Parameters, Segments},
        openapi::{Named, Problems},
    },
    domain::{
        Error,
        office::providers::{KeptMail, MailAddress},
    },
};

#[derive(Deserialize, ToSchema)]
#[schema(as = MailForm)]
#[serde(deny_unknown_fields)]
pub(super) struct MailBody {
    /// Where it goes.
    email: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FormMailed)]
pub(super) struct MailedBody {
    /// Whether nothing is really sent.
    sandbox: bool,
}

/// Have the form sent by e-mail, at most five times; printed, stamped and scanned it is handed in when it is confirmed
#[utoipa::path(
    post, path = "/v1/applications/{application}/form/mail", tag = "office-certificates", security(("user" = [])),
    params(("application" = String, Path), Named), request_body = MailBody,
    responses((status = 202, body = MailedBody), Problems),
)]
pub(super) async fn mail(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<MailBody>,
) -> Result<(StatusCode, Json<MailedBody>), Problem> {
    let to = MailAddress::parse(&body.email)?;
    api.office.mail_form(&user, which(&segments)?, &to, once.as_ref()).await?;
    Ok((StatusCode::ACCEPTED, Json(MailedBody { sandbox: api.office.kept_mails(&to).is_some() })))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ToAddress {
    email: String,
}

#[derive(Serialize, ToSchema)]
struct KeptMailBody {
    receipt: String,
    subject: String,
    text: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = KeptMails)]
pub(super) struct KeptMailsBody {
    letters: Vec<KeptMailBody>,
}

/// What a sandbox kept of letters to an address, newest first
///
/// Not found where letters are really sent.
#[utoipa::path(
    get, path = "/v1/sandbox/mails", tag = "office-certificates", security(()), params(ToAddress),
    responses((status = 200, body = KeptMailsBody), Problems),
)]
pub(super) async fn kept(
    State(api): State<Api>,
    Parameters(ToAddress { email }): Parameters<ToAddress>,
) -> Result<Json<KeptMailsBody>, Problem> {
    let kept = api.office.kept_mails(&MailAddress::parse(&email)?).ok_or(Error::NotFound)?;
    let letters = kept.into_iter().map(|KeptMail { receipt, subject, text, .. }| KeptMailBody {
        receipt,
        subject,
        text: text.to_string(),
    });
    Ok(Json(KeptMailsBody { letters: letters.collect() }))
}
