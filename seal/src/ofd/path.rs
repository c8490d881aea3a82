//! Paths inside of a package.

use crate::error::Error;

/// The path from the root that a place (`ST_Loc`) in the file `base` names: `Pages/Page_0/Content.xml` in
/// `/Doc_0/Document.xml` is `/Doc_0/Pages/Page_0/Content.xml`. Source: GB/T 33190-2016, clause 7.3.
///
/// # Errors
/// [`Error::Malformed`]: it is empty, leads out of the package, or is no path.
pub(crate) fn resolve(base: &str, place: &str) -> Result<String, Error> {
    let malformed = Error::Malformed("ofd: a path");
    let place = place.trim();
    if place.is_empty() || place.contains('\\') || place.ends_with('/') {
        return Err(malformed);
    }
    let mut parts: Vec<&str> = Vec::new();
    if !place.starts_with('/') {
        parts.extend(directory(base).split('/').filter(|part| !part.is_empty()));
    }
    for part in place.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or(malformed)?;
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        return Err(malformed);
    }
    Ok(format!("/{}", parts.join("/")))
}

/// The directory of a file, without a slash at the end: `/Doc_0`, or empty for the root.
pub(crate) fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_resolve_to_paths() {
        for (base, place, path) in [
            ("/OFD.xml", "Doc_0/Document.xml", "/Doc_0/Document.xml"),
            ("/OFD.xml", "/Doc_0/Document.xml", "/Doc_0/Document.xml"),
            ("/Doc_0/Document.xml", " Pages/P/C.xml\n", "/Doc_0/Pages/P/C.xml"),
            ("/Doc_0/Signs/S/Signature.xml", "../Seal.esl", "/Doc_0/Signs/Seal.esl"),
            ("/Doc_0/Signs/S/Signature.xml", "./SignedValue.dat", "/Doc_0/Signs/S/SignedValue.dat"),
            ("/Doc_0/Document.xml", "/a//b", "/a/b"),
        ] {
            assert_eq!(resolve(base, place).as_deref(), Ok(path), "{base} {place}");
        }
        for (base, place) in [
            ("/OFD.xml", ""),
            ("/OFD.xml", "../x"),
            ("/a/b", "../../x"),
            ("/a/b", ".."),
            ("/a", "x\\y"),
            ("/a", "x/"),
        ] {
            assert!(resolve(base, place).is_err(), "{base} {place}");
        }
    }
}
