//! What the client checks in oblivious mode, and what both sides read back.

use super::*;
use crate::{Progress, server::read_secrets};

/// What becomes of an answer on its way.
type Change = &'static dyn Fn(&mut Vec<u8>);

#[test]
fn steps_of_one_mode_are_refused_in_the_other() {
    let (base, oblivious) =
        (Pair::pending(Suite::D, Purpose::Sign), Pair::pending_oblivious(Suite::D, Purpose::Sign));
    let (right, none) = (pin("258013"), pin(""));
    let dev = &base.device_key;
    assert_eq!(oblivious.record.unlock(&right, &oblivious.device_key).err(), MISUSE);
    assert_eq!(oblivious.record.unlock(&right, dev).err(), Some(Error::InvalidRecord));
    assert_eq!(evaluate::unlock(&base.record, &right, dev, NOW, &mut SysRng).err(), MISUSE);
    let foreign = evaluate::unlock(&oblivious.record, &right, dev, NOW, &mut SysRng).err();
    assert_eq!(foreign, Some(Error::InvalidRecord));
    assert_eq!(evaluate::renew(&base.key, &right, dev, MIN_ITERATIONS, NOW, &mut SysRng).err(), MISUSE);
    let few = evaluate::renew(&oblivious.key, &right, dev, MIN_ITERATIONS - 1, NOW, &mut SysRng).err();
    assert_eq!(few, Some(Error::ApiMisuse(ApiMisuse::Iterations)));
    let format = Some(Error::ApiMisuse(ApiMisuse::PinFormat));
    let dev = &oblivious.device_key;
    assert_eq!(evaluate::unlock(&oblivious.record, &none, dev, NOW, &mut SysRng).err(), format);
    assert_eq!(evaluate::renew(&oblivious.key, &none, dev, MIN_ITERATIONS, NOW, &mut SysRng).err(), format);
    let started =
        keygen::start_oblivious(TO, Suite::D, Purpose::Sign, &none, MIN_ITERATIONS, &mut SysRng).err();
    assert_eq!(started, format);

    // A PIN that was evaluated is of one key, and of no key in base mode.
    let mut pair = oblivious.activated();
    for key in [base.key, ClientKey { key_id: TO, ..Pair::pending_oblivious(Suite::D, Purpose::Sign).key }] {
        let device_key = device_key(&pair);
        let waiting = evaluate::renew(&pair.key, &right, &device_key, MIN_ITERATIONS, NOW, &mut SysRng);
        let new_pin = ask(&mut pair, &OWN, waiting.unwrap()).unwrap().outcome;
        assert_eq!(refresh::start_evaluated(&key, new_pin, NOW, &mut SysRng).err(), MISUSE);
    }
}

#[test]
fn answers_to_an_evaluation_are_read_whole() {
    let mut pair = active(Suite::D, Purpose::Sign);
    let (pin, device_key) = (pin("258013"), device_key(&pair));
    let record = LocalRecord::from_bytes(&pair.record.to_bytes()[..]).unwrap();
    let cases: [(Change, Error); 5] = [
        (&|answer| answer[4] ^= 1, Error::InvalidMessage(Code::State)),
        (&|answer| answer[21] = 2, Error::InvalidMessage(Code::Batch)),
        (&|answer| answer.push(0), Error::InvalidMessage(Code::Length)),
        (&|answer| answer[3] = 10, Error::InvalidMessage(Code::Version)),
        (&|answer| answer[22..].fill(7), Error::InvalidMessage(Code::RespPoint)),
    ];
    for (change, error) in cases {
        let waiting = evaluate::unlock(&record, &pin, &device_key, NOW, &mut SysRng).unwrap();
        let mut answer = pair.model.handle(waiting.frame(), &OWN, NOW, &mut SysRng);
        change(&mut answer);
        assert_eq!(waiting.finish(&answer).err(), Some(error));
        pair.model.keys.values_mut().for_each(|record| record.gate = Gate::default());
    }
    let waiting = evaluate::unlock(&record, &pin, &device_key, NOW, &mut SysRng).unwrap();
    assert_eq!(waiting.deadline_ms(), NOW + 60_000);
    let busy = [&[1, 1, Code::Busy.byte(), 0][..], &waiting.frame()[24..40], &[0, 0]].concat();
    let Ok(Progress::Busy(waiting)) = waiting.finish(&busy) else { panic!("E_BUSY gives it back") };
    assert!(ask(&mut pair, &OWN, waiting).is_ok());
}

#[test]
fn secrets_are_read_back_in_the_mode_of_their_key() {
    let (base, oblivious) =
        (Pair::pending(Suite::D, Purpose::Sign), Pair::pending_oblivious(Suite::D, Purpose::Sign));
    let secrets = |pair: &Pair| pair.model.keys[&pair.key.key_id()].expose_secrets();
    let (short, long) = (secrets(&base), secrets(&oblivious));
    assert_eq!((short.len(), long.len()), (96, 128));
    let (share, oprf) = read_secrets(PinMode::Oblivious, &long).unwrap();
    assert_eq!([&share.expose_bytes()[..], &oprf.unwrap().expose_bytes()[..]].concat(), long[..]);
    assert!(read_secrets(PinMode::Base, &short).unwrap().1.is_none());
    for (mode, bytes) in [
        (PinMode::Base, &long[..]),
        (PinMode::Oblivious, &short[..]),
        (PinMode::Base, &short[..95]),
        (PinMode::Oblivious, &long[..127]),
        (PinMode::Oblivious, &[&long[..], &[0]].concat()),
        (PinMode::Oblivious, &[&long[..96], &[0; 32]].concat()),
        (PinMode::Base, &[0; 96]),
    ] {
        assert!(read_secrets(mode, bytes).is_none(), "{mode:?}, {} bytes", bytes.len());
    }
    for mode in [PinMode::Base, PinMode::Oblivious] {
        assert_eq!(PinMode::from_name(mode.as_str()), Some(mode));
        assert_eq!(PinMode::from_byte(mode.byte()), Some(mode));
    }
    assert_eq!((PinMode::from_name(""), PinMode::from_byte(0)), (None, None));
}
