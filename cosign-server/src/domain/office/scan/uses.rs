//! What was used in a scan, and when it counts.

use super::{Plea, Scan, ScanState};
use crate::domain::office::{
    Effect, Id, Named as _, State as _,
    document::{self, Document},
    list_of,
    record::{self, Record, Use},
};

/// A use that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Names it.
    pub id: Id,
    /// Of which seal, if it is known.
    pub seal: Option<Id>,
}

impl Scan {
    /// The uses that count since it was as before. A use counts when what came of it is given out: a signature of something
    /// that the platform seals itself at once, everything else when it has ended well.
    #[must_use]
    pub fn uses_since(&self, before: &Self, id: Id) -> Vec<Used> {
        let has_ended = |scan: &Self| scan.state == ScanState::Succeeded;
        if self.plea != Plea::Seal {
            let is_new = has_ended(self) && !has_ended(before) && self.chosen.is_some();
            return is_new.then_some(Used { id, seal: self.terms.seal }).into_iter().collect();
        }
        let is_out = |scan: &Self, index: usize| {
            let item = scan.items.get(index);
            item.is_some_and(|item| item.result.is_some() && (!item.is_of_document() || has_ended(scan)))
        };
        let new = (0..).zip(&self.items).filter(|(index, _)| is_out(self, *index) && !is_out(before, *index));
        new.map(|(index, item)| {
            let id = list_of("use in a scan", &[id.as_bytes(), &index.to_be_bytes()]);
            Used { id, seal: item.sealing.as_ref().map(|sealing| sealing.seal).or(self.terms.seal) }
        })
        .collect()
    }

    fn noted(&self, used: &Used, about: Id) -> Option<Effect> {
        let (account, (certificate, _)) = (self.account?, self.chosen.as_ref()?);
        Some(Effect::make::<Record>(record::Event::Note(Use {
            account,
            certificate: certificate.name.clone(),
            identity: certificate.identity,
            enterprise: self.enterprise,
            system: self.system.clone(),
            operation: self.plea.as_str().to_owned(),
            seal: used.seal,
            about,
            units: 1,
        })))
    }

    /// What else follows from having come here: uses are written down, and a document is let go when it is over.
    pub(super) fn follows(&self, before: &Self, id: Id) -> Vec<Effect> {
        let mut effects: Vec<Effect> =
            self.uses_since(before, id).iter().filter_map(|used| self.noted(used, id)).collect();
        if let (Some(document), true) = (self.terms.document, self.state.is_over()) {
            let keep = self.state == ScanState::Succeeded;
            effects.push(Effect::on::<Document>(document, document::Event::Release { by: id, keep }));
        }
        effects
    }
}
