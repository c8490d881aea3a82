//! The ciphers of key files, all of them in CBC mode with PKCS#7 padding.

use aes::{Aes128, Aes192, Aes256};
use cbc::{
    Decryptor,
    cipher::{BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit, block_padding::Pkcs7},
};
use der::asn1::ObjectIdentifier;
use des::{TdesEde2, TdesEde3};
use rc2::Rc2;
use sm_primitives::sm4;
use zeroize::Zeroizing;

use crate::{
    Error,
    asn1::{Reader, lookup},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    Sm4,
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
    TwoKeyTripleDes,
    /// With a key of so many bytes, all of whose bits are effective.
    Rc2(u8),
}

/// By the book, as GmSSL, gmsm, OpenSSL and BouncyCastle write it.
pub(crate) const SM4_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.104.2");

const WITH_IV: [(ObjectIdentifier, Cipher); 6] = [
    (SM4_CBC, Cipher::Sm4),
    // SM4 without a mode: with an initial vector beside it, CBC.
    (ObjectIdentifier::new_unwrap("1.2.156.10197.1.104"), Cipher::Sm4),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2"), Cipher::Aes128),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.22"), Cipher::Aes192),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42"), Cipher::Aes256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.3.7"), Cipher::TripleDes),
];

impl Cipher {
    /// The encryptionScheme of PBES2: a cipher and its initial vector.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<(Self, Vec<u8>), Error> {
        let (id, mut parameters) = reader.algorithm()?;
        let cipher = lookup(&WITH_IV, id).ok_or(Error::UnsupportedAlgorithm("cipher"))?;
        let iv = parameters.octets()?.to_vec();
        let right = iv.len() == cipher.block_len();
        if right { parameters.finish().map(|()| (cipher, iv)) } else { Err(parameters.malformed()) }
    }

    pub(crate) const fn key_len(self) -> usize {
        match self {
            Self::Sm4 | Self::Aes128 | Self::TwoKeyTripleDes => 16,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes256 => 32,
            Self::Rc2(length) => length as usize,
        }
    }

    pub(crate) const fn block_len(self) -> usize {
        match self {
            Self::Sm4 | Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
            Self::TripleDes | Self::TwoKeyTripleDes | Self::Rc2(_) => 8,
        }
    }

    /// The plaintext without its padding. Timing depends on whether the padding is good; the file is the caller's own.
    ///
    /// # Errors
    /// [`Error::Password`] if it is not, or the length is wrong.
    pub(crate) fn decrypt(
        self,
        key: &[u8],
        iv: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self {
            Self::Sm4 => match (key.try_into(), iv.try_into()) {
                (Ok(key), Ok(iv)) => {
                    sm4::cbc::decrypt_padded(key, iv, ciphertext).map_err(|_| Error::Password)
                }
                _ => Err(Error::Password),
            },
            Self::Aes128 => decrypt(Aes128::new_from_slice(key).ok(), iv, ciphertext),
            Self::Aes192 => decrypt(Aes192::new_from_slice(key).ok(), iv, ciphertext),
            Self::Aes256 => decrypt(Aes256::new_from_slice(key).ok(), iv, ciphertext),
            Self::TripleDes => decrypt(TdesEde3::new_from_slice(key).ok(), iv, ciphertext),
            Self::TwoKeyTripleDes => decrypt(TdesEde2::new_from_slice(key).ok(), iv, ciphertext),
            Self::Rc2(length) => {
                decrypt(Some(Rc2::new_with_eff_key_len(key, 8 * usize::from(length))), iv, ciphertext)
            }
        }
    }
}

fn decrypt<C>(cipher: Option<C>, iv: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error>
where
    C: BlockCipherDecrypt,
{
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let mode = cipher.and_then(|cipher| Decryptor::inner_iv_slice_init(cipher, iv).ok());
    let plain = mode.and_then(|mode| mode.decrypt_padded::<Pkcs7>(&mut buffer).ok());
    let length = plain.map(<[u8]>::len).ok_or(Error::Password)?;
    buffer.truncate(length);
    Ok(buffer)
}
