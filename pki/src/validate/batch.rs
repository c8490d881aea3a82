//! Many certificates at once.

use std::collections::HashMap;

use crate::algorithm::Defect;
use crate::certificate::Certificate;
use crate::validate::report::Report;
use crate::validate::search::{KeyIdMatch, Search, key_id_match};
use crate::validate::{Terms, Validator};

/// Certificates of a piece: memory of the batch engine grows with their number.
const PIECE: usize = 256;

pub(super) fn run(validator: &Validator, certificates: &[Certificate], terms: Terms) -> Vec<Report> {
    certificates.chunks(PIECE).flat_map(|piece| run_piece(validator, piece, terms)).collect()
}

/// Verifies the signature of each certificate by the key of its likeliest issuer, all of an issuer at once; the rest is
/// done one by one.
fn run_piece(validator: &Validator, certificates: &[Certificate], terms: Terms) -> Vec<Report> {
    let mut by_issuer: HashMap<usize, Vec<usize>> = HashMap::new();
    for (position, certificate) in certificates.iter().enumerate() {
        if let Some(issuer) = likely_issuer(validator, certificate) {
            by_issuer.entry(issuer).or_default().push(position);
        }
    }
    let mut presets: Vec<Vec<(usize, Result<(), Defect>)>> = vec![Vec::new(); certificates.len()];
    for (issuer, positions) in by_issuer {
        let Some((certificate, _)) = validator.pool.get(issuer) else { continue };
        let Some(key) = certificate.key().sm2() else { continue };
        let key = validator.cache.key(issuer, key, positions.len());
        let item = |position: &usize| {
            let certificate = certificates.get(*position)?;
            Some((*position, (key.digest(certificate.tbs()), certificate.signature().sm2()?)))
        };
        let (positions, items): (Vec<usize>, Vec<_>) = positions.iter().filter_map(item).unzip();
        for (position, verified) in positions.into_iter().zip(key.verify_all(&items)) {
            if let Some(preset) = presets.get_mut(position) {
                preset.push((issuer, if verified { Ok(()) } else { Err(Defect::Wrong) }));
            }
        }
    }
    let searches = certificates.iter().zip(presets);
    searches
        .map(|(certificate, preset)| {
            Search::new(validator, certificate, &[], terms).with_preset(preset).run()
        })
        .collect()
}

/// The first of the best candidates; others are tried later, if it is not the one.
fn likely_issuer(validator: &Validator, certificate: &Certificate) -> Option<usize> {
    let named = validator.pool.named(&certificate.issuer().key());
    let rank = |index: &usize| {
        let candidate = validator.pool.get(*index);
        candidate.map_or(KeyIdMatch::Differ, |(candidate, _)| key_id_match(certificate, candidate))
    };
    named.iter().copied().min_by_key(rank)
}
