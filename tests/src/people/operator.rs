//! Those who run the server.

use std::ops::Deref;

use super::{Caller, Phone};
use crate::process::{ServerFolder, succeeded};

/// An operator with one role.
pub struct Operator {
    caller: Caller,
    _phone: Phone,
}

impl Operator {
    /// Enrols a device with a code and grants it the role.
    #[must_use]
    pub fn new(folder: &ServerFolder, code: &str, name: &str, role: &str) -> Self {
        let phone = Phone::enrolled(folder, code);
        let device = phone.device_id();
        succeeded(&folder.admin(&["operator", "grant", "--device", &device, "--name", name, "--role", role]));
        Self { caller: Caller::new(folder, Some(phone.device())), _phone: phone }
    }
}

impl Deref for Operator {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}
