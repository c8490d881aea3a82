//! Sealing in a session: which seals there are, and what is sealed next.

use axum::{Json, extract::State, http::header, response::IntoResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ScansWrite, Signed,
    scans::{ScanBody, body, bytes},
};
use crate::{
    api::{
        Api, Problem,
        accounts::id,
        documents::SpotBody,
        extract::Segments,
        messages::file,
        openapi::{Named, Octets, Problems},
    },
    domain::{
        Error,
        office::{Id, Named as _, Stored, document::Sealed, proof::Hash, seal::Seal},
        services::ToSeal,
    },
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(seals))
        .routes(routes!(picture))
        .routes(routes!(data))
        .routes(routes!(hand_in))
        .routes(routes!(sealed))
}

#[derive(Serialize, ToSchema)]
#[schema(as = UsableSeal)]
struct SealBody {
    seal_id: String,
    kind: &'static str,
    name: Option<String>,
    /// Sides in tenths of a millimetre.
    width: u32,
    height: u32,
}

impl SealBody {
    fn of(api: &Api, one: &Stored<Seal>) -> Result<Self, Problem> {
        let (width, height) = one.entity.face.size();
        Ok(Self {
            seal_id: one.id.to_string(),
            kind: one.entity.kind.as_str(),
            name: one.entity.name.as_ref().map(|name| api.office.read_words(name)).transpose()?,
            width,
            height,
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = UsableSeals)]
struct SealsBody {
    seals: Vec<SealBody>,
}

fn which(segments: &Segments) -> Result<(Id, Id), Problem> {
    Ok((id(segments.get("scan")?)?, id(segments.get("seal")?)?))
}

/// The seals that the user of a session may use now with the certificate that they chose
#[utoipa::path(
    get, path = "/v1/client/scans/{scan}/seals", tag = "documents", security(("client" = [])),
    params(("scan" = String, Path)), responses((status = 200, body = SealsBody), Problems),
)]
async fn seals(
    State(api): State<Api>,
    segments: Segments,
    Signed { client, .. }: Signed<ScansWrite>,
) -> Result<Json<SealsBody>, Problem> {
    let found = api.office.seals_for_scan(&client, id(segments.get("scan")?)?).await?;
    let seals = found.iter().map(|one| SealBody::of(&api, one)).collect::<Result<_, _>>()?;
    Ok(Json(SealsBody { seals }))
}

/// The picture of one of them
#[utoipa::path(
    get, path = "/v1/client/scans/{scan}/seals/{seal}/picture", tag = "documents", security(("client" = [])),
    params(("scan" = String, Path), ("seal" = String, Path)),
    responses((status = 200, description = "PNG", body = Octets, content_type = "application/octet-stream"), Problems),
)]
async fn picture(
    State(api): State<Api>,
    segments: Segments,
    Signed { client, .. }: Signed<ScansWrite>,
) -> Result<impl IntoResponse, Problem> {
    let (scan, seal) = which(&segments)?;
    let found = api.office.seal_for_scan(&client, scan, seal).await?;
    file(&api, found.entity.face.picture()).await
}

/// One of them as its maker signed it (`SESeal` of GB/T 38540-2020, DER)
#[utoipa::path(
    get, path = "/v1/client/scans/{scan}/seals/{seal}/data", tag = "documents", security(("client" = [])),
    params(("scan" = String, Path), ("seal" = String, Path)),
    responses((status = 200, description = "The seal", body = Octets, content_type = "application/octet-stream"), Problems),
)]
async fn data(
    State(api): State<Api>,
    segments: Segments,
    Signed { client, .. }: Signed<ScansWrite>,
) -> Result<impl IntoResponse, Problem> {
    let (scan, seal) = which(&segments)?;
    let der = api.office.seal_data_for_scan(&client, scan, seal).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], der))
}

/// With places it goes into the document of the session, which is here. With a digest the platform has the document itself.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewSealing)]
#[serde(deny_unknown_fields)]
struct SealingBody {
    /// What the platform calls it.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    seal_id: String,
    /// Where the seal shows: 1 to 16 places.
    places: Option<Vec<SpotBody>>,
    /// SM3 of what is covered, hexadecimal.
    digest: Option<String>,
    /// What was digested, as the sealed data say it: 1 to 200 characters.
    property_info: Option<String>,
}

impl SealingBody {
    fn read(self) -> Result<ToSeal, Problem> {
        let what = match (self.places, self.digest, self.property_info) {
            (Some(places), None, None) => Sealed::Document(SpotBody::spots(places)?),
            (None, Some(digest), Some(info)) => {
                let digest = bytes(&digest)?.try_into();
                Sealed::Digest(Hash(digest.map_err(|_| Error::BadRequest("a digest has 32 bytes"))?), info)
            }
            _ => return Err(Error::BadRequest("a session seals its document at places, or digests").into()),
        };
        Ok(ToSeal { name: self.name, seal: id(&self.seal_id)?, what })
    }
}

/// Say what is sealed next in a session, with which seal and where: the phone is then to sign that
///
/// Another one may follow once it has. What comes of it is given out when the session is finished.
#[utoipa::path(
    post, path = "/v1/client/scans/{scan}/sealings", tag = "documents", security(("client" = [])),
    params(("scan" = String, Path), Named), request_body = SealingBody,
    responses((status = 200, body = ScanBody), Problems),
)]
async fn hand_in(
    State(api): State<Api>,
    segments: Segments,
    signed: Signed<ScansWrite>,
) -> Result<Json<ScanBody>, Problem> {
    let scan = id(segments.get("scan")?)?;
    let wanted = signed.json::<SealingBody>()?.read()?;
    api.office.hand_in_sealing(&signed.client, scan, &wanted, signed.once()?).await?;
    let found = api.office.scan_of(&signed.client, scan).await?;
    Ok(Json(body(&api, &signed.client, found).await?))
}

/// The sealed data over a digest that was signed (`SES_Signature` of GB/T 38540-2020, DER), by its place among the results
#[utoipa::path(
    get, path = "/v1/client/scans/{scan}/results/{index}/sealed", tag = "documents", security(("client" = [])),
    params(("scan" = String, Path), ("index" = String, Path)),
    responses((status = 200, description = "DER", body = Octets, content_type = "application/octet-stream"), Problems),
)]
async fn sealed(
    State(api): State<Api>,
    segments: Segments,
    Signed { client, .. }: Signed<ScansWrite>,
) -> Result<impl IntoResponse, Problem> {
    let index = segments.get("index")?.parse().map_err(|_| Error::NotFound)?;
    let der = api.office.sealed_data(&client, id(segments.get("scan")?)?, index).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], der))
}
