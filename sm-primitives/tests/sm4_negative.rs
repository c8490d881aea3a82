//! What SM4's modes refuse, and what they leave behind then.

use sm_primitives::Error;
use sm_primitives::sm4::gcm::Gcm;
use sm_primitives::sm4::{Sm4, cbc, ctr, gcm};

const KEY: [u8; 16] = [0x11; 16];
const IV: [u8; 16] = [0x22; 16];

/// The CBC encryption of whole blocks, whatever they end in.
fn encrypt_unpadded(blocks: &[[u8; 16]]) -> Vec<u8> {
    let mut data = blocks.as_flattened().to_vec();
    cbc::Encryptor::new(&KEY, &IV).encrypt(&mut data).expect("whole blocks");
    data
}

#[test]
fn unpad_takes_exactly_the_good_paddings() {
    for n in 1..=16_u8 {
        let message = 16 - usize::from(n);
        let mut block = [0xee; 16];
        block[message..].fill(n);
        assert_eq!(cbc::unpad(&block), Ok(message), "{n}");
        for i in message..16 {
            for wrong in [n ^ 1, n ^ 0x80, 0, 0xff] {
                let mut broken = block;
                broken[i] = wrong;
                // The last byte alone may turn into another good padding: 01.
                let expected = if i == 15 && wrong == 1 { Ok(15) } else { Err(Error::DecryptionFailed) };
                assert_eq!(cbc::unpad(&broken), expected, "{n} {i} {wrong}");
            }
        }
    }
    for n in (0..=255_u8).filter(|n| !(1..=16).contains(n)) {
        assert_eq!(cbc::unpad(&[n; 16]), Err(Error::DecryptionFailed), "{n}");
    }
}

#[test]
fn padding_of_every_tail() {
    for length in 0..16 {
        let tail = vec![0xab; length];
        let block = cbc::pad_block(&tail);
        assert_eq!(&block[..length], tail);
        assert!(block[length..].iter().all(|&b| usize::from(b) == 16 - length));
        assert_eq!(cbc::unpad(&block), Ok(length));
        let longer = [vec![0xcd; 32], tail].concat();
        assert_eq!(cbc::pad_block(&longer), block, "whole blocks in front do not count");
    }
}

#[test]
fn decrypt_padded_refuses() {
    let good = cbc::encrypt_padded(&KEY, &IV, b"seventeen bytes!!");
    assert_eq!(cbc::decrypt_padded(&KEY, &IV, &good).unwrap().as_slice(), b"seventeen bytes!!");
    for length in (0..good.len()).filter(|length| length % 16 != 0 || *length == 0) {
        assert_eq!(cbc::decrypt_padded(&KEY, &IV, &good[..length]), Err(Error::InvalidLength), "{length}");
    }
    // Without its last block the message ends in text.
    assert_eq!(cbc::decrypt_padded(&KEY, &IV, &good[..16]), Err(Error::DecryptionFailed));

    let text = *b"sixteen bytes...";
    let mut inner = [0x04; 16];
    inner[13] = 0x05;
    for last in [[0; 16], [0x11; 16], [0xff; 16], text, inner] {
        let ciphertext = encrypt_unpadded(&[text, last]);
        assert_eq!(cbc::decrypt_padded(&KEY, &IV, &ciphertext), Err(Error::DecryptionFailed), "{last:?}");
    }
    let ciphertext = encrypt_unpadded(&[text, [16; 16]]);
    assert_eq!(cbc::decrypt_padded(&KEY, &IV, &ciphertext).unwrap().as_slice(), text);
}

