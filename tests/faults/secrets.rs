//! No secret is on a disk where it does not belong: every file of every place is searched for all of them.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Bytes of a secret that are looked up at once.
const WINDOW: usize = 8;

/// Secrets, found by their beginning. Each is also looked for as hexadecimal text.
pub(crate) struct Search {
    by_beginning: HashMap<[u8; WINDOW], Vec<(String, Vec<u8>)>>,
    /// Whether a secret begins with these two bytes: most places are passed over by that.
    begins: Vec<bool>,
}

impl Search {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut by_beginning: HashMap<_, Vec<_>> = HashMap::new();
        for (name, secret) in secrets {
            for bytes in [secret.to_vec(), hex::encode(secret).into_bytes()] {
                let beginning = *bytes.first_chunk().expect("a secret is long enough to be told from chance");
                by_beginning.entry(beginning).or_default().push((name.to_owned(), bytes));
            }
        }
        let mut begins = vec![false; 1 << 16];
        for beginning in by_beginning.keys() {
            begins[index(beginning)] = true;
        }
        Self { by_beginning, begins }
    }

    /// Where a secret is: the file and the name of the secret.
    pub(crate) fn find(&self, places: &[PathBuf], except: &[PathBuf]) -> Vec<(PathBuf, String)> {
        let (mut left, mut found) = (places.to_vec(), Vec::new());
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.is_file() && !except.contains(&path) {
                // A database server that runs removes files meanwhile.
                let bytes = read(&path).unwrap_or_default();
                found.extend(self.names_in(&bytes).map(|name| (path.clone(), name)));
            }
        }
        found
    }

    fn names_in<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = String> + 'a {
        let likely = bytes.windows(WINDOW).enumerate().filter(|(_, window)| self.begins[index(window)]);
        likely.flat_map(move |(at, window)| {
            let candidates = self.by_beginning.get(window).map_or(&[][..], Vec::as_slice);
            let here = candidates.iter().filter(move |(_, secret)| bytes[at..].starts_with(secret));
            here.map(|(name, _)| name.clone())
        })
    }
}

fn index(bytes: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path)
}

#[test]
fn what_is_planted_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let search = Search::new([("a key", &[7, 1, 2, 3, 4, 5, 6, 7, 8, 9][..]), ("a PIN", b"31415926")]);
    let places = [folder.path().to_owned()];
    fs::create_dir(folder.path().join("base")).unwrap();
    fs::write(folder.path().join("base/1"), [0; 100]).unwrap();
    assert!(search.find(&places, &[]).is_empty());
    for (name, bytes) in [
        ("a key", [&[9; 5][..], &[7, 1, 2, 3, 4, 5, 6, 7, 8, 9]].concat()),
        ("a key", b"..07010203040506070809..".to_vec()),
        ("a PIN", b"pin=31415926".to_vec()),
    ] {
        let path = folder.path().join("base/2");
        fs::write(&path, bytes).unwrap();
        assert_eq!(search.find(&places, &[]), [(path.clone(), name.to_owned())]);
        assert!(search.find(&places, &[path]).is_empty());
    }
}
