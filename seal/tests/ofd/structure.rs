//! What is found out about signatures and the files that they cover.

use std::io::Cursor;

use seal::Error;
use seal::ofd::{CheckMethod, MAX_SIGNATURES, Outcome, Protect, Structure, prepare, verify_structure};
use seal::place::MAX_STAMPS;
use seal::report::Kind;

use crate::fixture::*;

const SIGNATURE: &str = "Doc_0/Signs/Sign_0/Signature.xml";
const LIST: &str = "Doc_0/Signs/Signatures.xml";

fn sealed() -> Files {
    unpack(&seal(&document(2), &request(Protect::Content)))
}

fn structure(files: &Files) -> Structure {
    verify_structure(&mut open(&pack(files))).expect("a structure")
}

/// The reasons of the first signature, and the warnings.
fn found(files: &Files) -> (Vec<String>, Vec<String>) {
    let structure = structure(files);
    let texts = |reasons: &[seal::report::Reason]| reasons.iter().map(ToString::to_string).collect();
    let first = structure.signatures.first().map(|found| texts(&found.reasons)).unwrap_or_default();
    (first, texts(&structure.warnings))
}

fn add(files: &mut Files, path: &str, content: &str) {
    files.push((path.to_owned(), content.as_bytes().to_vec()));
}

/// Replaces all of a file.
fn set(files: &mut Files, path: &str, content: &str) {
    files.retain(|(name, _)| name != path);
    add(files, path, content);
}

#[test]
fn files_that_nobody_covers_are_named() {
    let none: Vec<String> = Vec::new();
    assert_eq!(found(&sealed()), (none.clone(), none.clone()));
    let mut files = sealed();
    add(&mut files, "Doc_0/Attachs/smuggled.xml", "x");
    // As if it were a signature; the list does not name it.
    add(&mut files, "Doc_0/Signs/Sign_1/Signature.xml", "x");
    let expected = ["/Doc_0/Attachs/smuggled.xml", "/Doc_0/Signs/Sign_1/Signature.xml"];
    assert_eq!(
        found(&files),
        (none.clone(), expected.map(|path| format!("unreferenced-file: {path}")).to_vec())
    );

    // Nor is it known by being named as the seal of a signature without one.
    let mut named = unpack(&seal(&document(2), &sign_request(Protect::Content)));
    add(&mut named, "Doc_0/smuggled.xml", "x");
    let seal_of = "<ofd:Seal><ofd:BaseLoc>/Doc_0/smuggled.xml</ofd:BaseLoc></ofd:Seal></ofd:SignedInfo>";
    edit(&mut named, SIGNATURE, "</ofd:SignedInfo>", seal_of);
    assert_eq!(found(&named), (none.clone(), vec!["unreferenced-file: /Doc_0/smuggled.xml".to_owned()]));

    // A later signature covers what was added between them, and its own files are known.
    let later = seal(&pack(&files), &sign_request(Protect::Content));
    let structure = verify_structure(&mut open(&later)).expect("a structure");
    assert_eq!(structure.warnings, []);
    assert!(structure.signatures.iter().all(|found| found.reasons.is_empty()));
}

#[test]
fn a_part_of_the_document_must_be_covered() {
    // The document names a list that is not there, so that somebody can add it later.
    let mut before = files(2);
    edit(
        &mut before,
        "Doc_0/Document.xml",
        "</ofd:CommonData>",
        "<ofd:PublicRes>More.xml</ofd:PublicRes></ofd:CommonData>",
    );
    let mut after = unpack(&seal(&pack(&before), &request(Protect::Content)));
    assert_eq!(found(&after), (vec![], vec![]));
    add(
        &mut after,
        "Doc_0/More.xml",
        "<Res><Fonts><Font ID='3' FontName='x'><FontFile>f.ttf</FontFile></Font></Fonts></Res>",
    );
    add(&mut after, "Doc_0/f.ttf", "x");
    let more = ["coverage: /Doc_0/More.xml", "coverage: /Doc_0/f.ttf"].map(str::to_owned).to_vec();
    assert_eq!(found(&after), (more.clone(), vec![]));

    // Naming it as the value of another signature does not hide it.
    let mut hidden = after.clone();
    let record = "<ofd:Signature ID=\"s9\" BaseLoc=\"/Doc_0/Signs/S/Signature.xml\"/></ofd:Signatures>";
    edit(&mut hidden, LIST, "</ofd:Signatures>", record);
    let signature = "<Signature><SignedInfo/><SignedValue>/Doc_0/More.xml</SignedValue></Signature>";
    add(&mut hidden, "Doc_0/Signs/S/Signature.xml", signature);
    assert_eq!(found(&hidden).0, more);

    // A later signature covers it: the first one covers an earlier state.
    let later = unpack(&seal(&pack(&after), &sign_request(Protect::Content)));
    let partly =
        ["partly-covered: /Doc_0/More.xml", "partly-covered: /Doc_0/f.ttf"].map(str::to_owned).to_vec();
    assert_eq!(found(&later), (partly, vec![]));
}

