//! The office: who may use which key for what. Accounts, the people behind them, what they belong to and what they may do.
//!
//! Everything with states is an [`Entity`]: one module with its states, its events and its one transition function. What an
//! event brings along is an [`Effect`], and effects are carried out in the same unit ([`services::Office`]): the other
//! entities that change with it, messages, and orders to providers, which leave after the commit.
//!
//! [`services::Office`]: crate::domain::services::Office

pub mod account;
pub mod code;
pub mod dispatch;
mod effect;
mod entity;
pub mod personal;
pub mod ports;
pub mod providers;
pub mod rules;
pub mod session;
#[cfg(test)]
mod tests;

pub use self::{
    effect::Effect,
    entity::{Entity, Id, Moment, Move, Moved, Moves, Named, State, Stored},
    rules::Rules,
};

/// The moves of every kind of entity, for the diagrams.
#[must_use]
pub fn diagrams() -> Vec<(&'static str, Vec<Move>)> {
    fn of<E: Entity>() -> (&'static str, Vec<Move>) {
        (E::KIND, E::moves())
    }
    vec![
        of::<account::Account>(),
        of::<session::Session>(),
        of::<code::SmsCode>(),
        of::<dispatch::Dispatch>(),
    ]
}
