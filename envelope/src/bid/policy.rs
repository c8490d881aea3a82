//! Who must come together to open a bid.

use alloc::{collections::BTreeSet, string::String, vec::Vec};
use core::fmt;

use sm_primitives::PublicPoint;

use super::{
    InvalidBid,
    fields::{Fields, is_text, number, sequence, text},
};
use crate::{
    der::{OCTET_STRING, SEQUENCE, element},
    error::{ApiMisuse, Error},
};

/// Most shares of a bid.
pub const MAX_SHARES: usize = 16;
/// Longest label of a share in bytes.
pub const MAX_ROLE_LEN: usize = 64;

/// The usual ways of opening, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// The platform alone.
    Platform,
    /// The bidder alone.
    Bidder,
    /// Platform and bidder together.
    Both,
    /// Any m of n.
    Custom,
}

impl Model {
    const ALL: [Self; 4] = [Self::Platform, Self::Bidder, Self::Both, Self::Custom];

    /// `platform`, `bidder`, `both` or `custom`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => PLATFORM,
            Self::Bidder => BIDDER,
            Self::Both => "both",
            Self::Custom => "custom",
        }
    }

    const fn number(self) -> u64 {
        match self {
            Self::Platform => 0,
            Self::Bidder => 1,
            Self::Both => 2,
            Self::Custom => 3,
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The role of the platform's share.
pub const PLATFORM: &str = "platform";
/// The role of the bidder's share.
pub const BIDDER: &str = "bidder";

/// A model, its threshold, and the role of each share. Consistent by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    model: Model,
    threshold: u8,
    roles: Vec<String>,
}

impl Policy {
    /// One share, for the platform.
    #[must_use]
    pub fn platform() -> Self {
        Self::usual(Model::Platform, &[PLATFORM])
    }

    /// One share, for the bidder.
    #[must_use]
    pub fn bidder() -> Self {
        Self::usual(Model::Bidder, &[BIDDER])
    }

    /// Two shares, and both are needed.
    #[must_use]
    pub fn both() -> Self {
        Self::usual(Model::Both, &[PLATFORM, BIDDER])
    }

    fn usual(model: Model, roles: &[&str]) -> Self {
        let threshold = if roles.len() > 1 { 2 } else { 1 };
        Self { model, threshold, roles: roles.iter().map(|&role| role.into()).collect() }
    }

    /// Any `threshold` of the shares with these roles: 1 to 16 different labels of 1 to 64 bytes.
    ///
    /// # Errors
    /// [`ApiMisuse::BidPolicy`].
    pub fn custom(threshold: u8, roles: Vec<String>) -> Result<Self, Error> {
        let policy = Self { model: Model::Custom, threshold, roles };
        if policy.is_consistent() { Ok(policy) } else { Err(ApiMisuse::BidPolicy.into()) }
    }

    /// The name of the way of opening.
    #[must_use]
    pub const fn model(&self) -> Model {
        self.model
    }

    /// How many shares open the bid, 1 to 16.
    #[must_use]
    pub const fn threshold(&self) -> u8 {
        self.threshold
    }

    /// The labels of the shares; the first is that of share 1.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// The label of a share, counted from 1.
    #[must_use]
    pub fn role(&self, share: u8) -> Option<&str> {
        self.roles.get(usize::from(share).checked_sub(1)?).map(String::as_str)
    }

    /// The share of a role, counted from 1.
    #[must_use]
    pub fn share_of(&self, role: &str) -> Option<u8> {
        let at = self.roles.iter().position(|known| known == role)?;
        u8::try_from(at + 1).ok()
    }

    /// Numbers of the shares, from 1.
    pub fn shares(&self) -> impl Iterator<Item = u8> + use<> {
        (1..=u8::MAX).take(self.roles.len())
    }

    fn is_consistent(&self) -> bool {
        let count = self.roles.len();
        let labels = self.roles.iter().all(|role| !role.is_empty() && is_text(role, MAX_ROLE_LEN));
        let distinct = self.roles.iter().collect::<BTreeSet<_>>().len() == count;
        let threshold = self.threshold >= 1 && usize::from(self.threshold) <= count;
        let usual = match self.model {
            Model::Platform => *self == Self::platform(),
            Model::Bidder => *self == Self::bidder(),
            Model::Both => *self == Self::both(),
            Model::Custom => true,
        };
        count <= MAX_SHARES && labels && distinct && threshold && usual
    }

    pub(super) fn encode(&self, commitments: &[PublicPoint]) -> Vec<u8> {
        let roles: Vec<_> = self.roles.iter().map(|role| text(role)).collect();
        let points: Vec<_> =
            commitments.iter().map(|point| element(OCTET_STRING, &[&point.to_bytes()])).collect();
        sequence(&[
            number(self.model.number()),
            number(u64::from(self.threshold)),
            sequence(&roles),
            sequence(&points),
        ])
    }

    /// The policy and the commitments of the body of a `Policy`.
    pub(super) fn decode(body: &[u8]) -> Result<(Self, Vec<PublicPoint>), InvalidBid> {
        let mut fields = Fields::of_body(body);
        let model = fields.number().map_err(|_| InvalidBid::Manifest)?;
        let threshold = fields.number().map_err(|_| InvalidBid::Manifest)?;
        let mut labels = fields.sequence().map_err(|_| InvalidBid::Manifest)?;
        let mut points = Fields::of_body(fields.expect(SEQUENCE).map_err(|_| InvalidBid::Manifest)?);
        fields.finish().map_err(|_| InvalidBid::Manifest)?;

        let mut roles = Vec::new();
        while !labels.is_empty() {
            if roles.len() == MAX_SHARES {
                return Err(InvalidBid::Policy);
            }
            roles.push(labels.text(MAX_ROLE_LEN).map_err(|_| InvalidBid::Policy)?);
        }
        let model = Model::ALL.into_iter().find(|known| known.number() == model);
        let policy = Self {
            model: model.ok_or(InvalidBid::Policy)?,
            threshold: u8::try_from(threshold).map_err(|_| InvalidBid::Policy)?,
            roles,
        };
        if !policy.is_consistent() {
            return Err(InvalidBid::Policy);
        }

        let mut commitments = Vec::new();
        while !points.is_empty() {
            if commitments.len() == usize::from(policy.threshold) {
                return Err(InvalidBid::Commitments);
            }
            let bytes = points.bytes(OCTET_STRING).map_err(|_| InvalidBid::Commitments)?;
            commitments.push(PublicPoint::from_bytes(&bytes).ok_or(InvalidBid::Commitments)?);
        }
        if commitments.len() != usize::from(policy.threshold) {
            return Err(InvalidBid::Commitments);
        }
        Ok((policy, commitments))
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;

    #[test]
    fn policies_that_contradict_themselves() {
        let roles = |count: usize| (0..count).map(|i| format!("role {i}")).collect::<Vec<_>>();
        for (threshold, count) in [(1, 1), (16, 16), (3, 5)] {
            assert!(Policy::custom(threshold, roles(count)).is_ok(), "{threshold} of {count}");
        }
        for (threshold, count) in [(0, 1), (2, 1), (1, 0), (1, 17)] {
            assert!(Policy::custom(threshold, roles(count)).is_err(), "{threshold} of {count}");
        }
        for labels in [vec!["a", "a"], vec![""], vec!["a\n"]] {
            let labels = labels.into_iter().map(String::from).collect();
            assert!(Policy::custom(1, labels).is_err());
        }
    }
}
