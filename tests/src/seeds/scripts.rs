//! Scripts of the state machines: one for each way through them, and the hostile frames of the vectors.

use std::collections::BTreeSet;

use super::{Seed, add};
use crate::{
    fuzz::{ARRIVALS, DECRYPT_D, DECRYPT_F2, NEW_D, NEW_F2, PENDING_D, PENDING_F2, SIGN_D, SIGN_F2},
    vectors::{Leaves, load},
};

mod arrive;
mod oblivious;

/// The first byte of a step.
const fn step(name: u8, number: u8) -> u8 {
    (name % ARRIVALS) << 5 | number
}

const AGAIN: u8 = 0x18;
const CHANGED: u8 = 0x19;
const WAIT: u8 = 0x1a;
const ADMINISTER: u8 = 0x1b;
const RESTART: u8 = 0x1c;
const RAW: u8 = 0x1d;
/// The digest of the key's certification request.
const REQUEST: u8 = 0xfe;
const WRONG_TAG: u8 = 1;

fn raw(frame: &[u8]) -> Vec<u8> {
    let len = u16::try_from(frame.len()).unwrap().to_be_bytes();
    [&[RAW][..], &len, frame, &[AGAIN, 0]].concat()
}

/// Op 01 for one digest.
const fn sign(name: u8, how: u8, sid: u8, digest: u8) -> [u8; 7] {
    [step(name, 1), how, sid, 0, digest, 2, 3]
}

/// Op 06 for one digest.
const fn commit(name: u8, how: u8, sid: u8, digest: u8) -> [u8; 6] {
    [step(name, 6), how, sid, 0, digest, 5]
}

/// Op 07.
const fn reveal(name: u8, sid: u8, change: u8) -> [u8; 4] {
    [step(name, 7), 0, sid, change]
}

/// Scripts of the server.
pub(super) fn server(seeds: &mut Vec<Seed>) {
    vectors(seeds);
    let mut script = |name: &str, steps: &[&[u8]]| add(seeds, "server", name, steps.concat());
    let again: &[u8] = &[AGAIN, 0];
    script("d-sign", &[&sign(SIGN_D, 0, 1, 7), again, &sign(SIGN_D, 0, 1, 8), &[CHANGED, 0, 0, 100, 1]]);
    script("d-sign-many", &[&[step(SIGN_D, 1), 0, 1, 3, 7, 1, 2, 8, 3, 4, 9, 5, 6, 10, 7, 8], again]);
    script("d-sign-related-points", &[&[step(SIGN_D, 1), 0, 1, 1, 7, 1, 0x11, 8, 3, 0x84]]);
    script("d-decrypt", &[&[step(DECRYPT_D, 2), 0, 1, 1, 2, 3], again, &[RESTART], &[AGAIN, 1]]);
    for (suite, signs, decrypts) in [("d", SIGN_D, DECRYPT_D), ("f2", SIGN_F2, DECRYPT_F2)] {
        script(
            &format!("{suite}-refresh"),
            &[
                &[step(signs, 3), 0, 2, 0x33, 0x44],
                again,
                &[step(signs, 5), 0, 3, 0],
                &[step(signs, 5), 0, 4, 1],
                &sign(signs, 0, 5, 7),
                &commit(signs, 0, 6, 7),
                &reveal(signs, 6, 0),
            ],
        );
        script(
            &format!("{suite}-refresh-wrong"),
            &[
                &[step(decrypts, 3), 0, 2, 0x33, 0x44, step(decrypts, 5), 0, 3, 2],
                &[step(decrypts, 5), 0, 4, 4, WAIT, 7, WAIT, 0, step(decrypts, 5), 0, 5, 0],
            ],
        );
        script(
            &format!("{suite}-life"),
            &[
                &[step(signs, ADMINISTER), 0],
                &sign(signs, 0, 1, 7),
                &[step(signs, ADMINISTER), 1],
                &sign(signs, 0, 2, 7),
                &[step(signs, ADMINISTER), 3],
                &commit(signs, 0, 3, 7),
                &[step(signs, 3), 0, 4, 1, 2, step(signs, 5), 0, 5, 0],
                &commit(signs, 0, 6, 7),
                &[step(signs, ADMINISTER), 2],
                &reveal(signs, 6, 0),
            ],
        );
    }
    let guesses: Vec<u8> =
        (0..11).flat_map(|sid| [&sign(SIGN_D, WRONG_TAG, sid, 7)[..], &[WAIT, 7]].concat()).collect();
    script("d-guesses", &[&guesses, &sign(SIGN_D, 0, 0x80, 7)]);
    for (name, how) in [("epoch", 0x20), ("suite", 0x40), ("device", 0x80), ("early", 0x08), ("late", 0x18)] {
        script(&format!("d-sign-{name}"), &[&sign(SIGN_D, how, 1, 7)]);
        script(&format!("f2-commit-{name}"), &[&commit(SIGN_F2, how, 1, 7), &reveal(SIGN_F2, 1, 0)]);
    }
    openings(&mut script);
    arrive::arrivals(&mut script);
    arrive::recoveries(&mut script);
    oblivious::server(&mut script);
    for (name, pending) in [("d", PENDING_D), ("f2", PENDING_F2)] {
        script(
            &format!("{name}-activate"),
            &[
                &sign(pending, 0, 1, REQUEST),
                &commit(pending, 0, 1, REQUEST),
                &commit(pending, 0, 2, 7),
                &reveal(pending, 1, 0),
                &reveal(pending, 2, 0),
                &[step(pending, 0x12), 0, 3, 40, 1],
                &[step(pending, 0x12), 0, 4, 0, 0],
            ],
        );
    }
    for (name, new) in [("d", NEW_D), ("f2", NEW_F2)] {
        let half = |op| [step(new, op), 0, 1, 0, 5];
        script(
            &format!("{name}-generate"),
            &[
                &half(0x10),
                &half(0x11),
                &[0, 0],
                &sign(new, 0, 2, 7),
                &commit(new, 0, 2, 7),
                &reveal(new, 2, 0),
            ],
        );
        script(&format!("{name}-generate-wrong"), &[&half(0x10), &half(0x11), &[150, 1], again, &half(0x10)]);
    }
}

