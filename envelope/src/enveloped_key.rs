//! `SM2EnvelopedKey`: a private decryption key on its way from a key centre to its owner.
//!
//! ```text
//! SM2EnvelopedKey ::= SEQUENCE {
//!   symAlgID               AlgorithmIdentifier,     -- SM4-ECB
//!   symEncryptedKey        SM2Cipher,               -- of the 16-byte SM4 key, to the protection key
//!   sm2PublicKey           BIT STRING,              -- 04 || X || Y
//!   sm2EncryptedPrivateKey BIT STRING }             -- d, or 32 zero bytes and d, under SM4, no padding
//! ```
//! Two blocks of a random number make ECB harmless; that nothing authenticates them does not matter, because the public
//! key beside them tells whether they are right. Source: GM/T 0009-2023 (GB/T 35276-2017), clause 7.4; the longer form of
//! d as devices of GM/T 0016 have it.

use alloc::vec::Vec;

use sm_primitives::{
    point::PublicPoint,
    rand_core::TryCryptoRng,
    sm2::{Ciphertext, PrivateKey, PublicKey, pke},
    sm4::Sm4,
};
use zeroize::Zeroizing;

use crate::{
    ber::Reader,
    cms::{Quirks, oid},
    der::{BIT_STRING, NULL, OID, SEQUENCE, element},
    error::{Error, InvalidMessage},
    key::ContentKey,
};

/// Seals a private key to a protection key: DER, about 240 bytes.
///
/// Timing: independent of both private keys.
///
/// # Errors
/// [`Error::RandomFailed`].
pub fn seal(
    key: &PrivateKey,
    protection: &PublicKey,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Vec<u8>, Error> {
    let wrapping = ContentKey::random(rng)?;
    let mut d = key.expose_bytes();
    let (blocks, _) = d.as_chunks_mut();
    Sm4::new(wrapping.expose_bytes()).encrypt_blocks(blocks);
    let wrapped = pke::encrypt(protection, wrapping.expose_bytes(), rng).map_err(|_| Error::RandomFailed)?;
    let wrapped = wrapped.to_der().map_err(|_| InvalidMessage::EncryptedKey)?;
    let algorithm = element(SEQUENCE, &[&element(OID, &[oid::SM4_ECB]), &element(NULL, &[])]);
    let public_key = element(BIT_STRING, &[&[0], &key.public_key().as_point().to_sec1()]);
    let encrypted = element(BIT_STRING, &[&[0], &d[..]]);
    Ok(element(SEQUENCE, &[&algorithm, &wrapped, &public_key, &encrypted]))
}

/// Opens a private key that was sealed to `protection`. Reads BER lengths, an algorithm without parameters or as a bare
/// object identifier (older tools write that), and both forms of d.
///
/// Timing: independent of both private keys where the key opens.
///
/// # Errors
/// [`Error::InvalidMessage`] for another structure or algorithm, [`Error::WrongKey`] if the SM4 key does not open,
/// [`Error::DecryptionFailed`] if what opens is not the private key of the public key beside it.
pub fn open(message: &[u8], protection: &PrivateKey) -> Result<PrivateKey, Error> {
    let fields = Fields::read(message)?;
    let wrapping = pke::decrypt(protection, &fields.wrapped).map_err(|_| Error::WrongKey)?;
    let wrapping = ContentKey::from_bytes(wrapping).map_err(|_| InvalidMessage::EncryptedKey)?;
    let mut d = Zeroizing::new(fields.encrypted.to_vec());
    let (blocks, _) = d.as_chunks_mut();
    Sm4::new(wrapping.expose_bytes()).decrypt_blocks(blocks);
    let (zeros, d) = d.split_last_chunk::<32>().ok_or(InvalidMessage::BlockLength)?;
    let padded = zeros.iter().all(|&byte| byte == 0);
    let key = PrivateKey::from_bytes(d).filter(|key| padded && key.public_key() == &fields.public_key);
    key.ok_or(Error::DecryptionFailed)
}

/// The public key of the private key in a message, which is taken at its word: nothing is opened.
///
/// # Errors
/// [`Error::InvalidMessage`] for another structure or algorithm.
pub fn public_key(message: &[u8]) -> Result<PublicKey, Error> {
    Ok(Fields::read(message)?.public_key)
}

struct Fields<'a> {
    wrapped: Ciphertext,
    public_key: PublicKey,
    /// 32 or 64 bytes.
    encrypted: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read(message: &'a [u8]) -> Result<Self, InvalidMessage> {
        let quirks = &mut Quirks::default();
        let mut outer = Reader::new(message);
        let mut reader = Reader::new(outer.expect(SEQUENCE, quirks)?.body);
        if !outer.is_empty() {
            return Err(InvalidMessage::TrailingData);
        }
        let mut algorithm = match reader.peek() {
            Some(OID) => Reader::new(reader.next(quirks)?.whole),
            _ => Reader::new(reader.expect(SEQUENCE, quirks)?.body),
        };
        let id = algorithm.expect(OID, quirks)?.body;
        algorithm.optional(NULL, quirks)?;
        algorithm.finish()?;
        if id != oid::SM4_ECB && id != oid::SM4 {
            return Err(InvalidMessage::UnsupportedContentEncryption);
        }
        let wrapped = reader.expect(SEQUENCE, quirks)?.whole;
        let wrapped = Ciphertext::from_der(wrapped).map_err(|_| InvalidMessage::EncryptedKey)?;
        let public_key = PublicPoint::from_sec1(whole_bytes(reader.expect(BIT_STRING, quirks)?.body)?);
        let public_key = public_key.map(PublicKey::from).ok_or(InvalidMessage::Malformed)?;
        let encrypted = whole_bytes(reader.expect(BIT_STRING, quirks)?.body)?;
        reader.finish()?;
        match encrypted.len() {
            32 | 64 => Ok(Self { wrapped, public_key, encrypted }),
            _ => Err(InvalidMessage::BlockLength),
        }
    }
}

/// The bytes of a bit string that has no unused bits.
fn whole_bytes(body: &[u8]) -> Result<&[u8], InvalidMessage> {
    match body.split_first() {
        Some((0, bytes)) => Ok(bytes),
        _ => Err(InvalidMessage::Malformed),
    }
}
