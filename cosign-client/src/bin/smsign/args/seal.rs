//! What can be typed about seals and sealed documents.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, Subcommand, ValueEnum};
use seal::place::Pages;

use super::Known;
use crate::instant::Instant;

#[derive(Subcommand)]
pub(crate) enum Seal {
    /// Draw the picture of a seal from a template, or of a handwritten signature from its strokes
    Draw(SealDraw),
    /// Cut the picture of a seal out of a photo or scan of a stamped sheet
    Cut(SealCut),
    /// Make an electronic seal: bind a picture to certificates by the signature of a seal maker
    Make(SealMake),
    /// Show what an electronic seal says of itself, and write its picture; nothing is verified
    Show(SealShow),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShapeArg {
    /// Of an organisation: text along the ring, a star, a line below it
    Round,
    /// For invoices: text along the ring, a number in the middle, a line below it
    Oval,
    /// Of a legal representative or a person: the name in two columns
    Square,
    /// Of a person: the name in a frame, from left to right
    Strip,
    /// A handwritten signature, from --strokes
    Handwriting,
}

#[derive(Args)]
pub(crate) struct SealDraw {
    /// What kind of seal
    #[arg(value_enum, value_name = "SHAPE")]
    pub(crate) shape: ShapeArg,
    /// Text along the ring, or the name
    #[arg(value_name = "TEXT", required_unless_present = "strokes")]
    pub(crate) text: Option<String>,
    /// Line below the star or in the middle, such as 合同专用章
    #[arg(long, value_name = "TEXT")]
    pub(crate) line: Option<String>,
    /// Digits along the lower arc
    #[arg(long, value_name = "DIGITS")]
    pub(crate) code: Option<String>,
    /// Number in the middle of an oval seal, or of a round one in the place of the star
    #[arg(long, value_name = "TEXT")]
    pub(crate) middle: Option<String>,
    /// No star
    #[arg(long, conflicts_with = "middle")]
    pub(crate) no_star: bool,
    /// Width and height in millimetres, as 42x42 [default: what is usual for the shape]
    #[arg(long, value_name = "MMxMM")]
    pub(crate) size: Option<SizeArg>,
    /// Colour of the ink, in hexadecimal
    #[arg(long, value_name = "RRGGBB", value_parser = colour)]
    pub(crate) colour: Option<[u8; 3]>,
    /// Dots per inch of the picture
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u16).range(72..=1200))]
    pub(crate) dpi: u16,
    /// Another font than the one that comes along: TrueType or OpenType
    #[arg(long, value_name = "FILE")]
    pub(crate) font: Option<PathBuf>,
    /// Strokes of a signature: JSON, a list of strokes, each a list of points [x, y], [x, y, pressure from 0 to 1] or [x, y, pressure, time]
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub(crate) strokes: Option<PathBuf>,
    /// Output, PNG; - is standard output
    #[arg(long, short, value_name = "FILE", default_value = "seal.png")]
    pub(crate) out: PathBuf,
    /// Overwrite the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InkArg {
    /// As nearly all seals
    Red,
    /// Blue
    Blue,
    /// Purple
    Purple,
}

#[derive(Args)]
pub(crate) struct SealCut {
    /// Photo or scan: PNG, JPEG, GIF or BMP
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Width and height of the seal in millimetres, as 42x42
    #[arg(long, value_name = "MMxMM")]
    pub(crate) size: SizeArg,
    /// Colour of the ink on the sheet
    #[arg(long, value_enum, default_value_t = InkArg::Red)]
    pub(crate) ink: InkArg,
    /// Dots per inch of the picture
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u16).range(72..=1200))]
    pub(crate) dpi: u16,
    /// Do not write pictures with a score below this, from 0 to 100
    #[arg(long, value_name = "SCORE", default_value_t = 60, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) least: u8,
    /// Output, PNG; - is standard output
    #[arg(long, short, value_name = "FILE", default_value = "seal.png")]
    pub(crate) out: PathBuf,
    /// Overwrite the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HolderKind {
    /// The seal of an organisation
    Organisation,
    /// The seal of a person
    Person,
}

