//! Encodings that stand alone: what is accepted is encoded to the same bytes again.

use cosign_core::{
    DeviceId, KeyId, LocalRecord, Pin, SessionId,
    audit::{Item, ItemHeader, Verifier},
    framing::{self, Deframer, Frame, FramingError},
    http_signature::{Claim, MAX_LIFE_S, Message, content_digest},
    server::{PendingRefresh, ServerShare},
    split::Invitation,
};
use sm_primitives::{
    PublicPoint,
    sm2::{Ciphertext, PrivateKey, PublicKey, Signature, pke},
};

use super::{SIGN_D, fixture, fixture::receiver};
use crate::{naive, random::Seeded};

/// An encoding of SM2; the first byte says of what.
pub(super) fn sm2(data: &[u8]) -> bool {
    let Some((&kind, data)) = data.split_first() else { return false };
    match kind {
        b'p' => point(data),
        b's' => signature(data),
        b'c' => ciphertext(data),
        b'u' => public_key(data),
        b'k' => private_key(data),
        _ => false,
    }
}

/// What the protocol stores, names or hands over, or its framing; the first byte says which.
pub(super) fn records(data: &[u8]) -> bool {
    let Some((&kind, data)) = data.split_first() else { return false };
    match kind {
        b'l' => local_record(data),
        b's' => server_share(data),
        b'i' => identifiers(data),
        b'f' => framing(data),
        b'n' => invitation(data),
        b'o' => sealed_share(data),
        b'p' => package(data),
        _ => false,
    }
}

/// An export of an audit log behind its first line, checked as a stranger does: whole, and signed at its end.
pub(super) fn audit_export(data: &[u8]) -> bool {
    let (mut verifier, mut rest) = (Verifier::new(None, None), data);
    while let Some(header) = rest.first_chunk() {
        let Ok(header) = ItemHeader::decode(header) else { return false };
        let Some((bytes, after)) = rest.split_at_checked(ItemHeader::LEN + header.length) else {
            return false;
        };
        let Ok(item) = Item::decode(header.kind, &bytes[ItemHeader::LEN..]) else { return false };
        assert_eq!(item.encode(), bytes);
        if verifier.take(item).is_err() {
            return false;
        }
        rest = after;
    }
    rest.is_empty() && verifier.finish().is_ok()
}

/// The headers of a signed request, a line each, before its body, and whether it holds.
pub(super) fn http_signature(data: &[u8]) -> bool {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (input, signature, body) = (next(), next(), next());
    let (Ok(input), Ok(signature)) = (std::str::from_utf8(input), std::str::from_utf8(signature)) else {
        return false;
    };
    let Ok(claim) = Claim::read(input, signature) else { return false };
    // What was read is what is there, and nothing else.
    for part in [claim.key_id(), claim.nonce().unwrap_or_default()] {
        assert!(input.contains(&format!("\"{part}\"")) || part.is_empty());
    }
    let key = PrivateKey::from_bytes(&[0x11; 32]).expect("a private key");
    let message = Message {
        method: "POST",
        authority: "sign.example.com:8443",
        path: "/v1/client/webhook",
        query: None,
        idempotency_key: Some("order-17"),
        body,
    };
    let digest = content_digest(body);
    let holds = |now_s| claim.verify(&message, Some(&digest), key.public_key(), now_s).is_ok();
    let held = holds(claim.created_s());
    if held {
        assert!(!holds(claim.expires_s()) && claim.expires_s() - claim.created_s() <= MAX_LIFE_S);
    }
    held
}

/// A stream of frames, whole and in pieces; the first byte is the length of a piece.
fn framing(data: &[u8]) -> bool {
    let Some((&piece, stream)) = data.split_first() else { return false };
    let whole = frames(stream, usize::MAX);
    assert_eq!(whole, frames(stream, usize::from(piece).max(1)), "the cut into pieces matters");
    let mut again = Vec::new();
    for frame in &whole.0 {
        framing::encode(frame.id, frame.kind, &frame.payload, &mut again).unwrap();
    }
    assert!(stream.starts_with(&again));
    !whole.0.is_empty()
}