/// A piece that ends inside a block changes neither itself nor the chaining.
#[test]
fn cbc_pieces_are_whole_blocks() {
    let mut encryptor = cbc::Encryptor::new(&KEY, &IV);
    let mut decryptor = cbc::Decryptor::new(&KEY, &IV);
    for length in (1..50).filter(|length| length % 16 != 0) {
        let mut data = vec![5; length];
        assert_eq!(encryptor.encrypt(&mut data), Err(Error::InvalidLength));
        assert_eq!(decryptor.decrypt(&mut data), Err(Error::InvalidLength));
        assert!(data.iter().all(|&b| b == 5));
    }
    assert_eq!(encryptor.encrypt(&mut []), Ok(()));
    let mut data = [7; 48];
    encryptor.encrypt(&mut data).unwrap();
    assert_eq!(data.as_slice(), encrypt_unpadded(&[[7; 16]; 3]));
    assert_eq!(decryptor.decrypt(&mut []), Ok(()));
    decryptor.decrypt(&mut data).unwrap();
    assert_eq!(data, [7; 48]);
}

/// One broken length among many messages: nothing happens to any of them.
#[test]
fn cbc_of_many_is_all_or_nothing() {
    for length in [1, 15, 17, 31] {
        for broken in 0..20 {
            let mut encryptors: Vec<_> = (0..20).map(|_| cbc::Encryptor::new(&KEY, &IV)).collect();
            let mut data: Vec<_> =
                (0..20).map(|i| vec![5; if i == broken { length } else { 16 * i }]).collect();
            let mut pairs: Vec<_> =
                encryptors.iter_mut().zip(data.iter_mut().map(Vec::as_mut_slice)).collect();
            assert_eq!(cbc::encrypt_many(&mut pairs), Err(Error::InvalidLength));
            assert!(data.iter().flatten().all(|&b| b == 5));
            for encryptor in &mut encryptors {
                let mut block = [7; 16];
                encryptor.encrypt(&mut block).unwrap();
                assert_eq!(block.as_slice(), encrypt_unpadded(&[[7; 16]]));
            }
        }
    }
    assert_eq!(cbc::encrypt_many(&mut []), Ok(()));
}

struct Sealed {
    nonce: Vec<u8>,
    aad: Vec<u8>,
    text: Vec<u8>,
    tag: [u8; 16],
}

impl Sealed {
    fn new(nonce: &[u8], aad: &[u8], plain: &[u8]) -> Self {
        let mut text = plain.to_vec();
        let tag = gcm::seal_in_place(&KEY, nonce, aad, &mut text).expect("short enough");
        Self { nonce: nonce.to_vec(), aad: aad.to_vec(), text, tag }
    }

    fn open(&self, key: &[u8; 16]) -> (Result<(), Error>, Vec<u8>) {
        let mut buf = self.text.clone();
        let result = gcm::open_in_place(key, &self.nonce, &self.aad, &mut buf, &self.tag);
        let mut decryptor = gcm::Decryptor::new(key, &self.nonce, &self.aad).expect("a nonce");
        self.text.clone().chunks_mut(7).for_each(|piece| decryptor.decrypt(piece).expect("short enough"));
        assert_eq!(decryptor.finish(&self.tag), result, "in pieces");
        (result, buf)
    }

    /// Opening fails and nothing of the text is left.
    fn assert_refused(&self, what: &str) {
        let (result, buf) = self.open(&KEY);
        assert_eq!(result, Err(Error::DecryptionFailed), "{what}");
        assert!(buf.iter().all(|&b| b == 0), "{what}: the buffer is not wiped");
    }
}

#[test]
fn gcm_refuses_every_change() {
    for nonce in [&[3; 12][..], &[3; 16], &[3; 7]] {
        for (aad, plain) in [(&b"header"[..], &[9; 37][..]), (b"", b""), (b"", &[9; 16]), (&[1; 32], b"")] {
            let new = || Sealed::new(nonce, aad, plain);
            let (result, buf) = new().open(&KEY);
            assert_eq!((result, buf.as_slice()), (Ok(()), plain));
            let (result, buf) = new().open(&[0x12; 16]);
            assert_eq!(result, Err(Error::DecryptionFailed), "another key");
            assert!(buf.iter().all(|&b| b == 0));

            for bit in 0..8 {
                for i in 0..16 {
                    let mut sealed = new();
                    sealed.tag[i] ^= 1 << bit;
                    sealed.assert_refused("tag");
                }
                for i in 0..nonce.len() {
                    let mut sealed = new();
                    sealed.nonce[i] ^= 1 << bit;
                    sealed.assert_refused("nonce");
                }
                for i in 0..aad.len() {
                    let mut sealed = new();
                    sealed.aad[i] ^= 1 << bit;
                    sealed.assert_refused("aad");
                }
                for i in 0..plain.len() {
                    let mut sealed = new();
                    sealed.text[i] ^= 1 << bit;
                    sealed.assert_refused("text");
                }
            }
        }
    }
}

