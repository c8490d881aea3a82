//! Documents of any format: sealed, and judged.

mod covered;
mod judge;
mod preserve;
mod shown;

use std::io::{Read, Seek, SeekFrom, Write};

use envelope::cms::Dialect;
use pki::{Certificate, Time};
use sm_primitives::sm2::Signature;

use crate::error::Error;
use crate::geometry::{Size, Stamp};
use crate::ofd;
use crate::pdf;
use crate::pdf_text::PdfText;
use crate::picture::Picture;
use crate::place::{Finder, Hit, Place, stamps};
use crate::report::{Code, Format, Report};
use crate::ses::{ElectronicSeal, PictureData};
use crate::sign::{Form, Order, UnsignedValue};
use crate::verify::Terms;

pub use judge::verify_seal;
pub use preserve::{PreparedStamp, Preserved};

/// So many bytes at the beginning say what a file is.
const MAGIC: usize = 1024;

/// A document that can be sealed and judged.
pub enum Document<R> {
    /// ISO 32000.
    Pdf(Box<Pdf<R>>),
    /// GB/T 33190.
    Ofd(Box<ofd::Document<R>>),
}

/// A PDF, and its text once somebody looked for some.
pub struct Pdf<R> {
    document: pdf::Document<R>,
    text: Option<PdfText>,
}

/// What a file is, by its first kilobyte; `None`: neither.
#[must_use]
pub fn format_of(beginning: &[u8]) -> Option<Format> {
    if beginning.starts_with(b"PK\x03\x04") {
        return Some(Format::Ofd);
    }
    let beginning = beginning.get(..MAGIC).unwrap_or(beginning);
    beginning.windows(5).any(|window| window == b"%PDF-").then_some(Format::Pdf)
}

/// How a document is sealed.
#[derive(Clone, Copy, Debug)]
pub struct Sealing<'a> {
    /// As what.
    pub form: SealingForm<'a>,
    /// The certificate of who seals.
    pub signer: &'a Certificate,
    /// When.
    pub time: Time,
    /// Most bytes of a time-stamp token over the signature, if there is to be one.
    pub time_stamp: Option<usize>,
    /// Where it shows.
    pub places: &'a [Place],
    /// Why; PDF only.
    pub reason: Option<&'a str>,
    /// Where; PDF only.
    pub location: Option<&'a str>,
    /// Nothing can be signed in the document any more.
    pub finish: bool,
}

/// What is made of it.
#[derive(Clone, Copy, Debug)]
pub enum SealingForm<'a> {
    /// Sealed data of GB/T 38540.
    Seal(&'a ElectronicSeal, &'a Look),
    /// A signed message; in PDF it shows with a look, if there is one.
    Message {
        /// Certificates that come along beside the signer's, DER.
        chain: &'a [Vec<u8>],
        /// What it looks like.
        look: Option<&'a Look>,
    },
}

/// The picture of a seal, read once for any number of documents.
#[derive(Clone, Debug)]
pub struct Look {
    size: Size,
    /// `None`: a kind of picture that only readers of OFD show.
    appearance: Option<pdf::Appearance>,
}

impl Look {
    /// Of the picture in a seal. Pictures that are OFD documents can be put into OFD documents only.
    ///
    /// # Errors
    /// As [`Picture::decode`] and [`pdf::Appearance::new`].
    pub fn new(picture: &PictureData) -> Result<Self, Error> {
        let size = picture.size();
        if picture.format.eq_ignore_ascii_case("ofd") {
            return Ok(Self { size, appearance: None });
        }
        let picture = Picture::decode(&picture.data, size)?;
        let raster =
            pdf::Raster { width: picture.width(), height: picture.height(), rgba: picture.rgba().to_vec() };
        Ok(Self { size, appearance: Some(pdf::Appearance::new(size, Some(&raster), &[])?) })
    }

    /// On paper, in millimetres.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }
}

impl<'a> SealingForm<'a> {
    const fn look(&self) -> Option<&'a Look> {
        match self {
            Self::Seal(_, look) => Some(*look),
            Self::Message { look, .. } => *look,
        }
    }
}

impl<R: Read + Seek> Document<R> {
    /// Opens a document.
    ///
    /// # Errors
    /// [`Error::Unsupported`]: neither PDF nor OFD; as [`pdf::Document::open`] and [`ofd::Document::open`].
    pub fn open(mut source: R) -> Result<Self, Error> {
        let mut beginning = Vec::with_capacity(MAGIC);
        source.seek(SeekFrom::Start(0))?;
        (&mut source).take(MAGIC as u64).read_to_end(&mut beginning)?;
        source.seek(SeekFrom::Start(0))?;
        match format_of(&beginning) {
            Some(Format::Pdf) => {
                let document = pdf::Document::open(source)?;
                Ok(Self::Pdf(Box::new(Pdf { document, text: None })))
            }
            Some(Format::Ofd) => Ok(Self::Ofd(Box::new(ofd::Document::open(source)?))),
            _ => Err(Error::Unsupported("a document that is neither PDF nor OFD")),
        }
    }

