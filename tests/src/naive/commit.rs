//! Signing with suite F2 from its specification: all four frames of a session, with both sides' secrets.

use num_bigint::BigUint;

use super::{G, N, Point, bytes, hmac, int, sm3, tag, to_scalar};

/// A key as only a test sees it.
pub struct Key {
    /// The id.
    pub key_id: [u8; 16],
    /// The share epoch.
    pub epoch: u32,
    /// The client's share.
    pub client: BigUint,
    /// The server's share.
    pub server: BigUint,
    /// `K_auth`.
    pub auth: [u8; 32],
}

/// What the two sides draw, and when.
pub struct Draws<'a> {
    /// The client's time, unix milliseconds.
    pub ts_ms: u64,
    /// The client's session counter.
    pub counter: u64,
    /// Session id, 32 bytes for each item, 32 bytes of salt.
    pub client: &'a [u8],
    /// 48 bytes for each item.
    pub server: &'a [u8],
    /// The key of the server process.
    pub nonce_key: &'a [u8; 32],
}

/// A session.
pub struct Transcript {
    /// The commitment.
    pub m1: Vec<u8>,
    /// The server's points.
    pub m2: Vec<u8>,
    /// The opening.
    pub m3: Vec<u8>,
    /// The server's scalars.
    pub m4: Vec<u8>,
    /// `(r, s)` of each item.
    pub signatures: Vec<(BigUint, BigUint)>,
    /// The nonce that a single signer would have used for each.
    pub nonces: Vec<BigUint>,
}

/// Plays a session of an honest client and an honest server; `failures` wrong PINs came before it.
#[must_use]
pub fn transcript(key: &Key, digests: &[[u8; 32]], draws: &Draws<'_>, failures: u8) -> Transcript {
    let n = &*N;
    let one_plus_d = (&key.client * &key.server).modinv(n).unwrap();
    let base = G.mul(&one_plus_d);
    let public = G.mul(&(&one_plus_d + n - 1u32));
    let (sid, rest) = draws.client.split_at(16);
    let (fresh, salt) = rest.split_at(32 * digests.len());
    let count = u16::try_from(digests.len()).unwrap().to_be_bytes();
    let ts = draws.ts_ms.to_be_bytes();

    // The client's nonces and points.
    let client_nonce = |i: u16, e: &[u8; 32], fresh: &[u8]| {
        let share = bytes(&key.client);
        let parts = [fresh, &share, sid, &ts, &draws.counter.to_be_bytes(), &i.to_be_bytes(), e, b"n"];
        to_scalar("nonce-c", &parts.concat())
    };
    let ns: Vec<_> =
        (0..).zip(digests).zip(fresh.chunks(32)).map(|((i, e), fresh)| client_nonce(i, e, fresh)).collect();
    let qs: Vec<_> = ns.iter().map(|nonce| base.mul(nonce)).collect();
    let items: Vec<u8> =
        digests.iter().zip(&qs).flat_map(|(e, q)| [&e[..], &q.to_bytes()].concat()).collect();

    // The hashes of the session: 168 bytes, then what they are about.
    let hash = |label: &str, rest: &[&[u8]]| {
        let epoch = key.epoch.to_be_bytes();
        let start: [&[u8]; 7] = [&tag(label), &[1, 2], &key.key_id, &epoch, &public.to_bytes(), sid, &count];
        sm3(&[&start.concat(), &rest.concat()])
    };
    let com = hash("com", &[&items, salt]);
    let h_commit = hash("reqC", &[&com]);
    let h_req = hash("req", &[&items]);
    let mac = hmac(&key.auth, &[b"SM2-COSIGN-D-V1/pintag\0", &h_commit, &ts]);

    let request = |op: u8, mac: &[u8; 32], body: &[u8]| {
        [&[1, 2, op, 0], &key.key_id[..], &key.epoch.to_be_bytes(), sid, &ts, mac, &count, body].concat()
    };
    let answer = |failures: u8, body: Vec<u8>| [&[1, 2, 0, failures], sid, &count, &body].concat();

    // The server's nonces and points.
    let k2s: Vec<_> = (0u16..)
        .zip(draws.server.chunks(48))
        .map(|(i, fresh)| {
            to_scalar("nonce-s", &[fresh, draws.nonce_key, &h_commit, &i.to_be_bytes(), &[0]].concat())
        })
        .collect();
    let points: Vec<Point> = k2s.iter().map(|k2| G.mul(k2)).collect();

    let mut scalars = Vec::new();
    let (mut signatures, mut nonces) = (Vec::new(), Vec::new());
    for (i, (((nonce, q), k2), point)) in (0u16..).zip(ns.iter().zip(&qs).zip(&k2s).zip(&points)) {
        let bound = sm3(&[&tag("bindC"), &h_req, &i.to_be_bytes(), &point.to_bytes()]);
        let rho = int(&bound[..16]);
        let sum = q.mul(&rho).add(point);
        let r = (int(&digests[usize::from(i)]) + sum.x()) % n;
        let s2 = &key.server * (k2 + &r) % n;
        scalars.extend(bytes(&s2));
        let t = (&rho * nonce + &key.client * &s2) % n;
        signatures.push((r.clone(), (&t + n - &r) % n));
        nonces.push((&rho * nonce * &one_plus_d + k2) % n);
    }
    Transcript {
        m1: request(6, &mac, &com),
        m2: answer(failures, points.iter().flat_map(Point::to_bytes).collect()),
        m3: request(7, &[0; 32], &[&items, salt].concat()),
        m4: answer(0, scalars),
        signatures,
        nonces,
    }
}
