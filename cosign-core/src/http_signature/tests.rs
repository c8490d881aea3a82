use alloc::{borrow::ToOwned, format, string::String};

use getrandom::SysRng;
use proptest::prelude::*;

use super::*;

const NOW_S: u64 = 1_800_000_000;

fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[0x11; 32]).unwrap()
}

fn reading() -> Message<'static> {
    Message {
        method: "GET",
        authority: "sign.example.com:8443",
        path: "/v1/client/events",
        query: Some("after=7&limit=100"),
        idempotency_key: None,
        body: b"",
    }
}

fn acting() -> Message<'static> {
    Message {
        method: "POST",
        authority: "sign.example.com:8443",
        path: "/v1/client/webhook",
        query: None,
        idempotency_key: Some("order-17"),
        body: b"{\"url\":\"https://platform.example.com/hook\"}",
    }
}

fn terms() -> Terms<'static> {
    Terms { key_id: "0123456789abcdef", created_s: NOW_S, expires_s: NOW_S + 60, nonce: None }
}

fn signed(message: &Message<'_>) -> Headers {
    sign(message, &terms(), &key(), &mut SysRng).unwrap()
}

fn check(headers: &Headers, message: &Message<'_>, now_s: u64) -> Result<(), Fault> {
    let claim = Claim::read(&headers.signature_input, &headers.signature)?;
    claim.verify(message, headers.content_digest.as_deref(), key().public_key(), now_s)
}

#[test]
fn what_is_signed_verifies_in_its_time_only() {
    for message in [reading(), acting()] {
        let headers = signed(&message);
        for (now_s, outcome) in [
            (NOW_S, Ok(())),
            (NOW_S + 59, Ok(())),
            (NOW_S + 60, Err(Fault::Expired)),
            (NOW_S - MAX_AHEAD_S, Ok(())),
            (NOW_S - MAX_AHEAD_S - 1, Err(Fault::Ahead)),
        ] {
            assert_eq!(check(&headers, &message, now_s), outcome, "{now_s}");
        }
    }
}