    /// Its format.
    #[must_use]
    pub const fn format(&self) -> Format {
        match self {
            Self::Pdf(_) => Format::Pdf,
            Self::Ofd(_) => Format::Ofd,
        }
    }

    /// Works out what is to be signed. Nothing changes: the same document and sealing give the same digest again.
    ///
    /// # Errors
    /// As [`stamps`], [`Order::start`], [`pdf::Document::prepare`] and [`ofd::prepare`].
    pub fn prepare(&mut self, sealing: &Sealing<'_>) -> Result<Prepared<'_, R>, Error> {
        let places = match sealing.form.look() {
            Some(look) => stamps(self, sealing.places, look.size)?,
            None if sealing.places.is_empty() => Vec::new(),
            None => return Err(Error::Unusable("a place for a signature without a picture")),
        };
        match self {
            Self::Pdf(pdf) => pdf.prepare(sealing, places),
            // Nothing but a seal shows in OFD, and what was asked for is not left out in silence.
            Self::Ofd(_) if !places.is_empty() && matches!(sealing.form, SealingForm::Message { .. }) => {
                Err(Error::Unusable("a place for a signature without a seal, in an OFD"))
            }
            Self::Ofd(document) => prepare_ofd(document, sealing, &places),
        }
    }

    /// Judges every signature.
    ///
    /// # Errors
    /// Only what makes a document unreadable altogether; what is wrong with a signature is in the report.
    pub fn verify(&mut self, terms: &Terms<'_>) -> Result<Report, Error> {
        let mut report = match self {
            Self::Pdf(pdf) => judge::pdf(&mut pdf.document, terms)?,
            Self::Ofd(document) => judge::ofd(document, terms)?,
        };
        if report.signatures.is_empty() {
            report.warn(Code::NoSignatures, "");
        }
        Ok(report)
    }

    /// Writes the document without the signature that was made last, which is named by its id. What is before it stays as it is.
    ///
    /// # Errors
    /// [`Error::Unusable`]: it is not the last one, or something came after it; as [`pdf::Document::truncate_last`] and
    /// [`ofd::remove_last`].
    pub fn remove_last(&mut self, id: &str, time: Time, mut out: impl Write) -> Result<(), Error> {
        match self {
            Self::Pdf(pdf) => {
                let length = pdf.document.truncate_last()?;
                pdf.document.read(0..length, |piece| Ok(out.write_all(piece)?))?;
                Ok(out.flush()?)
            }
            Self::Ofd(document) => ofd::remove_last(document, id, time, out),
        }
    }
}

impl<R: Read + Seek> Finder for Document<R> {
    fn pages(&mut self) -> Result<Vec<Size>, Error> {
        match self {
            Self::Pdf(pdf) => Ok(pdf.document.pages()?.iter().map(pdf::Page::size).collect()),
            Self::Ofd(document) => document.pages(),
        }
    }

