//! M7 and M8: thieves of the phone's storage, of the server's storage, and of both from different times, who try every
//! PIN. One test ties the quick derivation of the searches to a record of the product with the real one.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use cosign_core::{Pin, Purpose, server::ServerShare, sign};
use cosign_tests::{
    frames::{self, Facts},
    model::{NOW, PIN, Pair},
    naive,
    random::Seeded,
};
use sm_primitives::{PublicPoint, Scalar};

use crate::{
    algebra::{inverse, random, scalar, signature, sum, times_g, verifies},
    parties::{
        Phone, Request, Shares, ask, binding_factors, digests, facts, laid_open, read_answer, request_hash,
    },
    search::{Evidence, PINS, Stolen, search, search_points},
};

const NONE: [u32; 0] = [];
const RIGHT: u32 = 258_013;
/// One PIN in ten, for searches that cost more or are many.
const SOME: Range<u32> = 200_000..300_000;

/// A pair, and its phone with the quick derivation, whose `K_auth` the server has.
fn scene(seed: u64) -> (Pair, Shares, Stolen, [u8; 32]) {
    let (mut pair, keys) = laid_open(Purpose::Sign, seed);
    let device_key = *pair.device_key.expose_bytes();
    let stolen = Stolen::new(keys.client, RIGHT, *pair.key.key_id().as_bytes(), [0x5a; 16], device_key);
    let auth = stolen.unmask(RIGHT).auth;
    set_share(&mut pair, keys.server, &auth);
    (pair, keys, stolen, auth)
}

fn set_share(pair: &mut Pair, server: Scalar, auth: &[u8; 32]) {
    let bytes = [&server.to_bytes()[..], &inverse(server).to_bytes(), auth].concat();
    let share = Arc::new(ServerShare::from_bytes(&bytes.try_into().unwrap()).unwrap());
    pair.server.keys.values_mut().for_each(|record| record.share = Arc::clone(&share));
}

/// The real client's request, under the tag that `auth` makes.
fn retag(frame: &[u8], auth: &[u8; 32], keys: &Shares) -> Vec<u8> {
    let (mut tagged, h_req) = (frame.to_vec(), request_hash("req", frame, &keys.public));
    let tag = naive::hmac(auth, &[b"SM2-COSIGN-D-V1/pintag\0", &h_req, &frame[40..48]]);
    tagged[48..80].copy_from_slice(&tag);
    tagged
}

/// For every PIN there is a server with which this very phone, its log and its signatures are what they are: nothing in
/// them can tell one PIN from another. Executed for some PINs: that server signs for the wrong PIN.
#[test]
fn m7_the_phone_alone_fits_every_pin() {
    let (mut pair, keys, stolen, _) = scene(701);
    let mut rng = Seeded::new(702);
    for pin in [0, 1, 123_456, RIGHT - 1, RIGHT, RIGHT + 1, PINS - 1] {
        let candidate = stolen.unmask(pin);
        let counterpart = Shares::new(candidate.share, inverse(candidate.share) * keys.client * keys.server);
        assert_eq!(counterpart.public, keys.public, "the certificate is the same");
        set_share(&mut pair, counterpart.server, &candidate.auth);
        // A client with that share and that server: the real server's step, the client's written out.
        let facts = Facts { auth: candidate.auth, ..facts(&pair) };
        let (na, nb, e) = (random(&mut rng), random(&mut rng), random(&mut rng));
        let [qa, qb] = [na, nb].map(|nonce| keys.base.mul_vartime(&nonce).unwrap());
        let items = [&e.to_bytes()[..], &qa.to_bytes(), &qb.to_bytes()].concat();
        let sid = rng.bytes(16).try_into().unwrap();
        let frame = frames::request(&facts, 1, sid, NOW, &items);
        let (k2, s2) = read_answer(&ask(&mut pair, &frame))[0];
        let request = Request::read(&frame, &keys.public);
        let (b1, b2) = binding_factors(&request.h_req, 0, &k2);
        let t = b1 * na + b2 * nb + candidate.share * s2;
        let made = signature(request.r(0, &k2).0, t).unwrap();
        assert!(verifies(&keys.public, e, &made), "PIN {pin:06}");
    }
}

