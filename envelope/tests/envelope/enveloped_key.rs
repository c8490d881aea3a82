//! Private keys in envelopes, against the RustCrypto crates, and what must not open.

use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use envelope::enveloped_key::{open, seal};
use envelope::error::{Error, InvalidMessage};
use getrandom::SysRng;
use sm_primitives::sm2::PrivateKey;
use sm2::pke::{DecryptingKey, EncryptingKey};

use crate::support::{self, TestRng, key, key_bytes, public_key};

const SM4: [u8; 7] = [0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x68];
const SM4_ECB: [u8; 8] = [0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x68, 0x01];
const WRAPPING: [u8; 16] = [7; 16];

fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    support::tlv(tag, &[body])
}

/// ECB by one CBC of zero initial vector for each block.
fn ecb(bytes: &[u8], encrypt: bool) -> Vec<u8> {
    let iv = [0; 16].into();
    let block = |block: &[u8]| {
        let mut block: [u8; 16] = block.try_into().unwrap();
        if encrypt {
            cbc::Encryptor::<sm4::Sm4>::new(&WRAPPING.into(), &iv).encrypt_block((&mut block).into());
        } else {
            cbc::Decryptor::<sm4::Sm4>::new(&WRAPPING.into(), &iv).decrypt_block((&mut block).into());
        }
        block
    };
    bytes.chunks(16).flat_map(block).collect()
}

/// The parts of a message that another tool made.
struct Parts {
    algorithm: Vec<u8>,
    wrapped: Vec<u8>,
    public_key: Vec<u8>,
    encrypted: Vec<u8>,
}

impl Parts {
    /// The key `bidder` for the protection key `phone`.
    fn new() -> Self {
        let bytes = public_key("phone").as_point().to_sec1();
        let encrypting = EncryptingKey::from_sec1_bytes(&bytes).unwrap();
        Self {
            algorithm: tlv(0x30, &[tlv(6, &SM4_ECB), vec![5, 0]].concat()),
            wrapped: encrypting.encrypt_der(&mut SysRng, &WRAPPING).unwrap(),
            public_key: [&[0], &public_key("bidder").as_point().to_sec1()[..]].concat(),
            encrypted: [&[0], &ecb(&key_bytes("bidder"), true)[..]].concat(),
        }
    }

    fn build(&self) -> Vec<u8> {
        let Self { algorithm, wrapped, public_key, encrypted } = self;
        tlv(0x30, &[&algorithm[..], wrapped, &tlv(3, public_key), &tlv(3, encrypted)].concat())
    }
}

fn outcome(message: &[u8]) -> Result<[u8; 32], Error> {
    open(message, &key("phone")).map(|key: PrivateKey| *key.expose_bytes())
}

#[test]
fn a_key_comes_back() {
    let message = seal(&key("bidder"), &public_key("phone"), &mut SysRng).unwrap();
    assert_eq!(outcome(&message), Ok(key_bytes("bidder")));
    assert_eq!(open(&message, &key("another")).unwrap_err(), Error::WrongKey);
}

#[test]
fn keys_of_other_tools_open_in_every_form() {
    let mut parts = Parts::new();
    assert_eq!(outcome(&parts.build()), Ok(key_bytes("bidder")));
    for algorithm in [
        tlv(0x30, &tlv(6, &SM4_ECB)),
        tlv(0x30, &tlv(6, &SM4)),
        tlv(0x30, &[tlv(6, &SM4), vec![5, 0]].concat()),
        tlv(6, &SM4),
        tlv(6, &SM4_ECB),
    ] {
        parts.algorithm = algorithm;
        assert_eq!(outcome(&parts.build()), Ok(key_bytes("bidder")));
    }
    parts.encrypted = [&[0], &ecb(&[&[0; 32][..], &key_bytes("bidder")].concat(), true)[..]].concat();
    assert_eq!(outcome(&parts.build()), Ok(key_bytes("bidder")));
}

