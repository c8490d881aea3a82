//! SM4 and its modes: agreement with the RustCrypto crates on random input, and any split of a message gives
//! the same result.

use aes_gcm::aead::array::ArraySize;
use aes_gcm::aead::consts::{U1, U8, U12, U13, U16, U60};
use aes_gcm::{AeadInOut, AesGcm, Nonce};
use proptest::collection::vec;
use proptest::prelude::*;
use sm_primitives::sm4::{Sm4, cbc, ctr, gcm};
use sm4::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeEncrypt, KeyInit, KeyIvInit, StreamCipher,
};

/// Cuts `data` at `cuts` and gives the pieces to `each`, in order.
fn in_pieces(data: &mut [u8], mut cuts: Vec<usize>, mut each: impl FnMut(&mut [u8])) {
    cuts.sort_unstable();
    let mut rest = data;
    let mut done = 0;
    for cut in cuts {
        let cut = cut.max(done);
        let (piece, after) = rest.split_at_mut((cut - done).min(rest.len()));
        done += piece.len();
        each(piece);
        rest = after;
    }
    each(rest);
}

/// Counter blocks of which some are about to carry through 32, 64 or all 128 bits.
fn counter_block() -> impl Strategy<Value = [u8; 16]> {
    (any::<[u8; 16]>(), prop::sample::select(vec![16_usize, 12, 8, 0]), any::<u8>()).prop_map(
        |(mut block, from, low)| {
            block[from..].fill(0xff);
            if from < 16 {
                block[15] = low;
            }
            block
        },
    )
}