/// With one tag, one `K_auth`, one answer or one `PB` beside the phone, the search ends with the PIN.
#[test]
fn m7_control_one_recorded_value_finds_the_pin() {
    let (mut pair, keys, stolen, auth) = scene(703);
    let (frame, _waiting) = sign::start(&pair.key, &digests(1), NOW, 1, &mut pair.rng).unwrap();
    let frame = retag(&frame, &auth, &keys);
    let (k2, s2) = read_answer(&ask(&mut pair, &frame))[0];
    let request = Request::read(&frame, &keys.public);

    let tag = Evidence::Tag { h_req: request.h_req, ts_ms: NOW, tag: frame[48..80].try_into().unwrap() };
    assert_eq!(search(&stolen, &tag, 0..PINS), [RIGHT]);
    let Evidence::Multiple { base, product } = Evidence::answer(&keys, &k2, s2, request.r(0, &k2).0) else {
        return;
    };
    assert_eq!(search_points(&stolen, &base, &product, SOME), [RIGHT]);
    let pb = times_g(inverse(keys.server));
    assert_eq!(search_points(&stolen, &keys.base, &pb, RIGHT - 500..RIGHT + 500), [RIGHT]);

    // What does leave the two parties tests nothing: P, signatures, and the log's e and r. A point that is no multiple
    // by the share of something known rules out everything, the right PIN too.
    let p = *keys.public.as_point();
    assert_eq!(search_points(&stolen, &keys.base, &p, RIGHT - 500..RIGHT + 500), NONE);
}

/// The same search over a record of the product, with the real derivation, for a few PINs.
#[test]
fn m7_control_the_products_record_behaves_like_the_model() {
    let (mut pair, keys) = laid_open(Purpose::Sign, 704);
    let record = pair.record.to_bytes();
    let phone = Phone::read(&record[..]);
    let device_key = *pair.device_key.expose_bytes();
    let (frame, _waiting) = sign::start(&pair.key, &digests(1), NOW, 1, &mut pair.rng).unwrap();
    let (k2, s2) = read_answer(&ask(&mut pair, &frame))[0];
    let request = Request::read(&frame, &keys.public);
    let evidence = [
        Evidence::Tag { h_req: request.h_req, ts_ms: NOW, tag: frame[48..80].try_into().unwrap() },
        Evidence::Auth(pair.server_record().share.expose_bytes()[64..].try_into().unwrap()),
        Evidence::answer(&keys, &k2, s2, request.r(0, &k2).0),
    ];
    for pin in ["000000", "258012", PIN, "999999"] {
        let candidate = phone.unmask(pin, &device_key);
        for evidence in &evidence {
            assert_eq!(evidence.fits(&candidate), pin == PIN, "{pin}");
        }
        // The product opens the record for any of them.
        assert!(pair.record.unlock(&Pin::new(pin).unwrap(), &pair.device_key).is_ok());
    }
}

/// The server's storage without the phone: the mask's other half is 256 bits of a secret that the server never saw.
#[test]
fn m8_the_server_alone_finds_no_pin_and_signs_nothing() {
    let (_, keys, stolen, auth) = scene(801);
    let evidence = Evidence::Auth(auth);
    let mut rng = Seeded::new(802);
    for device_key in [[0; 32], auth, keys.server.to_bytes(), rng.bytes(32).try_into().unwrap()] {
        // Even with the salt, which is on the phone.
        let guess = Stolen { phone: stolen.phone.clone(), device_key };
        assert_eq!(search(&guess, &evidence, SOME), NONE);
    }
    // The phone beside it: everything. This is what remains to the one who has both of the same time.
    assert_eq!(search(&stolen, &evidence, 0..PINS), [RIGHT]);
    assert_eq!(stolen.unmask(RIGHT).share, keys.client);

    // Nor does it sign: its equation for a digest of its own is short of dA.
    for guess in [Scalar::ONE, keys.server, inverse(keys.server), random(&mut rng)] {
        let (e, v, nonce) = (random(&mut rng), random(&mut rng), random(&mut rng));
        let r = e + sum(&[(v, keys.base), (nonce, PublicPoint::generator())]).unwrap().x_scalar();
        let forged = |client| signature(r, v + client * keys.server * (nonce + r)).unwrap();
        assert!(!verifies(&keys.public, e, &forged(guess)));
        assert!(verifies(&keys.public, e, &forged(keys.client)), "with dA the same equation signs");
    }
}

