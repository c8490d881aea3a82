//! What can be asked, under which terms, and where it may go from there.

use cosign_core::sm_primitives::sm3;
use serde::{Deserialize, Serialize};

use super::{New, Scan, ScanState};
use crate::domain::{
    Error,
    device::Name,
    office::{
        Effect, Id, Moment, Moves,
        binding::{self, Binding},
        document::Sealing,
        entity::states,
        envelope::Envelope,
        personal::Personal,
        proof::{CertificateName, Hash, Identity, UsableCertificate},
    },
};

/// Most items of one scan.
pub const MAX_ITEMS: usize = 64;
/// Longest text of a platform, in characters: what is shown, names of projects and sections.
pub const MAX_TEXT: usize = 200;

states! {
    /// What is asked for.
    Plea {
        /// To tie the user to their account on the platform.
        Bind = "bind",
        /// To register on the platform.
        Register = "register",
        /// To log in.
        Login = "login",
        /// To seal documents: their digests come once the user has confirmed.
        Seal = "seal",
        /// To take a seal off a document.
        RemoveSeal = "remove-seal",
        /// To sign messages.
        SignMessage = "sign-message",
        /// To sign digests.
        SignHash = "sign-hash",
        /// To encrypt a text to the user.
        Encrypt = "encrypt",
        /// To make an encrypted tender file.
        GenerateFile = "generate-file",
        /// To open a tender file.
        Decrypt = "decrypt",
        /// To apply for a certificate for this platform.
        Apply = "apply",
        /// To look at a task that is to be signed.
        OpenTask = "open-task",
    }
}

impl Plea {
    /// Whether it is done with a certificate.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it only leads somewhere.
    pub const fn wants_certificate(self) -> Result<(), Error> {
        match self {
            Self::Apply | Self::OpenTask => {
                Err(Error::Conflict("the code leads somewhere, and asks for nothing"))
            }
            _ => Ok(()),
        }
    }

    /// What its items are, when it is asked.
    const fn takes(self, form: Form) -> bool {
        matches!(
            (self, form),
            (Self::SignMessage | Self::RemoveSeal, Form::Message)
                | (Self::SignHash | Self::RemoveSeal, Form::Digest)
                | (Self::Decrypt, Form::Envelope)
        )
    }
}

states! {
    /// What an item is.
    Form {
        /// Bytes; signed is SM3(Z || bytes).
        Message = "message",
        /// A digest that holds Z already; signed as it is.
        Digest = "digest",
        /// A key in an envelope, to be opened and put into another one for the platform.
        Envelope = "envelope",
    }
}

states! {
    /// Why it did not work.
    Stop {
        /// The number on the page was not entered.
        WrongNumber = "wrong-number",
        /// Nothing was heard of the phone.
        LinkLost = "link-lost",
        /// The phone could not sign or open.
        Phone = "phone",
        /// The platform could not go on.
        Platform = "platform",
    }
}

/// Who asks, as the user is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// The client of the API.
    pub client: Id,
    /// The platform in the catalogue, if it is one.
    pub platform: Option<Id>,
    /// The code of the system.
    pub code: String,
    /// Its name.
    pub name: Name,
}

/// A part of a tender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The project.
    pub project: String,
    /// The section of it.
    pub section: String,
}

/// One thing to be signed or opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What the platform calls it.
    pub name: String,
    /// What it is.
    pub form: Form,
    /// A message or an envelope; `None` for a digest, and once it is over.
    pub content: Option<Personal>,
    /// What is signed.
    pub digest: Option<Hash>,
    /// The signature, or what was in the envelope, for the platform alone.
    pub result: Option<String>,
    /// How it is sealed, if this server sees to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<Box<Sealing>>,
}

impl Item {
    /// What is still to be signed of it.
    #[must_use]
    pub fn unsigned(&self) -> Option<Hash> {
        self.digest.filter(|_| self.result.is_none())
    }

    /// Whether it goes into the document of the session, which is given out when that ends well.
    #[must_use]
    pub fn is_of_document(&self) -> bool {
        self.sealing.as_ref().is_some_and(|sealing| sealing.is_of_document())
    }
}

/// Under which terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The authorities whose certificates the platform takes; none: all.
    pub authorities: Vec<String>,
    /// The only certificate that will do.
    pub certificate: Option<CertificateName>,
    /// As whom the user has to act.
    pub identity: Option<Identity>,
    /// Which part of a tender.
    pub section: Option<Section>,
    /// Before when nothing is opened, unix milliseconds.
    pub opens_ms: Option<u64>,
    /// Keyed hash of the name and the number that the platform knows the user or the enterprise by.
    #[serde(default)]
    pub holder: Option<Hash>,
    /// Which seal is used.
    pub seal: Option<Id>,
    /// Which task.
    pub task: Option<Id>,
    /// Which document of the platform is sealed, if it is here.
    #[serde(default)]
    pub document: Option<Id>,
    /// Whether the platform asks for the user's verified data.
    pub share: bool,
    /// Whether it goes by mutual recognition.
    #[serde(default)]
    pub mutual: bool,
    /// Whether the platform looks at who registers.
    #[serde(default)]
    pub reviewed: bool,
    /// What the user is shown.
    pub title: Option<String>,
}

impl Terms {
    /// Whether this certificate will do.
    pub(super) fn allow(
        &self,
        plea: Plea,
        certificate: &UsableCertificate,
        envelope: Option<&Envelope>,
        now_ms: u64,
    ) -> Result<(), Error> {
        if let Some(why) = self.obstacle(&certificate.name, certificate.identity) {
            return Err(Error::Conflict(why));
        }
        if plea != Plea::Decrypt {
            return Ok(());
        }
        let envelope = envelope.ok_or(Error::Conflict("the user has encrypted nothing for this section"))?;
        if envelope.certificate != certificate.name {
            return Err(Error::Conflict("another certificate encrypted this"));
        }
        if [self.opens_ms, envelope.opens_ms].into_iter().flatten().any(|opens_ms| now_ms < opens_ms) {
            return Err(Error::Conflict("the opening time has not come"));
        }
        Ok(())
    }

