//! The description of the API (OpenAPI 3.1), made from the handlers, and the list of problems.

use std::{collections::BTreeMap, sync::LazyLock};

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use utoipa::{
    IntoParams, IntoResponses, OpenApi, ToSchema,
    openapi::{
        Content, PathItem, Ref, RefOr, Response, ResponseBuilder,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use super::{
    Api, all_routes,
    problem::{self, KINDS, Language},
};

const ABOUT: &str = "Two-party SM2 signatures and decryption: the client holds one share of a key, the server the other.\n\n\
    Whoever calls is known by the client certificate of the TLS connection (HTTP/2, HTTP/1.1 over TCP, HTTP/3 over QUIC). \
    Times are unix milliseconds, identifiers are hexadecimal. A list gives a page; `next` is the cursor of the one after it. \
    What is fetched has an ETag. A POST with an Idempotency-Key acts once, however often it is sent within a day. An error is \
    a problem of RFC 9457, in English or Chinese by Accept-Language.";

#[derive(OpenApi)]
#[openapi(
    info(title = "cosign", description = ABOUT),
    components(schemas(problem::Body)),
    tags(
        (name = "server", description = "The server, and whether it works"),
        (name = "accounts", description = "Accounts of users, and their logins"),
        (name = "help", description = "Articles, customer service, what the server says of itself"),
        (name = "people", description = "Who is behind an account"),
        (name = "orders", description = "What is bought, paid, used, paid back and invoiced"),
        (name = "catalogue", description = "Regions, trading platforms, institutions, packages, templates"),
        (name = "enterprises", description = "Enterprises, claims of them and their members"),
        (name = "approvals", description = "What users ask for, and who decides on it"),
        (name = "devices", description = "Devices: who is calling"),
        (name = "keys", description = "Keys, and the two-party operations with them"),
        (name = "audit", description = "The audit log, and proofs from it"),
        (name = "opening", description = "Time locks of sealed bids"),
        (name = "certificates", description = "Authorities and certificates"),
        (name = "certificate-requests", description = "Requests for certificates"),
        (name = "office-certificates", description = "Certificates of users: applied for, installed, ended"),
        (name = "seals", description = "Seals: pictures that are bound to certificates"),
        (name = "documents", description = "PDF and OFD documents that are sealed and judged"),
        (name = "clients", description = "Programs of trading platforms, which sign their requests"),
        (name = "scans", description = "Codes that platforms show and phones scan"),
        (name = "tasks", description = "What platforms file to be signed"),
        (name = "operators", description = "What administrators, reviewers and auditors see and do"),
        (name = "public", description = "What authorities publish; also on a plain HTTP port"),
    ),
)]
struct Description;

/// Puts routes under the description that they share.
pub(super) fn describe(routes: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    let mut described = OpenApiRouter::with_openapi(Description::openapi()).merge(routes);
    let document = described.get_openapi_mut();
    let device = SecurityScheme::MutualTls {
        description: Some("The certificate of a device".to_owned()),
        deprecated: None,
        extensions: None,
    };
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("device", device);
    let signed = "A signature of the request (RFC 9421), as docs/webhooks.md says";
    let client = ApiKey::Header(ApiKeyValue::with_description("Signature", signed));
    components.add_security_scheme("client", SecurityScheme::ApiKey(client));
    let user = SecurityScheme::Http(
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The token of a login")).build(),
    );
    components.add_security_scheme("user", user);
    document.security = Some(vec![SecurityRequirement::new("device", [""; 0])]);
    // Axum's word for the rest of a path is not OpenAPI's.
    let rest: Vec<(String, PathItem)> =
        document.paths.paths.extract_if(.., |path, _| path.contains("{*")).collect();
    document.paths.paths.extend(rest.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)));
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in [("get", &mut item.get), ("post", &mut item.post)] {
            if let Some(operation) = operation {
                complete(operation, method, path);
            }
        }
    }
    described
}

/// Names it after its method and path, `get_keys_by_key_id`, and says in words what each status means.
fn complete(operation: &mut Operation, method: &str, path: &str) {
    let path = path.strip_prefix("/v1").unwrap_or(path);
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    operation.operation_id = Some(segments.fold(method.to_owned(), |id, segment| {
        let parameter = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        let word = parameter.map_or_else(|| segment.to_owned(), |parameter| format!("by_{parameter}"));
        format!("{id}_{}", word.replace(['-', '.'], "_"))
    }));
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
            response.description =
                status.and_then(|status| status.canonical_reason()).unwrap_or_default().to_owned();
        }
    }
}

/// The description of the API, JSON.
#[must_use]
pub fn document() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        let text = all_routes().into_openapi().to_pretty_json();
        text.map_or_else(|_| String::new(), |text| text + "\n")
    });
    &DOCUMENT
}

/// This description
#[utoipa::path(get, path = "/v1/openapi.json", tag = "server", security(()), responses((status = 200, body = Object)))]
pub(super) async fn show() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document())
}

/// A kind of problem.
#[derive(Serialize, ToSchema)]
#[schema(as = ProblemKind)]
pub(super) struct KindBody {
    code: &'static str,
    status: u16,
    title: &'static str,
    next_step: &'static str,
    retryable: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ProblemKinds)]
pub(super) struct KindsBody {
    problems: Vec<KindBody>,
}

/// Every kind of problem that there is
#[utoipa::path(
    get, path = "/v1/problems", tag = "server", security(()), responses((status = 200, body = KindsBody)),
)]
pub(super) async fn problems(headers: HeaderMap) -> Json<KindsBody> {
    let language = Language::preferred(&headers);
    let problems = KINDS.iter().map(|kind| {
        let words = kind.words(language);
        KindBody {
            code: kind.code,
            status: kind.status.as_u16(),
            title: words.title,
            next_step: words.next_step,
            retryable: kind.retryable,
        }
    });
    Json(KindsBody { problems: problems.collect() })
}

/// Bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "stands for a body that is not JSON")]
pub(super) struct Octets(Vec<u8>);

/// How a POST names itself: the same name with the same request acts once, with another request it is refused.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by the extractors of bodies")]
pub(super) struct Named {
    /// 1 to 128 printable ASCII characters; what it did is known for 24 hours.
    #[param(rename = "Idempotency-Key", required = false, min_length = 1, max_length = 128)]
    idempotency_key: Option<String>,
}

/// That anything may be answered with a problem.
pub(super) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let body = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new().description("A problem").content(problem::MEDIA, body).build();
        [("default".to_owned(), response.into())].into()
    }
}
