//! Protocol frames over HTTP: the same bytes as over `cosign/1`, one per request.
//!
//! A frame's session id is what makes it idempotent, so an `Idempotency-Key` adds nothing here, and answers of
//! private-key operations are not kept by the HTTP layer.

use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use cosign_core::Op;

use super::{
    Api, Problem,
    extract::{FRAME, Frame, From, OfKey},
    openapi::{Octets, Problems},
};
use crate::domain::Error;

/// A two-party operation: one protocol frame, answered by one
///
/// The same frame sent again within a minute is answered the same.
#[utoipa::path(
    post, path = "/v1/keys/{key_id}/{operation}", tag = "keys",
    params(
        ("key_id" = String, Path),
        ("operation" = String, Path, description =
            "`keygen`, `open`, `activate`, `sign`, `decrypt`, `refresh`, `evaluate`, `split` or `import`"),
    ),
    request_body(content = Octets, content_type = "application/vnd.cosign.frame"),
    responses((status = 200, body = Octets, content_type = "application/vnd.cosign.frame"), Problems),
)]
pub(super) async fn operate(
    State(api): State<Api>,
    From(caller): From,
    OfKey(key_id): OfKey,
    Path((_, operation)): Path<(String, String)>,
    Frame(frame): Frame,
) -> Result<Response, Problem> {
    let expected: &[Op] = match operation.as_str() {
        "keygen" => &[Op::Keygen, Op::KeygenOblivious],
        "open" => &[Op::Open],
        "activate" => &[Op::Activate],
        "sign" => &[Op::Sign, Op::Commit, Op::Reveal],
        "decrypt" => &[Op::Decrypt],
        "refresh" => &[Op::Refresh, Op::Confirm],
        "evaluate" => &[Op::Evaluate],
        "split" => &[Op::Split],
        "import" => &[Op::Import],
        _ => return Err(Error::NotFound.into()),
    };
    // Frames too short to tell are the protocol's to refuse.
    if frame.get(2).is_some_and(|byte| !expected.iter().any(|op| op.byte() == *byte)) {
        return Err(Error::BadRequest("the frame is of another operation than the path").into());
    }
    if frame.get(4..20).is_some_and(|bytes| bytes != key_id.as_bytes()) {
        return Err(Error::BadRequest("the frame is about another key than the path").into());
    }
    let answer = api.signer.answer(caller, frame.into()).await?;
    Ok(([(header::CONTENT_TYPE, FRAME), (header::CACHE_CONTROL, "no-store")], answer).into_response())
}