#[test]
fn what_we_seal_opens_without_us() {
    // The fixed bytes are the SM4 key, the rest is for the nonce.
    let mut rng = support::ScriptRng([&WRAPPING[..], &[9; 64]].concat());
    let message = seal(&key("bidder"), &public_key("phone"), &mut rng).unwrap();
    let decrypting = DecryptingKey::from_slice(&key_bytes("phone")).unwrap();
    let head = 3 + 14;
    let wrapped_len = usize::from(message[head + 1]) + 2;
    let wrapped = &message[head..head + wrapped_len];
    assert_eq!(decrypting.decrypt_der(wrapped).unwrap(), WRAPPING);
    let encrypted = &message[message.len() - 32..];
    assert_eq!(ecb(encrypted, false), key_bytes("bidder"));
    assert_eq!(message[message.len() - 35..message.len() - 32], [3, 33, 0]);
}

#[test]
fn what_is_not_such_a_key_does_not_open() {
    let changed = |change: &dyn Fn(&mut Parts)| {
        let mut parts = Parts::new();
        change(&mut parts);
        outcome(&parts.build()).unwrap_err()
    };
    let invalid = Error::InvalidMessage;
    let unsupported = tlv(0x30, &tlv(6, &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x68, 0x02]));
    assert_eq!(
        changed(&|parts| parts.algorithm.clone_from(&unsupported)),
        invalid(InvalidMessage::UnsupportedContentEncryption)
    );
    let parameters = tlv(0x30, &[tlv(6, &SM4_ECB), vec![4, 0]].concat());
    assert_eq!(changed(&|parts| parts.algorithm.clone_from(&parameters)), invalid(InvalidMessage::Malformed));
    assert_eq!(
        changed(&|parts| parts.wrapped = tlv(0x30, &[2, 1, 1])),
        invalid(InvalidMessage::EncryptedKey)
    );
    let last = |parts: &mut Parts| parts.wrapped.len() - 1;
    assert_eq!(
        changed(&|parts| {
            let last = last(parts);
            parts.wrapped[last] ^= 1;
        }),
        Error::WrongKey
    );
    assert_eq!(changed(&|parts| parts.public_key[40] ^= 1), invalid(InvalidMessage::Malformed));
    assert_eq!(changed(&|parts| parts.public_key[0] = 1), invalid(InvalidMessage::Malformed));
    assert_eq!(changed(&|parts| parts.encrypted[0] = 4), invalid(InvalidMessage::Malformed));
    assert_eq!(changed(&|parts| parts.encrypted.clear()), invalid(InvalidMessage::Malformed));
    for len in [16, 48, 96] {
        let length = changed(&|parts| parts.encrypted = vec![0; 1 + len]);
        assert_eq!(length, invalid(InvalidMessage::BlockLength), "{len}");
    }
    assert_eq!(changed(&|parts| parts.encrypted[20] ^= 1), Error::DecryptionFailed);
    assert_eq!(
        changed(&|parts| {
            parts.public_key = [&[0], &public_key("another").as_point().to_sec1()[..]].concat();
        }),
        Error::DecryptionFailed
    );
    let not_zero = [&[0; 31][..], &[1], &key_bytes("bidder")].concat();
    assert_eq!(
        changed(&|parts| parts.encrypted = [&[0], &ecb(&not_zero, true)[..]].concat()),
        Error::DecryptionFailed
    );

    let message = Parts::new().build();
    for cut in 0..message.len() {
        assert!(outcome(&message[..cut]).is_err(), "cut at {cut}");
    }
    let longer = [&message[..], &[0]].concat();
    assert_eq!(outcome(&longer).unwrap_err(), invalid(InvalidMessage::TrailingData));
    let more = tlv(0x30, &[&message[3..], &[5, 0]].concat());
    assert_eq!(outcome(&more).unwrap_err(), invalid(InvalidMessage::Malformed));
}

/// A wrapping key of another length.
#[test]
fn the_wrapping_key_has_sixteen_bytes() {
    let mut parts = Parts::new();
    let ciphertext =
        sm_primitives::sm2::pke::encrypt(&public_key("phone"), &[7; 17], &mut TestRng::new("length"))
            .unwrap();
    parts.wrapped = ciphertext.to_der().unwrap();
    assert_eq!(outcome(&parts.build()).unwrap_err(), Error::InvalidMessage(InvalidMessage::EncryptedKey));
}