/// Zeros at an end change the padded input of the hash by nothing: only the lengths tell.
#[test]
fn gcm_refuses_other_lengths() {
    let new = || Sealed::new(&[3; 12], &[1; 20], &[9; 20]);
    let mut sealed = new();
    sealed.text.pop();
    sealed.assert_refused("text truncated");
    let mut sealed = new();
    sealed.text.clear();
    sealed.assert_refused("text removed");
    let mut sealed = new();
    sealed.text.push(0);
    sealed.assert_refused("text extended");
    let mut sealed = new();
    sealed.aad.push(0);
    sealed.assert_refused("aad extended");
    let mut sealed = new();
    sealed.aad.pop();
    sealed.assert_refused("aad truncated");
    let mut sealed = new();
    sealed.nonce.push(0);
    sealed.assert_refused("nonce extended");

    // A block moved from the header to the text.
    let mut sealed = Sealed::new(&[3; 12], &[1; 32], &[9; 16]);
    let moved = sealed.aad.split_off(16);
    sealed.text = [moved, sealed.text].concat();
    sealed.assert_refused("aad moved into the text");

    // 12 bytes of nonce are used as they are, other lengths are hashed with their length.
    assert_ne!(Sealed::new(&[0; 15], b"", b"").tag, Sealed::new(&[0; 16], b"", b"").tag);
}

#[test]
fn gcm_empty_nonce() {
    let mut buf = [5; 20];
    assert_eq!(gcm::seal_in_place(&KEY, &[], b"", &mut buf), Err(Error::InvalidLength));
    assert_eq!(buf, [5; 20], "nothing was encrypted");
    assert_eq!(Gcm::new(&KEY).open_in_place(&[], b"", &mut buf, &[0; 16]), Err(Error::InvalidLength));
    assert_eq!(buf, [0; 20]);
    assert_eq!(gcm::Encryptor::new(&KEY, &[], b"").err(), Some(Error::InvalidLength));
    assert_eq!(gcm::Decryptor::new(&KEY, &[], b"").err(), Some(Error::InvalidLength));
}

/// A short tag is easy to guess, and an empty one would match everything.
#[test]
fn gcm_tags_of_other_lengths() {
    let sealed = Sealed::new(&[3; 12], b"", b"");
    let long = [&sealed.tag[..], &[0]].concat();
    for tag in [&[][..], &sealed.tag[..11], &long] {
        let decryptor = gcm::Decryptor::new(&KEY, &[3; 12], b"").expect("a nonce");
        assert_eq!(decryptor.finish(tag), Err(Error::InvalidLength), "{}", tag.len());
    }
}

/// With nothing to hash GHASH is zero, and the tag is the first counter block, encrypted.
#[test]
fn gcm_tag_of_nothing() {
    let mut expected = [0; 16];
    expected[..12].copy_from_slice(&IV[..12]);
    expected[15] = 1;
    Sm4::new(&KEY).encrypt_block(&mut expected);
    assert_eq!(gcm::seal_in_place(&KEY, &IV[..12], b"", &mut []), Ok(expected));
}

/// Every type that holds a key or key stream has something to do when it is dropped.
#[test]
fn keys_are_wiped() {
    use core::mem::needs_drop;
    assert!(needs_drop::<Sm4>());
    assert!(needs_drop::<cbc::Encryptor>());
    assert!(needs_drop::<cbc::Decryptor>());
    assert!(needs_drop::<ctr::Ctr>());
    assert!(needs_drop::<Gcm>());
    assert!(needs_drop::<gcm::Encryptor>());
    assert!(needs_drop::<gcm::Decryptor>());
}
