//! Authorities from the request to the revocation, as devices and everybody else see them.

mod publish;
mod requests;

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Method, StatusCode, header},
};
use cosign_core::{
    ClientKey, Code, Digest, KeyId, Purpose, csr,
    sm_primitives::sm2::{DistId, PrivateKey, PublicKey, dsa},
};
use envelope::enveloped_key;
use http_body_util::BodyExt as _;
use pki::{
    Certificate, RevocationList, Time,
    algorithm::HashAlgorithm,
    csr::SubjectAttribute,
    issue::NameBuilder,
    ocsp::{CertId, CertStatus, OcspRequest, OcspResponse},
};
use serde_json::{Value, json};

use super::{get, post, post_once, posting, problem, request, respond, send};
use crate::{
    domain::{
        Error,
        audit::Act,
        ca::{
            Authority, AuthorityId, CertEvent, CertState, Custodian, Options, Profile, Quorum, Reason, Role,
            Serial,
        },
        key::Status,
        ports::Entropy,
        services::Direct,
    },
    signer::{EscrowError, NewAuthority, open_escrow},
    testing::{Phone, World, digest, name, records, row},
};

const PHONE: u8 = 9;
const POLICY: &str = "1.2.156.112600.1";

fn id(text: &str) -> AuthorityId {
    text.to_owned().try_into().unwrap()
}

fn new_authority(called: &str, options: Options) -> NewAuthority {
    let subject = NameBuilder::new()
        .with(SubjectAttribute::Country, "CN")
        .with(SubjectAttribute::CommonName, &format!("Example {called}"));
    NewAuthority {
        id: id(called),
        label: name("测试单位"),
        subject: subject.build().unwrap(),
        days: 3650,
        under: None,
        options,
    }
}

pub(super) async fn authority(world: &World, called: &str, options: Options) -> Authority {
    world.sealer.new_authority(new_authority(called, options)).await.unwrap()
}

fn local_csr(world: &World, key: &PrivateKey, called: &str) -> Vec<u8> {
    let info = csr::info(called, key.public_key());
    let digest = DistId::default().digest(key.public_key(), &info);
    csr::assemble(&info, &dsa::sign_digest(key, &digest, &mut world.rng()).unwrap())
}

pub(super) async fn csr_of(world: &World, phone: &Phone, key: &ClientKey, called: &str) -> String {
    let info = csr::info(called, key.public_key());
    let digest = Digest::reduce(&DistId::default().digest(key.public_key(), &info));
    let signature = phone.sign(world, key, digest).await.unwrap();
    base64(&csr::assemble(&info, &signature))
}

fn base64(bytes: &[u8]) -> String {
    use base64ct::Encoding as _;
    base64ct::Base64::encode_string(bytes)
}

/// An authority whose custodians are certified by another one, with their keys.
pub(super) async fn with_custodians(world: &World, options: Options) -> (Authority, Vec<Arc<PrivateKey>>) {
    authority(world, "staff", Options::default()).await;
    let (mut keys, mut custodians) = (Vec::new(), Vec::new());
    for number in 1..=3 {
        let key = Arc::new(PrivateKey::generate(&mut world.rng()).unwrap());
        let issued = world.authorities.issue(Direct {
            authority: id("staff"),
            csr: local_csr(world, &key, "custodian"),
            profile: Profile::Personal,
            role: Role::Encrypt,
            days: None,
        });
        let certificate = hex::encode(issued.await.unwrap().der);
        custodians.push(Custodian { label: name(&format!("custodian {number}")), certificate });
        keys.push(key);
    }
    let options = Options { quorum: Some(Quorum { threshold: 2, custodians }), ..options };
    (authority(world, "demo", options).await, keys)
}

/// A world with an authority, and a phone with a signing key.
pub(super) struct Scene {
    pub(super) world: World,
    authority: Authority,
    custodians: Vec<Arc<PrivateKey>>,
    pub(super) phone: Phone,
    pub(super) key: ClientKey,
}

impl Scene {
    pub(super) async fn new(options: Options) -> Self {
        Self::with_rules(crate::domain::office::Rules::default(), options).await
    }