/// Suite F2: what may become of a commitment.
fn openings(script: &mut impl FnMut(&str, &[&[u8]])) {
    let again: &[u8] = &[AGAIN, 0];
    let (committed, right, wrong) = (commit(SIGN_F2, 0, 1, 7), reveal(SIGN_F2, 1, 0), reveal(SIGN_F2, 1, 9));
    script("f2-sign", &[&committed, again, &right, again, &wrong]);
    script("f2-sign-many", &[&[step(SIGN_F2, 6), 0, 1, 3, 7, 1, 8, 2, 9, 3, 10, 4], &right, again]);
    script("f2-same-points", &[&[step(SIGN_F2, 6), 0, 1, 1, 7, 1, 8, 0x11], &right]);
    script("f2-no-digest", &[&[step(SIGN_F2, 6), 0, 1, 0, 0xff, 1], &right]);
    script("f2-wrong-opening", &[&committed, &wrong, again, &right]);
    script("f2-late-opening", &[&committed, &[WAIT, 2, WAIT, 0], &right]);
    script("f2-restart", &[&committed, &[RESTART], again, &right]);
    script("f2-restart-after", &[&committed, &right, &[RESTART], again, &[AGAIN, 2]]);
    script("f2-wrong-tag", &[&commit(SIGN_F2, WRONG_TAG, 1, 7), &right]);
    let nine: Vec<u8> = (0..9).flat_map(|sid| commit(SIGN_F2, 0, sid, 7)).collect();
    script("f2-nine-open", &[&nine, &right, &commit(SIGN_F2, 0, 8, 7)]);
    // 29 wrong tags with a right one after each four; a commitment; the 30th.
    let guess = |sid: u8| commit(SIGN_F2, if sid % 5 == 4 { 0 } else { WRONG_TAG }, 0x10 + sid, 7);
    let guesses: Vec<u8> = (0..36).flat_map(guess).collect();
    script("f2-locked-between", &[&guesses, &committed, &commit(SIGN_F2, WRONG_TAG, 2, 7), &right]);
    let refreshed = [step(SIGN_F2, 3), 0, 2, 1, 2, step(SIGN_F2, 5), 0, 3, 0];
    script("f2-refresh-between", &[&committed, &refreshed, &right]);
}

/// One hostile frame of the vectors for each operation and outcome, and honest ones.
fn vectors(seeds: &mut Vec<Seed>) {
    let mut seen = BTreeSet::new();
    for case in load("suite-d/negative").list("/cases") {
        if case.text("/side") == "server" && case.text("/request").len() < 2000 {
            let frame = case.bytes("/request");
            let outcome = case.text("/expect");
            let op = frame.get(2).copied().unwrap_or(0);
            if seen.insert((op, outcome.to_owned())) {
                add(seeds, "server", &format!("raw-{op:02x}-{outcome}"), raw(&frame));
            }
        }
    }
    for name in ["sign_n1", "sign_n3", "decrypt_n2"] {
        let frame = load(&format!("suite-d/{name}")).bytes("/request");
        add(seeds, "server", &format!("raw-{name}"), raw(&frame));
    }
    let keygen = load("suite-d/keygen");
    for step in ["K1_K2", "K3_K4", "K6_activate"] {
        add(seeds, "server", &format!("raw-{step}"), raw(&keygen.bytes(&format!("/sign/{step}/request"))));
    }
}