fn frames(stream: &[u8], piece: usize) -> (Vec<Frame>, Option<FramingError>) {
    let mut deframer = Deframer::new();
    let mut frames = Vec::new();
    for part in stream.chunks(piece) {
        deframer.push(part);
        loop {
            match deframer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// Identifiers and PINs as text.
fn identifiers(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let lower = text.to_ascii_lowercase();
    if let Ok(id) = text.parse::<KeyId>() {
        assert_eq!(id.to_string(), lower);
        assert_eq!(text.parse::<SessionId>().unwrap().as_bytes(), id.as_bytes());
    }
    if let Ok(id) = text.parse::<DeviceId>() {
        assert_eq!(id.to_string(), lower);
    }
    let digits =
        text.is_empty() || ((6..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(Pin::new(text).is_ok(), digits);
    digits || text.parse::<KeyId>().is_ok() || text.parse::<DeviceId>().is_ok()
}

/// The client's stored record. Only the right one opens.
fn local_record(data: &[u8]) -> bool {
    let Ok(record) = LocalRecord::from_bytes(data) else { return false };
    assert_eq!(record.to_bytes()[..], *data);
    let key = fixture().key(SIGN_D);
    let own = key.record.to_bytes()[..] == *data;
    assert!(own || record.unlock(&key.pin, &key.device_key).is_err(), "a record that this device never made");
    own
}

/// The server's stored secrets, after they were unsealed.
fn server_share(data: &[u8]) -> bool {
    let mut accepted = false;
    if let Some(share) = data.try_into().ok().and_then(ServerShare::from_bytes) {
        accepted = true;
        let bytes = share.expose_bytes();
        assert_eq!(bytes[..], *data);
        let product = naive::int(&bytes[..32]) * naive::int(&bytes[32..64]) % &*naive::N;
        assert_eq!(product, num_bigint::BigUint::from(1u32));
    }
    if let Some(pending) = PendingRefresh::from_bytes(data) {
        accepted = true;
        assert_eq!(pending.expose_bytes()[..], *data);
    }
    accepted
}

/// What a device shows to get a share.
fn invitation(data: &[u8]) -> bool {
    let Ok(invitation) = Invitation::from_bytes(data) else { return false };
    assert_eq!(invitation.to_bytes()[..], *data);
    assert_eq!(invitation.check_code().len(), 24);
    true
}

/// A share as it arrives.
fn sealed_share(data: &[u8]) -> bool {
    receiver().open(data).is_ok_and(|key| key.key_id() == receiver().invitation().key_id())
}

/// The same from somebody who knows how to seal: it opens exactly if it has the layout, a point of the curve whose base
/// is not the identity, and a share in range.
fn package(data: &[u8]) -> bool {
    let invitation = receiver().invitation().to_bytes();
    let point = PublicPoint::from_bytes(invitation[65..].try_into().unwrap()).unwrap();
    let Ok(sealed) = pke::encrypt(&PublicKey::from(point), data, &mut Seeded::new(1)) else { return false };
    let opens = receiver().open(&sealed.to_c1c3c2()).is_ok();
    let right = data.len() == 147
        && data[0] == 1
        && matches!((data[1], data[2]), (1 | 2, 1 | 2))
        && data[3..19] == invitation[17..33]
        && PublicPoint::from_bytes(data[19..83].try_into().unwrap())
            .is_some_and(|point| point != PublicPoint::generator().neg())
        && data[83..115] != [0; 32]
        && naive::int(&data[83..115]) < *naive::N;
    assert_eq!(opens, right);
    opens
}

/// Points, raw and in SEC 1 form.
fn point(data: &[u8]) -> bool {
    let mut accepted = false;
    if let Some(point) = data.try_into().ok().and_then(PublicPoint::from_bytes) {
        accepted = true;
        assert_eq!(point.to_bytes()[..], *data);
        assert_eq!(naive::Point::from_bytes(data).to_bytes(), point.to_bytes());
    }
    if let Some(point) = PublicPoint::from_sec1(data) {
        accepted = true;
        assert_eq!(naive::Point::from_bytes(&point.to_bytes()).to_bytes(), point.to_bytes());
        assert_eq!(PublicPoint::from_sec1(&point.to_sec1()), Some(point));
        assert!(data.len() != 65 || point.to_sec1()[..] == *data);
    }
    accepted
}

/// Signatures in DER and raw.
fn signature(data: &[u8]) -> bool {
    let mut accepted = false;
    if let Ok(signature) = Signature::from_der(data) {
        accepted = true;
        assert_eq!(signature.to_der(), data, "DER has one form");
        assert_eq!(Signature::from_bytes(&signature.to_bytes()), Ok(signature));
    }
    if let Some(signature) = data.try_into().ok().and_then(|raw| Signature::from_bytes(raw).ok()) {
        accepted = true;
        assert_eq!(signature.to_bytes()[..], *data);
        assert_eq!(Signature::from_der(&signature.to_der()), Ok(signature));
    }
    accepted
}

/// Ciphertexts in DER and in both raw orders.
fn ciphertext(data: &[u8]) -> bool {
    let mut accepted = false;
    if let Ok(ciphertext) = Ciphertext::from_der(data) {
        accepted = true;
        assert_eq!(ciphertext.to_der().unwrap(), data, "DER has one form");
        assert_eq!(Ciphertext::from_c1c3c2(&ciphertext.to_c1c3c2()).unwrap().to_der().unwrap(), data);
    }
    if let Ok(ciphertext) = Ciphertext::from_c1c3c2(data) {
        accepted = true;
        assert_eq!(ciphertext.to_c1c3c2(), data);
        assert!(Ciphertext::from_der(&ciphertext.to_der().unwrap()).is_ok());
    }
    if let Ok(ciphertext) = Ciphertext::from_c1c2c3(data) {
        accepted = true;
        assert!(Ciphertext::from_c1c3c2(&ciphertext.to_c1c3c2()).is_ok());
    }
    accepted
}

/// SubjectPublicKeyInfo in DER and PEM.
fn public_key(data: &[u8]) -> bool {
    let mut accepted = false;
    if let Ok(key) = PublicKey::from_spki_der(data) {
        accepted = true;
        assert_eq!(PublicKey::from_spki_der(&key.to_spki_der()), Ok(key));
    }
    if let Some(key) = std::str::from_utf8(data).ok().and_then(|text| PublicKey::from_spki_pem(text).ok()) {
        accepted = true;
        assert_eq!(PublicKey::from_spki_pem(&key.to_spki_pem()), Ok(key));
    }
    accepted
}

/// PKCS#8 in DER and PEM, and the older `EC PRIVATE KEY`.
fn private_key(data: &[u8]) -> bool {
    let mut accepted = false;
    if let Ok(key) = PrivateKey::from_pkcs8_der(data) {
        accepted = true;
        let again = PrivateKey::from_pkcs8_der(&key.to_pkcs8_der()).unwrap();
        assert_eq!(again.expose_bytes(), key.expose_bytes());
    }
    if let Some(key) = std::str::from_utf8(data).ok().and_then(|text| PrivateKey::from_pem(text).ok()) {
        accepted = true;
        let again = PrivateKey::from_pem(&key.to_pkcs8_pem()).unwrap();
        assert_eq!(again.expose_bytes(), key.expose_bytes());
    }
    accepted
}
