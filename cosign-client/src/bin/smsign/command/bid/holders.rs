//! The shares of bids that the keys at hand can unwrap.

use std::{path::Path, sync::Arc};

use cosign_client::{Category, Decryption, DecryptionItem, Error, SilentServer, Store, StoredKey, files};
use cosign_core::Purpose;
use envelope::{
    Certificate, RecipientId,
    bid::{Header, Share, Slot},
};
use sm_primitives::sm2::Ciphertext;

use super::unanswered;
use crate::{
    args::Holders,
    context::{Context, credentials, ensure_active, interrupted, unlock},
    keyfile,
    output::Failure,
    progress::Unit,
};

/// No certificate is longer.
const MAX_CERTIFICATE: u64 = 256 * 1024;

/// What the keys at hand give for one bid.
#[derive(Default)]
pub(super) struct Held {
    /// Confirmed by the commitments, in different numbers, at most as many as the bid takes.
    pub(super) shares: Vec<Share>,
    /// The first share of these keys that was not what it should be.
    pub(super) failure: Option<Failure>,
    /// Servers that were to open a share and did not.
    silent: Vec<SilentServer>,
}

impl Held {
    /// How many more shares it takes to open the bid.
    pub(super) fn missing(&self, header: &Header) -> u8 {
        let missing = usize::from(header.manifest().policy().threshold()).saturating_sub(self.shares.len());
        u8::try_from(missing).unwrap_or(u8::MAX)
    }

    /// Why shares are missing, if it is not that no key has them.
    pub(super) fn why_missing(self, path: &Path) -> Option<Failure> {
        let Self { failure, silent, .. } = self;
        failure.or_else(|| (!silent.is_empty()).then(|| unanswered(path, &silent)))
    }

    fn take(&mut self, share: Result<Share, Failure>) {
        match share {
            Ok(share) if self.shares.iter().all(|other| other.number() != share.number()) => {
                self.shares.push(share);
            }
            Ok(_) => {}
            Err(failure) => {
                self.failure.get_or_insert(failure);
            }
        }
    }
}

/// For each bid what the keys give. The PIN of a key is asked for once; a bid that is broken is no failure of the others,
/// and a key whose server does not answer none of the other keys.
pub(super) fn shares(
    context: &Context,
    holders: &Holders,
    bids: &[(&Path, &Header)],
) -> Result<Vec<Held>, Failure> {
    let mut all: Vec<Held> = Vec::new();
    all.resize_with(bids.len(), Held::default);
    for path in &holders.private_key {
        let key = keyfile::private_key(path, Purpose::Encrypt, &context.passwords)?;
        for ((path, header), held) in bids.iter().zip(&mut all) {
            for slot in wanted(header, &held.shares) {
                match slot.unwrap(header.manifest(), &key) {
                    Err(envelope::Error::WrongKey) => {}
                    share => held.take(share.map_err(|error| super::defect(error, path))),
                }
            }
        }
    }
    let complete = bids.iter().zip(&all).all(|((_, header), held)| wanted(header, &held.shares).is_empty());
    // Who names private keys only and has what it takes needs no store.
    if complete || (holders.key.is_empty() && !holders.private_key.is_empty() && !has_store(context)) {
        return Ok(all);
    }
    let store = context.store()?;
    let certificates = certificates(holders)?;
    let candidates = if holders.key.is_empty() {
        store.keys()?.into_iter().filter(|key| key.purpose() == Purpose::Encrypt).collect()
    } else {
        let find = |key: &String| store.find(Some(key), Some(Purpose::Encrypt));
        holders.key.iter().map(find).collect::<Result<Vec<_>, _>>()?
    };
    for key in candidates {
        with_key(context, &store, key, &certificates, bids, &mut all)?;
    }
    Ok(all)
}

fn has_store(context: &Context) -> bool {
    context.store().is_ok_and(|store| store.keys().is_ok_and(|keys| !keys.is_empty()))
}

