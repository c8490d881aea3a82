//! Requests that are written here, in both forms.

use getrandom::SysRng;
use pki::{
    Error, SubjectKey,
    csr::{AttributeForm, Builder, Extension, Request, SubjectAttribute, Unsigned},
};
use sm_primitives::sm2::{PrivateKey, dsa};

use crate::support::key;

fn builder(key: &PrivateKey) -> Builder {
    Builder::new(*key.public_key()).subject(SubjectAttribute::CommonName, "测试单位")
}

pub(crate) fn signed(key: &PrivateKey, unsigned: Unsigned) -> Vec<u8> {
    let signature = dsa::sign_digest(key, &unsigned.digest(), &mut SysRng).unwrap();
    unsigned.assemble(&signature).unwrap()
}

#[test]
fn both_forms_are_read_as_written() {
    let (own, temporary) = (key("own"), key("temporary"));
    for form in [AttributeForm::Standard, AttributeForm::Cfca] {
        let unsigned = builder(&own)
            .subject(SubjectAttribute::Email, "a@example.com")
            .challenge("111111")
            .temporary_key(*temporary.public_key())
            .form(form)
            .build()
            .unwrap();
        let info = unsigned.info().to_vec();
        let request = Request::read(&signed(&own, unsigned)).unwrap();
        assert_eq!(request.info(), info);
        assert_eq!(request.verify(), Ok(()));
        assert_eq!(*request.key(), SubjectKey::Sm2(*own.public_key()));
        let attributes = request.attributes();
        assert_eq!(attributes.challenge.as_deref(), Some("111111"));
        assert_eq!(attributes.temporary_key, Some(SubjectKey::Sm2(*temporary.public_key())));
        assert_eq!(attributes.bare, form == AttributeForm::Cfca);
        let subject = envelope::name::display(request.subject());
        assert_eq!(subject, "CN=测试单位, emailAddress=a@example.com");
    }
}

/// What the protocol's own strict reader takes is the simplest of these requests.
#[test]
fn a_plain_request_has_empty_attributes() {
    let own = key("own");
    let der = signed(&own, builder(&own).build().unwrap());
    let info = Request::read(&der).unwrap().info().to_vec();
    assert_eq!(info[info.len() - 2..], [0xa0, 0]);
}

#[test]
fn a_signature_of_another_key_is_not_taken() {
    let own = key("own");
    let unsigned = builder(&own).build().unwrap();
    let signature = dsa::sign_digest(&key("another"), &unsigned.digest(), &mut SysRng).unwrap();
    assert_eq!(unsigned.assemble(&signature), Err(Error::InvalidSignature));
}

#[test]
fn what_cannot_be_written_is_refused() {
    let own = key("own");
    let refused = |builder: Builder| matches!(builder.build(), Err(Error::Unusable(_)));
    assert!(refused(Builder::new(*own.public_key())), "no subject");
    let long = "n".repeat(65);
    for (attribute, value) in [
        (SubjectAttribute::CommonName, ""),
        (SubjectAttribute::CommonName, &long),
        (SubjectAttribute::CommonName, "a\nb"),
        (SubjectAttribute::Country, "C"),
        (SubjectAttribute::Country, "CHN"),
        (SubjectAttribute::Country, "中国"),
        (SubjectAttribute::SerialNumber, "号"),
        (SubjectAttribute::SerialNumber, "a@b"),
        (SubjectAttribute::Email, "号@example.com"),
    ] {
        assert!(refused(builder(&own).subject(attribute, value)), "{attribute:?} {value}");
    }
    assert!(!refused(builder(&own).subject(SubjectAttribute::Organization, &"单".repeat(64))));
    assert!(!refused(builder(&own).subject(SubjectAttribute::Country, "CN")));
    assert!(refused(builder(&own).challenge("")) && refused(builder(&own).challenge("密码")));
    let extension = |id: &[u8]| Extension { id: id.to_vec(), critical: false, value: vec![5, 0] };
    let one = builder(&own).extension(extension(&[0x55, 0x1d, 15]));
    assert!(!refused(one.clone()));
    assert!(refused(one.clone().extension(extension(&[0x55, 0x1d, 15]))), "twice");
    assert!(refused(one.clone().extension(extension(&[]))), "without an identifier");
    assert!(refused(one.form(AttributeForm::Cfca)));
}
