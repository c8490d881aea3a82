//! Edits of `OFD.xml` and of the list of signatures: text goes in and out at a place, and every other byte stays.

use std::ops::Range;

use super::super::signature::{Kind, List, Signature};
use super::super::xml::{Element, NAMESPACE, escape, parse};
use crate::error::Error;

/// Replacements of parts of a file.
struct Edit<'a> {
    bytes: &'a [u8],
    changes: Vec<(Range<usize>, String)>,
}

impl<'a> Edit<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, changes: Vec::new() }
    }

    fn replace(&mut self, range: Range<usize>, text: String) {
        self.changes.push((range, text));
    }

    /// Puts text at the end of an element, which may be written as one tag so far.
    fn append(&mut self, element: &Element, text: &str) -> Result<(), Error> {
        if !element.is_one_tag() {
            self.replace(element.inner.end..element.inner.end, text.to_owned());
            return Ok(());
        }
        let tag = self.bytes.get(element.outer.clone()).and_then(|tag| tag.strip_suffix(b"/>"));
        let end = element.outer.start + tag.ok_or(Error::Malformed("xml"))?.len();
        self.replace(end..element.outer.end, format!(">{text}</{}>", element.qualified));
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, Error> {
        self.changes.sort_by_key(|(range, _)| range.start);
        let mut out = Vec::with_capacity(self.bytes.len() + 256);
        let mut at = 0;
        for (range, text) in self.changes {
            out.extend_from_slice(self.bytes.get(at..range.start).ok_or(Error::Malformed("xml"))?);
            out.extend_from_slice(text.as_bytes());
            at = range.end;
        }
        out.extend_from_slice(self.bytes.get(at..).ok_or(Error::Malformed("xml"))?);
        Ok(out)
    }
}

/// `OFD.xml` with the place of the list of signatures in its first body.
pub(super) fn name_list(root: &[u8], path: &str) -> Result<Vec<u8>, Error> {
    let tree = parse(root)?.root;
    let body = tree.first("DocBody").ok_or(Error::Malformed("ofd: no document in it"))?;
    let mut edit = Edit::new(root);
    match body.one("Signatures")? {
        Some(empty) => edit.append(empty, &escape(path))?,
        None => {
            let prefix = body.prefix();
            edit.append(body, &format!("<{prefix}Signatures>{}</{prefix}Signatures>", escape(path)))?;
        }
    }
    edit.finish()
}

/// The list of signatures with one more, or a new one.
pub(super) fn add_record(
    list: Option<&List>,
    id: &str,
    kind: Kind,
    path: &str,
    last_id: &str,
) -> Result<Vec<u8>, Error> {
    let record = |prefix: &str| {
        let (kind, path) = (kind.name(), escape(path));
        format!("<{prefix}Signature ID=\"{id}\" Type=\"{kind}\" BaseLoc=\"{path}\"/>")
    };
    let Some(list) = list else {
        let record = record("ofd:");
        let max = format!("<ofd:MaxSignId>{last_id}</ofd:MaxSignId>");
        let head =
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ofd:Signatures xmlns:ofd=\"{NAMESPACE}\">");
        return Ok(format!("{head}{max}{record}</ofd:Signatures>").into_bytes());
    };
    let mut edit = Edit::new(&list.bytes);
    let prefix = list.root.prefix();
    let mut text = record(prefix);
    let mut counted = false;
    // Some write it twice.
    for max in list.root.all("MaxSignId") {
        counted = true;
        if max.is_one_tag() {
            edit.append(max, last_id)?;
        } else {
            edit.replace(max.inner.clone(), last_id.to_owned());
        }
    }
    if !counted {
        text = format!("<{prefix}MaxSignId>{last_id}</{prefix}MaxSignId>{text}");
    }
    edit.append(&list.root, &text)?;
    edit.finish()
}

/// The list of signatures without one.
pub(crate) fn remove_record(list: &List, id: &str) -> Result<Vec<u8>, Error> {
    let element =
        list.root.all("Signature").find(|element| element.attribute("ID").unwrap_or_default() == id);
    let element = element.ok_or(Error::Unusable("there is no such signature"))?;
    let mut edit = Edit::new(&list.bytes);
    edit.replace(element.outer.clone(), String::new());
    edit.finish()
}

/// New ids, above all that are there and in their style.
pub(super) struct Ids {
    prefix: String,
    width: usize,
    last: u64,
}

