//! Clients with many points that wait for answers, as the server in front of them sees them.

use cosign_core::sign;
use cosign_tests::{
    model::{NOW, Pair, done},
    random::Seeded,
};
use sm_primitives::{PublicPoint, Scalar, sm2::Signature};

use crate::{
    mutants,
    parties::{Item, Request, Shares, binding_factors, digests},
};

/// A client that waits for answers to all of its items, as the server sees it.
pub(crate) trait Victim {
    fn item(&self, index: usize) -> Item;
    fn factors(&self, index: usize, k2: &PublicPoint) -> (Scalar, Scalar);
    /// Answers every item with these nonces: the signatures, if the client accepts all answers.
    fn finish(self, k2s: &[Scalar]) -> Option<Vec<Signature>>;
}

impl Victim for mutants::Client {
    fn item(&self, index: usize) -> Item {
        self.items[index]
    }

    fn factors(&self, index: usize, k2: &PublicPoint) -> (Scalar, Scalar) {
        Self::factors(self, index, k2)
    }

    fn finish(self, k2s: &[Scalar]) -> Option<Vec<Signature>> {
        let answers: Vec<_> = k2s
            .iter()
            .enumerate()
            .map(|(index, &nonce)| {
                let answer = mutants::respond(self.scheme, &self.keys, index, &self.items[index], nonce);
                (answer.0, answer.1)
            })
            .collect();
        Self::finish(&self, &answers)
    }
}

/// The product's client with as many sessions as it likes, all waiting.
pub(crate) struct Product<'k> {
    keys: Shares,
    sessions: Vec<(Request, sign::AwaitingSignatures<'k>)>,
    /// Session and item of each point.
    places: Vec<(usize, usize)>,
}

impl<'k> Product<'k> {
    pub(crate) fn start(
        pair: &'k Pair,
        keys: Shares,
        sessions: usize,
        items: usize,
        rng: &mut Seeded,
    ) -> Self {
        let digests = digests((sessions * items).try_into().unwrap());
        let sessions: Vec<_> = (1..)
            .zip(digests.chunks(items))
            .map(|(counter, digests)| {
                let (frame, waiting) = sign::start(&pair.key, digests, NOW, counter, rng).unwrap();
                (Request::read(&frame, &keys.public), waiting)
            })
            .collect();
        let places = (0..sessions.len()).flat_map(|session| (0..items).map(move |item| (session, item)));
        Self { keys, places: places.collect(), sessions }
    }
}

impl Victim for Product<'_> {
    fn item(&self, index: usize) -> Item {
        let (session, item) = self.places[index];
        self.sessions[session].0.items[item]
    }

    fn factors(&self, index: usize, k2: &PublicPoint) -> (Scalar, Scalar) {
        let (session, item) = self.places[index];
        binding_factors(&self.sessions[session].0.h_req, item, k2)
    }

    fn finish(self, k2s: &[Scalar]) -> Option<Vec<Signature>> {
        let mut k2s = k2s;
        let mut signatures = Vec::new();
        for (request, waiting) in self.sessions {
            let (mine, rest) = k2s.split_at(request.items.len());
            k2s = rest;
            let answer = request.answer(self.keys.server, mine);
            signatures.extend(done(waiting.finish(&answer).ok()?).signatures);
        }
        Some(signatures)
    }
}
