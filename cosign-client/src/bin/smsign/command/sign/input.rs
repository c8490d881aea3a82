//! What is to be signed, and where each signature goes.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    thread,
};

use cosign_client::{Error, files};
use cosign_core::Digest;
use futures_util::{StreamExt, TryStreamExt, stream};
use sm_primitives::sm2::{DistId, PublicKey};

use crate::{
    args::Sign,
    command::without_signatures,
    context::Context,
    output::Failure,
    progress::{Progress, Unit},
};

/// No list of digests is longer: half a million of them.
const MAX_LIST: u64 = 64 << 20;

/// Files, or digests that somebody else computed.
pub(super) enum Input {
    Files { paths: Vec<PathBuf>, total_bytes: u64 },
    Digests(Vec<Digest>),
}

impl Input {
    /// Everything that can be wrong with it is found before a PIN is asked for.
    pub(super) fn read(arguments: &Sign) -> Result<Self, Failure> {
        if let Some(list) = &arguments.digests {
            return Ok(Self::Digests(read_list(list)?));
        }
        // `sign --resume folder/*` gives the signatures of the first time along with the files.
        let paths: Vec<_> = match arguments.resume {
            true => without_signatures(&arguments.files).cloned().collect(),
            false => arguments.files.clone(),
        };
        let total_bytes = check_files(&paths)?;
        Ok(Self::Files { paths, total_bytes })
    }

    /// The files, if there are any.
    pub(super) fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Files { paths, .. } => paths,
            Self::Digests(_) => &[],
        }
    }

    /// Where the signatures go, in order; nowhere for digests without a folder. Two must not share one.
    pub(super) fn targets(&self, folder: Option<&Path>) -> Result<Vec<Option<PathBuf>>, Failure> {
        let targets: Vec<Option<PathBuf>> = match (self, folder) {
            (Self::Files { paths, .. }, folder) => {
                paths.iter().map(|file| target(file, folder).map(Some)).collect::<Result<_, _>>()?
            }
            (Self::Digests(digests), None) => vec![None; digests.len()],
            (Self::Digests(digests), Some(folder)) => {
                let name = |digest: &Digest| format!("{}.sig", hex::encode(digest.as_bytes()));
                digests.iter().map(|digest| Some(folder.join(name(digest)))).collect()
            }
        };
        let mut taken = BTreeSet::new();
        match targets.iter().flatten().find(|target| !taken.insert(*target)) {
            Some(twice) => {
                Err(Failure::Usage(format!("two signatures would both be written to {}", twice.display())))
            }
            None => Ok(targets),
        }
    }

    /// The digests in order; files are hashed, several at once.
    pub(super) async fn digests(
        &self,
        context: &Context,
        distid: &DistId,
        signer: &PublicKey,
    ) -> Result<Vec<Digest>, Failure> {
        let (paths, total_bytes) = match self {
            Self::Digests(digests) => return Ok(digests.clone()),
            Self::Files { paths, total_bytes } => (paths, *total_bytes),
        };
        let progress = context.progress("hashing", Unit::Bytes, total_bytes);
        let parallel = thread::available_parallelism().map_or(1, usize::from);
        let hash = |path: &PathBuf| {
            let (path, distid, signer, progress): (_, _, _, Progress) =
                (path.clone(), distid.clone(), *signer, progress.clone());
            Context::blocking(move || {
                Ok(files::digest(&path, &distid, &signer, |read| progress.advance(read))?)
            })
        };
        let digests = stream::iter(paths.iter().map(hash)).buffered(parallel).try_collect().await;
        progress.finish();
        digests
    }
}

fn target(file: &Path, folder: Option<&Path>) -> Result<PathBuf, Failure> {
    let Some(name) = file.file_name() else {
        return Err(Failure::Usage(format!("{} is not a file", file.display())));
    };
    let mut name = name.to_owned();
    name.push(".sig");
    Ok(folder.map_or_else(|| file.with_file_name(&name), |folder| folder.join(&name)))
}

/// Total size of the files in bytes.
fn check_files(files: &[PathBuf]) -> Result<u64, Failure> {
    let mut total = 0;
    for file in files {
        let metadata = fs::metadata(file).map_err(|error| Error::file(file, error))?;
        if metadata.is_dir() {
            return Err(Failure::Usage(format!("{} is a folder", file.display())));
        }
        total += metadata.len();
    }
    Ok(total)
}

/// The digests of a list, one a line; `-` is standard input.
fn read_list(path: &Path) -> Result<Vec<Digest>, Failure> {
    let reader: Box<dyn Read> = match path.as_os_str().to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(path).map_err(|error| Error::file(path, error))?),
    };
    let mut text = Vec::new();
    reader.take(MAX_LIST + 1).read_to_end(&mut text).map_err(|error| Error::file(path, error))?;
    let bad = |what: String| Failure::from(Error::BadFile { path: path.to_owned(), what });
    if text.len() as u64 > MAX_LIST {
        return Err(bad(format!("longer than {MAX_LIST} bytes")));
    }
    let text = text.trim_ascii_end();
    if text.is_empty() {
        return Err(bad("no digests".to_owned()));
    }
    let digest = |(number, line): (usize, &[u8])| {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(line.trim_ascii_end(), &mut bytes) {
            Ok(()) => Ok(Digest::reduce(&bytes)),
            Err(_) => Err(bad(format!("line {number} is not a digest of 64 hexadecimal digits"))),
        }
    };
    (1..).zip(text.split(|byte| *byte == b'\n')).map(digest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Input {
        Input::Files { paths: paths.iter().map(PathBuf::from).collect(), total_bytes: 0 }
    }

    fn some(paths: &[&str]) -> Vec<Option<PathBuf>> {
        paths.iter().map(|path| Some(PathBuf::from(path))).collect()
    }

    #[test]
    fn every_signature_has_its_own_file() {
        let input = files(&["a/x", "b/x.pdf"]);
        assert_eq!(input.targets(None).unwrap(), some(&["a/x.sig", "b/x.pdf.sig"]));
        let out = Some(Path::new("out"));
        assert_eq!(input.targets(out).unwrap(), some(&["out/x.sig", "out/x.pdf.sig"]));

        let twins = files(&["a/x", "b/x"]);
        assert!(twins.targets(None).is_ok());
        assert!(twins.targets(out).is_err());
        assert!(files(&[".."]).targets(None).is_err());

        let digest = Digest::reduce(&[7; 32]);
        let twice = Input::Digests(vec![digest, digest]);
        assert_eq!(twice.targets(None).unwrap(), [None, None]);
        assert!(twice.targets(out).is_err());
        let once = Input::Digests(vec![digest]);
        assert_eq!(once.targets(out).unwrap(), some(&[&format!("out/{}.sig", "07".repeat(32))]));
    }

    #[test]
    fn a_list_is_digests_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let (one, two) = ("07".repeat(32), "AB".repeat(32));
        for (text, count) in [
            (one.clone(), Some(1)),
            (format!("{one}\n{two}\n"), Some(2)),
            (format!("{one}\r\n{two}\r\n\n"), Some(2)),
            (String::new(), None),
            (format!("{one}\n\n{two}\n"), None),
            (format!("{one}\n{}", &two[2..]), None),
            (format!("{one}\n{two}0"), None),
            (format!("{one} {two}"), None),
        ] {
            fs::write(&path, &text).unwrap();
            assert_eq!(read_list(&path).ok().map(|digests| digests.len()), count, "{text:?}");
        }
    }
}
