use cosign_core::Error as Protocol;

use super::*;

fn refused(code: Code, detail: Detail) -> Error {
    Error::from_protocol(Protocol::Refused(Refusal { code, detail }), 1_000_000)
}

#[test]
fn wrong_pin_says_how_many_and_how_long() {
    let error = refused(Code::Pin, Detail::Pin { remaining: 4, retry_s: 300 });
    assert_eq!(
        error.to_string(),
        "wrong PIN, or the wait after wrong PINs is not over; 4 attempts remain, the next one in 5 min"
    );
    assert_eq!(error.next_step().unwrap(), "wait 5 min, then try again");
    assert_eq!(error.category(), Category::Pin);

    let error = refused(Code::Pin, Detail::Pin { remaining: 1, retry_s: 0 });
    assert_eq!(error.to_string(), "wrong PIN; 1 attempt remains");
    assert_eq!(error.code(), "wrong_pin");

    let error = refused(Code::Pin, Detail::Pin { remaining: 0, retry_s: 0 });
    assert_eq!(error.to_string(), "wrong PIN; it was the last attempt, the key is locked now");
    assert_eq!(error.code(), "pin_locked");
}

#[test]
fn clock_says_which_way() {
    let error = refused(Code::Time, Detail::Time(1_600_000));
    assert_eq!(error.to_string(), "this device's clock is 10 min behind the server's");
    let error = refused(Code::Time, Detail::Time(0));
    assert_eq!(error.to_string(), "this device's clock is 17 min ahead of the server's");
    assert!(matches!(refused(Code::Time, Detail::Time(u64::MAX)), Error::Clock { ahead_ms: i64::MIN }));
}

#[test]
fn refusals_keep_their_meaning() {
    assert_eq!(refused(Code::Key, Detail::None).category(), Category::Key);
    assert_eq!(refused(Code::Quota, Detail::None).category(), Category::Key);
    assert_eq!(refused(Code::Busy, Detail::None).code(), "busy");
    assert!(matches!(refused(Code::Epoch, Detail::Epoch(7)), Error::Epoch { active: 7 }));
    assert_eq!(
        refused(Code::DupPoint, Detail::None).to_string(),
        "the server refused the request (E_DUP_POINT)"
    );
    assert_eq!(Error::from_protocol(Protocol::PeerMisbehaved(Code::Verify), 0).category(), Category::Server);
}

#[test]
fn durations_read_well() {
    for (ms, text) in [(0, "0 s"), (1, "1 s"), (120_000, "120 s"), (900_000, "15 min"), (86_400_000, "24 h")]
    {
        assert_eq!(duration_text(ms), text);
    }
    assert_eq!(duration_text(u64::MAX), "213503982335 days");
}

#[test]
fn an_unconfirmed_arrival_takes_the_exit_code_of_its_cause() {
    let key_id = KeyId::from_bytes([1; 16]);
    for (cause, category, step) in [
        (None, Category::Key, "`smsign refresh 0101"),
        (Some(Error::NoAnswer), Category::Network, "any command with this key completes it"),
        (
            Some(Error::WrongPin { remaining: 3, retry_s: 0 }),
            Category::Pin,
            "try again with the PIN that was chosen",
        ),
        (Some(Error::WrongPin { remaining: 3, retry_s: 300 }), Category::Pin, "wait 5 min; try again"),
        (
            Some(Error::WrongPin { remaining: 0, retry_s: 0 }),
            Category::Pin,
            "when the operator has unlocked the key",
        ),
        (Some(Error::KeyRefused), Category::Key, "`smsign forget 0101"),
    ] {
        let error = Error::ArrivalUnconfirmed { key_id, cause: cause.map(Box::new) };
        assert_eq!((error.code(), error.category()), ("arrival_unconfirmed", category));
        assert!(error.next_step().unwrap().contains(step), "{error}: {:?}", error.next_step());
    }
}

#[test]
fn an_unconfirmed_refresh_takes_the_exit_code_of_its_cause() {
    let key_id = KeyId::from_bytes([1; 16]);
    let unconfirmed = |cause: Option<Error>| Error::RefreshUnconfirmed { key_id, cause: cause.map(Box::new) };
    let wrong = |remaining, retry_s| Some(Error::WrongPin { remaining, retry_s });
    for (cause, category, step) in [
        (None, Category::Key, "`smsign refresh 0101"),
        (Some(Error::NoAnswer), Category::Network, "completes it"),
        (wrong(3, 0), Category::Pin, "try again with the PIN that the key was to have"),
        (wrong(3, 300), Category::Pin, "wait 5 min; try again"),
        (wrong(0, 0), Category::Pin, "when the operator has unlocked the key"),
        (Some(Error::KeyRefused), Category::Key, "when the operator has unlocked the key"),
    ] {
        let error = unconfirmed(cause);
        assert_eq!((error.code(), error.category()), ("refresh_unconfirmed", category));
        assert!(error.next_step().unwrap().contains(step), "{error}: {:?}", error.next_step());
    }
    assert_eq!(
        unconfirmed(wrong(3, 0)).to_string(),
        format!("a PIN change or refresh of key {key_id} is not confirmed yet: wrong PIN; 3 attempts remain")
    );
}
