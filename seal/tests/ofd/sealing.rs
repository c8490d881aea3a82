//! Sealing and the removal of a seal.

use seal::Error;
use seal::geometry::{Rect, Stamp};
use seal::ofd::{
    Kind, MAX_VALUE, Outcome, Protect, Provider, Request, prepare, remove_last, verify_structure,
};
use seal::report::Code;
use sm_primitives::sm3;

use crate::fixture::*;

/// Three signatures: a seal, a signature, a seal.
fn thrice() -> [Vec<u8>; 4] {
    let first = document(3);
    let second = seal(&first, &request(Protect::Content));
    let third = seal(&second, &sign_request(Protect::Content));
    let fourth = seal(&third, &request(Protect::Content));
    [first, second, third, fourth]
}

#[test]
fn each_signature_covers_everything_that_was_there() {
    let packages = thrice();
    for (count, package) in packages.iter().enumerate() {
        let structure = verify_structure(&mut open(package)).expect("a structure");
        assert_eq!(structure.signatures.len(), count);
        assert_eq!(structure.warnings, []);
        for (index, found) in structure.signatures.iter().enumerate() {
            assert_eq!(found.reasons, [], "{count} {index}");
            let signature = found.signature.as_ref().expect("readable");
            let before = unpack(&packages[index]).len();
            // what was there and the seal, without the list of signatures
            let seals = usize::from(index != 1);
            assert_eq!(
                signature.references.len(),
                before + seals - usize::from(index > 0),
                "{count} {index}"
            );
            assert!(signature.references.iter().all(|reference| reference.outcome == Outcome::Ok));
            assert_eq!(signature.value, sm3::digest(&signature.xml));
            assert_eq!(signature.kind, if index == 1 { Kind::Sign } else { Kind::Seal });
            assert_eq!(signature.path, format!("/Doc_0/Signs/Sign_{index}/Signature.xml"));
            assert_eq!(signature.time, Some(time()));
            assert_eq!(signature.provider, ["a <maker> & \"co\"", "1.0", "c"]);
            assert_eq!(signature.method, "1.2.156.10197.1.501");
            assert!(!signature.protects_signatures && signature.deviations.is_empty());
            assert_eq!(signature.seal.as_deref(), (index != 1).then_some(SEAL));
        }
    }
    let list = text_of(&packages[3], "Doc_0/Signs/Signatures.xml");
    let ids: Vec<&str> = list.split("ID=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    // Each stamp has an id of its own between them.
    assert_eq!(ids, ["s001", "s004", "s005"]);
    assert!(list.contains("<ofd:MaxSignId>s007</ofd:MaxSignId>"), "{list}");
}

#[test]
fn stamps_and_paths_are_written_as_the_standard_says() {
    let mut package = open(&document(3)).package().files().count();
    let sealed = seal(&document(3), &request(Protect::Content));
    let xml = text_of(&sealed, "Doc_0/Signs/Sign_0/Signature.xml");
    for part in [
        "<ofd:StampAnnot ID=\"s002\" PageRef=\"100\" Boundary=\"190 60.25 40 40\"/>",
        "<ofd:StampAnnot ID=\"s003\" PageRef=\"101\" Boundary=\"0 60 40 40\" Clip=\"20 0 20 40\"/>",
        "<ofd:SignedValue>/Doc_0/Signs/Sign_0/SignedValue.dat</ofd:SignedValue>",
        "<ofd:Seal><ofd:BaseLoc>/Doc_0/Signs/Sign_0/Seal.esl</ofd:BaseLoc></ofd:Seal>",
        "<ofd:References CheckMethod=\"1.2.156.10197.1.401\">",
    ] {
        assert!(xml.contains(part), "{part} in {xml}");
    }
    let structure = verify_structure(&mut open(&sealed)).expect("a structure");
    let stamps = &structure.signatures[0].signature.as_ref().expect("readable").stamps;
    assert_eq!(stamps.len(), 2);
    assert_eq!((stamps[0], stamps[1].page), (STAMPS[0], 1));
    assert_eq!(stamps[1].clip, STAMPS[1].clip);
    // the list, the seal, the signature, its value
    package += 4;
    assert_eq!(open(&sealed).package().files().count(), package);
    let mut document = open(&sealed);
    let prepared = prepare(&mut document, &sign_request(Protect::Content)).expect("prepared");
    assert_eq!(prepared.property_info(), "/Doc_0/Signs/Sign_1/Signature.xml");
    assert_eq!(prepared.digest(), sm3::digest(prepared.signature_xml()));
}

#[test]
fn the_same_input_gives_the_same_bytes_and_other_files_stay() {
    let package = document(2);
    let sealed = seal(&package, &request(Protect::Content));
    assert_eq!(sealed, seal(&package, &request(Protect::Content)));
    let after = unpack(&sealed);
    for (path, content) in unpack(&package) {
        let (_, now) = after.iter().find(|(name, _)| *name == path).expect("kept");
        assert_eq!(*now == content, path != "OFD.xml", "{path}");
    }
    let root = text_of(&sealed, "OFD.xml");
    let place = "<ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures>";
    assert_eq!(root.replace(place, ""), text_of(&package, "OFD.xml"));
}

#[test]
fn a_change_of_any_file_is_found_and_named() {
    let [.., sealed] = thrice();
    let files = unpack(&sealed);
    assert_eq!(files.len(), 9 + 1 + 3 + 2 + 3 - 1);
    for index in 0..files.len() {
        let mut changed = files.clone();
        let (path, content) = &mut changed[index];
        let path = format!("/{path}");
        // A space behind the end is no change of what XML says.
        content.push(b' ');
        let structure = verify_structure(&mut open(&pack(&changed))).expect("a structure");
        let named: Vec<usize> = (0..3)
            .filter(|at| {
                let reasons = &structure.signatures[*at].reasons;
                reasons.iter().any(|reason| reason.code == Code::ContentChanged && reason.detail == path)
            })
            .collect();
        let expected: &[usize] = match path.as_str() {
            "/Doc_0/Signs/Signatures.xml" => &[],
            path if path.contains("/Sign_0/Seal.esl") => &[0, 1, 2],
            path if path.contains("/Sign_0/") => &[1, 2],
            path if path.contains("/Sign_1/") => &[2],
            path if path.contains("/Sign_2/Seal.esl") => &[2],
            path if path.contains("/Sign_2/") => &[],
            _ => &[0, 1, 2],
        };
        assert_eq!(named, expected, "{path}");
        // What no reference can cover, the value of the signature does.
        for found in &structure.signatures {
            let signature = found.signature.as_ref().expect("readable");
            let intact = signature.value == sm3::digest(&signature.xml);
            assert_eq!(intact, path != signature.path && path != signature.value_path, "{path}");
        }
    }
}

#[test]
fn a_file_that_goes_is_missed() {
    let sealed = seal(&document(2), &request(Protect::Content));
    for path in ["Doc_0/Res/dot.bin", "Doc_0/Pages/Page_1/Content.xml", "Doc_0/Signs/Sign_0/Seal.esl"] {
        let mut files = unpack(&sealed);
        files.retain(|(name, _)| name != path);
        let structure = verify_structure(&mut open(&pack(&files))).expect("a structure");
        let reasons = &structure.signatures[0].reasons;
        assert!(
            reasons.iter().any(|one| one.to_string() == format!("missing-part: /{path}")),
            "{path}: {reasons:?}"
        );
    }
}

#[test]
fn nothing_follows_a_signature_of_the_whole() {
    let one = seal(&document(2), &request(Protect::Content));
    let whole = seal(&one, &request(Protect::Whole));
    let structure = verify_structure(&mut open(&whole)).expect("a structure");
    assert!(structure.signatures.iter().all(|found| found.reasons.is_empty()));
    let protects: Vec<bool> = structure
        .signatures
        .iter()
        .map(|found| found.signature.as_ref().expect("readable").protects_signatures)
        .collect();
    assert_eq!(protects, [false, true]);
    let mut document = open(&whole);
    let error = prepare(&mut document, &sign_request(Protect::Content)).expect_err("refused");
    assert_eq!(error, Error::Unusable("a signature protects the whole document; none can follow"));
    let mut files = unpack(&whole);
    edit(&mut files, "Doc_0/Signs/Signatures.xml", "<ofd:MaxSignId>", "<ofd:MaxSignId> ");
    let structure = verify_structure(&mut open(&pack(&files))).expect("a structure");
    let reasons = &structure.signatures[1].reasons;
    assert_eq!(
        reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["content-changed: /Doc_0/Signs/Signatures.xml"]
    );
}

#[test]
fn requests_that_do_not_fit_are_refused() {
    let package = document(2);
    let good = request(Protect::Content);
    let nowhere = [Stamp { area: Rect { width: 0.0, ..STAMPS[0].area }, ..STAMPS[0] }];
    let infinite = [Stamp { area: Rect { x: f64::NAN, ..STAMPS[0].area }, ..STAMPS[0] }];
    let beyond = [stamp(2)];
    for (request, text) in [
        (Request { seal: None, ..good }, "a seal is needed"),
        (Request { stamps: &[], ..good }, "a seal that shows nowhere"),
        (Request { kind: Kind::Sign, ..good }, "a signature without a seal shows nowhere"),
        (Request { kind: Kind::Sign, seal: None, ..good }, "a signature without a seal shows nowhere"),
        (Request { method: "SM2", ..good }, "the algorithm is no object identifier"),
        (Request { stamps: &beyond, ..good }, "there is no such page"),
        (Request { stamps: &nowhere, ..good }, "the place of a stamp is no rectangle"),
        (Request { stamps: &infinite, ..good }, "the place of a stamp is no rectangle"),
    ] {
        let mut document = open(&package);
        assert_eq!(prepare(&mut document, &request).err(), Some(Error::Unusable(text)));
    }
    let heavy = vec![0; usize::try_from(MAX_VALUE).expect("fits") + 1];
    let mut document = open(&package);
    let error = prepare(&mut document, &Request { seal: Some(&heavy), ..good }).err();
    assert_eq!(error, Some(Error::TooLarge("ofd: the seal")));
    let mut document = open(&package);
    let prepared = prepare(&mut document, &good).expect("prepared");
    assert_eq!(prepared.embed(&heavy, Vec::new()), Err(Error::TooLarge("ofd: the value of a signature")));
    let many = vec![stamp(0); seal::place::MAX_STAMPS + 1];
    let mut document = open(&package);
    let error = prepare(&mut document, &Request { stamps: &many, ..good }).err();
    assert_eq!(error, Some(Error::TooLarge("stamps of one seal")));
    let mut document = open(&package);
    let prepared = prepare(&mut document, &good).expect("prepared");
    assert_eq!(prepared.embed(&[], Vec::new()), Err(Error::Unusable("the value of the signature is empty")));
}

#[test]
fn documents_that_cannot_be_sealed_are_refused() {
    let refuse = |files: &Files, text| {
        let package = pack(files);
        let mut document = open(&package);
        assert_eq!(prepare(&mut document, &request(Protect::Content)).err(), Some(Error::Unusable(text)));
    };
    let mut with_list = files(2);
    with_list.push(("OFDEntries.xml".to_owned(), b"<DocEntries/>".to_vec()));
    refuse(&with_list, "the package has an integrity list, which new files would break");
    let mut space = files(2);
    space.push(("Doc_0/x ".to_owned(), Vec::new()));
    refuse(&space, "the package has a file whose name cannot be written");
    let mut in_the_way = files(2);
    in_the_way.push(("Doc_0/Signs/signatures.xml".to_owned(), Vec::new()));
    refuse(&in_the_way, "a list of signatures is there that the document does not name");

    // The list of signatures goes, and the place of it in OFD.xml: a new one would break what a signature covers.
    let sealed = seal(&document(2), &request(Protect::Content));
    let mut empty = unpack(&sealed);
    edit(&mut empty, "Doc_0/Signs/Signatures.xml", "<ofd:Signature ID", "<ofd:Other ID");
    let package = pack(&empty);
    let again = seal(&package, &request(Protect::Content));
    let structure = verify_structure(&mut open(&again)).expect("a structure");
    assert_eq!(
        structure.signatures[0].path, "/Doc_0/Signs/Sign_1/Signature.xml",
        "no directory is used twice"
    );
}

#[test]
fn a_list_that_is_named_and_not_there_is_made() {
    let mut files = files(2);
    edit(
        &mut files,
        "OFD.xml",
        "</ofd:DocBody>",
        "<ofd:Signatures>Doc_0/S.xml</ofd:Signatures></ofd:DocBody>",
    );
    let package = pack(&files);
    let sealed = seal(&package, &request(Protect::Content));
    assert_eq!(text_of(&sealed, "OFD.xml"), text_of(&package, "OFD.xml"));
    let structure = verify_structure(&mut open(&sealed)).expect("a structure");
    assert_eq!(structure.warnings, []);
    assert_eq!(structure.signatures[0].reasons, []);
    assert_eq!(structure.signatures[0].path, "/Doc_0/Signs/Sign_0/Signature.xml");
}

/// Two documents in a package, each with the place of its list of signatures.
fn two_documents() -> Files {
    let mut files = files(1);
    for (path, content) in files.clone().into_iter().filter(|(path, _)| path.starts_with("Doc_0/")) {
        files.push((path.replace("Doc_0/", "Doc_1/"), content));
    }
    let body = |number: usize| {
        format!(
            "<ofd:DocRoot>Doc_{number}/Document.xml</ofd:DocRoot><ofd:Signatures>Doc_{number}/Signs/Signatures.xml\
             </ofd:Signatures></ofd:DocBody>"
        )
    };
    let one = "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody>";
    edit(&mut files, "OFD.xml", one, &format!("{}<ofd:DocBody>{}", body(0), body(1)));
    files
}

/// The same package with the other document first.
fn turned(package: &[u8]) -> Vec<u8> {
    let mut files = unpack(package);
    let (_, root) = files.iter_mut().find(|(path, _)| path == "OFD.xml").expect("it");
    let text = String::from_utf8(root.clone()).expect("text");
    *root = text.replace("Doc_0", "Doc_x").replace("Doc_1", "Doc_0").replace("Doc_x", "Doc_1").into_bytes();
    pack(&files)
}

#[test]
fn signatures_of_other_documents_in_the_package_hold() {
    let first = seal(&pack(&two_documents()), &sign_request(Protect::Content));
    let second = seal(&turned(&first), &sign_request(Protect::Content));
    let both = turned(&second);
    let paths: Vec<String> = verify_structure(&mut open(&both))
        .expect("a structure")
        .signatures
        .into_iter()
        .map(|found| found.path)
        .collect();
    assert_eq!(paths, [0, 1].map(|number| format!("/Doc_{number}/Signs/Sign_0/Signature.xml")));
    // The second one covers the list of the first document and the signature in it.
    let error = prepare(&mut open(&both), &sign_request(Protect::Content)).err();
    assert_eq!(error, Some(Error::Unusable("a signature covers a file that would have to change")));
    let error = remove_last(&mut open(&both), "s001", time(), Vec::new());
    assert_eq!(error, Err(Error::Unusable("another signature covers something of it")));
    assert_eq!(remove_last(&mut open(&second), "s001", time(), Vec::new()), Ok(()));
}

#[test]
fn a_place_in_the_document_that_a_signature_covers_is_not_filled_in() {
    let mut files = unpack(&seal(&document(2), &sign_request(Protect::Content)));
    // The list is taken away, and the name of it; OFD.xml is covered by a signature of another document.
    let list = "<ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures></ofd:DocBody>";
    edit(
        &mut files,
        "OFD.xml",
        list,
        &format!("</ofd:DocBody><ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>{list}"),
    );
    let package = pack(&files);
    // Its own list would be at the same place.
    let error = prepare(&mut open(&package), &sign_request(Protect::Content)).err();
    assert_eq!(error, Some(Error::Unusable("a list of signatures is there that the document does not name")));
}

#[test]
fn a_signature_that_cannot_be_understood_forbids_another() {
    let sealed = seal(&document(2), &request(Protect::Content));
    let mut files = unpack(&sealed);
    edit(&mut files, "Doc_0/Signs/Sign_0/Signature.xml", "<ofd:SignedInfo>", "<ofd:SignedInfo");
    let package = pack(&files);
    let mut document = open(&package);
    assert_eq!(prepare(&mut document, &request(Protect::Content)).err(), Some(Error::Malformed("xml")));
}

#[test]
fn the_list_of_other_makers_is_edited_in_place() {
    let sealed = seal(&document(2), &request(Protect::Content));
    let mut files = unpack(&sealed);
    let list = "Doc_0/Signs/Signatures.xml";
    let (_, content) = files.iter_mut().find(|(name, _)| name == list).expect("the list");
    *content = b"<?xml version='1.0'?>\r\n<Signatures xmlns='http://www.ofdspec.org/2016'>\r\n <MaxSignId>3</MaxSignId>\r\n \
        <Signature ID='1' BaseLoc='Sign_0/Signature.xml'/><!-- x -->\r\n</Signatures>\r\n"
        .to_vec();
    let again = seal(&pack(&files), &sign_request(Protect::Content));
    let expected = "<?xml version='1.0'?>\r\n<Signatures xmlns='http://www.ofdspec.org/2016'>\r\n <MaxSignId>4</MaxSignId>\r\n \
        <Signature ID='1' BaseLoc='Sign_0/Signature.xml'/><!-- x -->\r\n<Signature ID=\"4\" Type=\"Sign\" \
        BaseLoc=\"/Doc_0/Signs/Sign_1/Signature.xml\"/></Signatures>\r\n";
    assert_eq!(text_of(&again, list), expected);
    let structure = verify_structure(&mut open(&again)).expect("a structure");
    assert!(structure.signatures.iter().all(|found| found.reasons.is_empty()), "{structure:?}");
}

#[test]
fn the_last_one_can_be_removed() {
    let [_, second, third, fourth] = thrice();
    let remove = |package: &[u8], id: &str| {
        let mut out = Vec::new();
        remove_last(&mut open(package), id, time(), &mut out).map(|()| out)
    };
    for id in ["s001", "s004", "s999"] {
        assert_eq!(remove(&fourth, id), Err(Error::Unusable("only the last signature can be removed")));
    }
    let removed = remove(&fourth, "s005").expect("removed");
    let (before, after) = (unpack(&third), unpack(&removed));
    assert_eq!(after.len(), before.len());
    for ((path, content), (path_now, now)) in before.iter().zip(&after) {
        assert_eq!(path, path_now);
        // Only the highest id differs.
        assert_eq!(content == now, path != "Doc_0/Signs/Signatures.xml", "{path}");
    }
    let list = text_of(&removed, "Doc_0/Signs/Signatures.xml");
    assert_eq!(list, text_of(&third, "Doc_0/Signs/Signatures.xml").replace("s004</ofd:Max", "s007</ofd:Max"));
    let structure = verify_structure(&mut open(&removed)).expect("a structure");
    assert_eq!((structure.signatures.len(), structure.warnings.len()), (2, 0));
    assert!(structure.signatures.iter().all(|found| found.reasons.is_empty()));

    let none = remove(&remove(&removed, "s004").expect("removed"), "s001").expect("removed");
    assert_eq!(text_of(&none, "OFD.xml"), text_of(&second, "OFD.xml"), "the place of the list stays");
    assert_eq!(verify_structure(&mut open(&none)).expect("a structure").signatures.len(), 0);
    assert_eq!(remove(&none, "s001"), Err(Error::Unusable("there is no such signature")));
    assert_eq!(remove(&document(1), "s001"), Err(Error::Unusable("there is no such signature")));
    // An id is never used twice.
    let again = seal(&none, &sign_request(Protect::Content));
    assert!(text_of(&again, "Doc_0/Signs/Signatures.xml").contains("ID=\"s008\""));
}

#[test]
fn removal_keeps_what_others_need() {
    let remove = |package: &[u8], id: &str| remove_last(&mut open(package), id, time(), Vec::new());
    // A list in another order: the first one stands last, and the second one covers it.
    let [_, _, third, _] = thrice();
    let mut files = unpack(&third);
    let list = "Doc_0/Signs/Signatures.xml";
    let first = "<ofd:Signature ID=\"s001\" Type=\"Seal\" BaseLoc=\"/Doc_0/Signs/Sign_0/Signature.xml\"/>";
    edit(&mut files, list, first, "");
    edit(&mut files, list, "</ofd:Signatures>", &format!("{first}</ofd:Signatures>"));
    let covered = Err(Error::Unusable("another signature covers something of it"));
    assert_eq!(remove(&pack(&files), "s001"), covered);

    let whole = seal(&document(2), &request(Protect::Whole));
    assert_eq!(remove(&whole, "s001"), Ok(()), "what it protects goes with it");

    // A signature that stands where the document has something.
    let mut files = unpack(&seal(&document(2), &sign_request(Protect::Content)));
    edit(&mut files, "Doc_0/Document.xml", "PublicRes.xml", "Signs/Sign_0/SignedValue.dat");
    let needed = Err(Error::Unusable("the document needs a file of the signature"));
    let (_, value) = files.iter_mut().find(|(path, _)| path.ends_with("SignedValue.dat")).expect("it");
    *value = b"<Res/>".to_vec();
    assert_eq!(remove(&pack(&files), "s001"), needed);

    // A signature that names files of others as its own.
    let mut files = unpack(&seal(&document(2), &sign_request(Protect::Content)));
    edit(
        &mut files,
        "Doc_0/Signs/Sign_0/Signature.xml",
        "<ofd:SignedValue>/Doc_0/Signs/Sign_0/SignedValue.dat",
        "<ofd:SignedValue>/OFD.xml",
    );
    let mut out = Vec::new();
    remove_last(&mut open(&pack(&files)), "s001", time(), &mut out).expect("removed");
    assert!(unpack(&out).iter().any(|(path, _)| path == "OFD.xml"));
    let mut files = unpack(&seal(&document(2), &sign_request(Protect::Content)));
    edit(&mut files, list, "/Doc_0/Signs/Sign_0/Signature.xml", "/Doc_0/Signs/Signature.xml");
    let (path, _) = files.iter_mut().find(|(path, _)| path.ends_with("Sign_0/Signature.xml")).expect("it");
    *path = "Doc_0/Signs/Signature.xml".to_owned();
    let no_home = Err(Error::Unusable("the signature has no directory of its own"));
    assert_eq!(remove(&pack(&files), "s001"), no_home);
}

#[test]
fn the_provider_may_be_anything() {
    let provider = Provider { name: "名\u{1}\n<&>\"'", version: "", company: "\t" };
    let sealed = seal(&document(1), &Request { provider, ..sign_request(Protect::Content) });
    let structure = verify_structure(&mut open(&sealed)).expect("a structure");
    let signature = structure.signatures[0].signature.as_ref().expect("readable");
    assert_eq!(signature.provider, ["名 <&>\"'", "", " "]);
}
