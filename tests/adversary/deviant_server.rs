//! M5: a server that answers with degenerate nonces, wrong values, or values chosen for their factors.

use cosign_core::{Code, Error, Purpose, sign};
use cosign_tests::{
    model::{NOW, Pair, done},
    random::Seeded,
    vectors::{self, Leaves},
};
use sm_primitives::{PublicPoint, Scalar};

use crate::{
    algebra::{System, inverse, random, scalar, signature, small, sum, t_of, times_g, verifies},
    mutants::{self, Scheme},
    parties::{Item, Request, Shares, answer, binding_factors, digests, laid_open, to_scalar},
};

/// The client's reaction to an answer that `make` chooses.
fn react(
    pair: &Pair,
    counter: u64,
    make: impl FnOnce(&Request) -> Vec<([u8; 64], Scalar)>,
) -> Result<(), Error> {
    let mut rng = Seeded::new(counter);
    let (frame, waiting) = sign::start(&pair.key, &digests(2), NOW, counter, &mut rng).unwrap();
    let request = Request::read(&frame, pair.key.public_key());
    let signed = done(waiting.finish(&answer(&request.sid, &make(&request)))?);
    assert_eq!(signed.signatures.len(), 2);
    Ok(())
}

#[test]
fn m5_degenerate_and_wrong_answers_release_nothing() {
    let (pair, keys) = laid_open(Purpose::Sign, 501);
    let nonces = [to_scalar(b"k2", b"0"), to_scalar(b"k2", b"1")];
    let right = |request: &Request| {
        let answers = nonces.iter().enumerate().map(|(index, &nonce)| {
            let k2 = times_g(nonce);
            (k2.to_bytes(), keys.server * (nonce + request.r(index, &k2).0))
        });
        answers.collect::<Vec<_>>()
    };
    assert_eq!(react(&pair, 0, right), Ok(()));

    // k2 = 0 has no encoding, s2 = 0 is out of range, in any item.
    for item in 0..2 {
        let outcome = react(&pair, 1, |request| {
            let mut answers = right(request);
            answers[item].0 = [0; 64];
            answers
        });
        assert_eq!(outcome, Err(Error::InvalidMessage(Code::RespPoint)));
        let outcome = react(&pair, 2, |request| {
            let mut answers = right(request);
            answers[item].1 = Scalar::ZERO;
            answers
        });
        assert_eq!(outcome, Err(Error::InvalidMessage(Code::RespRange)));
    }
    // s2 off by a power of two, by its share, by its nonce; of the other sign; of the other item.
    let powers = (0..128).map(|bit| small(1 << bit));
    let offsets =
        powers.flat_map(|power| [power, -power]).chain([keys.server, nonces[0], keys.server * nonces[0]]);
    for (counter, offset) in (3..).zip(offsets) {
        let outcome = react(&pair, counter, |request| {
            let mut answers = right(request);
            answers[0].1 = answers[0].1 + offset;
            answers
        });
        assert_eq!(outcome, Err(Error::PeerMisbehaved(Code::Verify)));
    }
    type Change = fn(&mut Vec<([u8; 64], Scalar)>);
    let changes: [Change; 5] = [
        |answers| answers[1].1 = -answers[1].1,
        |answers| answers.swap(0, 1),
        |answers| answers[0] = answers[1],
        |answers| answers[0].0 = PublicPoint::generator().to_bytes(),
        |answers| answers[0].0 = PublicPoint::from_bytes(&answers[0].0).unwrap().neg().to_bytes(),
    ];
    for (counter, change) in (300..).zip(changes) {
        let outcome = react(&pair, counter, |request| {
            let mut answers = right(request);
            change(&mut answers);
            answers
        });
        assert_eq!(outcome, Err(Error::PeerMisbehaved(Code::Verify)));
    }
}

/// The client of Lin's scheme that verifies its signature and forgets to look at `s2`: the server's multiplier 0 takes
/// the client's nonce away, the signature is right, and it gives the share to the server.
#[test]
fn m5_mutant_that_takes_s2_zero_gives_its_share_away() {
    let mut rng = Seeded::new(502);
    let keys = Shares::new(random(&mut rng), random(&mut rng));
    let (e, k1, k3) = (random(&mut rng), random(&mut rng), random(&mut rng));
    let r = e + times_g(k3).x_scalar();
    let (s2, s3) = (Scalar::ZERO, keys.server * (r + k3));
    let t = keys.client * (k1 * s2 + s3);
    let released = signature(r, t).unwrap();
    assert!(verifies(&keys.public, e, &released));
    assert_eq!(t_of(&released) * inverse(s3), keys.client);

    let vector = vectors::load("cosign/attack_L_k2_zero");
    let [r, s, s3] = ["/signature_if_accepted/r", "/signature_if_accepted/s", "/response/s3"]
        .map(|name| scalar(&vector.bytes(name)));
    assert_eq!(((s + r) * inverse(s3)).to_bytes(), vector.array("/dA"));
}

