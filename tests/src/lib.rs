//! What the tests across crates share with the fuzz targets and the benches. Nothing here is shipped.
//!
//! | module | what |
//! |---|---|
//! | [`bid_kit`] | sealed bids that are broken in one place each |
//! | `calls` | many frames in one HTTP request (feature `network`) |
//! | [`frames`] | frames built from the written layout |
//! | [`front`] | one address for several nodes |
//! | [`fuzz`] | one function per decoder of bytes from outside |
//! | [`issuer`] | certificates, revocation lists, OCSP answers and time stamps, encoded by hand and signed |
//! | [`model`] | a server without storage, and a client and a server with one key |
//! | [`naive`] | SM2 from the textbook with big integers: the model that the engines are compared with |
//! | `network` | a device that sends whatever bytes it is told to (feature of this name) |
//! | `people` | everybody who has to do with the office of a running server (feature `network`) |
//! | [`pdf`] | a small PDF of so many pages |
//! | [`postgres`] | databases on a PostgreSQL server |
//! | [`process`] | the programs as a user runs them |
//! | [`random`] | a random source that repeats itself |
//! | [`relay`] | a way to a server that gets slow, breaks off or takes another port |
//! | [`samples`] | sample files of others, where they are present |
//! | [`seals`] | a server with an authority, and who seals there |
//! | [`seeds`] | the first inputs of every fuzz target |
//! | [`source`] | the project's own files, for the tests of its structure |
//! | `tender` | bidders on a server, and the opening of what is sealed to them (feature `network`) |
//! | [`vectors`] | test vectors as JSON |
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "support for tests: whatever fails here is a failed test"
)]

pub mod bid_kit;
#[cfg(feature = "network")]
pub mod calls;
pub mod frames;
pub mod front;
pub mod fuzz;
pub mod issuer;
pub mod model;
pub mod naive;
#[cfg(feature = "network")]
pub mod network;
pub mod ofd;
pub mod pdf;
#[cfg(feature = "network")]
pub mod people;
pub mod postgres;
pub mod process;
pub mod random;
pub mod relay;
pub mod samples;
pub mod seals;
pub mod seeds;
pub mod source;
#[cfg(feature = "network")]
pub mod tender;
pub mod vectors;
