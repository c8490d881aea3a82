//! Points that a plain program in another language gave, which gives those of RFC 9380, appendix J.1.1, with P-256 and
//! SHA-256. The messages are those of the RFC.

use sm_primitives::hash2curve::hash_to_curve;

const TAG: &[u8] = b"QUUX-V01-CS02-with-sm2p256v1_XMD:SM3_SSWU_RO_";

const POINTS: [(&str, usize, &str); 5] = [
    (
        "",
        0,
        "51bf71bfa7397c58ecabce36b5bce3ef3308620a5f6f2d558fc0711ecf3fb127\
         96f51dcc0d2d7c49d5dfbe7b9a1ab3a0e802e55d1a84e4a81160d0944ba82ad3",
    ),
    (
        "abc",
        0,
        "068d7606010d9b6b8757bf89b9a8d41e3b42cacb16a75ad951e7cad7d72030a1\
         e7a52cec53fb73aa39a5e02f4e8218697596a0ba4737807610ff8cd711b4205f",
    ),
    (
        "abcdef0123456789",
        0,
        "4a230f91bdd1286d2cae36f3f5e9e453fa704fbc73022d51a253f90d9c79ddf8\
         ec96365ebc60c500084648f4a76c520580658944367aacf84c11c74a2bddd90b",
    ),
    (
        "q128_",
        128,
        "a9f34a85805fc552d48eb0ce080d11fdbddcabb1b100348dedea25f17e587261\
         f9c67101b9a66259305cc97e5c99221eaea404711093b47be66c164b4bcbb984",
    ),
    (
        "a512_",
        512,
        "eab494006d511276b022b4f638138bc73f5aca1305a09bf3109494d507f6fe66\
         36e2645bc39930b6b6e7911b5a9fd19f7c46fa07c1475f446c7f12a732de44b8",
    ),
];

/// In one piece and in two; the first letter of the message is what it repeats.
#[test]
fn known_points() {
    for (message, repeated, expected) in POINTS {
        let rest = message.get(..1).unwrap_or_default().repeat(repeated);
        let whole = [message, &rest].concat();
        for parts in [&[whole.as_bytes()][..], &[message.as_bytes(), rest.as_bytes()]] {
            let point = hash_to_curve(parts, TAG).map(|point| *point.expose_bytes());
            assert_eq!(point.map(hex::encode), Ok(expected.into()), "{message}");
        }
    }
}

#[test]
fn tags_separate() {
    let point = |tag: &[u8]| hash_to_curve(&[b"abc"], tag).map(|point| *point.expose_bytes());
    assert_ne!(point(TAG), point(&TAG[1..]));
}