#[derive(Args)]
pub(crate) struct SealMake {
    /// Name of the seal
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Picture: PNG, JPEG, GIF or BMP
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: PathBuf,
    /// Width and height in whole millimetres, as 42x42
    #[arg(long, value_name = "MMxMM")]
    pub(crate) size: SizeArg,
    /// Certificate of somebody who may seal with it; several are given in several options
    #[arg(long = "holder", required = true, value_name = "FILE")]
    pub(crate) holders: Vec<PathBuf>,
    /// Put the digests of the holders' certificates into the seal, not the certificates
    #[arg(long)]
    pub(crate) by_digest: bool,
    /// Whose seal it is
    #[arg(long, value_enum, default_value_t = HolderKind::Organisation)]
    pub(crate) kind: HolderKind,
    /// Identifier of the seal, ASCII [default: 32 random hexadecimal digits]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// From when it may be used [default: now]
    #[arg(long, value_name = "RFC3339")]
    pub(crate) from: Option<Instant>,
    /// Until when it may be used [default: as long as all certificates, the maker's too]
    #[arg(long, value_name = "RFC3339")]
    pub(crate) until: Option<Instant>,
    /// Certificate of the seal maker
    #[arg(long, value_name = "FILE")]
    pub(crate) maker: PathBuf,
    /// The maker's key: its label or id in the store, or a file with a local SM2 private key [default: the key of the store that
    /// the certificate is of]
    #[arg(long, value_name = "KEY", verbatim_doc_comment)]
    pub(crate) key: Option<String>,
    /// Output [default: NAME.esl]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct SealShow {
    /// Electronic seal, or a file of sealed data
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write the picture of the seal there, as it is
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
    /// Overwrite it if it exists
    #[arg(long, requires = "picture")]
    pub(crate) force: bool,
}

/// Width and height in millimetres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SizeArg(pub(crate) seal::geometry::Size);

impl FromStr for SizeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<f64>().ok().filter(|length| (1.0..=500.0).contains(length));
        let size = text.split_once('x').and_then(|(width, height)| {
            Some(seal::geometry::Size { width: number(width)?, height: number(height)? })
        });
        size.map(Self).ok_or_else(|| format!("{text:?} is not a size of 1 to 500 mm such as 42x42"))
    }
}

fn colour(text: &str) -> Result<[u8; 3], String> {
    let mut colour = [0; 3];
    match hex::decode_to_slice(text, &mut colour) {
        Ok(()) => Ok(colour),
        Err(_) => Err(format!("{text:?} is not a colour of six hexadecimal digits")),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormArg {
    /// With the seal: sealed data of GB/T 38540
    Seal,
    /// A signature without a seal, or with its picture only: CMS with SM2 and SM3
    Signature,
}

#[derive(Args)]
pub(crate) struct Stamp {
    /// PDF and OFD documents; several are one batch with one PIN entry
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Electronic seal
    #[arg(long, value_name = "FILE", required_unless_present = "form")]
    pub(crate) seal: Option<PathBuf>,
    /// Certificate of who seals: a holder of the seal
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: PathBuf,
    /// The key: its label or id in the store, or a file with a local SM2 private key [default: the key of the store that the
    /// certificate is of]
    #[arg(long, value_name = "KEY", verbatim_doc_comment)]
    pub(crate) key: Option<String>,
    /// Further certificate for a signature without a seal, such as that of the authority
    #[arg(long, value_name = "FILE")]
    pub(crate) chain: Vec<PathBuf>,
    /// What is made
    #[arg(long, value_enum, default_value_t = FormArg::Seal)]
    pub(crate) form: FormArg,
    /// On these pages at --place: all, odd, even, last, or such as 1,3-5,8-
    #[arg(long, value_name = "PAGES", requires = "place")]
    pub(crate) pages: Option<Pages>,
    /// Centre of the stamp in millimetres from the top left corner of the page, as 160,250; on the last page without --pages
    #[arg(long, value_name = "X,Y", value_parser = point)]
    pub(crate) place: Vec<(f64, f64)>,
    /// Cut in strips over this edge of the pages
    #[arg(long, value_enum, value_name = "EDGE")]
    pub(crate) across: Option<EdgeArg>,
    /// Which pages share the seal over the edge: all, odd, even, or such as 1-20
    #[arg(long, value_name = "PAGES", requires = "across")]
    pub(crate) across_pages: Option<Pages>,
    /// Where along the edge, from 0 to 1
    #[arg(long, value_name = "PART", requires = "across", default_value_t = 0.5)]
    pub(crate) along: f64,
    /// Most pages that share one seal over the edge
    #[arg(long, value_name = "N", requires = "across")]
    pub(crate) group: Option<usize>,
    /// Where this text stands
    #[arg(long, value_name = "TEXT")]
    pub(crate) keyword: Vec<String>,
    /// Only at the n-th place where a keyword stands; `last` is the last one
    #[arg(long, value_name = "N", requires = "keyword", value_parser = which)]
    pub(crate) nth: Option<seal::place::Which>,
    /// Move the stamp from a keyword by so many millimetres to the right and downwards, as 20,0
    #[arg(long, value_name = "DX,DY", requires = "keyword", value_parser = point, allow_hyphen_values = true)]
    pub(crate) offset: Option<(f64, f64)>,
    /// Nothing can be signed in the document any more
    #[arg(long)]
    pub(crate) finish: bool,
    /// Have the time of the signature proven by this time-stamp authority, such as `http://ca.example.com/tsa/demo`
    #[arg(long, value_name = "URL")]
    pub(crate) tsa: Option<String>,
    /// Why, for the document
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Where, for the document
    #[arg(long, value_name = "TEXT")]
    pub(crate) location: Option<String>,
    /// Write the stamped pages as PNG into this folder, to be looked at
    #[arg(long, value_name = "DIR")]
    pub(crate) preview: Option<PathBuf>,
    /// Output for one FILE [default: FILE with -sealed before its extension]
    #[arg(long, short, value_name = "FILE", conflicts_with = "dir")]
    pub(crate) out: Option<PathBuf>,
    /// Folder for the outputs, which keep the names of their files
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Overwrite outputs that exist
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EdgeArg {
    /// Strips at the left edge
    Left,
    /// Strips at the right edge
    Right,
    /// Strips at the top
    Top,
    /// Strips at the bottom
    Bottom,
}

impl From<EdgeArg> for seal::place::Edge {
    fn from(edge: EdgeArg) -> Self {
        match edge {
            EdgeArg::Left => Self::Left,
            EdgeArg::Right => Self::Right,
            EdgeArg::Top => Self::Top,
            EdgeArg::Bottom => Self::Bottom,
        }
    }
}

#[derive(Args)]
pub(crate) struct Unstamp {
    /// PDF or OFD document
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Certificate of the signature that is removed
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: PathBuf,
    /// The key: its label or id in the store, or a file with a local SM2 private key [default: the key of the store that the
    /// certificate is of]
    #[arg(long, value_name = "KEY", verbatim_doc_comment)]
    pub(crate) key: Option<String>,
    /// Output [default: FILE with -unsealed before its extension]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct Preserve {
    /// PDF document that is valid
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// CA certificates that are trusted, files or folders of files
    #[arg(long, required = true, value_name = "DIR|FILE", num_args = 1)]
    pub(crate) roots: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) known: Known,
    /// Have the whole document stamped by this time-stamp authority, such as `http://ca.example.com/tsa/demo`
    #[arg(long, value_name = "URL")]
    pub(crate) tsa: Option<String>,
    /// Output [default: FILE with -preserved before its extension]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

/// At which moment the certificates and seals of a document are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtArg {
    Signing,
    Now,
    Then(Instant),
}

impl FromStr for AtArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "signing" => Ok(Self::Signing),
            "now" => Ok(Self::Now),
            text => text.parse().map(Self::Then),
        }
    }
}

