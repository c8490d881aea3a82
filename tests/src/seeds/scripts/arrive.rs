//! Scripts of keys that come to another device.

use super::{ADMINISTER, AGAIN, CHANGED, RESTART, WAIT, WRONG_TAG, commit, reveal, sign, step};
use crate::fuzz::{
    ARRIVALS, DECRYPT_D, DECRYPT_F2, ONWARD_D, RECOVERED_D, RECOVERED_F2, SECOND_F2, SIGN_D, SIGN_F2,
};

/// From here on the names mean the keys that arrive, or the others again.
const OVER: u8 = 0x1e;
/// One more share may be given away.
const ALLOW_ONE: u8 = 0x3f;

/// Op 08 for the id `to`.
const fn split(name: u8, how: u8, sid: u8, to: u8, kind: u8) -> [u8; 7] {
    [step(name, 8), how, sid, name ^ ARRIVALS ^ to, kind, 0x33, 0x44]
}

const MOVE: u8 = 0;
const SHARE: u8 = 1;

/// R1 to R4.
const fn refreshed(name: u8, sid: u8) -> [u8; 9] {
    [step(name, 3), 0, sid, 1, 2, step(name, 5), 0, sid + 1, 0]
}

/// Ops 08, and what may become of what arrives.
pub(super) fn arrivals(script: &mut impl FnMut(&str, &[&[u8]])) {
    let (again, over): (&[u8], &[u8]) = (&[AGAIN, 0], &[OVER]);
    for (suite, signs, decrypts) in [("d", SIGN_D, DECRYPT_D), ("f2", SIGN_F2, DECRYPT_F2)] {
        let (signed, committed) = (sign(signs, 0, 0x41, 7), commit(signs, 0, 0x42, 7));
        let use_it = [&signed[..], &committed, &reveal(signs, 0x42, 0)].concat();
        let decrypt = [step(decrypts, 2), 0, 0x43, 0, 2];
        let moved = split(signs, 0, 1, signs + ARRIVALS, MOVE);
        let arrives = refreshed(signs, 0x11);
        script(
            &format!("{suite}-move"),
            &[&moved, again, &use_it, over, &use_it, &arrives, again, &use_it, over, &use_it, &arrives],
        );
        let shared = split(signs, 0, 1, signs + ARRIVALS, SHARE);
        let shared = [&[ALLOW_ONE], &shared[..], over, &arrives, &use_it, over].concat();
        script(&format!("{suite}-share"), &[&shared, &split(signs, 0, 2, SECOND_F2, SHARE), &use_it]);
        script(
            &format!("{suite}-share-not-allowed"),
            &[&split(signs, 0, 1, signs + ARRIVALS, SHARE), &moved],
        );
        script(
            &format!("{suite}-move-decryption"),
            &[
                &split(decrypts, 0, 1, decrypts + ARRIVALS, MOVE),
                over,
                &decrypt,
                &refreshed(decrypts, 0x11),
                &decrypt,
                over,
                &decrypt,
            ],
        );
        for (name, how) in
            [("tag", WRONG_TAG), ("epoch", 0x20), ("suite", 0x40), ("device", 0x80), ("late", 0x18)]
        {
            let refused = split(signs, how, 1, signs + ARRIVALS, MOVE);
            script(&format!("{suite}-split-{name}"), &[&refused, over, &arrives]);
        }
        for (name, to, kind) in [
            ("own-id", signs, MOVE),
            ("recovery", RECOVERED_D, MOVE),
            ("unissued", 0x1f, MOVE),
            ("another-parent", ONWARD_D, MOVE),
            ("kind", signs + ARRIVALS, 2),
        ] {
            script(&format!("{suite}-split-{name}"), &[&split(signs, 0, 1, to, kind)]);
        }
        for (name, to) in [("recovery-d", RECOVERED_D), ("recovery-f2", RECOVERED_F2)] {
            script(&format!("{suite}-split-decryption-{name}"), &[&split(decrypts, 0, 1, to, MOVE)]);
        }
        // The share that it was split from is frozen or dies before the arrival; a day passes.
        let (r1, r3) = arrives.split_at(5);
        for (name, act) in [("frozen", 0), ("revoked", 2), ("unlocked", 3)] {
            let act = [over, &[step(signs, ADMINISTER), act], over].concat();
            let back = [over, &[step(signs, ADMINISTER), 1], over].concat();
            script(&format!("{suite}-move-{name}"), &[&moved, over, r1, &act, r3, &back, r3, &use_it]);
        }
        script(&format!("{suite}-move-late"), &[&moved, over, r1, &[WAIT, 7, WAIT, 0], r3, &arrives]);
        script(&format!("{suite}-move-restart"), &[&moved, &[RESTART], again, over, r1, &[RESTART], r3]);
    }
    let (first, second) = (SIGN_F2 + ARRIVALS, SECOND_F2);
    script(
        "f2-move-twice",
        &[
            &split(SIGN_F2, 0, 1, first, MOVE),
            &split(SIGN_F2, 0, 2, second, MOVE),
            over,
            &refreshed(first, 0x11),
            &refreshed(second, 0x21),
            &commit(second, 0, 0x31, 7),
        ],
    );
    let first = SIGN_D + ARRIVALS;
    for (name, kind) in [("owner", MOVE), ("deputy", SHARE)] {
        let onward = |sid, kind| split(first, 0, sid, ONWARD_D, kind);
        script(
            &format!("d-move-onward-{name}"),
            &[
                &[ALLOW_ONE],
                &split(SIGN_D, 0, 1, first, kind),
                over,
                &[step(first, 8), 0, 0x51, ARRIVALS ^ first ^ ONWARD_D, MOVE, 0x33, 0x44],
                &refreshed(first, 0x11),
                &[step(first, 8), 0x20, 0x52, ARRIVALS ^ first ^ ONWARD_D, SHARE, 0x33, 0x44],
                &onward(0x53, SHARE),
                &onward(0x54, MOVE),
                &refreshed(ONWARD_D, 0x21),
                &sign(first, 0, 0x31, 7),
                &sign(ONWARD_D, 0, 0x32, 7),
                over,
                &sign(SIGN_D, 0, 0x33, 7),
            ],
        );
    }
}

/// Ops 13.
pub(super) fn recoveries(script: &mut impl FnMut(&str, &[&[u8]])) {
    for (suite, name) in [("d", RECOVERED_D), ("f2", RECOVERED_F2)] {
        let import = |how, what| [step(name, 0x13), how, 1, 5, what];
        let decrypt = [step(name, 2), 0, 0x43, 0, 2];
        let right = import(0, 0);
        let rest: &[&[u8]] = &[&right, &[AGAIN, 0], &decrypt, &refreshed(name, 0x11), &decrypt];
        script(&format!("{suite}-recover"), &[&[OVER], &rest.concat()]);
        let wrong: Vec<u8> = (0..5).flat_map(|bit| import(0, 1 << bit)).collect();
        let wrong = [&wrong[..], &import(0x80, 0), &import(0x40, 0)].concat();
        script(&format!("{suite}-recover-wrong"), &[&[OVER], &wrong, &right, &[CHANGED, 0, 0, 200, 1]]);
        let elsewhere = [step(SIGN_D, 0x13), 0, 1, 5, 0];
        script(&format!("{suite}-recover-elsewhere"), &[&elsewhere, &[OVER], &elsewhere]);
    }
}