#[test]
fn every_kind_of_part_counts() {
    let mut before = files(1);
    let named = "<ofd:Annotations>A.xml</ofd:Annotations><ofd:Attachments>T.xml</ofd:Attachments>\
                 <ofd:CustomTags>C.xml</ofd:CustomTags></ofd:Document>";
    edit(&mut before, "Doc_0/Document.xml", "</ofd:Document>", named);
    edit(
        &mut before,
        "Doc_0/Document.xml",
        "</ofd:CommonData>",
        "<ofd:TemplatePage ID=\"7\" BaseLoc=\"P.xml\"/></ofd:CommonData>",
    );
    edit(
        &mut before,
        "Doc_0/Pages/Page_0/Content.xml",
        "<ofd:Content>",
        "<ofd:PageRes>R.xml</ofd:PageRes><ofd:Content>",
    );
    let mut after = unpack(&seal(&pack(&before), &sign_request(Protect::Content)));
    add(
        &mut after,
        "Doc_0/A.xml",
        "<Annotations xmlns='http://www.ofdspec.org/2016'><Page PageID='1'><FileLoc>a/1.xml</FileLoc></Page></Annotations>",
    );
    add(
        &mut after,
        "Doc_0/T.xml",
        "<Attachments><Attachment><FileLoc>t.bin</FileLoc></Attachment></Attachments>",
    );
    add(&mut after, "Doc_0/P.xml", "<Page/>");
    for path in ["a/1.xml", "t.bin", "C.xml", "Pages/Page_0/R.xml"] {
        add(&mut after, &format!("Doc_0/{path}"), "<Res/>");
    }
    let (reasons, warnings) = found(&after);
    let paths = ["A.xml", "T.xml", "P.xml", "a/1.xml", "t.bin", "C.xml", "Pages/Page_0/R.xml"];
    let expected = paths.map(|path| {
        let beside = ["A.xml", "T.xml", "a/1.xml", "t.bin", "C.xml"].contains(&path);
        format!("{}: /Doc_0/{path}", if beside { "uncovered-part" } else { "coverage" })
    });
    assert_eq!(reasons, expected);
    assert_eq!(warnings, ["deviation: /Doc_0/T.xml: the namespace is not that of OFD"]);
}

#[test]
fn references_may_be_left_out_by_the_signer() {
    let mut files = sealed();
    let (_, content) = files.iter_mut().find(|(name, _)| name == SIGNATURE).expect("it");
    let text = String::from_utf8(content.clone()).expect("text");
    let (before, rest) =
        text.split_once("<ofd:Reference FileRef=\"/Doc_0/Pages/Page_1").expect("a reference");
    let (_, after) = rest.split_once("</ofd:Reference>").expect("its end");
    *content = format!("{before}{after}").into_bytes();
    assert_eq!(found(&files), (vec!["coverage: /Doc_0/Pages/Page_1/Content.xml".to_owned()], vec![]));
    let mut none = sealed();
    set(
        &mut none,
        SIGNATURE,
        "<Signature><SignedInfo/><SignedValue>SignedValue.dat</SignedValue></Signature>",
    );
    let (reasons, _) = found(&none);
    for reason in ["weak-digest: MD5", "uncovered-part: /OFD.xml", "coverage: /Doc_0/Document.xml"] {
        assert!(reasons.iter().any(|one| one == reason), "{reason}: {reasons:?}");
    }
}

#[test]
fn methods_decide_how_references_are_checked() {
    let with = |method: &str| {
        let mut files = sealed();
        edit(&mut files, SIGNATURE, " CheckMethod=\"1.2.156.10197.1.401\"", method);
        let mut structure = structure(&files);
        let found = structure.signatures.remove(0);
        let texts: Vec<String> = found.reasons.iter().map(ToString::to_string).collect();
        let signature = found.signature.expect("readable");
        (texts, signature.check_method, signature.references[0].outcome)
    };
    for (method, reason, kind) in [
        ("", "weak-digest: MD5", CheckMethod::Md5),
        (" CheckMethod=\"MD5\"", "weak-digest: MD5", CheckMethod::Md5),
        (" CheckMethod=\"SHA-1\"", "weak-digest: SHA-1", CheckMethod::Sha1),
        (" CheckMethod=\"1.2.3\"", "unsupported-algorithm: CheckMethod", CheckMethod::Other),
    ] {
        assert_eq!(with(method), (vec![reason.to_owned()], kind, Outcome::Unchecked), "{method}");
    }
    assert_eq!(with(" CheckMethod=\"sm3\""), (vec![], CheckMethod::Sm3, Outcome::Ok));
    // The digests are those of SM3.
    let (reasons, kind, outcome) = with(" CheckMethod=\"SHA256\"");
    assert_eq!((kind, outcome), (CheckMethod::Sha256, Outcome::Changed));
    assert!(reasons.iter().all(|reason| reason.starts_with("content-changed: /")), "{reasons:?}");
}

