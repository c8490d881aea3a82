//! The protocol against its vectors, and against peers that do not follow it.

mod adversary;
mod checks;
mod commit;
mod edges;
mod errors;
mod import;
mod life;
mod model;
mod negative_client;
mod negative_server;
mod oblivious;
mod oprf;
mod script;
mod split;
mod suites;
mod together;
mod transcripts;
