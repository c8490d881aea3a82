//! The value of a signature, whatever it is, while what it covers passes.

use pki::Time;
use pki::algorithm::{HashAlgorithm, Hasher};
use sm_primitives::sm3::Sm3;

use super::message::Message;
use super::stamp::Stamped;
use super::{Terms, judge_sealed};
use crate::report::{Code, Kind, SignatureReport};
use crate::ses::{SealedData, Shape};

/// A signature that is being judged: what it covers passes once, however long it is.
pub struct Judging(State);

enum State {
    Sealed(Box<SealedData>, Sm3),
    Message(Box<Message>),
    Stamp(Box<Stamped>),
    /// What is wrong with it is in the report already.
    Nothing,
}

impl Judging {
    /// Reads the value of a signature; what is wrong with that goes into the report. Zeros behind the value are ignored.
    #[must_use]
    pub fn start(report: &mut SignatureReport, value: &[u8]) -> Self {
        let sealed = matches!(report.kind, Kind::OfdSeal | Kind::PdfSeal);
        match Shape::of(value) {
            Shape::Sealed => match SealedData::parse(value) {
                Ok(data) => {
                    if !sealed {
                        report.add(Code::WrongType, "sealed data where a message should be");
                    }
                    return Self(State::Sealed(Box::new(data), Sm3::new()));
                }
                Err(error) => report.add(Code::Unreadable, error),
            },
            Shape::Message if report.kind == Kind::PdfTimeStamp => match Stamped::read(value) {
                Ok(stamped) => return Self(State::Stamp(Box::new(stamped))),
                Err(error) => report.add(Code::Unreadable, error),
            },
            Shape::Message => match Message::read(value) {
                Ok(message) => {
                    if sealed {
                        report.add(Code::WrongType, "a message where sealed data should be");
                    }
                    return Self(State::Message(Box::new(message)));
                }
                Err(error) => report.add(Code::Unreadable, error),
            },
            Shape::Bare => report.add(Code::NoSigner, "the signature has no certificate beside it"),
            Shape::Unknown => report.add(Code::Unreadable, "not the value of a signature"),
        }
        Self(State::Nothing)
    }

    /// The hash of what the signature covers, if nothing else is needed of it.
    #[must_use]
    pub fn only(&self) -> Option<HashAlgorithm> {
        match &self.0 {
            State::Sealed(..) => Some(HashAlgorithm::Sm3),
            State::Message(message) => message.digester.only(),
            State::Stamp(stamped) => Some(stamped.hasher.algorithm()),
            State::Nothing => None,
        }
    }

    /// Goes on from a hash that has absorbed the beginning of what is covered, if it is [the one](Self::only); else says
    /// `false` and stays as it is. To be called before any piece.
    #[must_use]
    pub fn resume(&mut self, begun: &Hasher) -> bool {
        match (&mut self.0, begun) {
            (State::Sealed(_, hasher), Hasher::Sm3(begun)) => hasher.clone_from(begun),
            (State::Message(message), _) => return message.digester.resume(begun),
            (State::Stamp(stamped), _) if stamped.hasher.algorithm() == begun.algorithm() => {
                stamped.hasher = begun.clone();
            }
            _ => return false,
        }
        true
    }

    /// The next piece of what the signature covers.
    pub fn update(&mut self, covered: &[u8]) {
        match &mut self.0 {
            State::Sealed(_, hasher) => hasher.update(covered),
            State::Message(message) => message.digester.update(covered),
            State::Stamp(stamped) => stamped.hasher.update(covered),
            State::Nothing => {}
        }
    }

    /// Judges it, into the report. `claimed`: when it was made, as the document says.
    pub fn finish(self, report: &mut SignatureReport, claimed: Option<Time>, terms: &Terms<'_>) {
        match self.0 {
            State::Sealed(data, hasher) => {
                judge_sealed(report, &data, &hasher.finalize(), terms);
                if let (Some(claimed), Some(time)) = (claimed, data.time())
                    && claimed != time
                {
                    report.add(Code::TimesDiffer, format_args!("{claimed}, {time}"));
                }
            }
            State::Message(message) => message.judge(report, claimed, terms),
            State::Stamp(stamped) => stamped.judge(report, terms),
            State::Nothing => {}
        }
    }
}