#[test]
fn signatures_with_sha_256_are_checked() {
    use base64ct::{Base64, Encoding};
    use sha2::{Digest, Sha256};
    let mut files = sealed();
    let references: String = files
        .iter()
        .filter(|(path, _)| path != SIGNATURE && path != LIST && !path.ends_with(".dat"))
        .map(|(path, content)| {
            let digest = Base64::encode_string(&Sha256::digest(content));
            // Without a slash in front it still counts from the root, and lines may be broken.
            let (one, other) = digest.split_at(20);
            format!("<Reference FileRef='{path}'><CheckValue>{one}\n  {other}</CheckValue></Reference>")
        })
        .collect();
    let signature = format!(
        "<Signature xmlns='http://www.ofdspec.org/2016'><SignedInfo><References CheckMethod='SHA256'>{references}</References>\
         <Provider><ProviderName>p</ProviderName><Version>1</Version></Provider></SignedInfo>\
         <SignedValue>./SignedValue.dat</SignedValue></Signature>"
    );
    set(&mut files, SIGNATURE, &signature);
    let notes =
        ["ProviderName", "Version"].map(|name| format!("deviation: Provider: {name} is a child")).to_vec();
    assert_eq!(found(&files), (notes.clone(), vec![]));
    edit(&mut files, "Doc_0/Pages/Page_1/Content.xml", "签字", "簽字");
    let changed = "content-changed: /Doc_0/Pages/Page_1/Content.xml".to_owned();
    assert_eq!(found(&files).0, [vec![changed], notes].concat());
}

#[test]
fn what_is_missing_or_unreadable_is_said() {
    let mut files = sealed();
    files.retain(|(path, _)| path != LIST);
    assert_eq!(found(&files), (vec![], vec![format!("missing-part: /{LIST}")]));
    let mut files = sealed();
    edit(&mut files, LIST, "<ofd:Signatures ", "<ofd:Signatures x=\"<\" ");
    assert!(found(&files).1[0].starts_with(&format!("unreadable: /{LIST}: ")));
    for (path, reason) in
        [(SIGNATURE, "missing-part"), ("Doc_0/Signs/Sign_0/SignedValue.dat", "missing-part")]
    {
        let mut files = sealed();
        files.retain(|(name, _)| name != path);
        assert_eq!(found(&files).0[0], format!("{reason}: /{path}"));
    }
    for (from, to) in [
        ("<ofd:SignedInfo>", "<ofd:SignedInfo/><ofd:SignedInfo>"),
        ("ofd:SignedInfo>", "ofd:Other>"),
        ("</ofd:References>", "</ofd:References><ofd:References/>"),
        ("Boundary=\"190 60.25 40 40\"", "Boundary=\"190 60.25 40\""),
        ("Clip=\"20 0 20 40\"", "Clip=\"\""),
        ("FileRef=\"/OFD.xml\"", "FileRef=\"../../../../OFD.xml\""),
        ("FileRef=\"/OFD.xml\"", ""),
        ("<ofd:SignedValue>/Doc_0/Signs/Sign_0/SignedValue.dat", "<ofd:SignedValue>"),
    ] {
        let mut files = sealed();
        edit(&mut files, SIGNATURE, from, to);
        let structure = structure(&files);
        let found = &structure.signatures[0];
        assert!(found.signature.is_none(), "{to}");
        assert!(found.reasons[0].to_string().starts_with(&format!("unreadable: /{SIGNATURE}: ")), "{to}");
        assert_eq!((found.id.as_str(), found.kind), ("s001", Kind::OfdSeal));
    }
}

