//! Signed messages without their content.

use envelope::error::InvalidSignature;
use pki::Time;
use pki::cms::{self, ContentDigester};

use super::{Terms, Whose, certificate, signing_time};
use crate::error::Error;
use crate::report::{Code, SignatureReport};

/// A message while its content passes.
pub(super) struct Message {
    message: cms::Message,
    pub(super) digester: ContentDigester,
}

impl Message {
    /// Reads a message; zeros behind it are ignored.
    pub(super) fn read(value: &[u8]) -> Result<Self, Error> {
        let message = cms::Message::detached(cms::without_padding(value)?)?;
        if message.signers().len() != 1 {
            return Err(Error::Malformed("a message that does not have one signature"));
        }
        let digester = message.digester(&[]);
        Ok(Self { message, digester })
    }

    pub(super) fn judge(self, report: &mut SignatureReport, claimed: Option<Time>, terms: &Terms<'_>) {
        let Self { message, digester } = self;
        let Some(signer) = message.signers().first() else { return };
        let said = signer.attributes().and_then(|attributes| attributes.signing_time());
        if let (Some(claimed), Some(said)) = (claimed, said)
            && claimed != said
        {
            report.add(Code::TimesDiffer, format_args!("{claimed}, {said}"));
        }
        let tokens = signer.time_stamps();
        let token = tokens.first().map(|token| (*token, message.certificates()));
        signing_time(report, token, signer.signature_octets(), said.or(claimed), terms);
        match message.verify(signer, &[], &digester.finish()) {
            Ok(signer) => report.signer = Some(signer),
            Err(defect) => {
                report.signer = message.certificate_of(signer, &[]).cloned();
                report.add(code(defect), defect);
            }
        }
        let at = terms.moment(report.time);
        if let Some(signer) = report.signer.clone() {
            certificate(report, Whose::Signer, &signer, message.certificates(), at, terms);
        }
    }
}

const fn code(defect: InvalidSignature) -> Code {
    match defect {
        InvalidSignature::ContentChanged => Code::ContentChanged,
        InvalidSignature::NoCertificate => Code::NoSigner,
        InvalidSignature::UnsupportedAlgorithm | InvalidSignature::NotHashed => Code::UnsupportedAlgorithm,
        _ => Code::BadSignature,
    }
}