/// Looks for a `K2` that cancels the client's points, so that the server alone decides about `R`; the number of tries.
fn cancel(
    item: &Item,
    factors: impl Fn(&PublicPoint) -> (Scalar, Scalar),
    tries: usize,
    rng: &mut Seeded,
) -> Option<(usize, PublicPoint)> {
    let mut k2 = times_g(random(rng));
    (1..=tries).find_map(|attempt| {
        let (b1, b2) = factors(&k2);
        let cancelling = times_g(random(rng)).sub(&sum(&[(b1, item.qa), (b2, item.qb)])?)?;
        let fits = factors(&cancelling) == (b1, b2);
        k2 = cancelling;
        fits.then_some((attempt, cancelling))
    })
}

#[test]
fn m5_no_k2_cancels_the_clients_points() {
    const TRIES: usize = 8192;
    let (pair, keys) = laid_open(Purpose::Sign, 503);
    let mut rng = Seeded::new(504);
    let mut last = None;
    let outcome = react(&pair, 1, |request| {
        let factors = |k2: &PublicPoint| {
            last = Some(*k2);
            binding_factors(&request.h_req, 0, k2)
        };
        let factors = std::cell::RefCell::new(factors);
        assert_eq!(cancel(&request.items[0], |k2| factors.borrow_mut()(k2), TRIES, &mut rng), None);
        // The best that is left: the last attempt, with the s2 of the R that it meant.
        let k2 = last.unwrap();
        let s2 = keys.server * request.r(0, &k2).0;
        vec![(k2.to_bytes(), s2), (k2.to_bytes(), s2)]
    });
    assert_eq!(outcome, Err(Error::PeerMisbehaved(Code::Verify)));

    // Without factors the first attempt fits, with 6 bits each one in 2^12 does.
    for (scheme, at_most) in [(Scheme::Unbound, 1), (Scheme::ShortFactors, 16 * TRIES)] {
        let keys = Shares::new(random(&mut rng), random(&mut rng));
        let client = mutants::Client::start(scheme, keys, &[random(&mut rng)], &mut rng);
        let found = cancel(&client.items[0], |k2| client.factors(0, k2), at_most, &mut rng);
        assert!(found.is_some_and(|(attempt, _)| attempt <= at_most), "{scheme:?}");
    }
}

/// Answers with the smallest of many factors: they are accepted, and the equations still do not fix the share.
#[test]
fn m5_chosen_factors_give_nothing_away() {
    let (pair, keys) = laid_open(Purpose::Sign, 505);
    let mut rng = Seeded::new(506);
    let (frame, waiting) = sign::start(&pair.key, &digests(8), NOW, 1, &mut rng).unwrap();
    let request = Request::read(&frame, &keys.public);
    let smallest = |index| {
        let tries = (0..1024).map(|_| random(&mut rng));
        tries
            .min_by_key(|nonce| binding_factors(&request.h_req, index, &times_g(*nonce)).0.to_bytes())
            .unwrap()
    };
    let k2s: Vec<_> = (0..8).map(smallest).collect();
    let signatures = done(waiting.finish(&request.answer(keys.server, &k2s)).unwrap()).signatures;
    let mut system = System::default();
    const SHARE: [u8; 64] = [0xff; 64];
    for (index, (signature, nonce)) in signatures.iter().zip(&k2s).enumerate() {
        let k2 = times_g(*nonce);
        let (b1, b2) = binding_factors(&request.h_req, index, &k2);
        assert!(b1.to_bytes()[..17] == [0; 17], "1024 tries give 8 zero bits and more");
        let s2 = keys.server * (*nonce + request.r(index, &k2).0);
        let Item { qa, qb, .. } = request.items[index];
        system.push(&[(qa.to_bytes(), b1), (qb.to_bytes(), b2), (SHARE, s2)], t_of(signature));
    }
    assert_eq!(system.solve(&SHARE), None);
}
