//! The signer over real storage, with a phone that speaks the client role.

mod commit;
mod durable;
mod gate;
mod heads;
mod keygen;
mod operator;
mod refresh;
mod refusals;
mod replay;
mod rotation;