/// Scripts of the client: each session with right answers, and with each change of the first of them.
pub(super) fn client(seeds: &mut Vec<Seed>) {
    const RIGHT: u8 = 0;
    let changes: [(&str, &[u8]); 14] = [
        ("bit", &[1, 0, 30, 1]),
        ("failures", &[1, 0, 3, 2]),
        ("count", &[1, 0, 21, 4]),
        ("cut", &[2, 0, 21]),
        ("longer", &[3, 0, 1, 0]),
        ("raw", &[4, 0, 4, 1, 1, 0, 0]),
        ("body", &[5, 0, 2, 0, 0]),
        ("pin", &[6, 0x0a, 0, 5, 3, 0, 0, 0, 60]),
        ("time", &[6, 8, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("unknown-status", &[6, 0x77, 0, 0]),
        ("busy", &[7]),
        ("zero", &[10, 0, 2, 0]),
        ("order", &[10, 0, 2, 2]),
        ("opposite", &[11, 0, 0]),
    ];
    let signing: [(&str, &[u8]); 3] = [
        ("sign-d", &[step(SIGN_D, 1), 1]),
        ("sign-f2", &[step(SIGN_F2, 1), 1]),
        ("decrypt", &[step(DECRYPT_F2, 2)]),
    ];
    for (name, session) in signing {
        add(seeds, "client", name, [session, &[RIGHT, RIGHT]].concat());
        for (change, bytes) in &changes {
            add(seeds, "client", &format!("{name}-{change}"), [session, bytes, &[RIGHT, RIGHT]].concat());
        }
        // What was right in one session, in the next.
        for (kind, change) in [("body", 9), ("answer", 8)] {
            let script = [session, &[RIGHT, RIGHT], session, &[change, 0, change, 1]].concat();
            add(seeds, "client", &format!("{name}-earlier-{kind}"), script);
        }
    }
    add(seeds, "client", "sign-f2-second", [&[step(SIGN_F2, 1), 0, RIGHT][..], &[10, 0, 0, 3]].concat());
    for (name, number) in [("refresh", 0x03), ("generate", 0x10), ("activate", 0x12)] {
        for (suite, key) in [("d", SIGN_D), ("f2", SIGN_F2)] {
            let session = step(key, number);
            let target = if number == 0x12 { "client" } else { "client_pin" };
            add(seeds, target, &format!("{name}-{suite}"), [session, RIGHT, RIGHT]);
            add(seeds, "client", &format!("{name}-{suite}-bit"), [session, 1, 0, 40, 1]);
            add(seeds, target, &format!("{name}-{suite}-bit"), [session, 1, 0, 40, 1]);
            add(seeds, target, &format!("{name}-{suite}-second"), [session, RIGHT, 1, 0, 5, 1]);
        }
    }
    add(seeds, "client_pin", "refresh-unknown", [step(SIGN_D, 3), RIGHT, 1, 0, 22, 1]);
    oblivious::client(seeds, &changes);
    add(seeds, "client", "activate-agreed", [step(SIGN_D, 0x12), 12]);
    for name in 0..5 {
        let session = step(name, 0x08);
        add(seeds, "client", &format!("split-{name}"), [session, RIGHT, 0, 0]);
        add(seeds, "client_pin", &format!("split-{name}"), [session, RIGHT, 0, 0, RIGHT, RIGHT]);
        for (change, bytes) in &changes {
            add(
                seeds,
                "client",
                &format!("split-{name}-{change}"),
                [&[session], *bytes, &[RIGHT, 0, 0]].concat(),
            );
        }
        for offset in [0, 1, 64, 65, 97, 243] {
            add(seeds, "client", &format!("split-{name}-sealed-{offset}"), [session, RIGHT, offset, 1]);
        }
    }
    for (suite, name) in [("d", SIGN_D), ("f2", SIGN_F2)] {
        let session = step(name, 0x13);
        add(seeds, "client_pin", &format!("import-{suite}"), [session, RIGHT, RIGHT, RIGHT]);
        add(seeds, "client", &format!("import-{suite}-twice"), [session, RIGHT, session, RIGHT, session, 12]);
        for (change, bytes) in &changes[..11] {
            add(seeds, "client", &format!("import-{suite}-{change}"), [&[session], *bytes].concat());
        }
    }
}
