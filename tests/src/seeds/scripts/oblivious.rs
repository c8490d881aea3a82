//! Scripts of keys in oblivious mode.

use super::{ADMINISTER, AGAIN, REQUEST, RESTART, WAIT, WRONG_TAG, commit, reveal, sign, step};
use crate::{
    fuzz::{
        DECRYPT_D, DECRYPT_F2, NEW_D, NEW_F2, PENDING_D, PENDING_F2, RECOVERED_D, RECOVERED_F2, SIGN_D,
        SIGN_F2,
    },
    seeds::{Seed, add},
};

/// From here on the names mean keys of the other mode.
const MODE: u8 = 0x17;
/// From here on the names mean the keys that arrive, or the others again.
const OVER: u8 = 0x1e;
const NEXT_EPOCH: u8 = 0x20;

/// Op 0A for one PIN, for a request in session `sid`.
const fn evaluate(name: u8, how: u8, sid: u8) -> [u8; 5] {
    [step(name, 0x0a), how, sid, 0, 5]
}

/// Op 0A for two PINs.
const fn evaluate_two(name: u8, sid: u8) -> [u8; 6] {
    [step(name, 0x0a), 0, sid, 1, 5, 0x16]
}

/// R1 in session `sid`, and R3.
const fn refreshed(name: u8, sid: u8) -> [u8; 9] {
    [step(name, 3), 0, sid, 1, 2, step(name, 5), 0, sid + 1, 0]
}

/// What the server says to evaluations.
pub(super) fn server(script: &mut impl FnMut(&str, &[&[u8]])) {
    let (again, mode): (&[u8], &[u8]) = (&[AGAIN, 0], &[MODE]);
    for (suite, signs, decrypts) in [("d", SIGN_D, DECRYPT_D), ("f2", SIGN_F2, DECRYPT_F2)] {
        let used = |how, sid| [&sign(signs, how, sid, 7)[..], &commit(signs, how, sid, 7)].concat();
        let (asked, opened) = (evaluate(signs, 0, 1), reveal(signs, 1, 0));
        let mut script = |name: &str, steps: &[&[u8]]| {
            script(&format!("{suite}-oblivious-{name}"), &[&[mode], steps].concat());
        };
        script("use", &[&asked, again, &used(0, 1), &opened, again, &asked, &used(0, 2)]);
        script(
            "wrong",
            &[&asked, &used(WRONG_TAG, 1), &used(0, 1), &used(WRONG_TAG, 2), &asked, &used(0, 3)],
        );
        script("abroad", &[&asked, &used(0, 2), &evaluate(signs, 0, 3), &used(0, 1), &used(0, 3)]);
        script("decrypt", &[&evaluate(decrypts, 0, 1), &[step(decrypts, 2), 0, 1, 1, 2, 3], again]);
        script("refresh", &[&evaluate_two(signs, 1), &refreshed(signs, 1), &asked, &used(0, 5)]);
        let (r1, r3) = (&refreshed(signs, 1)[..5], &refreshed(signs, 1)[5..]);
        let next = evaluate(signs, NEXT_EPOCH, 2);
        script("confirm", &[&evaluate_two(signs, 1), r1, &[RESTART], &next, r3, &evaluate(signs, 0, 2), r3]);
        script("restart", &[&asked, &[RESTART], again, &used(0, 1), &[RESTART, AGAIN, 2, AGAIN, 0]]);
        script("conflict", &[&asked, &evaluate_two(signs, 1), &evaluate(signs, 2, 7), &used(0, 7)]);
        script("known-session", &[&used(0, 1), &asked, &[RESTART], &used(0, 1), &used(WRONG_TAG, 1)]);
        for (name, how) in [
            ("tag", 1),
            ("session", 2),
            ("epoch", NEXT_EPOCH),
            ("suite", 0x40),
            ("device", 0x80),
            ("early", 0x10),
            ("late", 0x18),
        ] {
            script(name, &[&evaluate(signs, how, 1), &used(0, 1)]);
        }
        script("count", &[&[step(signs, 0x0a), 0, 1, 0xff], &[step(signs, 0x0a), 0, 1, 0xfe, 1, 2, 3]]);
        script("point", &[&[step(signs, 0x0a), 0, 1, 0, 0x85, step(signs, 0x0a), 0, 1, 1, 5, 0xc5]]);
        let waits = |sid| [&evaluate(signs, 0, sid)[..], &[WAIT, 7]].concat();
        let guesses: Vec<u8> = (0..9).flat_map(waits).collect();
        script("guesses", &[&guesses, &evaluate_two(signs, 9), &asked, &used(WRONG_TAG, 8), &used(0, 9)]);
        let early: Vec<u8> = (0..6).flat_map(|sid| evaluate(signs, 0, sid)).collect();
        script("wait", &[&early, &used(0, 4), &used(0, 5)]);
        let between = |sid: u8| [&evaluate_two(signs, sid)[..], &used(0, 0x80 + sid)].concat();
        let all: Vec<u8> = (2..16).flat_map(between).collect();
        script("all", &[&asked, &all, &evaluate_two(signs, 16), &used(0, 16), &used(WRONG_TAG, 17)]);
        script(
            "life",
            &[
                &asked,
                &[step(signs, ADMINISTER), 3],
                &used(0, 1),
                &evaluate_two(signs, 2),
                &refreshed(signs, 2),
                &evaluate(signs, 0, 4),
                &[step(signs, ADMINISTER), 0],
                again,
                &evaluate(signs, 0, 5),
                &[step(signs, ADMINISTER), 1],
                &used(0, 4),
            ],
        );
        let moved = [step(signs, 8), 0, 1, 0, 0, 0x33, 0x44];
        let arrives = [&[OVER][..], &evaluate(signs, 0, 2), &refreshed(signs, 2)].concat();
        script("move", &[&asked, &moved, &arrives, &asked, &used(0, 1), &[OVER], &evaluate(signs, 0, 3)]);
    }
    for (name, key) in [("d", SIGN_D), ("f2", SIGN_F2)] {
        script(&format!("{name}-base-evaluate"), &[&evaluate(key, 0, 1)]);
    }
    for (name, pending) in [("d", PENDING_D), ("f2", PENDING_F2)] {
        script(
            &format!("{name}-oblivious-activate"),
            &[
                mode,
                &evaluate_two(pending, 1),
                &evaluate(pending, 0, 1),
                &sign(pending, 0, 1, REQUEST),
                &commit(pending, 0, 1, REQUEST),
                &reveal(pending, 1, 0),
                &[step(pending, 0x12), 0, 4, 0, 0],
                &evaluate_two(pending, 5),
            ],
        );
    }
    for (name, new) in [("d", NEW_D), ("f2", NEW_F2)] {
        let half = |op| [step(new, op), 0, 1, 0, 5];
        let begin = [&half(0x14)[..], &[9]].concat();
        let open = [&half(0x11)[..], &[0, 0]].concat();
        script(&format!("{name}-base-generate-oblivious"), &[&begin, &open, &half(0x10)]);
        script(
            &format!("{name}-oblivious-generate"),
            &[mode, &half(0x10), &begin, again, &open, &evaluate(new, 0, 2), &sign(new, 0, 2, 7)],
        );
        let no_point = [&half(0x14)[..], &[0x89]].concat();
        script(&format!("{name}-oblivious-generate-wrong"), &[mode, &no_point, &begin, &[RESTART], &open]);
    }
    for (name, key) in [("d", RECOVERED_D), ("f2", RECOVERED_F2)] {
        script(
            &format!("{name}-oblivious-recover"),
            &[&[MODE, OVER, step(key, 0x13), 0, 1, 3, 0], &evaluate(key, 0, 2), &refreshed(key, 2)],
        );
    }
}

