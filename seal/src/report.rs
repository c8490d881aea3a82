//! What verification found, as data, as text and as JSON.

mod code;
mod render;

pub use code::Code;
pub use pki::validate::Verdict;
pub use render::Language;

use core::fmt;

use pki::{Certificate, Time};

use crate::geometry::Stamp;
use crate::ses::ElectronicSeal;

/// Of what format a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// ISO 32000.
    Pdf,
    /// GB/T 33190.
    Ofd,
    /// An electronic seal by itself.
    Seal,
}

impl Format {
    /// A stable name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Ofd => "ofd",
            Self::Seal => "seal",
        }
    }
}

/// What kind of signature something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sealed data of GB/T 38540 or GM/T 0031 in an OFD document.
    OfdSeal,
    /// A signature without a seal in an OFD document.
    OfdSignature,
    /// Sealed data of GB/T 38540 or GM/T 0031 in a PDF document.
    PdfSeal,
    /// A CMS signature in a PDF document.
    PdfSignature,
    /// A time-stamp of a whole PDF document.
    PdfTimeStamp,
    /// The signature of the maker of a seal.
    SealMaker,
}

impl Kind {
    /// A stable name in lower case with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OfdSeal => "ofd-seal",
            Self::OfdSignature => "ofd-signature",
            Self::PdfSeal => "pdf-seal",
            Self::PdfSignature => "pdf-signature",
            Self::PdfTimeStamp => "pdf-time-stamp",
            Self::SealMaker => "seal-maker",
        }
    }
}

/// A reason for a verdict, or a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What.
    pub code: Code,
    /// About what: a path in the document, a name, a moment, the reason within. May be empty.
    pub detail: String,
}

impl Reason {
    /// A reason with what it is about.
    #[must_use]
    pub fn new(code: Code, detail: impl fmt::Display) -> Self {
        Self { code, detail: detail.to_string() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.name())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

/// A time that counts for a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningTime {
    /// The moment.
    pub time: Time,
    /// A time-stamp proves that the signature was there then; otherwise the signer says so.
    pub proven: bool,
}

/// What was found out about one signature.
#[derive(Clone, Debug)]
pub struct SignatureReport {
    /// How the document names it: the name of the field, or the id.
    pub id: String,
    /// What kind it is.
    pub kind: Kind,
    /// The certificate of who signed, if it is there.
    pub signer: Option<Certificate>,
    /// The seal, if there is one.
    pub seal: Option<Box<ElectronicSeal>>,
    /// When it was made, if anything says so.
    pub time: Option<SigningTime>,
    /// The outcome: the worst of its reasons.
    pub verdict: Verdict,
    /// Why, if it is not valid.
    pub reasons: Vec<Reason>,
    /// What is worth knowing and no fault.
    pub notes: Vec<Reason>,
    /// Where it shows.
    pub stamps: Vec<Stamp>,
    /// The certificates that it was judged by: the paths of who signed, who stamped the time and who made the seal.
    pub paths: Vec<Certificate>,
}

impl SignatureReport {
    /// Nothing was found out yet: valid until a reason comes.
    #[must_use]
    pub const fn new(id: String, kind: Kind) -> Self {
        Self {
            id,
            kind,
            signer: None,
            seal: None,
            time: None,
            verdict: Verdict::Valid,
            reasons: Vec::new(),
            notes: Vec::new(),
            stamps: Vec::new(),
            paths: Vec::new(),
        }
    }

    /// Notes a path that it was judged by.
    pub(crate) fn relies_on(&mut self, path: &[Certificate]) {
        for certificate in path {
            if !self.paths.contains(certificate) {
                self.paths.push(certificate.clone());
            }
        }
    }

    /// Adds a reason, or a note if the code is one. The same one twice is one.
    pub fn add(&mut self, code: Code, detail: impl fmt::Display) {
        let reason = Reason::new(code, detail);
        let verdict = code.verdict();
        self.verdict = self.verdict.max(verdict);
        let list = if verdict == Verdict::Valid { &mut self.notes } else { &mut self.reasons };
        if !list.contains(&reason) {
            list.push(reason);
        }
    }

    /// Whether a code is among the reasons or the notes.
    #[must_use]
    pub fn has(&self, code: Code) -> bool {
        self.reasons.iter().chain(&self.notes).any(|reason| reason.code == code)
    }
}

/// What was found out about a document.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its format.
    pub format: Format,
    /// Every signature, in the order in which they were made.
    pub signatures: Vec<SignatureReport>,
    /// What concerns the whole document.
    pub warnings: Vec<Reason>,
}

impl Report {
    /// A document without signatures so far.
    #[must_use]
    pub const fn new(format: Format) -> Self {
        Self { format, signatures: Vec::new(), warnings: Vec::new() }
    }

    /// The outcome: the worst of the signatures and of the warnings; not valid without any signature.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let none = if self.signatures.is_empty() { Verdict::Indeterminate } else { Verdict::Valid };
        let signatures = self.signatures.iter().map(|signature| signature.verdict);
        let warnings = self.warnings.iter().map(|warning| warning.code.verdict());
        signatures.chain(warnings).fold(none, Verdict::max)
    }

    /// Adds what concerns the whole document.
    pub fn warn(&mut self, code: Code, detail: impl fmt::Display) {
        self.warnings.push(Reason::new(code, detail));
    }
}