#[test]
fn the_list_says_each_signature_once() {
    let line = "<ofd:Signature ID=\"s001\" Type=\"Seal\" BaseLoc=\"/Doc_0/Signs/Sign_0/Signature.xml\"/>";
    for other in [line.to_owned(), line.replace("s001", "s002"), line.replace("Sign_0", "Sign_1")] {
        let mut files = sealed();
        edit(&mut files, LIST, line, &format!("{line}{other}"));
        let expected = format!("unreadable: /{LIST}: not well-formed: ofd: a signature that is listed twice");
        assert_eq!(found(&files), (vec![], vec![expected]), "{other}");
        let package = pack(&files);
        let error = prepare(&mut open(&package), &request(Protect::Content)).err();
        assert_eq!(error, Some(Error::Malformed("ofd: a signature that is listed twice")));
    }
    let mut files = sealed();
    let many: String =
        (0..MAX_SIGNATURES).map(|at| format!("<ofd:Signature ID=\"x{at}\" BaseLoc=\"{at}\"/>")).collect();
    edit(&mut files, LIST, line, &format!("{many}{line}"));
    let expected = format!("unreadable: /{LIST}: more than is looked at: ofd: signatures");
    assert_eq!(found(&files), (vec![], vec![expected]));
    let mut files = sealed();
    edit(&mut files, LIST, "ofd:Signatures", "ofd:X");
    edit(&mut files, LIST, "/ofd:Signatures", "/ofd:X");
    let expected =
        format!("unreadable: /{LIST}: not well-formed: ofd: the list of signatures is something else");
    assert_eq!(found(&files), (vec![], vec![expected]));
    let mut files = sealed();
    let stamps = "<ofd:StampAnnot PageRef=\"100\" Boundary=\"0 0 1 1\"/>".repeat(MAX_STAMPS - 1);
    edit(&mut files, SIGNATURE, "</ofd:References>", &format!("</ofd:References>{stamps}"));
    let expected = format!("unreadable: /{SIGNATURE}: more than is looked at: stamps of one seal");
    assert_eq!(found(&files).0, [expected]);
    let mut files = sealed();
    edit(&mut files, LIST, "Type=\"Seal\"", "Type=\"Other\"");
    assert_eq!(found(&files).0, ["deviation: signature s001: of the type Other"]);
    let mut files = sealed();
    edit(&mut files, LIST, "Type=\"Seal\"", "Type=\"Sign\"");
    assert_eq!(structure(&files).signatures[0].kind, Kind::OfdSignature);
}

#[test]
fn a_stamp_on_no_page_is_noted() {
    let mut files = sealed();
    edit(&mut files, SIGNATURE, "PageRef=\"101\"", "PageRef=\"999\"");
    let mut structure = structure(&files);
    let found = structure.signatures.remove(0);
    assert_eq!(
        found.reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["deviation: a stamp on the page 999, which is not there"]
    );
    let signature = found.signature.expect("readable");
    assert_eq!((signature.stamps.len(), signature.lost_pages), (1, vec!["999".to_owned()]));
}

#[test]
fn an_integrity_list_is_compared_with_the_package() {
    let mut files = files(1);
    let list: String = files.iter().map(|(path, _)| format!("<File ID='1' FileLoc='/{path}'/>")).collect();
    let xml = format!(
        "<DocEntries><SignedValueLoc>/v.dat</SignedValueLoc><FileList>{list}</FileList></DocEntries>"
    );
    add(&mut files, "OFDEntries.xml", &xml);
    add(&mut files, "v.dat", "value");
    let integrity = open(&pack(&files)).integrity().expect("readable").expect("there");
    assert_eq!((integrity.value.as_slice(), integrity.xml.as_slice()), (b"value".as_slice(), xml.as_bytes()));
    assert_eq!(found(&files), (vec![], vec![]));
    files.retain(|(path, _)| path != "Doc_0/Res/dot.bin");
    add(&mut files, "Doc_0/new", "x");
    let expected = ["missing-part: /Doc_0/Res/dot.bin", "unreferenced-file: /Doc_0/new"].map(str::to_owned);
    assert_eq!(found(&files), (vec![], expected.to_vec()));
    set(&mut files, "OFDEntries.xml", "<DocEntries/>");
    assert!(found(&files).1[0].starts_with("unreadable: /OFDEntries.xml: "));
}

#[test]
fn each_document_of_a_package_has_its_own_signatures() {
    let mut files = sealed();
    let second = files.clone();
    for (path, content) in second.into_iter().filter(|(path, _)| path.starts_with("Doc_0/")) {
        let content = String::from_utf8_lossy(&content).replace("/Doc_0/", "/Doc_1/").into_bytes();
        files.push((path.replace("Doc_0/", "Doc_1/"), content));
    }
    let body = "<ofd:DocBody><ofd:DocRoot>Doc_1/Document.xml</ofd:DocRoot><ofd:Signatures>Doc_1/Signs/Signatures.xml\
                </ofd:Signatures></ofd:DocBody></ofd:OFD>";
    edit(&mut files, "OFD.xml", "</ofd:OFD>", body);
    let package = pack(&files);
    let mut document = seal::ofd::Document::open(Cursor::new(&*package)).expect("a document");
    assert_eq!(document.page_list().len(), 4);
    let structure = verify_structure(&mut document).expect("a structure");
    let pages = |at: usize| {
        let signature = structure.signatures[at].signature.as_ref().expect("readable");
        signature.stamps.iter().map(|stamp| stamp.page).collect::<Vec<_>>()
    };
    assert_eq!((pages(0), pages(1)), (vec![0, 1], vec![2, 3]));
}
