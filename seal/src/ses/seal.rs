//! The electronic seal.

use pki::Certificate;

/// Which edition of the structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// GM/T 0031-2014.
    V1,
    /// GB/T 38540-2020.
    V4,
    /// GM/T 0031-2025.
    V5,
}

impl Version {
    /// 1, 4 or 5.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V4 => 4,
            Self::V5 => 5,
        }
    }
}

/// An electronic seal: a picture and whose it is, signed by the seal's maker.
#[derive(Clone, Debug)]
pub struct ElectronicSeal {
    der: Vec<u8>,
    version: Version,
    id: String,
    name: String,
    maker: Option<Certificate>,
}

impl ElectronicSeal {
    /// All of it.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Which edition it follows.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The certificate of its maker.
    #[must_use]
    pub const fn maker(&self) -> Option<&Certificate> {
        self.maker.as_ref()
    }
}