    fn find(&mut self, text: &str) -> Result<Vec<Hit>, Error> {
        match self {
            Self::Pdf(pdf) => pdf.text()?.find(text),
            Self::Ofd(document) => document.find(text),
        }
    }
}

impl<R: Read + Seek> Pdf<R> {
    /// The text, for which the whole file is read.
    fn text(&mut self) -> Result<&mut PdfText, Error> {
        if self.text.is_none() {
            let length = self.document.len();
            if length > crate::pdf_reader::MAX_BYTES as u64 {
                return Err(Error::TooLarge("a PDF that text is looked for in"));
            }
            let mut bytes = Vec::new();
            self.document.read(0..length, |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?;
            self.text = Some(PdfText::new(bytes)?);
        }
        self.text.as_mut().ok_or(Error::Malformed("text of a PDF"))
    }

    fn prepare(&mut self, sealing: &Sealing<'_>, stamps: Vec<Stamp>) -> Result<Prepared<'_, R>, Error> {
        pdf::check_order(&mut self.document)?;
        let (form, flavour) = match sealing.form {
            SealingForm::Seal(seal, _) => (Form::Seal(seal), pdf::Flavour::Seal),
            SealingForm::Message { chain, .. } => {
                (Form::Message { chain, dialect: Dialect::Rfc, timed: false }, pdf::Flavour::Cades)
            }
        };
        let order = sealing.order(form);
        // What sealed data of a PDF name is not settled anywhere. The range is known only when the place is, so its longest
        // form is measured.
        let value_len = order.max_len(&property_info([u64::MAX; 4]))?;
        let mut request = pdf::Request::new(flavour, sealing.time, value_len);
        request.stamps = stamps;
        if let Some(look) = sealing.form.look()
            && !request.stamps.is_empty()
        {
            let appearance = look.appearance.clone();
            request.appearance = Some(appearance.ok_or(Error::Unsupported("a seal for OFD only, in a PDF"))?);
        }
        request.name = Some(sealing.signer.subject().short());
        request.reason = sealing.reason.map(str::to_owned);
        request.location = sealing.location.map(str::to_owned);
        if sealing.finish {
            let newest = self.document.revisions().len().saturating_sub(1);
            let first = self.document.signature_fields(newest)?.iter().all(|field| field.value.is_none());
            request.certification = first.then_some(pdf::Certification::Nothing);
            request.lock = (!first).then_some(pdf::Lock::All);
        }
        let prepared = self.document.prepare(&request)?;
        let [_, first, offset, second] = prepared.byte_range();
        let mut hasher = order.start(first + second)?;
        let base = prepared.base_len();
        let mut failed = Ok(());
        self.document.read(0..base, |piece| hasher.update(piece))?;
        prepared.appended(|piece| {
            if failed.is_ok() {
                failed = hasher.update(piece);
            }
        });
        failed?;
        let unsigned = hasher.finish(&property_info([0, first, offset, second]))?;
        Ok(Prepared { unsigned, place: Where::Pdf(&mut self.document, Box::new(prepared)) })
    }
}

/// The range that is sealed, as text.
fn property_info([start, first, offset, second]: [u64; 4]) -> String {
    format!("[{start} {first} {offset} {second}]")
}

fn prepare_ofd<'a, R: Read + Seek>(
    document: &'a mut ofd::Document<R>,
    sealing: &Sealing<'_>,
    stamps: &[Stamp],
) -> Result<Prepared<'a, R>, Error> {
    let (form, kind, seal) = match sealing.form {
        SealingForm::Seal(seal, _) => (Form::Seal(seal), ofd::Kind::Seal, Some(seal.as_der())),
        SealingForm::Message { chain, .. } => {
            (Form::Message { chain, dialect: Dialect::Standard, timed: true }, ofd::Kind::Sign, None)
        }
    };
    let request = ofd::Request {
        kind,
        stamps,
        seal,
        provider: ofd::Provider { name: "cosign", version: env!("CARGO_PKG_VERSION"), company: "cosign" },
        method: "1.2.156.10197.1.501",
        time: sealing.time,
        protect: if sealing.finish { ofd::Protect::Whole } else { ofd::Protect::Content },
    };
    let prepared = ofd::prepare(document, &request)?;
    let order = sealing.order(form);
    let mut hasher = order.start(prepared.signature_xml().len() as u64)?;
    hasher.update(prepared.signature_xml())?;
    let unsigned = hasher.finish(prepared.property_info())?;
    Ok(Prepared { unsigned, place: Where::Ofd(prepared) })
}

impl Sealing<'_> {
    const fn order<'b>(&'b self, form: Form<'b>) -> Order<'b> {
        Order { form, signer: self.signer, time: self.time, time_stamp: self.time_stamp }
    }
}

/// A document that waits for its signature.
pub struct Prepared<'a, R> {
    unsigned: UnsignedValue,
    place: Where<'a, R>,
}

enum Where<'a, R> {
    Pdf(&'a mut pdf::Document<R>, Box<pdf::Prepared>),
    Ofd(ofd::Prepared<'a, R>),
}

impl<R: Read + Seek> Prepared<'_, R> {
    /// What is signed: `e` of GB/T 32918.2.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        self.unsigned.digest()
    }

    /// Writes the document with its signature, and with a time-stamp token over the signature (its DER) if there is one.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`]: of another key or another digest; [`Error::Unusable`]: a token that is longer than was said;
    /// [`Error::Io`].
    pub fn write(
        self,
        signature: &Signature,
        time_stamp: Option<&[u8]>,
        mut out: impl Write,
    ) -> Result<(), Error> {
        let value = self.unsigned.complete(signature, time_stamp)?;
        match self.place {
            Where::Pdf(document, prepared) => {
                document.read(0..prepared.base_len(), |piece| Ok(out.write_all(piece)?))?;
                out.write_all(&prepared.embed(&value)?)?;
                Ok(out.flush()?)
            }
            Where::Ofd(prepared) => prepared.embed(&value, out),
        }
    }
}