    /// Why a certificate will not do.
    #[must_use]
    pub fn obstacle(&self, name: &CertificateName, identity: Identity) -> Option<&'static str> {
        if !self.authorities.is_empty() && !self.authorities.contains(&name.authority) {
            return Some("the platform does not take certificates of this authority");
        }
        if self.certificate.as_ref().is_some_and(|certificate| certificate != name) {
            return Some("the platform wants another certificate");
        }
        if self.identity.is_some_and(|wanted| wanted != identity) {
            return Some("the platform wants another identity");
        }
        None
    }
}

pub(super) const MOVES: Moves<ScanState> = {
    use ScanState::{
        Aborted, Chosen, Confirmed, Created, Expired, Failed, Refused, Running, Scanned, Succeeded,
    };
    &[
        (None, "create", Created),
        (Some(Created), "scan", Scanned),
        (Some(Created), "scan", Failed),
        (Some(Scanned), "choose", Chosen),
        (Some(Chosen), "choose", Chosen),
        (Some(Chosen), "confirm", Confirmed),
        (Some(Chosen), "confirm", Succeeded),
        (Some(Confirmed), "add", Running),
        (Some(Running), "add", Running),
        (Some(Running), "sign", Running),
        (Some(Running), "finish", Succeeded),
        (Some(Confirmed), "beat", Confirmed),
        (Some(Running), "beat", Running),
        (Some(Scanned), "take", Succeeded),
        (Some(Scanned), "refuse", Refused),
        (Some(Chosen), "refuse", Refused),
        (Some(Created), "abort", Aborted),
        (Some(Scanned), "abort", Aborted),
        (Some(Chosen), "abort", Aborted),
        (Some(Confirmed), "abort", Aborted),
        (Some(Running), "abort", Aborted),
        (Some(Chosen), "fail", Failed),
        (Some(Confirmed), "fail", Failed),
        (Some(Running), "fail", Failed),
        (Some(Created), "lapse", Expired),
        (Some(Scanned), "lapse", Expired),
        (Some(Chosen), "lapse", Expired),
        (Some(Confirmed), "lapse", Aborted),
        (Some(Running), "lapse", Aborted),
    ]
};

/// A scan as it begins, if there is nothing wrong with what is asked.
pub(super) fn created(new: &New, moment: Moment<'_>) -> Result<Scan, Error> {
    let New { system, plea, terms, nonce, token, number, items } = new;
    if items.len() > MAX_ITEMS {
        return Err(Error::BadRequest("there are at most 64 items"));
    }
    let wants_now = matches!(plea, Plea::SignMessage | Plea::Decrypt);
    if items.iter().any(|item| !plea.takes(item.form)) || wants_now && items.is_empty() {
        return Err(Error::BadRequest("these are not the items that are needed for this"));
    }
    if matches!(plea, Plea::Decrypt | Plea::GenerateFile) && terms.section.is_none() {
        return Err(Error::BadRequest("a tender file has a project and a section"));
    }
    if *plea == Plea::Decrypt {
        let opens_ms = terms.opens_ms.ok_or(Error::BadRequest("a tender file has an opening time"))?;
        if moment.now_ms < opens_ms {
            return Err(Error::Conflict("the opening time has not come"));
        }
    }
    if *plea == Plea::RemoveSeal && terms.certificate.is_none() {
        return Err(Error::BadRequest("a seal is removed with the certificate that sealed"));
    }
    if terms.document.is_some() && !matches!(plea, Plea::Seal | Plea::RemoveSeal) {
        return Err(Error::BadRequest("a document is named where one is sealed, and only there"));
    }
    if (*plea == Plea::OpenTask) != terms.task.is_some() {
        return Err(Error::BadRequest("a task is named where one is to be opened, and only there"));
    }
    let ends_ms = moment.now_ms.saturating_add(moment.rules.scan_code_s.saturating_mul(1000));
    Ok(Scan {
        state: ScanState::Created,
        system: system.clone(),
        plea: *plea,
        terms: terms.clone(),
        nonce: nonce.clone(),
        token: *token,
        number: *number,
        account: None,
        device: None,
        enterprise: None,
        chosen: None,
        items: items.clone(),
        consent: None,
        shares: false,
        stop: None,
        due_ms: ends_ms,
        ends_ms,
    })
}

/// The user is now known to the platform, or the platform looks at that first.
pub(super) fn bound(scan: &Scan, account: Id, certificate: &CertificateName) -> Effect {
    let (system, certificate) = (scan.system.clone(), certificate.clone());
    if scan.terms.reviewed {
        return Effect::make::<Binding>(binding::Event::Ask { system, account, certificate });
    }
    Effect::make::<Binding>(binding::Event::Bind { system, account, certificate })
}

/// Begins every message that a user agrees with, so that it is never anything else that is signed.
const WORD: &[u8] = b"cosign scan 1";

pub(super) fn agreement(fields: &[&[u8]]) -> Vec<u8> {
    let mut message = WORD.to_vec();
    for field in fields {
        message.extend(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        message.extend_from_slice(field);
    }
    message
}

pub(super) fn digest_of(opened: &[String]) -> Vec<u8> {
    if opened.is_empty() {
        return Vec::new();
    }
    let fields: Vec<&[u8]> = opened.iter().map(|text| text.as_bytes()).collect();
    sm3::digest(&agreement(&fields)).to_vec()
}
