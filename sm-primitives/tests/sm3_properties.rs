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
    fn a_batch_is_its_messages(
        messages in vec(vec(any::<u8>(), 0..300), 0..40),
        prefix in vec(any::<u8>(), 0..150),
        key in vec(any::<u8>(), 0..100),
    ) {
        let alone: Vec<_> = messages.iter().map(|message| sm3::digest(message)).collect();
        prop_assert_eq!(sm3::digest_all(&messages), alone);

        let start = sm3::Sm3::new().chain(&prefix);
        let continued: Vec<_> = messages.iter().map(|message| start.clone().chain(message).finalize()).collect();
        prop_assert_eq!(start.finalize_all(&messages), continued.as_slice());
        let mut into = vec![[0; 32]; messages.len()];
        prop_assert_eq!(start.finalize_all_into(&messages, &mut into), Ok(()));
        prop_assert_eq!(into, continued);

        let tags: Vec<_> = messages.iter().map(|message| sm3::hmac(&key, &[message])).collect();
        prop_assert_eq!(HmacKey::new(&key).tag_all(&messages), tags);
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

/// Batches of every size up to three vectors, of messages with every number of blocks up to 40, once in one batch and
/// once with each length alone, so that lanes end together and apart.
#[test]
fn batches_of_every_size_and_length() {
    use ::sm3::Digest;
    let text: Vec<u8> = (0..100_000_u32).map(|i| i.wrapping_mul(0x9e37_79b9).to_be_bytes()[0]).collect();
    let oracle = |message: &&[u8]| <[u8; 32]>::from(::sm3::Sm3::digest(message));
    let lengths: Vec<usize> =
        (0..=300).chain((5..=40).flat_map(|n| [64 * n - 9, 64 * n - 8, 64 * n, 64 * n + 1])).collect();
    let all: Vec<&[u8]> = lengths.iter().map(|&length| &text[length..2 * length]).collect();
    assert_eq!(sm3::digest_all(&all), all.iter().map(oracle).collect::<Vec<_>>());
    for count in 0..=48 {
        for length in [0, 1, 55, 56, 64, 119, 120, 1000] {
            let same: Vec<&[u8]> = (0..count).map(|i| &text[77 * i..][..length]).collect();
            assert_eq!(
                sm3::digest_all(&same),
                same.iter().map(oracle).collect::<Vec<_>>(),
                "{count} of {length}"
            );
        }
    }
    // One message much longer than the others, at every place.
    for place in 0..20 {
        let mut mixed: Vec<&[u8]> = (0..20).map(|i| &text[i..][..10 * i]).collect();
        mixed[place] = &text;
        assert_eq!(sm3::digest_all(&mixed), mixed.iter().map(oracle).collect::<Vec<_>>(), "{place}");
    }
}

/// A prefix of every length around a block, before messages of every length around a block.
#[test]
fn a_batch_continues_any_prefix() {
    let text: Vec<u8> = (0..400_u16).map(|i| i.to_le_bytes()[0]).collect();
    for prefix in (0..=10).chain(54..=74).chain(118..=138) {
        let start = sm3::Sm3::new().chain(&text[..prefix]);
        let messages: Vec<&[u8]> = (0..=140).map(|length| &text[prefix..prefix + length]).collect();
        let expected: Vec<_> = (0..=140).map(|length| sm3::digest(&text[..prefix + length])).collect();
        assert_eq!(start.finalize_all(&messages), expected, "{prefix}");
    }
}

#[test]
fn a_batch_needs_as_many_places_as_messages() {
    for places in [0, 1, 3] {
        let mut digests = vec![[7; 32]; places];
        let refused = sm3::Sm3::new().finalize_all_into(&[b"a", b"b"], &mut digests);
        assert_eq!(refused, Err(sm_primitives::Error::InvalidLength));
        assert_eq!(digests, vec![[7; 32]; places], "a refused output is untouched");
    }
}

/// More tags than the outer hashes of one round.
#[test]
fn many_tags() {
    let key = HmacKey::new(b"key");
    let messages: Vec<[u8; 2]> = (0..150_u16).map(u16::to_be_bytes).collect();
    let tags: Vec<_> = messages.iter().map(|message| sm3::hmac(b"key", &[message])).collect();
    assert_eq!(key.tag_all(&messages), tags);
}

/// The key stream of public-key encryption is SM3 of a prefix and counters, taken in batches of 32: around the borders
/// of batches, another implementation opens what this one made.
#[test]
fn key_streams_of_several_batches() {
    use sm_primitives::sm2::{PrivateKey, pke};
    let d = private_key(7);
    let key = PrivateKey::from_bytes(&d).unwrap();
    let scalar = sm2::NonZeroScalar::from_repr(d.into()).unwrap();
    let theirs = sm2::pke::DecryptingKey::new_with_mode(scalar, sm2::pke::Mode::C1C3C2);
    for length in [1, 32, 1023, 1024, 1025, 1057, 2048, 2049, 5000] {
        let message: Vec<u8> = (0..length).map(|i: usize| i.to_le_bytes()[0]).collect();
        let ciphertext = pke::encrypt(key.public_key(), &message, &mut getrandom::SysRng).unwrap();
        assert_eq!(theirs.decrypt(&ciphertext.to_c1c3c2()).unwrap(), message, "{length}");
        assert_eq!(*pke::decrypt(&key, &ciphertext).unwrap(), message, "{length}");
    }
}

#[test]
fn a_batch_to_sign_is_its_messages() {
    use sm_primitives::sm2::{DistId, PrivateKey};
    let key = PrivateKey::from_bytes(&private_key(9)).unwrap();
    let id = DistId::new(b"signer").unwrap();
    let messages: Vec<Vec<u8>> = (0..30).map(|i| vec![7; 11 * i]).collect();
    let digests: Vec<_> = messages.iter().map(|message| id.digest(key.public_key(), message)).collect();
    assert_eq!(id.digest_all(key.public_key(), &messages), digests);
}

/// Some private key.
fn private_key(seed: u8) -> [u8; 32] {
    sm3::digest(&[seed])
}
