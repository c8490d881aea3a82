//! The office: who may use which key for what. Accounts, the people behind them, what they belong to and what they may do.
//!
//! Everything with states is an [`Entity`]: one module with its states, its events and its one transition function. What an
//! event brings along is an [`Effect`], and effects are carried out in the same unit ([`services::Office`]): the other
//! entities that change with it, messages, and orders to providers, which leave after the commit.
//!
//! [`services::Office`]: crate::domain::services::Office

pub mod account;
pub mod appeal;
pub mod application;
pub mod approval;
pub mod article;
pub mod attachment;
pub mod authority;
pub mod balance;
pub mod binding;
pub mod calendar;
pub mod captcha;
pub mod catalogue;
pub mod challenge;
pub mod chat;
pub mod claim;
pub mod code;
pub mod coupon;
pub mod dispatch;
pub mod document;
mod effect;
pub mod enterprise;
mod entity;
pub mod envelope;
pub mod grant;
pub mod holding;
pub mod invitation;
pub mod invoice;
pub mod letter;
pub mod linked;
pub mod medium;
pub mod membership;
pub mod message;
pub mod micropayment;
pub mod order;
pub mod payment;
pub mod person;
pub mod personal;
pub mod points;
pub mod ports;
pub mod preset;
pub mod proof;
pub mod providers;
pub mod reading;
pub mod record;
pub mod refund;
pub mod rules;
pub mod scan;
pub mod seal;
pub mod session;
pub mod task;
pub mod terminal;
#[cfg(test)]
mod tests;
pub mod usage;

use std::sync::Arc;

use cosign_core::sm_primitives::sm3;

use super::Error;

pub(in crate::domain) use self::entity::judge;
pub use self::{
    effect::{Effect, Happening},
    entity::{Entity, Id, Judged, Moment, Move, Moved, Moves, Named, State, Stored},
    rules::Rules,
};

/// A kind of entity, for what goes through all of them.
#[derive(Clone, Copy, Debug)]
pub struct EntityKind {
    /// What it is called.
    pub name: &'static str,
    /// Its moves.
    pub moves: fn() -> Vec<Move>,
    /// What happens to one when its time has come, if that is an event of its own.
    pub by_time: fn() -> Option<Arc<dyn Happening>>,
    /// Whether nothing happens any more to one that stands there.
    pub is_over: fn(&str) -> Result<bool, Error>,
}

/// The id of a list, or of the one thing that there is for these parts.
pub(in crate::domain) fn list_of(what: &str, parts: &[&[u8]]) -> Id {
    let mut text = [what.as_bytes(), &[0]].concat();
    for part in parts {
        text.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        text.extend_from_slice(part);
    }
    Id::from_bytes(sm3::digest(&text).first_chunk().copied().unwrap_or_default())
}

fn is_over<E: Entity>(state: &str) -> Result<bool, Error> {
    E::State::from_name(state).map(State::is_over).ok_or(Error::Internal)
}

/// The kind that is called so.
///
/// # Errors
/// [`Error::Internal`] when there is none.
pub fn kind_named(name: &str) -> Result<&'static EntityKind, Error> {
    KINDS.iter().find(|kind| kind.name == name).ok_or(Error::Internal)
}

const fn kind<E: Entity>() -> EntityKind {
    EntityKind { name: E::KIND, moves: E::moves, by_time: effect::by_time::<E>, is_over: is_over::<E> }
}

/// Every kind of entity.
pub const KINDS: &[EntityKind] = &[
    kind::<account::Account>(),
    kind::<session::Session>(),
    kind::<code::SmsCode>(),
    kind::<dispatch::Dispatch>(),
    kind::<message::Message>(),
    kind::<person::Person>(),
    kind::<reading::Reading>(),
    kind::<catalogue::Entry>(),
    kind::<balance::Balance>(),
    kind::<usage::Usage>(),
    kind::<enterprise::Enterprise>(),
    kind::<membership::Membership>(),
    kind::<micropayment::Micropayment>(),
    kind::<invitation::Invitation>(),
    kind::<approval::Approval>(),
    kind::<claim::Claim>(),
    kind::<scan::Scan>(),
    kind::<task::Task>(),
    kind::<binding::Binding>(),
    kind::<envelope::Envelope>(),
    kind::<record::Record>(),
    kind::<grant::Grant>(),
    kind::<application::Application>(),
    kind::<holding::Holding>(),
    kind::<seal::Seal>(),
    kind::<medium::Medium>(),
    kind::<order::Order>(),
    kind::<payment::Payment>(),
    kind::<refund::Refund>(),
    kind::<points::Points>(),
    kind::<points::PointsNote>(),
    kind::<coupon::Coupon>(),
    kind::<invoice::Invoice>(),
    kind::<preset::Preset>(),
    kind::<terminal::Terminal>(),
    kind::<linked::Linked>(),
    kind::<captcha::Captcha>(),
    kind::<challenge::Challenge>(),
    kind::<appeal::Appeal>(),
    kind::<article::Article>(),
    kind::<chat::Chat>(),
    kind::<chat::Line>(),
    kind::<document::Document>(),
];
