//! Names of things: fixed-length identifiers, the purpose of a key, the operations.

use alloc::string::String;
use core::{fmt, str::FromStr};

use sm_primitives::{sm2::PublicKey, sm3};

use crate::error::{Code, Error};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Takes the bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Reads exactly the hexadecimal form that `Display` writes (either case).
            fn from_str(text: &str) -> Result<Self, Error> {
                let mut bytes = [0; $len];
                decode_hex(text, &mut bytes).ok_or(Error::InvalidMessage(Code::Length))?;
                Ok(Self(bytes))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                alloc::format!("{id}")
            }
        }
    };
}

id!(
    /// A key: issued by the server, never chosen by the client. 16 bytes.
    KeyId, 16
);
id!(
    /// One session of one request, drawn by the client. 16 bytes.
    SessionId, 16
);
id!(
    /// One refresh of a key's shares; zero for the shares of key generation. 16 bytes.
    RefreshId, 16
);
id!(
    /// A device as the channel authenticated it. 32 bytes.
    DeviceId, 32
);

id!(
    /// An audit log: SM3 of the SubjectPublicKeyInfo of its key, as RFC 6962 names a log. 32 bytes.
    LogId, 32
);

impl LogId {
    /// That of the log whose heads this key signs.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self(sm3::digest(&key.to_spki_der()))
    }
}

impl RefreshId {
    /// The refresh id of shares as key generation made them.
    pub const KEYGEN: Self = Self([0; 16]);
}

fn decode_hex(text: &str, out: &mut [u8]) -> Option<()> {
    let digits = text.as_bytes();
    if digits.len() != 2 * out.len() {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        for &digit in pair {
            *byte = *byte << 4 | u8::try_from(char::from(digit).to_digit(16)?).ok()?;
        }
    }
    Some(())
}

/// How the two parties sign with a key. Fixed for each key when it is generated, never negotiated: a frame of another
/// suite is refused before the share is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// Two bound nonces on the client's side: one round trip.
    D = 1,
    /// The client commits to its nonces before it learns the server's: two round trips.
    F2 = 2,
}

impl Suite {
    /// Reads the wire byte: 01 or 02.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::D),
            2 => Some(Self::F2),
            _ => None,
        }
    }

    /// The wire byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// `D` or `F2`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::D => "D",
            Self::F2 => "F2",
        }
    }

    /// Reads what [`Self::as_str`] gives.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::D, Self::F2].into_iter().find(|suite| suite.as_str() == name)
    }

    /// Whether the suite has this operation: they differ in how they sign.
    pub(crate) const fn has(self, op: Op) -> bool {
        match op {
            Op::Sign => matches!(self, Self::D),
            Op::Commit | Op::Reveal => matches!(self, Self::F2),
            Op::Decrypt | Op::Refresh | Op::Confirm | Op::Split | Op::Evaluate => true,
            Op::Keygen | Op::Open | Op::Activate | Op::Import | Op::KeygenOblivious => true,
        }
    }
}

/// How the PIN of a key is turned into its mask. Fixed with the key id, never negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PinMode {
    /// By the device alone.
    Base = 1,
    /// With an evaluation by the server for each attempt: a stolen phone and a recorded exchange test no PIN.
    Oblivious = 2,
}

impl PinMode {
    /// Reads the derivation byte of a record: 01 or 02.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Base),
            2 => Some(Self::Oblivious),
            _ => None,
        }
    }

    /// The derivation byte of a record.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// `base` or `oblivious`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Oblivious => "oblivious",
        }
    }

    /// Reads what [`Self::as_str`] gives.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Base, Self::Oblivious].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// What a key is for; a key never serves the other purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Signatures.
    Sign = 1,
    /// Decryption.
    Encrypt = 2,
}

impl Purpose {
    /// Reads the wire byte: 01 or 02.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Sign),
            2 => Some(Self::Encrypt),
            _ => None,
        }
    }

    /// The wire byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// `sign` or `encrypt`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Encrypt => "encrypt",
        }
    }
}

/// The operations with their wire bytes. 04 (unwrap with a signing share) is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Sign 1..=256 digests (suite D).
    Sign = 0x01,
    /// Decrypt 1..=256 ciphertexts.
    Decrypt = 0x02,
    /// Refresh, first round (R1).
    Refresh = 0x03,
    /// Refresh, confirmation (R3).
    Confirm = 0x05,
    /// Sign 1..=256 digests, commitment (suite F2).
    Commit = 0x06,
    /// Sign, opening of the commitment (suite F2).
    Reveal = 0x07,
    /// A share of the same key for another device.
    Split = 0x08,
    /// The server's part in one or two PINs of a key in oblivious mode.
    Evaluate = 0x0a,
    /// Key generation, commitment (K1).
    Keygen = 0x10,
    /// Key generation, opening (K3).
    Open = 0x11,
    /// Activation with a co-signed certification request.
    Activate = 0x12,
    /// A recovered decryption key, as two shares.
    Import = 0x13,
    /// Key generation in oblivious mode, commitment and evaluation (K1).
    KeygenOblivious = 0x14,
}

impl Op {
    /// Reads the wire byte.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x01 => Self::Sign,
            0x02 => Self::Decrypt,
            0x03 => Self::Refresh,
            0x05 => Self::Confirm,
            0x06 => Self::Commit,
            0x07 => Self::Reveal,
            0x08 => Self::Split,
            0x0a => Self::Evaluate,
            0x10 => Self::Keygen,
            0x11 => Self::Open,
            0x12 => Self::Activate,
            0x13 => Self::Import,
            0x14 => Self::KeygenOblivious,
            _ => return None,
        })
    }

    /// The wire byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// A stable lower-case name for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Decrypt => "decrypt",
            Self::Refresh => "refresh",
            Self::Confirm => "confirm",
            Self::Commit => "commit",
            Self::Reveal => "reveal",
            Self::Split => "split",
            Self::Evaluate => "evaluate",
            Self::Keygen => "keygen",
            Self::Open => "open",
            Self::Activate => "activate",
            Self::Import => "import",
            Self::KeygenOblivious => "keygen_oblivious",
        }
    }
}
