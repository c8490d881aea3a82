//! What operators ask the server for. Answers are passed on as the server gave them.

use cosign_core::{DeviceId, KeyId};
use http::Method;
use serde_json::{Value, json};

use super::Client;
use crate::error::Error;

/// An act on keys that takes two administrators.
#[derive(Clone, Debug)]
pub enum ProposedAct {
    /// Make a suspended key active again.
    Unfreeze(KeyId),
    /// Reset the PIN counters of a key.
    Unlock(KeyId),
    /// End a key for good.
    Revoke {
        /// Which.
        key_id: KeyId,
        /// And all others with the same public key.
        all_shares: bool,
    },
    /// Set how many shares of a key its owner may give to others.
    Seats {
        /// Which.
        key_id: KeyId,
        /// How many.
        seats: u32,
    },
    /// Revoke what is left of a decryption key and let a device import it.
    Recover {
        /// The key, PEM.
        public_key: String,
        /// The device.
        device: DeviceId,
        /// `D` or `F2`.
        suite: &'static str,
        /// `base` or `oblivious`.
        pin_mode: &'static str,
        /// What its owner calls it.
        label: String,
    },
    /// An enrolment code for many devices.
    EnrolmentCode {
        /// How many.
        uses: u32,
        /// How long it is good from the approval on, in seconds.
        ttl_s: u64,
    },
}

impl ProposedAct {
    fn body(&self, reason: &str) -> Value {
        match self {
            Self::Unfreeze(key_id) => {
                json!({ "act": "unfreeze", "key_id": key_id.to_string(), "reason": reason })
            }
            Self::Unlock(key_id) => {
                json!({ "act": "unlock", "key_id": key_id.to_string(), "reason": reason })
            }
            Self::Revoke { key_id, all_shares } => json!({
                "act": "revoke", "key_id": key_id.to_string(), "all_shares": all_shares, "reason": reason
            }),
            Self::Seats { key_id, seats } => {
                json!({ "act": "seats", "key_id": key_id.to_string(), "seats": seats, "reason": reason })
            }
            Self::Recover { public_key, device, suite, pin_mode, label } => json!({
                "act": "recover", "public_key": public_key, "device_id": device.to_string(), "suite": suite,
                "pin_mode": pin_mode, "label": label, "reason": reason
            }),
            Self::EnrolmentCode { uses, ttl_s } => {
                json!({ "act": "enrolment-code", "uses": uses, "ttl_s": ttl_s, "reason": reason })
            }
        }
    }
}

/// One call of an operator.
#[derive(Clone, Debug)]
pub enum OperatorCall {
    /// Who this device is as an operator.
    Own,
    /// A page of keys in the order of their ids.
    Keys {
        /// `pending`, `arriving`, `active`, `suspended` or `revoked`.
        status: Option<&'static str>,
        /// Of this device.
        device: Option<DeviceId>,
        /// After this one.
        after: Option<KeyId>,
    },
    /// Suspend a key.
    Freeze {
        /// Which.
        key_id: KeyId,
        /// And all others with the same public key.
        all_shares: bool,
    },
    /// An enrolment code for at most ten devices.
    EnrolmentCode {
        /// How many.
        uses: u32,
        /// How long it is good, in seconds.
        ttl_s: u64,
    },
    /// Propose an act.
    Propose(ProposedAct, String),
    /// A page of proposals, newest first.
    Proposals {
        /// `open`, `executed`, `rejected`, `withdrawn` or `expired`.
        state: Option<&'static str>,
        /// After this one.
        after: Option<String>,
    },
    /// Approve a proposal of another administrator.
    Approve(String),
    /// Reject it.
    Reject(String),
    /// Withdraw an own one.
    Withdraw(String),
    /// A page of requests for certificates, newest first.
    Requests {
        /// `draft`, `review`, `returned`, `approved` or `closed`.
        state: Option<&'static str>,
        /// After this one.
        after: Option<String>,
    },
    /// Pass or return a request for a certificate.
    Review {
        /// Which.
        request: String,
        /// Whether it passes.
        passed: bool,
        /// Why; needed to return it.
        opinion: String,
    },
}

