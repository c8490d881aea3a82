//! What a bid says about itself to everybody.

use std::{
    collections::BTreeMap,
    io::{Read, Seek},
};

use envelope::{bid::Header, io::bid::check_structure};
use serde::Serialize;

use crate::instant::Instant;

/// A bid as `inspect` and `check` show it.
#[derive(Serialize)]
pub(crate) struct Description {
    format: &'static str,
    file_id: String,
    project: String,
    section: String,
    bidder: String,
    sealed_at: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    model: &'static str,
    threshold: u8,
    shares: Vec<ShareDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opening: Option<OpeningDescription>,
    /// The key id of who must have signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    chunk_size: u32,
    chunks: u64,
    /// Bytes of content, with the list of files.
    body_len: u64,
    signature_len: usize,
}

#[derive(Serialize)]
struct ShareDescription {
    share: u8,
    role: String,
    holders: Vec<String>,
}

#[derive(Serialize)]
struct OpeningDescription {
    not_before: String,
    not_before_s: u64,
    opening_key: String,
}

/// Reads a bid without any key, its whole structure included.
///
/// # Errors
/// As [`check_structure`].
pub(crate) fn describe(mut input: impl Read + Seek) -> Result<Description, envelope::io::Error> {
    let whole = check_structure(&mut input)?;
    Ok(Description::new(&whole.header, whole.chunks, whole.body_len, whole.signature.len()))
}

impl Description {
    fn new(header: &Header, chunks: u64, body_len: u64, signature_len: usize) -> Self {
        let (manifest, terms) = (header.manifest(), header.manifest().terms());
        let policy = manifest.policy();
        let holders = |share: u8| {
            let slots = header.slots().slots().iter().filter(|slot| slot.share() == share);
            slots.map(|slot| slot.recipient().to_string()).collect()
        };
        let shares = policy.shares().zip(policy.roles());
        Self {
            format: "sealed bid 1",
            file_id: manifest.file_id().to_string(),
            project: terms.project.clone(),
            section: terms.section.clone(),
            bidder: terms.bidder.clone(),
            sealed_at: Instant(terms.sealed_at).to_string(),
            metadata: terms.metadata.clone(),
            model: policy.model().as_str(),
            threshold: policy.threshold(),
            shares: shares
                .map(|(share, role)| ShareDescription { share, role: role.clone(), holders: holders(share) })
                .collect(),
            opening: manifest.opening().map(|opening| OpeningDescription {
                not_before: Instant(opening.not_before()).to_string(),
                not_before_s: opening.not_before(),
                opening_key: opening.key().to_string(),
            }),
            signer: manifest.signer().map(ToString::to_string),
            chunk_size: terms.chunk_size.bytes(),
            chunks,
            body_len,
            signature_len,
        }
    }

    /// The same as lines of text.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} {}", self.format, self.file_id)];
        for (name, value) in
            [("project", &self.project), ("section", &self.section), ("bidder", &self.bidder)]
        {
            if !value.is_empty() {
                lines.push(format!("  {name}: {value}"));
            }
        }
        lines.extend(self.metadata.iter().map(|(key, value)| format!("  {key}: {value}")));
        lines.push(format!("  sealed at: {} (as the sealer says)", self.sealed_at));
        lines.push(format!(
            "  opens with: {} of {} shares ({})",
            self.threshold,
            self.shares.len(),
            self.model
        ));
        for share in &self.shares {
            lines.push(format!("    share {} ({}): {}", share.share, share.role, share.holders.join(", ")));
        }
        if let Some(opening) = &self.opening {
            lines.push(format!("  not before: {} (opening key {})", opening.not_before, opening.opening_key));
        }
        match &self.signer {
            Some(signer) => lines.push(format!("  announces the signature of key {signer}")),
            None => lines.push("  not signed".to_owned()),
        }
        lines.push(format!("  content: {} bytes in {} chunks", self.body_len, self.chunks));
        lines
    }
}
