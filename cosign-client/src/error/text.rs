//! Words for causes and ways out.

use cosign_core::KeyId;

use super::{Error, SilentServer};

pub(super) fn cause_text(cause: Option<&Error>) -> String {
    cause.map(|cause| format!(": {cause}")).unwrap_or_default()
}

pub(super) fn completion_text(key_id: KeyId, cause: Option<&Error>) -> String {
    let new_pin = "with the PIN that the key was to have";
    match cause {
        None => format!("`smsign refresh {key_id}` completes it, {new_pin}"),
        Some(Error::WrongPin { remaining: 0, retry_s: 0 } | Error::KeyRefused) => {
            format!(
                "when the operator has unlocked the key, `smsign refresh {key_id}` completes it, {new_pin}"
            )
        }
        Some(Error::WrongPin { retry_s, .. }) => {
            let wait = match retry_s {
                0 => String::new(),
                wait => format!("wait {}; ", duration_text(u64::from(*wait) * 1000)),
            };
            // What the server never confirmed it forgets after a day.
            format!(
                "{wait}try again {new_pin}; if the server has not made the change (`smsign status` tells), it lapses after 24 h and the PIN of before holds"
            )
        }
        Some(cause) => {
            let first = cause.next_step().map(|step| format!("{step}; then ")).unwrap_or_default();
            format!("{first}any command with this key completes it, {new_pin}")
        }
    }
}

pub(super) fn arrival_text(key_id: KeyId, cause: Option<&Error>) -> String {
    let pin = "with the PIN that was chosen for it";
    match cause {
        None => format!("`smsign refresh {key_id}` completes it, {pin}"),
        Some(Error::KeyRefused) => format!(
            "the share that it was split from is frozen or gone, the key is locked, or a day has passed; if that cannot be mended, `smsign forget {key_id}` and begin again"
        ),
        Some(Error::WrongPin { remaining: 0, retry_s: 0 }) => {
            format!("when the operator has unlocked the key, `smsign refresh {key_id}` completes it, {pin}")
        }
        Some(Error::WrongPin { retry_s, .. }) => {
            let wait = match retry_s {
                0 => String::new(),
                wait => format!("wait {}; ", duration_text(u64::from(*wait) * 1000)),
            };
            format!("{wait}try again {pin}")
        }
        Some(cause) => {
            let first = cause.next_step().map(|step| format!("{step}; then ")).unwrap_or_default();
            format!("{first}any command with this key completes it, {pin}")
        }
    }
}

pub(super) fn silent_text(servers: &[SilentServer]) -> String {
    let one = |silent: &SilentServer| format!("{} did not answer ({})", silent.server, silent.cause);
    servers.iter().map(one).collect::<Vec<_>>().join("; ")
}

pub(super) fn pin_text(remaining: u8, retry_s: u32) -> String {
    let attempts =
        |n: u8| if n == 1 { "1 attempt remains".to_owned() } else { format!("{n} attempts remain") };
    match (remaining, retry_s) {
        (0, 0) => "wrong PIN; it was the last attempt, the key is locked now".to_owned(),
        (n, 0) => format!("wrong PIN; {}", attempts(n)),
        (n, wait) => format!(
            "wrong PIN, or the wait after wrong PINs is not over; {}, the next one in {}",
            attempts(n),
            duration_text(u64::from(wait) * 1000)
        ),
    }
}

/// A length of time as people say it: `95 s`, `15 min`, `24 h`, `3 days`.
pub(crate) fn duration_text(ms: u64) -> String {
    match ms.div_ceil(1000) {
        s @ 0..=120 => format!("{s} s"),
        s @ 121..=7200 => format!("{} min", s.div_ceil(60)),
        s @ 7201..=172_800 => format!("{} h", s.div_ceil(3600)),
        s => format!("{} days", s.div_ceil(86_400)),
    }
}
