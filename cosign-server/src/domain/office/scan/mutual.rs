//! What mutual recognition tells a platform of a scan: types 01 to 06 of its callback.

use serde_json::{Value, json};

use super::{Form, Plea, Scan, ScanState, qr};
use crate::domain::office::{Id, proof::Identity};

/// The name of the event that holds a callback.
pub const EVENT: &str = "mutual.callback";

impl Scan {
    /// What it is called there: the code of the platform, then the id.
    #[must_use]
    pub fn mutual_id(&self, id: Id) -> String {
        format!("{}{id}", self.system.code)
    }

    /// The type of the callback that ends it: user data, signature, certificate to encrypt to, or what was opened.
    const fn mutual_end(&self) -> &'static str {
        match self.plea {
            Plea::Bind | Plea::Register | Plea::Login | Plea::Apply | Plea::OpenTask => "02",
            Plea::Seal | Plea::RemoveSeal | Plea::SignMessage | Plea::SignHash => "03",
            Plea::Encrypt | Plea::GenerateFile => "05",
            Plea::Decrypt => "06",
        }
    }

    /// The callback of its present state, if there is one.
    pub(super) fn mutual_callback(&self, id: Id) -> Option<Value> {
        let (kind, mut data) = match self.state {
            ScanState::Scanned => {
                ("01", json!({ "isScaned": "01", "qRCodeType": qr::mutual_type(self.plea) }))
            }
            ScanState::Confirmed | ScanState::Running | ScanState::Succeeded => {
                (self.mutual_end(), self.mutual_data(id))
            }
            ScanState::Refused | ScanState::Expired | ScanState::Aborted | ScanState::Failed => {
                (self.mutual_end(), json!({ "useStatus": "01" }))
            }
            ScanState::Created | ScanState::Chosen => return None,
        };
        data["tId"] = self.mutual_id(id).into();
        // There the data is text within the text.
        Some(json!({ "type": kind, "platformCode": self.system.code, "data": data.to_string() }))
    }

    /// What was signed with which certificate, as it is called there.
    #[must_use]
    pub fn mutual_data(&self, id: Id) -> Value {
        let Some((certificate, _)) = &self.chosen else { return json!({ "useStatus": "00" }) };
        let opened: Vec<String> = self.opened();
        let signatures = self.items.iter().filter(|item| item.form != Form::Envelope).map(|item| {
            let original = item.digest.map(|digest| hex::encode(digest.0));
            json!({ "signKey": item.name, "signOriVal": original, "signatureValue": item.result })
        });
        json!({
            "useStatus": "00",
            "loginUserType": match certificate.identity { Identity::Person => "01", Identity::Enterprise => "02" },
            "caOrgType": certificate.name.authority,
            "certSn": certificate.name.serial,
            "algorithm": "SM2",
            "signOriVal": hex::encode(self.agreement(id, &opened)),
            "signatureValue": self.consent,
            "signatureValueList": signatures.collect::<Vec<_>>(),
        })
    }
}
