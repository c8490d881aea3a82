use std::{string::String, vec::Vec};

use proptest::{collection::vec, prelude::*};
use sm_primitives::rand_core::UnwrapErr;

use super::{log_key, records};
use crate::{
    Code, KeyId, LogId, Op,
    audit::{
        Act, Event, Frontier, HEAD_LEN, HeadError, Malformed, Record, SignatureItem, SignedTreeHead, TreeHead,
    },
};

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_written(
        (seq, at_ms, act, result) in (1u64.., any::<u64>(), any::<u8>(), any::<u8>()),
        (key_id, sid) in any::<(Option<[u8; 16]>, Option<[u8; 16]>)>(),
        (device, h_req, x) in any::<(Option<[u8; 32]>, Option<[u8; 32]>, Option<[u8; 32]>)>(),
        (epoch, count) in any::<(u32, u16)>(),
        items in vec(any::<[u8; 32]>(), 0..4),
        note in "\\PC{0,60}",
    ) {
        let event = Event {
            key_id: key_id.map(KeyId::from_bytes),
            device: device.map(crate::DeviceId::from_bytes),
            epoch,
            sid: sid.map(crate::SessionId::from_bytes),
            h_req,
            public_key: x.map(|x| [x, x].concat().try_into().unwrap()),
            count,
            items: items.into_iter().map(|digest| SignatureItem { digest, r: [9; 32] }).collect(),
            result,
            ..Event::administration(at_ms, Act::from_byte(act), note)
        };
        let record = Record { seq, event };
        prop_assert_eq!(Record::decode(&record.encode()), Ok(record));
    }

    #[test]
    fn what_decodes_has_no_other_form(seq in 1u64..9, at in 0usize..400, byte in any::<u8>()) {
        let mut bytes = records(8).swap_remove(usize::try_from(seq).unwrap() - 1).encode();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(record.encode(), bytes);
        }
    }
}

#[test]
fn cut_and_lengthened_records_are_refused() {
    for record in records(4) {
        let mut bytes = record.encode();
        for cut in 0..bytes.len() {
            assert!(Record::decode(&bytes[..cut]).is_err(), "{cut}");
        }
        bytes.push(0);
        assert_eq!(Record::decode(&bytes), Err(Malformed("a record")));
    }
    let mut first = records(1).remove(0);
    first.seq = 0;
    assert!(Record::decode(&first.encode()).is_err(), "records are counted from 1");
}

#[test]
fn a_note_is_cut_between_characters() {
    let event = Event::administration(1, Act::CODE, "签".repeat(100));
    let record = Record::decode(&Record { seq: 1, event }.encode()).unwrap();
    assert_eq!(record.event.note, "签".repeat(85));
}

#[test]
fn the_largest_record_fits() {
    let mut event = Event::administration(1, Act::operation(Op::Sign), String::from_iter(['x'; 255]));
    event.items = Vec::from_iter([SignatureItem { digest: [1; 32], r: [2; 32] }; 256]);
    let record = Record { seq: 1, event };
    assert_eq!(Record::decode(&record.encode()), Ok(record));
}

#[test]
fn names() {
    assert_eq!(Act::operation(Op::Sign).as_str(), "sign");
    assert_eq!(Act::from_byte(0x87).as_str(), "unlock");
    assert_eq!(Act::from_byte(0x7f).as_str(), "unknown");
    let outcome = |result| Event { result, ..Event::administration(1, Act::INIT, "") }.outcome();
    assert_eq!([outcome(0), outcome(Code::Pin.byte()), outcome(0xff)], ["ok", "E_PIN", "unknown"]);
}

#[test]
fn a_head_is_signed_by_its_log_only() {
    let (key, other) = (log_key(1), log_key(2));
    let log_id = LogId::of(key.public_key());
    let head = TreeHead::of(log_id, &Frontier::new(), 5);
    let signed = head.sign(&key, &mut UnwrapErr(getrandom::SysRng)).unwrap();
    assert_eq!(signed.verify(key.public_key()), Ok(()));
    assert_eq!(signed.verify(other.public_key()), Err(HeadError::OtherLog));
    let forged = head.sign(&other, &mut UnwrapErr(getrandom::SysRng)).unwrap();
    assert_eq!(forged.verify(key.public_key()), Err(HeadError::Signature));

    let bytes = signed.encode();
    assert_eq!(bytes.len(), HEAD_LEN);
    assert_eq!(SignedTreeHead::decode(&bytes), Ok(signed));
    assert!(SignedTreeHead::decode(&bytes[1..]).is_err());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let verified = SignedTreeHead::decode(&changed).map(|head| head.verify(key.public_key()));
        assert_ne!(verified, Ok(Ok(())), "byte {at}");
    }
}
