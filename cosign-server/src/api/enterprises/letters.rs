//! Letters that are signed in the app.

use axum::{Json, extract::State};
use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        Api, Problem,
        accounts::{LoggedIn, Secret, entered, id},
        extract::Segments,
        openapi::Problems,
    },
    domain::{
        Error,
        services::{Appearance, LetterSignature, Placed, Proof, Signing},
    },
};

/// Longest body with a signature that is drawn, in bytes.
pub(super) const MAX_SIGNED: usize = 256 * 1024;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(of_approval)).routes(routes!(of_grant))
}

/// A signature on a page (A4): either a seal of the user, or what is drawn now.
#[derive(Deserialize, ToSchema)]
#[schema(as = LetterMark)]
#[serde(deny_unknown_fields)]
pub(super) struct MarkBody {
    /// A signature or a personal seal that the user has.
    seal_id: Option<String>,
    /// Strokes: places of the pen, `[x, y]`, `y` downwards, in any unit.
    strokes: Option<Vec<Vec<[f64; 2]>>>,
    #[schema(minimum = 1, maximum = 8)]
    page: u8,
    /// Its left top corner, in tenths of a millimetre.
    x: u32,
    y: u32,
}

impl MarkBody {
    fn placed(self) -> Result<Placed, Problem> {
        let shows = match (self.seal_id, self.strokes) {
            (Some(seal), None) => Appearance::Seal(id(&seal)?),
            (None, Some(strokes)) => {
                let place = |[x, y]: [f64; 2]| (x, y);
                let drawn = strokes.into_iter().map(|stroke| stroke.into_iter().map(place).collect());
                Appearance::Drawn(drawn.collect())
            }
            _ => return Err(Error::BadRequest("a signature is a seal, or it is drawn").into()),
        };
        Ok(Placed { shows, page: self.page, place: (self.x, self.y) })
    }
}

/// How a user signs, if they do.
pub(super) fn signing(
    (code_id, code): (Option<String>, Option<Secret>),
    password: Option<Secret>,
    mark: Option<MarkBody>,
) -> Result<Option<Signing>, Problem> {
    let proof = match (entered(code_id, code)?, password) {
        (Some((id, code)), None) => Proof::Code(id, code),
        (None, Some(password)) => Proof::Password(password.0),
        (None, None) if mark.is_none() => return Ok(None),
        _ => return Err(Error::BadRequest("a letter is signed with a code or with the password").into()),
    };
    Ok(Some(Signing { proof, placed: mark.map(MarkBody::placed).transpose()? }))
}

#[derive(Serialize, ToSchema)]
struct PlacedBody {
    page: u8,
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    /// PNG in base64.
    picture: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LetterSignature)]
struct SignatureBody {
    name: Option<String>,
    at_ms: u64,
    /// Where it stands on the letter, if it does: tenths of a millimetre.
    mark: Option<PlacedBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Letter)]
pub(super) struct LetterBody {
    text: String,
    signatures: Vec<SignatureBody>,
}

impl LetterBody {
    fn of((text, signatures): (zeroize::Zeroizing<String>, Vec<LetterSignature>)) -> Self {
        let signature = |one: LetterSignature| SignatureBody {
            name: one.name.map(|name| name.to_string()),
            at_ms: one.at_ms,
            mark: one.mark.map(|(mark, png)| {
                let ((x, y), (width, height)) = (mark.place(), mark.size());
                PlacedBody { page: mark.page(), x, y, width, height, picture: Base64::encode_string(&png) }
            }),
        };
        Self { text: text.to_string(), signatures: signatures.into_iter().map(signature).collect() }
    }
}

/// The letter of what is asked for, with its signatures
#[utoipa::path(
    get, path = "/v1/approvals/{approval}/letter", tag = "approvals", security(("user" = [])),
    params(("approval" = String, Path)), responses((status = 200, body = LetterBody), Problems),
)]
pub(super) async fn of_approval(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<LetterBody>, Problem> {
    let letter = api.office.letter_of_approval(&user, id(segments.get("approval")?)?).await?;
    Ok(Json(LetterBody::of(letter)))
}

/// The letter of a grant, with its signatures
#[utoipa::path(
    get, path = "/v1/grants/{grant}/letter", tag = "approvals", security(("user" = [])),
    params(("grant" = String, Path)), responses((status = 200, body = LetterBody), Problems),
)]
pub(super) async fn of_grant(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<LetterBody>, Problem> {
    let letter = api.office.letter_of_grant(&user, id(segments.get("grant")?)?).await?;
    Ok(Json(LetterBody::of(letter)))
}