    /// Under other rules of the office.
    pub(super) async fn with_rules(rules: crate::domain::office::Rules, options: Options) -> Self {
        let world = World::with_rules(rules).await;
        let (authority, custodians) = with_custodians(&world, options).await;
        let phone = Phone::enrolled(&world, PHONE).await;
        let (_, key) = phone.key(&world, Purpose::Sign).await;
        Self { world, authority, custodians, phone, key }
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        post(&self.world, path, Some([PHONE; 32]), body).await
    }

    /// Applies, and has it passed.
    async fn approved(&self, mut body: Value) -> String {
        if body["csr"].is_null() {
            body["csr"] = csr_of(&self.world, &self.phone, &self.key, "holder").await.into();
        }
        body["authority"] = "demo".into();
        let (status, request) = self.post("/v1/certificate-requests", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{request}");
        assert_eq!(request["state"], "review");
        let id = request["request"].as_str().unwrap().to_owned();
        let named = id.parse().unwrap();
        self.world.authorities.decide(&named, name("reviewer"), true, String::new()).await.unwrap();
        id
    }

    async fn install(&self, request: &str, protection: &PublicKey) -> (StatusCode, Value) {
        let body = json!({ "protection_key": protection.to_spki_pem() });
        self.post(&format!("/v1/certificate-requests/{request}/install"), &body).await
    }

    /// A pair, and the decryption key as it came.
    pub(super) async fn pair(&self) -> (Vec<Value>, PrivateKey, KeyId) {
        let request = self.approved(json!({ "kind": "new", "dual": true })).await;
        let protection = PrivateKey::generate(&mut self.world.rng()).unwrap();
        let (status, installed) = self.install(&request, protection.public_key()).await;
        assert_eq!(status, StatusCode::OK, "{installed}");
        let delivered = &installed["decryption_key"];
        let enveloped = hex::decode(delivered["enveloped_key"].as_str().unwrap()).unwrap();
        let key = enveloped_key::open(&enveloped, &protection).unwrap();
        let key_id = delivered["key_id"].as_str().unwrap().parse().unwrap();
        (installed["certificates"].as_array().unwrap().clone(), key, key_id)
    }

    /// Another pair, for another subject.
    pub(super) async fn pair_with(&self, body: Value) -> Vec<Value> {
        let request = self.approved(body).await;
        let protection = PrivateKey::generate(&mut self.world.rng()).unwrap();
        let (status, installed) = self.install(&request, protection.public_key()).await;
        assert_eq!(status, StatusCode::OK, "{installed}");
        installed["certificates"].as_array().unwrap().clone()
    }

    pub(super) async fn change(&self, certificate: &Value, what: CertEvent) -> Result<CertState, Error> {
        let changed = self.world.authorities.change(&id("demo"), &serial(certificate), what, None).await;
        changed.map(|changed| changed.state)
    }

    async fn state(&self, certificate: &Value) -> CertState {
        self.world.authorities.certificate(&id("demo"), &serial(certificate)).await.unwrap().state
    }

    async fn sign(&self) -> Result<(), cosign_core::Error> {
        self.phone.sign(&self.world, &self.key, digest(7)).await.map(drop)
    }

    async fn list(&self, file: &str) -> RevocationList {
        let (status, headers, der) = fetch(&self.world, Method::GET, &format!("/ca/{file}"), None).await;
        assert_eq!(
            (status, &headers[header::CONTENT_TYPE]),
            (StatusCode::OK, &"application/pkix-crl".parse().unwrap())
        );
        let list = RevocationList::from_der(&der).unwrap();
        list.verify_signature(self.authority.certificate().unwrap().key()).unwrap();
        assert!(list.is_current(Time::from_unix(self.world.now_ms() / 1000).unwrap()));
        list
    }

    async fn ocsp(&self, certificate: &Value, nonce: Option<&[u8]>) -> (HeaderMap, CertStatus, Vec<u8>) {
        let certificate =
            Certificate::parse(certificate["certificate"].as_str().unwrap().as_bytes()).unwrap();
        let own = self.authority.certificate().unwrap();
        let asked = CertId::new(HashAlgorithm::Sha1, &certificate, own);
        let request = OcspRequest::write(std::slice::from_ref(&asked), nonce);
        let body = Some(("application/ocsp-request", request));
        let (status, headers, der) = fetch(&self.world, Method::POST, "/ocsp/demo", body).await;
        assert_eq!(status, StatusCode::OK);
        let response = OcspResponse::from_der(&der).unwrap();
        let basic = response.basic.unwrap();
        let single = basic.singles().first().unwrap();
        (headers, single.status, der.to_vec())
    }
}

fn serial(certificate: &Value) -> Serial {
    Serial::from_hex(certificate["serial"].as_str().unwrap()).unwrap()
}

async fn fetch(
    world: &World,
    method: Method,
    path: &str,
    body: Option<(&str, Vec<u8>)>,
) -> (StatusCode, HeaderMap, Bytes) {
    let mut builder = request(method, path, None);
    let mut bytes = Vec::new();
    if let Some((kind, content)) = body {
        builder = builder.header(header::CONTENT_TYPE, kind);
        bytes = content;
    }
    let response = respond(world, builder.body(Body::from(bytes)).unwrap()).await;
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_is_applied_for_reviewed_and_installed() {
    let scene = Scene::new(Options {
        reviewers: 2,
        base_url: Some("http://ca.example".into()),
        ..Options::default()
    })
    .await;
    let csr = csr_of(&scene.world, &scene.phone, &scene.key, "holder").await;
    let body = json!({ "authority": "demo", "kind": "new", "csr": csr, "dual": true });
    let (_, asked) = scene.post("/v1/certificate-requests", &body).await;
    let request: crate::domain::ca::RequestId = asked["request"].as_str().unwrap().parse().unwrap();
    let protection = PrivateKey::generate(&mut scene.world.rng()).unwrap();
    let install = || scene.install(asked["request"].as_str().unwrap(), protection.public_key());
    assert_eq!(problem(install().await).0, 409);
    // It takes two people.
    let decide = |who: &str| scene.world.authorities.decide(&request, name(who), true, String::new());
    assert_eq!(decide("one").await.unwrap().state.as_str(), "review");
    assert!(decide("one").await.is_err());
    assert_eq!(problem(install().await).0, 409);
    assert_eq!(decide("two").await.unwrap().state.as_str(), "approved");

    let (status, installed) = install().await;
    assert_eq!(status, StatusCode::OK, "{installed}");
    let certificates: Vec<_> = installed["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| Certificate::parse(one["certificate"].as_str().unwrap().as_bytes()).unwrap())
        .collect();
    let [signing, encryption] = &certificates[..] else { panic!("{installed}") };
    assert_eq!(signing.key().sm2(), Some(scene.key.public_key()));
    let issuer = scene.authority.certificate().unwrap().key();
    for certificate in &certificates {
        certificate.verify_signature(issuer).unwrap();
        assert_eq!(certificate.subject().short(), "holder");
    }
    // The decryption key opens with the protection key, and with nothing of the server's.
    let enveloped = hex::decode(installed["decryption_key"]["enveloped_key"].as_str().unwrap()).unwrap();
    let key = enveloped_key::open(&enveloped, &protection).unwrap();
    assert_eq!(encryption.key().sm2(), Some(key.public_key()));
    let (_, waiting) = get(
        &scene.world,
        &format!("/v1/key-ids/{}", installed["decryption_key"]["key_id"].as_str().unwrap()),
        Some([PHONE; 32]),
    )
    .await;
    assert_eq!(waiting["public_key"], key.public_key().to_spki_pem());
    // Again gives the certificates, and no key.
    let (_, again) = install().await;
    assert_eq!(again["certificates"], installed["certificates"]);
    assert_eq!(again["decryption_key"], Value::Null);
    // A second one for the same subject is not to be had.
    let second = scene.approved_by_two(&csr).await;
    assert_eq!(problem(scene.install(&second, protection.public_key()).await).0, 409);

    let log = records(&scene.world).await;
    let count = |act: Act| log.iter().filter(|record| record.event.act == act).count();
    assert_eq!(count(Act::CERTIFICATE_REQUEST), 2);
    assert_eq!(count(Act::CERTIFICATE_REVIEW), 4);
    // Three custodians, a pair, and who answers for each of the two authorities.
    assert_eq!((count(Act::CERTIFY), count(Act::ESCROW), count(Act::AUTHORITY)), (7, 1, 4));
}

impl Scene {
    async fn approved_by_two(&self, csr: &str) -> String {
        let body = json!({ "authority": "demo", "kind": "new", "csr": csr });
        let (_, asked) = self.post("/v1/certificate-requests", &body).await;
        let request = asked["request"].as_str().unwrap();
        for who in ["one", "two"] {
            let id = request.parse().unwrap();
            self.world.authorities.decide(&id, name(who), true, String::new()).await.unwrap();
        }
        request.to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_installs_once_and_tells_the_key_again() {
    let scene = Scene::new(Options::default()).await;
    let request = scene.approved(json!({ "kind": "new", "dual": true })).await;
    let protection = PrivateKey::generate(&mut scene.world.rng()).unwrap();
    let body = json!({ "protection_key": protection.public_key().to_spki_pem() }).to_string();
    let path = format!("/v1/certificate-requests/{request}/install");
    let ask = || {
        let builder = posting(&path, Some([PHONE; 32])).header("idempotency-key", "a");
        send(&scene.world, builder.body(Body::from(body.clone())).unwrap())
    };
    let (first, second) = (ask().await, ask().await);
    assert_eq!(first, second);
    assert!(first.1["decryption_key"]["enveloped_key"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_in_order_is_not_applied_for() {
    let scene = Scene::new(Options::default()).await;
    let stranger = PrivateKey::generate(&mut scene.world.rng()).unwrap();
    let foreign = base64(&local_csr(&scene.world, &stranger, "holder"));
    let own = csr_of(&scene.world, &scene.phone, &scene.key, "holder").await;
    let mut forged = local_csr(&scene.world, &stranger, "holder");
    *forged.last_mut().unwrap() ^= 1;
    for (body, status) in [
        (json!({ "authority": "demo", "kind": "new", "csr": foreign }), StatusCode::CONFLICT),
        (json!({ "authority": "demo", "kind": "new", "csr": base64(&forged) }), StatusCode::BAD_REQUEST),
        (json!({ "authority": "demo", "kind": "new", "csr": "" }), StatusCode::BAD_REQUEST),
        (json!({ "authority": "none", "kind": "new", "csr": own }), StatusCode::NOT_FOUND),
        (json!({ "authority": "staff", "kind": "new", "csr": own, "dual": true }), StatusCode::CONFLICT),
        (
            json!({ "authority": "demo", "kind": "renew", "csr": own, "certificate": "77" }),
            StatusCode::NOT_FOUND,
        ),
        (json!({ "authority": "demo", "kind": "renew", "csr": own }), StatusCode::BAD_REQUEST),
        (json!({ "authority": "demo", "kind": "buy", "csr": own }), StatusCode::BAD_REQUEST),
        (
            json!({ "authority": "demo", "kind": "new", "csr": own, "profile": "king" }),
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let (found, answer) = scene.post("/v1/certificate-requests", &body).await;
        assert_eq!(found, status, "{body} {answer}");
    }
    // Another device's certificate is not this one's to see or to end.
    let (certificates, ..) = scene.pair().await;
    let other = Phone::enrolled(&scene.world, 8).await;
    let path = format!("/v1/certificates/demo/{}", certificates[0]["serial"].as_str().unwrap());
    assert_eq!(get(&scene.world, &path, Some([PHONE; 32])).await.0, StatusCode::OK);
    assert_eq!(get(&scene.world, &path, Some([8; 32])).await.0, StatusCode::NOT_FOUND);
    let end = json!({ "authority": "demo", "kind": "revoke", "certificate": certificates[0]["serial"] });
    let (status, _) = post(&scene.world, "/v1/certificate-requests", Some([8; 32]), &end).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    drop(other);
    scene.world.authorities.retire(&id("demo")).await.unwrap();
    let (status, _) = scene
        .post("/v1/certificate-requests", &json!({ "authority": "demo", "kind": "new", "csr": own }))
        .await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_ends_the_key_and_everybody_sees_it_at_once() {
    let scene = Scene::new(Options::default()).await;
    let (certificates, ..) = scene.pair().await;
    let [signing, encryption] = &certificates[..] else { panic!() };
    scene.sign().await.unwrap();
    assert!(scene.list("demo.crl").await.is_empty());
    assert_eq!(scene.ocsp(signing, None).await.1, CertStatus::Good);

    let state = scene.change(signing, CertEvent::Revoke(Reason::KeyCompromise)).await.unwrap();
    assert_eq!(state, CertState::Revoked);
    assert_eq!(scene.state(encryption).await, CertState::Revoked, "the pair goes along");
    assert_eq!(scene.sign().await.unwrap_err(), cosign_core::Error::Refused(Code::Key.into()));
    let row = row(&scene.world, &scene.key.key_id()).await;
    assert_eq!((row.status, row.share.len()), (Status::Revoked, 0));
    let tombstones = std::fs::read(scene.world.tombstones()).unwrap();
    assert!(tombstones.windows(16).any(|bytes| bytes == scene.key.key_id().as_bytes()));

    let list = scene.list("demo.crl").await;
    let entry = list.find(serial(signing).as_bytes()).unwrap();
    assert_eq!((list.len(), entry.reason), (2, Reason::KeyCompromise));
    let CertStatus::Revoked { reason, .. } = scene.ocsp(signing, None).await.1 else { panic!() };
    assert_eq!(reason, Reason::KeyCompromise);
    // The encryption key was never imported, and cannot be any more.
    let (status, _) = get(
        &scene.world,
        &format!("/v1/key-ids/{}", encryption["key_id"].as_str().unwrap()),
        Some([PHONE; 32]),
    )
    .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    // Once is for good.
    assert_eq!(
        scene.change(signing, CertEvent::Unfreeze).await,
        Err(Error::Conflict("the certificate is revoked"))
    );
    let again = scene.change(signing, CertEvent::Revoke(Reason::KeyCompromise)).await;
    assert_eq!(again, Ok(CertState::Revoked));
    let log = records(&scene.world).await;
    let revoked: Vec<_> = log.iter().filter(|record| record.event.act == Act::CERTIFICATE_REVOKED).collect();
    assert_eq!(revoked.len(), 2);
    assert!(scene.world.operator.verify_audit(None).await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_certificate_suspends_its_key_until_it_is_lifted() {
    let scene = Scene::new(Options::default()).await;
    let (certificates, ..) = scene.pair().await;
    let signing = &certificates[0];
    assert!(scene.list("demo.delta.crl").await.is_empty());
    let base = scene.list("demo.crl").await;
    assert_eq!(scene.change(signing, CertEvent::Freeze).await, Ok(CertState::Frozen));
    assert_eq!(scene.sign().await.unwrap_err(), cosign_core::Error::Refused(Code::Key.into()));
    let held = scene.list("demo.crl").await;
    assert_eq!(held.find(serial(signing).as_bytes()).unwrap().reason, Reason::CertificateHold);
    let delta = scene.list("demo.delta.crl").await;
    assert!(delta.adds_to(&base), "whoever has the full list needs no other");
    assert_eq!(delta.find(serial(signing).as_bytes()).unwrap().reason, Reason::CertificateHold);

    assert_eq!(scene.change(signing, CertEvent::Unfreeze).await, Ok(CertState::Valid));
    scene.sign().await.unwrap();
    assert!(scene.list("demo.crl").await.is_empty());
    let delta = scene.list("demo.delta.crl").await;
    assert_eq!(delta.find(serial(signing).as_bytes()).unwrap().reason, Reason::RemoveFromCrl);
    assert_eq!(scene.ocsp(signing, None).await.1, CertStatus::Good);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_keeps_both_keys() {
    let scene = Scene::new(Options::default()).await;
    let (old, key, _) = scene.pair().await;
    let request = scene.approved(json!({ "kind": "renew", "certificate": old[0]["serial"] })).await;
    let protection = PrivateKey::generate(&mut scene.world.rng()).unwrap();
    let (status, installed) = scene.install(&request, protection.public_key()).await;
    assert_eq!(status, StatusCode::OK, "{installed}");
    assert_eq!(installed["decryption_key"], Value::Null);
    let new = installed["certificates"].as_array().unwrap();
    assert_eq!(new.len(), 2);
    assert_eq!((&new[1]["replaces"], &new[1]["key_id"]), (&old[1]["serial"], &old[1]["key_id"]));
    let encryption = Certificate::parse(new[1]["certificate"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(encryption.key().sm2(), Some(key.public_key()));
    for one in &old {
        assert_eq!(scene.state(one).await, CertState::Superseded);
    }
    scene.sign().await.unwrap();
    assert!(scene.list("demo.crl").await.is_empty(), "a renewed certificate is not revoked");
    // But it can be, and takes the key that its successor has along.
    scene.change(&old[0], CertEvent::Revoke(Reason::KeyCompromise)).await.unwrap();
    assert_eq!(scene.state(&new[0]).await, CertState::Revoked);
    assert_eq!(scene.sign().await.unwrap_err(), cosign_core::Error::Refused(Code::Key.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reissue_ends_the_old_signing_key_and_the_escrow_gives_the_decryption_key() {
    let mut scene = Scene::new(Options::default()).await;
    let (old, key, _) = scene.pair().await;
    let lost = scene.key.key_id();
    let phone = Phone::enrolled(&scene.world, 8).await;
    let (_, new_key) = phone.key(&scene.world, Purpose::Sign).await;
    let csr = csr_of(&scene.world, &phone, &new_key, "holder").await;
    let other = csr_of(&scene.world, &phone, &new_key, "somebody else").await;
    let ask = |csr: &str| json!({ "authority": "demo", "kind": "reissue", "certificate": old[0]["serial"], "csr": csr });
    let (status, _) = post(&scene.world, "/v1/certificate-requests", Some([8; 32]), &ask(&other)).await;
    assert_eq!(status, StatusCode::CONFLICT, "the subject stays");
    let (_, asked) = post(&scene.world, "/v1/certificate-requests", Some([8; 32]), &ask(&csr)).await;
    let request = asked["request"].as_str().unwrap();
    scene
        .world
        .authorities
        .decide(&request.parse().unwrap(), name("reviewer"), true, String::new())
        .await
        .unwrap();
    let path = format!("/v1/certificate-requests/{request}/install");
    let (status, installed) = post(&scene.world, &path, Some([8; 32]), &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{installed}");

    assert_eq!(row(&scene.world, &lost).await.status, Status::Revoked);
    assert_eq!(scene.sign().await.unwrap_err(), cosign_core::Error::Refused(Code::Key.into()));
    assert_eq!(scene.state(&old[0]).await, CertState::Superseded);
    let list = scene.list("demo.crl").await;
    assert_eq!(list.find(serial(&old[0]).as_bytes()).unwrap().reason, Reason::Superseded);
    (scene.phone, scene.key) = (phone, new_key);
    scene.sign().await.unwrap();

    // The same decryption key, under an id of the new device, from two of three custodians.
    let delivered = &installed["decryption_key"];
    assert_eq!(delivered["enveloped_key"], Value::Null);
    let (_, waiting) =
        get(&scene.world, &format!("/v1/key-ids/{}", delivered["key_id"].as_str().unwrap()), Some([8; 32]))
            .await;
    assert_eq!(waiting["public_key"], key.public_key().to_spki_pem());
    let escrow = scene.world.authorities.escrowed(key.public_key()).await.unwrap();
    let protection = PrivateKey::generate(&mut scene.world.rng()).unwrap();
    let entropy: Arc<dyn Entropy> = Arc::clone(&scene.world.entropy) as _;
    let all: Vec<&PrivateKey> = scene.custodians.iter().map(AsRef::as_ref).collect();
    let open = |keys: &[&PrivateKey]| {
        open_escrow(&escrow.container, key.public_key(), keys, protection.public_key(), &entropy)
    };
    assert!(matches!(open(&all[..1]), Err(EscrowError::TooFew(1, 2))));
    for two in [&all[..2], &all[1..]] {
        let sealed = open(two).unwrap();
        assert_eq!(enveloped_key::open(&sealed, &protection).unwrap().public_key(), key.public_key());
    }
    // Whatever is changed in it, another key never comes out.
    let mut refused = 0;
    for place in (0..escrow.container.len()).step_by(31) {
        let mut changed = escrow.container.clone();
        changed[place] ^= 1;
        let (key, keys) = (key.public_key(), &all);
        match open_escrow(&changed, key, keys, protection.public_key(), &entropy) {
            Ok(sealed) => assert_eq!(enveloped_key::open(&sealed, &protection).unwrap().public_key(), key),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 20, "{refused}");
    let other =
        open_escrow(&escrow.container, scene.key.public_key(), &all, protection.public_key(), &entropy);
    assert!(matches!(other, Err(EscrowError::OtherKey)));
    scene.world.authorities.record_opening(key.public_key(), protection.public_key()).await.unwrap();
    assert!(records(&scene.world).await.iter().any(|record| record.event.act == Act::ESCROW_OPENED));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_ends_a_certificate_that_its_owner_gives_up() {
    let scene = Scene::new(Options::default()).await;
    let (certificates, ..) = scene.pair().await;
    let body = json!({ "kind": "revoke", "certificate": certificates[0]["serial"], "reason": "cessationOfOperation", "csr": "" });
    let request = scene.approved(body).await;
    let found = scene.world.authorities.request(&request.parse().unwrap()).await.unwrap();
    assert_eq!(found.state.as_str(), "closed");
    assert_eq!(scene.state(&certificates[0]).await, CertState::Revoked);
    assert_eq!(scene.sign().await.unwrap_err(), cosign_core::Error::Refused(Code::Key.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_expire_and_keys_of_authorities_are_sealed_again() {
    let scene = Scene::new(Options { validity_days: 1, ..Options::default() }).await;
    let (certificates, ..) = scene.pair().await;
    scene.world.authorities.maintain().await;
    assert_eq!(scene.state(&certificates[0]).await, CertState::Valid);
    scene.world.clock.advance(86_400_000 + 1000);
    scene.world.authorities.maintain().await;
    assert_eq!(scene.state(&certificates[0]).await, CertState::Expired);

    let version = scene.world.sealer.rotate().await.unwrap();
    assert_eq!(scene.world.sealer.reseal(None).await.unwrap().0, None);
    scene.world.sealer.drop_unused().await.unwrap();
    assert_eq!(scene.world.sealer.keys().versions(), [version]);
    let Scene { world, .. } = scene;
    let world = world.restart().await;
    assert_eq!(fetch(&world, Method::GET, "/ca/demo.crl", None).await.0, StatusCode::OK);
    // A name is taken once.
    let again = world.sealer.new_authority(new_authority("demo", Options::default())).await;
    assert!(again.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_stands_below_another() {
    let world = World::new().await;
    let root = authority(&world, "root", Options::default()).await;
    let new = NewAuthority { under: Some(root.clone()), ..new_authority("below", Options::default()) };
    let below = world.sealer.new_authority(new).await.unwrap();
    assert_eq!(below.chain.len(), 2);
    let issuer = root.certificate().unwrap().key();
    below.certificate().unwrap().verify_signature(issuer).unwrap();
    let found = world.authorities.authority(&id("below")).await.unwrap();
    assert_eq!(found.chain, below.chain);
    // The one above can revoke it.
    let serial = Serial::new(below.certificate().unwrap().serial()).unwrap();
    let revoke = CertEvent::Revoke(Reason::CaCompromise);
    world.authorities.change(&id("root"), &serial, revoke, None).await.unwrap();
    // A clock that goes back keeps nothing out of the list.
    world.clock.go_back(60_000);
    let list = world.authorities.revocation_list(&id("root"), false).await.unwrap();
    assert!(RevocationList::from_der(&list.der).unwrap().find(serial.as_bytes()).is_some());
}
