//! SM3 and its constructions: agreement with the RustCrypto crates on random input, and any split of a
//! message gives the same result.

use hmac::{KeyInit, Mac};
use proptest::collection::vec;
use proptest::prelude::*;
use sm_primitives::sm3;
use sm_primitives::sm3::hmac::{HmacKey, HmacSm3};

/// A message and the places where it is cut.
fn cut_message() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    vec(any::<u8>(), 0..400).prop_flat_map(|message| {
        let length = message.len();
        (Just(message), vec(0..=length, 0..6))
    })
}

/// Feeds `message`, cut at `cuts`, to `absorb`.
fn feed(message: &[u8], mut cuts: Vec<usize>, mut absorb: impl FnMut(&[u8])) {
    cuts.sort_unstable();
    cuts.push(message.len());
    let mut start = 0;
    for end in cuts {
        absorb(&message[start..end]);
        start = end;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn digest_agrees(message in vec(any::<u8>(), 0..1000)) {
        use ::sm3::Digest;
        prop_assert_eq!(sm3::digest(&message), <[u8; 32]>::from(::sm3::Sm3::digest(&message)));
    }

    #[test]
    fn any_split_is_the_same_digest((message, cuts) in cut_message()) {
        let mut hasher = sm3::Sm3::new();
        feed(&message, cuts, |piece| hasher.update(piece));
        prop_assert_eq!(hasher.finalize(), sm3::digest(&message));
    }

    #[test]
    fn a_clone_continues_on_its_own(prefix in vec(any::<u8>(), 0..200), a in vec(any::<u8>(), 0..200)) {
        let hasher = sm3::Sm3::new().chain(&prefix);
        prop_assert_eq!(hasher.clone().chain(&a).finalize(), sm3::digest(&[prefix.as_slice(), &a].concat()));
        prop_assert_eq!(hasher.finalize(), sm3::digest(&prefix));
    }

    #[test]
    fn hmac_agrees_however_it_is_fed(key in vec(any::<u8>(), 0..150), (message, cuts) in cut_message()) {
        let mut oracle = hmac::Hmac::<::sm3::Sm3>::new_from_slice(&key).unwrap();
        oracle.update(&message);
        let expected = <[u8; 32]>::from(oracle.finalize().into_bytes());

        let mut mac = HmacSm3::new(&key);
        feed(&message, cuts, |piece| mac.update(piece));
        prop_assert_eq!(mac.finalize(), expected);
        let prepared = HmacKey::new(&key);
        for _ in 0..2 {
            prop_assert_eq!(prepared.start().chain(&message).finalize(), expected);
        }
    }

    #[test]
    fn hkdf_agrees(
        ikm in vec(any::<u8>(), 0..100),
        salt in vec(any::<u8>(), 0..100),
        info in vec(any::<u8>(), 0..100),
        length in 0_usize..300,
    ) {
        let (mut ours, mut theirs) = (vec![0; length], vec![0; length]);
        sm3::hkdf(&ikm, &salt, &info, &mut ours).unwrap();
        hkdf::Hkdf::<::sm3::Sm3>::new(Some(&salt), &ikm).expand(&info, &mut theirs).unwrap();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn pbkdf2_agrees(
        password in vec(any::<u8>(), 0..100),
        salt in vec(any::<u8>(), 0..100),
        iterations in 1_u32..20,
        length in 1_usize..100,
    ) {
        let (mut ours, mut theirs) = (vec![0; length], vec![0; length]);
        sm3::pbkdf2(&password, &salt, iterations, &mut ours).unwrap();
        pbkdf2::pbkdf2_hmac::<::sm3::Sm3>(&password, &salt, iterations, &mut theirs);
        prop_assert_eq!(ours, theirs);
    }
}

/// Every message length around the edges of the first three blocks, and one long message in one call.
#[test]
fn every_length_near_a_block_edge() {
    use ::sm3::Digest;
    let message: Vec<u8> = (0..100_000_u32).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
    for length in (0..=200).chain([99_999, 100_000]) {
        let expected = <[u8; 32]>::from(::sm3::Sm3::digest(&message[..length]));
        assert_eq!(sm3::digest(&message[..length]), expected, "{length}");
        let mut bytewise = sm3::Sm3::default();
        for byte in &message[..length] {
            bytewise.update(&[*byte]);
        }
        assert_eq!(bytewise.finalize(), expected, "{length}");
    }
}