/// Storages of different epochs do not fit each other, in either order, also when the PIN stayed.
#[test]
fn m8_storages_of_two_epochs_find_no_pin() {
    let (mut pair, keys) = laid_open(Purpose::Sign, 803);
    let auth_of =
        |pair: &Pair| <[u8; 32]>::try_from(&pair.server_record().share.expose_bytes()[64..]).unwrap();
    let old_auth = auth_of(&pair);
    let old_pb = times_g(inverse(keys.server));
    let (old, new) = (pair.refresh(PIN).to_bytes(), pair.record.to_bytes());
    let new_auth = auth_of(&pair);
    let device_key = *pair.device_key.expose_bytes();
    let new_pb = times_g(scalar(&pair.server_record().share.expose_bytes()[32..64]));

    let (old_phone, new_phone) = (Phone::read(&old[..]), Phone::read(&new[..]));
    assert_ne!(old_phone.salt, new_phone.salt);
    for pin in ["000000", PIN] {
        let (old, new) = (old_phone.unmask(pin, &device_key), new_phone.unmask(pin, &device_key));
        let right = pin == PIN;
        for (candidate, auth, pb, same_time) in [
            (&old, old_auth, old_pb, true),
            (&new, new_auth, new_pb, true),
            (&new, old_auth, old_pb, false),
            (&old, new_auth, new_pb, false),
        ] {
            assert_eq!(Evidence::Auth(auth).fits(candidate), right && same_time);
            let multiple = Evidence::Multiple { base: keys.base, product: pb };
            assert_eq!(multiple.fits(candidate), right && same_time);
        }
    }
    // Nor is u'/u the factor t, from which the one share would give the other.
    let [old_share, new_share] = [&old_phone, &new_phone].map(|phone| phone.unmask(PIN, &device_key).share);
    assert_ne!(new_share * inverse(old_share), new_phone.masked * inverse(old_phone.masked));
}

/// The refresh that keeps the salt: the old server finds the PIN of the new phone, two phones show the factor.
#[test]
fn m8_mutant_that_keeps_the_salt_falls() {
    let mut rng = Seeded::new(804);
    let (share, t) = (random(&mut rng), random(&mut rng));
    let device_key = rng.bytes(32).try_into().unwrap();
    let old = Stolen::new(share, RIGHT, [9; 16], [1; 16], device_key);
    let new = Stolen::new(share * t, RIGHT, [9; 16], [1; 16], device_key);
    let old_auth = old.unmask(RIGHT).auth;
    assert_eq!(search(&new, &Evidence::Auth(old_auth), SOME), [RIGHT]);
    assert_eq!(new.phone.masked * inverse(old.phone.masked), t);

    // With a new salt, as the product does, neither.
    let new = Stolen::new(share * t, RIGHT, [9; 16], [2; 16], device_key);
    assert_eq!(search(&new, &Evidence::Auth(old_auth), SOME), NONE);
    assert_ne!(new.phone.masked * inverse(old.phone.masked), t);
}

/// Two masks of one share, as a PIN change without a refresh leaves them: a table of quotients finds both PINs.
#[test]
fn m8_mutant_that_masks_one_share_twice_falls() {
    const SPACE: u32 = 20_000;
    let (first, second) = (1234, 17_017);
    let mut rng = Seeded::new(805);
    let device_key = rng.bytes(32).try_into().unwrap();
    let both = |other_share: bool| {
        let mut rng = Seeded::new(806);
        let share = random(&mut rng);
        let factor = if other_share { random(&mut rng) } else { Scalar::ONE };
        let old = Stolen::new(share, first, [9; 16], [1; 16], device_key);
        let new = Stolen::new(share * factor, second, [9; 16], [2; 16], device_key);
        // u1 * m(PIN1) = u2 * m(PIN2) is the share.
        let table: BTreeMap<_, _> = (0..SPACE).map(|pin| (old.unmask(pin).share.to_bytes(), pin)).collect();
        (0..SPACE).find_map(|pin| table.get(&new.unmask(pin).share.to_bytes()).map(|old| (*old, pin)))
    };
    assert_eq!(both(false), Some((first, second)));
    assert_eq!(both(true), None);
}