impl OperatorCall {
    fn parts(&self) -> Result<(Method, String, Option<Value>), Error> {
        let settle = |id: &str, step: &str| {
            let path = named(id).map(|id| format!("/v1/operator/proposals/{id}/{step}"));
            path.map(|path| (Method::POST, path, Some(json!({}))))
        };
        Ok(match self {
            Self::Own => (Method::GET, "/v1/operator".to_owned(), None),
            Self::Keys { status, device, after } => {
                let after = after.map(|id| id.to_string());
                let device = device.map(|id| id.to_string());
                let parameters =
                    [("status", status.map(str::to_owned)), ("device", device), ("after", after)];
                (Method::GET, page("keys", parameters), None)
            }
            Self::Freeze { key_id, all_shares } => {
                let path = format!("/v1/operator/keys/{key_id}/freeze");
                (Method::POST, path, Some(json!({ "all_shares": all_shares })))
            }
            Self::EnrolmentCode { uses, ttl_s } => {
                let body = json!({ "uses": uses, "ttl_s": ttl_s });
                (Method::POST, "/v1/operator/enrolment-codes".to_owned(), Some(body))
            }
            Self::Propose(act, reason) => {
                (Method::POST, "/v1/operator/proposals".to_owned(), Some(act.body(reason)))
            }
            Self::Proposals { state, after } => {
                let after = after.as_deref().map(named).transpose()?;
                let parameters = [("state", state.map(str::to_owned)), ("after", after)];
                (Method::GET, page("proposals", parameters), None)
            }
            Self::Approve(id) => settle(id, "approve")?,
            Self::Reject(id) => settle(id, "reject")?,
            Self::Withdraw(id) => settle(id, "withdraw")?,
            Self::Requests { state, after } => {
                let after = after.as_deref().map(named).transpose()?;
                let parameters = [("state", state.map(str::to_owned)), ("after", after)];
                (Method::GET, page("certificate-requests", parameters), None)
            }
            Self::Review { request, passed, opinion } => {
                let path = format!("/v1/operator/certificate-requests/{}/review", named(request)?);
                (Method::POST, path, Some(json!({ "passed": passed, "opinion": opinion })))
            }
        })
    }
}

/// What is typed comes into a path only as 32 hexadecimal digits.
fn named(id: &str) -> Result<String, Error> {
    if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(id.to_owned())
    } else {
        Err(Error::BadAnswer("proposals and requests are named by 32 hexadecimal digits"))
    }
}

/// The values need no escaping.
fn page<const N: usize>(what: &str, parameters: [(&str, Option<String>); N]) -> String {
    let mut path = format!("/v1/operator/{what}?limit=1000");
    for (name, value) in parameters.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        path = format!("{path}&{name}={value}");
    }
    path
}

impl Client {
    /// Does what an operator asks for, and gives the server's answer.
    ///
    /// # Errors
    /// [`Error::Api`], with `role_missing` without the role; [`Error::BadAnswer`] for an id that is none; network errors.
    pub async fn operator(&self, call: &OperatorCall) -> Result<Value, Error> {
        let (method, path, body) = call.parts()?;
        self.connection().call(method, &path, body.as_ref()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_of_names_only() {
        let id = "a5".repeat(16);
        let path = |call: OperatorCall| call.parts().map(|(_, path, _)| path);
        let approve = path(OperatorCall::Approve(id.clone())).unwrap();
        assert_eq!(approve, format!("/v1/operator/proposals/{id}/approve"));
        let keys = OperatorCall::Keys { status: Some("active"), device: None, after: None };
        assert_eq!(path(keys).unwrap(), "/v1/operator/keys?limit=1000&status=active");
        for wrong in ["", "../../keys", &id[1..], &format!("{}/x", &id[2..])] {
            for call in [
                OperatorCall::Approve(wrong.to_owned()),
                OperatorCall::Proposals { state: None, after: Some(wrong.to_owned()) },
                OperatorCall::Review { request: wrong.to_owned(), passed: true, opinion: String::new() },
            ] {
                assert!(path(call).is_err(), "{wrong}");
            }
        }
    }
}