fn certificates(holders: &Holders) -> Result<Vec<Certificate>, Failure> {
    let read = |path: &std::path::PathBuf| {
        let bytes = files::read_small(path, MAX_CERTIFICATE)?;
        Certificate::parse(&bytes).map_err(Error::Envelope)
    };
    Ok(holders.cert.iter().map(read).collect::<Result<_, Error>>()?)
}

/// Slots of shares that are not there, as long as some are missing.
fn wanted(header: &Header, shares: &[Share]) -> Vec<Slot> {
    if shares.len() >= usize::from(header.manifest().policy().threshold()) {
        return Vec::new();
    }
    let missing = |slot: &&Slot| shares.iter().all(|share| share.number() != slot.share());
    header.slots().slots().iter().filter(missing).cloned().collect()
}

/// Unwraps what is sealed to a key of the store, all of it together with its server at once.
fn with_key(
    context: &Context,
    store: &Store,
    key: StoredKey,
    certificates: &[Certificate],
    bids: &[(&Path, &Header)],
    all: &mut [Held],
) -> Result<(), Failure> {
    let mut names = vec![RecipientId::of_key(&key.public_key())];
    let own = certificates.iter().filter(|certificate| *certificate.public_key() == key.public_key());
    names.extend(own.flat_map(Certificate::ids));
    let mut slots: Vec<(usize, Slot)> = Vec::new();
    for (i, ((_, header), held)) in bids.iter().zip(all.iter()).enumerate() {
        let named = wanted(header, &held.shares).into_iter().filter(|slot| names.contains(slot.recipient()));
        for slot in named {
            if slots.iter().all(|(of, other)| *of != i || other.share() != slot.share()) {
                slots.push((i, slot));
            }
        }
    }
    if slots.is_empty() {
        return Ok(());
    }
    let server = key.info.server.clone();
    let ciphertexts: Vec<_> = slots.iter().map(|(_, slot)| slot.ciphertext().clone()).collect();
    let batch = match decrypt(context, store, key, ciphertexts) {
        Err(Failure::Client(cause)) if is_of_one_server(&cause) => {
            context.output.note(format_args!("{server} opens no share: {cause}"));
            let silent = SilentServer { server, cause: Arc::new(cause) };
            for (i, _) in slots {
                all.get_mut(i).into_iter().for_each(|held| held.silent.push(silent.clone()));
            }
            return Ok(());
        }
        batch => batch?,
    };
    for ((i, slot), item) in slots.iter().zip(batch.items()) {
        let (Some((path, header)), Some(held)) = (bids.get(*i), all.get_mut(*i)) else { continue };
        // What the key named there does not open is as wrong as a share that was not dealt.
        let share = header.manifest().share(slot.share(), item.plaintext().unwrap_or_default());
        held.take(share.map_err(|error| super::defect(error.into(), path)));
    }
    Ok(())
}

/// Whether the other servers may still do what this one did not. A wrong PIN is for its owner to look at first.
fn is_of_one_server(cause: &Error) -> bool {
    matches!(cause.category(), Category::Network | Category::Refused | Category::Key | Category::Server)
}

fn decrypt(
    context: &Context,
    store: &Store,
    key: StoredKey,
    ciphertexts: Vec<Ciphertext>,
) -> Result<Decryption, Failure> {
    let (client, device) = context.client_for(store, &key)?;
    let credentials = credentials(context, &key, device)?;
    let progress = context.progress("shares", Unit::Items, ciphertexts.len() as u64);
    let mut batch = Decryption::new(ciphertexts);
    let unlocked = context.run(async {
        ensure_active(store, &client, &key).await?;
        unlock(context, store, &client, key, credentials).await
    })?;
    let failures = context.block_on(async {
        let counted = |_: usize, _: &DecryptionItem| drop(progress.advance(1));
        let opened = client.decrypt_many(&unlocked.key, &mut batch, interrupted(), counted).await;
        client.connection().close().await;
        opened
    })?;
    progress.finish();
    context.output.pin_failures(failures);
    Ok(batch)
}
