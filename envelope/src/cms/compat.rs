//! Compatibility switches: what is read only when somebody has asked for it by name.
//!
//! Deviations that cannot do harm are accepted and reported as [`Quirk`](super::Quirk)s. What is on this list changes
//! what a message means or how much it protects, so it takes a decision.

use core::fmt;

/// One way of reading that is off by default.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Switch {
    /// An encrypted key that is not DER is C1 || C3 || C2, the order of GB/T 32918.4-2016, with or without the
    /// leading byte 04.
    RawKeyC1C3C2,
    /// An encrypted key that is not DER is C1 || C2 || C3, the order before 2012, with or without the leading byte 04.
    /// CFCA SADK before 3.2 writes it without.
    RawKeyC1C2C3,
    /// Content in SM4-ECB without padding: the private keys that a CA delivers. ECB shows which blocks are equal.
    EcbContent,
    /// A signature without attributes holds also if it is of SM3(content), without Z (Tongsuo `cms -sign -noattr`). It
    /// is then not bound to the signer's key and identity.
    NoZContent,
    /// A signature without attributes holds also if it is of SM3(encoded ContentInfo), without Z (GmSSL 3). It is then
    /// not bound to the signer's key and identity.
    NoZContentInfo,
}

impl Switch {
    /// Every switch, in the order of the type.
    pub const ALL: [Self; 5] =
        [Self::RawKeyC1C3C2, Self::RawKeyC1C2C3, Self::EcbContent, Self::NoZContent, Self::NoZContentInfo];

    /// A stable name in lower case with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RawKeyC1C3C2 => "raw-key-c1c3c2",
            Self::RawKeyC1C2C3 => "raw-key-c1c2c3",
            Self::EcbContent => "ecb",
            Self::NoZContent => "no-z-content",
            Self::NoZContentInfo => "no-z-content-info",
        }
    }

    /// The switch of this [name](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|switch| switch.name() == name)
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of switches. The default, [`Compat::STRICT`], has none.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Compat(u8);

impl Compat {
    /// No switch.
    pub const STRICT: Self = Self(0);

    /// This set and a switch.
    #[must_use]
    pub const fn with(self, switch: Switch) -> Self {
        Self(self.0 | 1 << switch as u8)
    }

    /// Whether the switch is on.
    #[must_use]
    pub const fn has(self, switch: Switch) -> bool {
        self.0 & 1 << switch as u8 != 0
    }
}

impl FromIterator<Switch> for Compat {
    fn from_iter<T: IntoIterator<Item = Switch>>(switches: T) -> Self {
        switches.into_iter().fold(Self::STRICT, Self::with)
    }
}

impl fmt::Debug for Compat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Switch::ALL.into_iter().filter(|switch| self.has(*switch))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_has_its_own_bit_and_name() {
        for switch in Switch::ALL {
            assert_eq!(Switch::from_name(switch.name()), Some(switch));
            let one = Compat::STRICT.with(switch);
            for other in Switch::ALL {
                assert_eq!(one.has(other), switch == other, "{switch} {other}");
            }
        }
        assert_eq!(Switch::from_name("no-z"), None);
        assert_eq!(Switch::ALL.into_iter().collect::<Compat>(), Compat(0b1_1111));
    }
}