/// Sessions of the client with right answers, and with changes of those that evaluate.
pub(super) fn client(seeds: &mut Vec<Seed>, changes: &[(&str, &[u8])]) {
    let mut script = |name: String, steps: &[&[u8]]| add(seeds, "client_pin", &name, steps.concat());
    let (right, generator): (&[u8], &[u8]) = (&[0, 0, 0, 0], &[11, 0, 1]);
    for (name, key, what) in [
        ("sign-d", 0, 0),
        ("decrypt-d", 1, 0),
        ("sign-f2", 2, 0),
        ("decrypt-f2", 3, 0),
        ("refresh", 0, 2),
        ("renew", 2, 4),
        ("sign-wrong", 0, 1),
        ("refresh-wrong", 0, 3),
    ] {
        let session = [step(key, 0x0a), what];
        script(format!("oblivious-{name}"), &[&session, right]);
        script(format!("oblivious-{name}-generator"), &[&session, generator, right]);
    }
    script("oblivious-refresh-second".to_owned(), &[&[step(0, 0x0a), 2, 11, 1, 1], right]);
    for (name, bytes) in changes {
        script(format!("oblivious-sign-{name}"), &[&[step(0, 0x0a), 0], bytes, right]);
    }
    for (suite, key) in [("d", SIGN_D), ("f2", SIGN_F2)] {
        let session: &[u8] = &[step(key, 0x14)];
        script(format!("oblivious-generate-{suite}"), &[session, right]);
        for (name, change) in
            [("share", &[1, 0, 40, 1][..]), ("point", &[1, 0, 200, 1]), ("count", &[1, 0, 3, 1])]
        {
            script(format!("oblivious-generate-{suite}-{name}"), &[session, change, right]);
        }
        let moved = [&[5, 0, 224][..], &[4; 224]].concat();
        script(format!("oblivious-generate-{suite}-body"), &[session, &moved, right]);
    }
}
