//! Parties of which one is older than the other: a phone brought back from a backup, a database brought back.

use std::sync::Arc;

use cosign_core::{
    ClientKey, Code, Digest, Error, LocalRecord, Pin, Purpose, Suite, server::KeyRecord, sign,
};
use cosign_tests::model::{DEVICE, NOW, PIN, Pair};

fn unlocked(pair: &Pair, record: &LocalRecord) -> ClientKey {
    record.unlock(&Pin::new(PIN).unwrap(), &pair.device_key).unwrap()
}

/// The status of one signature with a key.
fn sign_with(pair: &mut Pair, key: &ClientKey, counter: u64) -> Option<Code> {
    let Pair { server, rng, .. } = pair;
    let (frame, waiting) = sign::start(key, &[Digest::reduce(&[1; 32])], NOW, counter, rng).unwrap();
    waiting.finish(&server.handle(&frame, &DEVICE, NOW, rng)).err().as_ref().and_then(Error::code)
}

/// The record without a refresh that waits.
fn copy(record: &KeyRecord) -> KeyRecord {
    assert!(record.pending.is_none());
    KeyRecord { share: Arc::clone(&record.share), oprf: record.oprf.clone(), pending: None, ..*record }
}

#[test]
fn an_old_phone_and_an_old_server_are_told_by_their_epoch() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 11);
    let key_id = pair.key.key_id();
    let old_server = copy(pair.server_record());
    let old_record = pair.refresh(PIN);
    let (old, new) = (unlocked(&pair, &old_record), unlocked(&pair, &pair.record));
    assert_eq!(sign_with(&mut pair, &new, 1), None);
    // The phone of before the refresh: refused, and not as a wrong PIN, however often.
    for counter in 2..20 {
        assert_eq!(sign_with(&mut pair, &old, counter), Some(Code::Epoch));
    }
    assert_eq!((pair.server_record().gate.fails, pair.server_record().gate.total), (0, 0));
    // The database of before the refresh: the new phone is refused, the old one serves.
    let new_server = pair.server.keys.insert(key_id, old_server).unwrap();
    assert_eq!(sign_with(&mut pair, &new, 20), Some(Code::Epoch));
    assert_eq!(sign_with(&mut pair, &old, 21), None);
    pair.server.keys.insert(key_id, new_server);
    assert_eq!(sign_with(&mut pair, &new, 22), None);
}

/// Even if somebody relabels a share with the other's epoch, what the two make together is no signature.
#[test]
fn shares_of_two_epochs_sign_nothing() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 12);
    let old_record = pair.refresh(PIN);
    let old = unlocked(&pair, &old_record);
    let key_id = pair.key.key_id();
    // The new share under the epoch and the MAC key of the old.
    let auth_of_old = {
        let other = Pair::active(Suite::D, Purpose::Sign, 12);
        other.server_record().share.expose_bytes()[64..].to_vec()
    };
    let bytes = [&pair.server_record().share.expose_bytes()[..64], &auth_of_old].concat();
    let record = pair.server.keys.get_mut(&key_id).unwrap();
    record.epoch = 1;
    record.share =
        Arc::new(cosign_core::server::ServerShare::from_bytes(&bytes.try_into().unwrap()).unwrap());
    assert_eq!(sign_with(&mut pair, &old, 1), Some(Code::Verify));
    assert_eq!(pair.server.audit.last().unwrap().code, None, "the server could not tell");
}
