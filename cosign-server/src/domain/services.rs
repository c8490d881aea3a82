//! What devices and operators may do, apart from the protocol.

mod audit;
mod devices;
mod keys;
mod operator;

pub use audit::{AuditLog, ProvenRecords, Selection};
pub use devices::Devices;
pub use keys::{KeyView, Keys, PinView};
pub use operator::Operator;