/// By what the signatures of a document are judged.
#[derive(Args)]
pub(crate) struct DocumentTrust {
    /// Of a sealed document: CA certificates that are trusted, files or folders of files
    #[arg(long, value_name = "DIR|FILE", num_args = 1)]
    pub(crate) roots: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) known: Known,
    /// Of a sealed document: judge certificates and seals at this moment: signing (when each was made), now, or a time
    #[arg(long, value_name = "signing|now|RFC3339")]
    pub(crate) at: Option<AtArg>,
}

fn point(text: &str) -> Result<(f64, f64), String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|length| length.abs() <= 10_000.0);
    let point = text.split_once(',').and_then(|(x, y)| Some((number(x)?, number(y)?)));
    point.ok_or_else(|| format!("{text:?} is not two lengths in millimetres such as 160,250"))
}

fn which(text: &str) -> Result<seal::place::Which, String> {
    match (text, text.parse()) {
        ("last", _) => Ok(seal::place::Which::Last),
        (_, Ok(n)) if n > 0 => Ok(seal::place::Which::Nth(n)),
        _ => Err(format!("{text:?} is neither a number from 1 nor last")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_points_and_moments() {
        let size = "42x40.5".parse::<SizeArg>().unwrap().0;
        assert_eq!((size.width, size.height), (42.0, 40.5));
        for text in ["42", "0x3", "axb", "42x501", "42xNaN", "1x2x3"] {
            assert!(text.parse::<SizeArg>().is_err(), "{text}");
        }
        assert_eq!(point("160,250.5"), Ok((160.0, 250.5)));
        assert_eq!(point("-20, 0"), Ok((-20.0, 0.0)));
        for text in ["160", "a,b", "1,NaN", "1,inf", "1,2,3"] {
            assert!(point(text).is_err(), "{text}");
        }
        assert_eq!(colour("Ff0001"), Ok([255, 0, 1]));
        assert!(colour("red").is_err());
        assert_eq!(which("last"), Ok(seal::place::Which::Last));
        assert_eq!(which("2"), Ok(seal::place::Which::Nth(2)));
        assert!(which("0").is_err());
        assert_eq!("signing".parse(), Ok(AtArg::Signing));
        assert_eq!("now".parse(), Ok(AtArg::Now));
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(AtArg::Then(Instant(1))));
        assert!("then".parse::<AtArg>().is_err());
    }
}