impl Ids {
    pub(super) fn new(list: Option<&List>, existing: &[Signature]) -> Self {
        // An id of XML begins with a letter; lists that are there may have others.
        let mut ids = Self { prefix: "s".to_owned(), width: 3, last: 0 };
        let Some(list) = list else { return ids };
        let max = list.root.first("MaxSignId").map(|max| max.text.trim());
        if let Some((prefix, digits)) =
            max.map(split).filter(|(prefix, digits)| plain(prefix) && !digits.is_empty())
        {
            ids = Self { prefix: prefix.to_owned(), width: digits.len(), last: 0 };
        }
        let records = list.records.iter().map(|record| record.id.as_str());
        let stamps = existing.iter().flat_map(|signature| signature.stamp_ids.iter().map(String::as_str));
        let numbers =
            max.into_iter().chain(records).chain(stamps).filter_map(|id| split(id).1.parse::<u64>().ok());
        ids.last = numbers.filter(|number| *number < u64::MAX / 2).max().unwrap_or(0);
        ids
    }

    pub(super) fn next(&mut self) -> String {
        self.last += 1;
        self.last()
    }

    pub(super) fn last(&self) -> String {
        format!("{}{:0width$}", self.prefix, self.last, width = self.width)
    }
}

/// What is in front of the digits at the end, and these.
fn split(id: &str) -> (&str, &str) {
    let prefix = id.trim_end_matches(|char: char| char.is_ascii_digit());
    (prefix, id.get(prefix.len()..).unwrap_or_default())
}

/// Whether a prefix is safe in XML and short.
fn plain(prefix: &str) -> bool {
    prefix.len() <= 16
        && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_place_changes() {
        for (before, after) in [
            (
                "<a:OFD xmlns:a='u'>\n <a:DocBody> x</a:DocBody>\n</a:OFD>",
                "<a:OFD xmlns:a='u'>\n <a:DocBody> x<a:Signatures>/S</a:Signatures></a:DocBody>\n</a:OFD>",
            ),
            ("<OFD><DocBody/></OFD>", "<OFD><DocBody><Signatures>/S</Signatures></DocBody></OFD>"),
            (
                "<OFD><DocBody><Signatures /></DocBody></OFD>",
                "<OFD><DocBody><Signatures >/S</Signatures></DocBody></OFD>",
            ),
            (
                "\u{feff}<OFD><DocBody></DocBody><DocBody/></OFD>",
                "\u{feff}<OFD><DocBody><Signatures>/S</Signatures></DocBody><DocBody/></OFD>",
            ),
        ] {
            let edited = name_list(before.as_bytes(), "/S").expect("an edit");
            assert_eq!(String::from_utf8(edited).as_deref(), Ok(after));
        }
    }

    fn list(xml: &str) -> List {
        let root = parse(xml.as_bytes()).expect("a list").root;
        let record = |element: &Element| super::super::super::signature::Record {
            id: element.attribute("ID").unwrap_or_default().to_owned(),
            kind: Kind::Seal,
            path: String::new(),
            deviation: None,
        };
        let records = root.all("Signature").map(record).collect();
        List { path: "/S".to_owned(), bytes: xml.as_bytes().to_vec(), root, records }
    }

    #[test]
    fn a_record_comes_and_goes() {
        for (max, next) in
            [("s006", "s007"), ("4", "5"), ("s4", "s5"), ("099", "100"), ("<", "s008"), ("", "s008")]
        {
            let max = escape(max);
            let xml = format!("<S>\n<MaxSignId>{max}</MaxSignId><Signature ID='s007'/><MaxSignId/></S>");
            // An id that is higher than the count says is counted, too.
            let next = if matches!(&*max, "4" | "s4") { next.replace('5', "8") } else { next.to_owned() };
            let next = if max == "s006" { "s008".to_owned() } else { next };
            let before = list(&xml);
            let mut ids = Ids::new(Some(&before), &[]);
            assert_eq!(ids.next(), next, "{max}");
            let after = add_record(Some(&before), &next, Kind::Sign, "/P", &ids.last()).expect("an edit");
            let after = list(str::from_utf8(&after).expect("text"));
            assert_eq!(
                after.root.all("MaxSignId").map(|max| max.text.clone()).collect::<Vec<_>>(),
                [&*next, &*next]
            );
            let removed = remove_record(&after, &next).expect("an edit");
            let expected = format!(
                "<S>\n<MaxSignId>{next}</MaxSignId><Signature ID='s007'/><MaxSignId>{next}</MaxSignId></S>"
            );
            assert_eq!(String::from_utf8(removed), Ok(expected));
        }
    }
}