fn gcm_oracle<N: ArraySize>(key: &[u8; 16], nonce: &[u8], aad: &[u8], text: &[u8]) -> (Vec<u8>, [u8; 16]) {
    let mut buf = text.to_vec();
    let nonce = Nonce::<N>::try_from(nonce).expect("the length");
    let tag = AesGcm::<sm4::Sm4, N>::new(key.into())
        .encrypt_inout_detached(&nonce, aad, buf.as_mut_slice().into())
        .expect("short enough");
    (buf, tag.into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn blocks_agree(key: [u8; 16], blocks in vec(any::<[u8; 16]>(), 0..200)) {
        let oracle = sm4::Sm4::new(&key.into());
        let mut expected = blocks.clone();
        for block in &mut expected {
            oracle.encrypt_block(block.into());
        }
        let cipher = Sm4::new(&key);
        let mut many = blocks.clone();
        cipher.encrypt_blocks(&mut many);
        prop_assert_eq!(&many, &expected);
        let mut single = blocks.clone();
        single.iter_mut().for_each(|block| cipher.encrypt_block(block));
        prop_assert_eq!(single, expected);

        cipher.decrypt_blocks(&mut many);
        prop_assert_eq!(&many, &blocks);
        for block in &mut many {
            let mut theirs = *block;
            oracle.decrypt_block((&mut theirs).into());
            cipher.decrypt_block(block);
            prop_assert_eq!(*block, theirs);
        }
    }

    #[test]
    fn cbc_agrees_and_keeps_chaining(
        key: [u8; 16],
        iv: [u8; 16],
        blocks in vec(any::<[u8; 16]>(), 0..150),
        cuts in vec(0_usize..150, 0..5),
    ) {
        let mut expected = blocks.clone();
        let mut oracle = ::cbc::Encryptor::<sm4::Sm4>::new(&key.into(), &iv.into());
        for block in &mut expected {
            oracle.encrypt_block(block.into());
        }
        let cuts: Vec<_> = cuts.into_iter().map(|cut| cut * 16).collect();
        let mut data = blocks.clone();
        let mut encryptor = cbc::Encryptor::new(&key, &iv);
        in_pieces(data.as_flattened_mut(), cuts.clone(), |piece| encryptor.encrypt(piece).unwrap());
        prop_assert_eq!(&data, &expected);
        let mut decryptor = cbc::Decryptor::new(&key, &iv);
        in_pieces(data.as_flattened_mut(), cuts, |piece| decryptor.decrypt(piece).unwrap());
        prop_assert_eq!(data, blocks);
    }

    #[test]
    fn many_messages_are_encrypted_like_each_alone(
        messages in vec((any::<[u8; 16]>(), any::<[u8; 16]>(), vec(any::<[u8; 16]>(), 0..30)), 0..50),
    ) {
        let mut encryptors: Vec<_> = messages.iter().map(|(key, iv, _)| cbc::Encryptor::new(key, iv)).collect();
        let mut data: Vec<_> = messages.iter().map(|(_, _, blocks)| blocks.clone()).collect();
        let mut pairs: Vec<_> =
            encryptors.iter_mut().zip(data.iter_mut().map(|blocks| blocks.as_flattened_mut())).collect();
        cbc::encrypt_many(&mut pairs).unwrap();
        for (((key, iv, blocks), data), encryptor) in messages.iter().zip(data).zip(&mut encryptors) {
            let mut expected = blocks.clone();
            expected.push([0; 16]);
            cbc::Encryptor::new(key, iv).encrypt(expected.as_flattened_mut()).unwrap();
            let mut next = [0; 16];
            encryptor.encrypt(&mut next).unwrap();
            prop_assert_eq!(expected.pop(), Some(next), "the chaining goes on");
            prop_assert_eq!(data, expected);
        }
    }

    #[test]
    fn padded_message_comes_back(key: [u8; 16], iv: [u8; 16], message in vec(any::<u8>(), 0..100)) {
        let ciphertext = cbc::encrypt_padded(&key, &iv, &message);
        prop_assert_eq!(ciphertext.len(), message.len() / 16 * 16 + 16);
        prop_assert_eq!(&*cbc::decrypt_padded(&key, &iv, &ciphertext).unwrap(), &message);
    }

    #[test]
    fn ctr_agrees_however_it_is_cut(
        key: [u8; 16],
        iv in counter_block(),
        message in vec(any::<u8>(), 0..3000),
        cuts in vec(0_usize..3000, 0..8),
    ) {
        let mut expected = message.clone();
        ::ctr::Ctr128BE::<sm4::Sm4>::new(&key.into(), &iv.into()).apply_keystream(&mut expected);
        let mut data = message.clone();
        let mut stream = ctr::Ctr::new(&key, &iv);
        in_pieces(&mut data, cuts, |piece| stream.apply(piece));
        prop_assert_eq!(&data, &expected);
        ctr::Ctr::new(&key, &iv).apply(&mut data);
        prop_assert_eq!(data, message);
    }

    #[test]
    fn gcm_agrees_for_every_kind_of_nonce(
        key: [u8; 16],
        nonce: [u8; 60],
        aad in vec(any::<u8>(), 0..100),
        text in vec(any::<u8>(), 0..2500),
    ) {
        let gcm = gcm::Gcm::new(&key);
        for (length, oracle) in [
            (1, gcm_oracle::<U1> as fn(&[u8; 16], &[u8], &[u8], &[u8]) -> _),
            (8, gcm_oracle::<U8>),
            (12, gcm_oracle::<U12>),
            (13, gcm_oracle::<U13>),
            (16, gcm_oracle::<U16>),
            (60, gcm_oracle::<U60>),
        ] {
            let nonce = &nonce[..length];
            let (expected, expected_tag) = oracle(&key, nonce, &aad, &text);
            let mut buf = text.clone();
            let tag = gcm.seal_in_place(nonce, &aad, &mut buf).unwrap();
            prop_assert_eq!(&buf, &expected);
            prop_assert_eq!(tag, expected_tag);
            prop_assert_eq!(gcm::seal_in_place(&key, nonce, &aad, &mut text.clone()), Ok(tag));
            gcm.open_in_place(nonce, &aad, &mut buf, &tag).unwrap();
            prop_assert_eq!(&buf, &text);
        }
    }

    #[test]
    fn gcm_in_pieces_is_gcm(
        key: [u8; 16],
        nonce in prop_oneof![vec(any::<u8>(), 12), vec(any::<u8>(), 1..40)],
        aad in vec(any::<u8>(), 0..70),
        text in vec(any::<u8>(), 0..700),
        cuts in vec(0_usize..700, 0..8),
        tag_len in 12_usize..=16,
    ) {
        let mut expected = text.clone();
        let tag = gcm::seal_in_place(&key, &nonce, &aad, &mut expected).unwrap();
        let mut buf = text.clone();
        let mut encryptor = gcm::Encryptor::new(&key, &nonce, &aad).unwrap();
        in_pieces(&mut buf, cuts.clone(), |piece| encryptor.encrypt(piece).unwrap());
        prop_assert_eq!(&buf, &expected);
        prop_assert_eq!(encryptor.finish(), tag);
        let mut decryptor = gcm::Decryptor::new(&key, &nonce, &aad).unwrap();
        in_pieces(&mut buf, cuts, |piece| decryptor.decrypt(piece).unwrap());
        prop_assert_eq!(buf, text);
        prop_assert_eq!(decryptor.finish(&tag[..tag_len]), Ok(()));
    }
}

/// One byte at a time, over the end of the 128-bit counter.
#[test]
fn ctr_bytewise_over_the_wrap() {
    let mut whole = [0; 100];
    ctr::Ctr::new(&[1; 16], &[0xff; 16]).apply(&mut whole);
    let mut bytewise = [0; 100];
    let mut stream = ctr::Ctr::new(&[1; 16], &[0xff; 16]);
    for byte in &mut bytewise {
        stream.apply(core::slice::from_mut(byte));
        stream.apply(&mut []);
    }
    assert_eq!(bytewise, whole);
    let mut after = [0; 84];
    ctr::Ctr::new(&[1; 16], &[0; 16]).apply(&mut after);
    assert_eq!(after, whole[16..]);
}

/// Only the lowest 32 bits of the counter count in GCM: under the zero key this nonce (found by search) gives
/// a first counter block that ends in ff ff ff e6, so that it wraps inside the text.
#[test]
fn gcm_counter_wraps_at_32_bits() {
    let nonce = 0x01aa_431e_u64.to_be_bytes();
    let mut buf = vec![0; 40 * 16];
    let expected = gcm_oracle::<U8>(&[0; 16], &nonce, b"", &buf);
    let tag = gcm::seal_in_place(&[0; 16], &nonce, b"", &mut buf).unwrap();
    assert_eq!((buf, tag), expected);
}

#[test]
fn gcm_counter_wraps_at_32_bits_in_pieces() {
    let nonce = 0x01aa_431e_u64.to_be_bytes();
    let mut expected = vec![7; 100_000];
    let tag = gcm::seal_in_place(&[0; 16], &nonce, b"", &mut expected).unwrap();
    for piece in [1_usize, 15, 16, 17, 4096] {
        let mut buf = vec![7; 100_000];
        let mut encryptor = gcm::Encryptor::new(&[0; 16], &nonce, b"").unwrap();
        buf.chunks_mut(piece).for_each(|piece| encryptor.encrypt(piece).unwrap());
        assert!(buf == expected, "{piece}");
        assert_eq!(encryptor.finish(), tag);
    }
}
