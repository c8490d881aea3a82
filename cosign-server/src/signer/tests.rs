//! The signer over real storage, with a phone that speaks the client role.

mod busy;
mod commit;
mod durable;
mod evaluate;
mod gate;
mod heads;
mod keygen;
mod moves;
mod nodes;
mod oblivious;
mod opening;
mod operator;
mod recovery;
mod refresh;
mod refusals;
mod replay;
mod retention;
mod rotation;
mod seats;
mod simulation;