#[test]
fn every_change_of_the_message_breaks_it() {
    let message = acting();
    let headers = signed(&message);
    let changes: [fn(&mut Message<'static>); 5] = [
        |message| message.method = "PUT",
        |message| message.authority = "other.example.com",
        |message| message.path = "/v1/client/webhook/test",
        |message| message.query = Some("a"),
        |message| message.idempotency_key = Some("order-18"),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut changed = message;
        change(&mut changed);
        assert_eq!(check(&headers, &changed, NOW_S), Err(Fault::Wrong), "change {index}");
    }
    let other_body = Message { body: b"{}", ..message };
    assert_eq!(check(&headers, &other_body, NOW_S), Err(Fault::Digest));
    let digest = Headers { content_digest: Some(content_digest(b"{}")), ..headers.clone() };
    assert_eq!(check(&digest, &message, NOW_S), Err(Fault::Digest));
    assert_eq!(check(&digest, &other_body, NOW_S), Err(Fault::Wrong), "digest and body changed together");
    let without = Headers { content_digest: None, ..headers.clone() };
    assert_eq!(check(&without, &message, NOW_S), Err(Fault::Missing));
    let unnamed = Message { idempotency_key: None, ..message };
    assert_eq!(check(&headers, &unnamed, NOW_S), Err(Fault::Missing));
    let claim = Claim::read(&headers.signature_input, &headers.signature).unwrap();
    let stranger = PrivateKey::from_bytes(&[0x12; 32]).unwrap();
    let digest = headers.content_digest.as_deref();
    assert_eq!(claim.verify(&message, digest, stranger.public_key(), NOW_S), Err(Fault::Wrong));
}

#[test]
fn a_head_is_verified_before_its_body_is_there() {
    let (message, headers) = (acting(), signed(&acting()));
    let head = Message { body: &[], ..message };
    let digest = headers.content_digest.as_deref();
    let claim = Claim::read(&headers.signature_input, &headers.signature).unwrap();
    let verify = |digest, head: &Message<'_>| claim.verify_head(head, digest, key().public_key(), NOW_S);
    assert_eq!(verify(digest, &head), Ok(()));
    assert_eq!(verify(None, &head), Err(Fault::Missing));
    let other = content_digest(b"{}");
    assert_eq!(verify(Some(&other), &head), Err(Fault::Wrong));
    assert_eq!(verify(digest, &Message { path: "/", ..head }), Err(Fault::Wrong));
    assert_eq!((is_body(digest, message.body), is_body(digest, b"{}")), (Ok(()), Err(Fault::Digest)));
    assert_eq!((is_body(None, b""), is_body(None, b"x")), (Ok(()), Err(Fault::Components)));
}

#[test]
fn what_only_reads_has_nothing_that_is_not_signed() {
    let (message, acts) = (reading(), signed(&acting()));
    assert_eq!(check(&acts, &message, NOW_S), Err(Fault::Components), "the list of one that acts");
    let reads = signed(&message);
    assert_eq!(check(&reads, &acting(), NOW_S), Err(Fault::Components), "the list of one that reads");
    for (message, digest) in [
        (Message { body: b"x", ..message }, None),
        (Message { idempotency_key: Some("a"), ..message }, None),
        (message, Some(content_digest(b""))),
    ] {
        let headers = Headers { content_digest: digest, ..reads.clone() };
        assert_eq!(check(&headers, &message, NOW_S), Err(Fault::Components), "{message:?}");
    }
}

#[test]
fn nothing_but_the_one_form_is_read() {
    let headers = signed(&reading());
    let (input, signature) = (headers.signature_input.as_str(), headers.signature.as_str());
    let read = |input: &str, signature: &str| Claim::read(input, signature).map(drop);
    assert_eq!(read(input, signature), Ok(()));
    let edit = |from: &str, to: &str| {
        assert!(input.contains(from), "{from}");
        input.replacen(from, to, 1)
    };
    let cases: [(String, Fault); 21] = [
        (edit("\"@path\" ", ""), Fault::Components),
        (edit("\"@method\" \"@authority\"", "\"@authority\" \"@method\""), Fault::Components),
        (edit("\"@query\"", "\"@query\" \"date\""), Fault::Components),
        (edit("(\"@method\"", "( \"@method\""), Fault::Components),
        (edit("\"@method\"", "\"@method\";req"), Fault::Components),
        (edit("sig=(", "sig="), Fault::Malformed),
        (edit("sig=", "Sig="), Fault::Malformed),
        (edit("sig=", "other="), Fault::Labels),
        (format!("{input}, b=()"), Fault::Labels),
        (format!("{input} "), Fault::Malformed),
        (format!("{input};tag=\"a\""), Fault::Parameters),
        (format!("{input};alg=\"sm2-sm3\""), Fault::Parameters),
        (format!("{input};created=1"), Fault::Parameters),
        (edit(";alg=\"sm2-sm3\"", ""), Fault::Parameters),
        (edit(";keyid=\"0123456789abcdef\"", ""), Fault::Parameters),
        (edit("sm2-sm3", "hmac-sha256"), Fault::Algorithm),
        (edit("created=", "created=0"), Fault::Malformed),
        (edit("created=", "created=-"), Fault::Malformed),
        (edit("created=", "created=1000000000000"), Fault::Malformed),
        (edit("0123456789abcdef", "01\\\"23"), Fault::Malformed),
        (edit("0123456789abcdef", &"x".repeat(MAX_INPUT)), Fault::Malformed),
    ];
    for (input, fault) in cases {
        assert_eq!(read(&input, signature), Err(fault), "{input}");
    }
    let cases: [(String, Fault); 6] = [
        (signature.replacen("sig=", "b=", 1), Fault::Labels),
        (format!("{signature}, b=:AAAA:"), Fault::Malformed),
        (format!("{signature},b=:AAAA:"), Fault::Labels),
        (signature.replacen("==:", ":", 1), Fault::Malformed),
        ("sig=:AAAA:".to_owned(), Fault::Malformed),
        (signature.replacen(':', "", 1), Fault::Malformed),
    ];
    for (index, (signature, fault)) in cases.into_iter().enumerate() {
        let outcome = read(input, &signature);
        // A list may have a space behind its comma; either way it is refused.
        let also = index == 1 && outcome == Err(Fault::Labels);
        assert!(outcome == Err(fault) || also, "{signature}: {outcome:?}");
    }
    for (name, life) in [("no time", (NOW_S, NOW_S)), ("too long", (NOW_S, NOW_S + MAX_LIFE_S + 1))] {
        let input = edit(&format!("expires={}", NOW_S + 60), &format!("expires={}", life.1));
        let claim = Claim::read(&input, signature).unwrap();
        assert_eq!(claim.is_current(life.0), Err(Fault::Life), "{name}");
    }
}

#[test]
fn what_cannot_be_written_is_not_signed() {
    let refused = |message: &Message<'_>, terms: &Terms<'_>| sign(message, terms, &key(), &mut SysRng).err();
    for message in [
        Message { path: "/a b", ..reading() },
        Message { path: "/a\n\"@query\": ?", ..reading() },
        Message { body: b"x", ..reading() },
        Message { idempotency_key: None, ..acting() },
        Message { idempotency_key: Some(""), ..acting() },
        Message { idempotency_key: Some("a"), ..reading() },
    ] {
        assert_eq!(refused(&message, &terms()), Some(Fault::Malformed), "{message:?}");
    }
    assert_eq!(refused(&reading(), &Terms { key_id: "a\"", ..terms() }), Some(Fault::Malformed));
    assert_eq!(refused(&reading(), &Terms { nonce: Some(""), ..terms() }), Some(Fault::Malformed));
    assert_eq!(refused(&reading(), &Terms { expires_s: NOW_S, ..terms() }), Some(Fault::Life));
    assert_eq!(refused(&reading(), &Terms { expires_s: NOW_S + 301, ..terms() }), Some(Fault::Life));
}

/// The example of `docs/webhooks.md`.
#[test]
fn the_documented_example_holds() {
    let document = include_str!("../../../docs/webhooks.md");
    let line = |start: &str| document.lines().find_map(|line| line.strip_prefix(start)).unwrap();
    let headers = Headers {
        content_digest: Some(line("Content-Digest: ").to_owned()),
        signature_input: line("Signature-Input: ").to_owned(),
        signature: line("Signature: ").to_owned(),
    };
    assert_eq!(check(&headers, &acting(), NOW_S), Ok(()));
    let parameters = headers.signature_input.strip_prefix("sig=").unwrap();
    let base = acting().base(headers.content_digest.as_deref(), parameters);
    assert!(document.contains(&base), "{base}");
    assert!(document.contains(key().public_key().to_spki_pem().trim()));
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(input in "\\PC{0,200}", signature in "\\PC{0,120}") {
        let _ = Claim::read(&input, &signature);
    }

    #[test]
    fn a_change_of_a_header_is_never_taken(at in 0_usize..400, byte in 0x20_u8..0x7f) {
        let message = acting();
        let headers = signed(&message);
        let mut text = headers.signature_input.clone().into_bytes();
        let split = text.len();
        text.extend(headers.signature.bytes());
        let at = at % text.len();
        prop_assume!(text[at] != byte);
        text[at] = byte;
        let text = String::from_utf8(text).unwrap();
        let (signature_input, signature) = text.split_at(split);
        let changed = Headers {
            signature_input: signature_input.to_owned(),
            signature: signature.to_owned(),
            ..headers
        };
        prop_assert!(check(&changed, &message, NOW_S).is_err());
    }
}
