//! The shares of bids that the keys at hand can unwrap.

use std::path::Path;

use cosign_client::{Error, StoredKey, files};
use cosign_core::Purpose;
use envelope::{
    Certificate, RecipientId,
    bid::{Header, Share, Slot},
};

use crate::{
    args::Holders,
    context::{Context, credentials, ensure_active, unlock},
    keyfile,
    output::Failure,
};

/// No certificate is longer.
const MAX_CERTIFICATE: u64 = 256 * 1024;

/// For each bid the shares that the keys give, in different numbers, at most as many as it takes. The PIN of a key is asked
/// for once.
pub(super) fn shares(
    context: &Context,
    holders: &Holders,
    bids: &[(&Path, &Header)],
) -> Result<Vec<Vec<Share>>, Failure> {
    let mut all: Vec<Vec<Share>> = Vec::new();
    all.resize_with(bids.len(), Vec::new);
    for path in &holders.private_key {
        let key = keyfile::private_key(path)?;
        for ((path, header), shares) in bids.iter().zip(&mut all) {
            for slot in wanted(header, shares) {
                match slot.unwrap(header.manifest(), &key) {
                    Ok(share) if is_new(shares, &share) => shares.push(share),
                    Ok(_) | Err(envelope::Error::WrongKey) => {}
                    Err(error) => return Err(super::defect(error, path)),
                }
            }
        }
    }
    let complete = bids.iter().zip(&all).all(|((_, header), shares)| wanted(header, shares).is_empty());
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

fn is_new(shares: &[Share], share: &Share) -> bool {
    shares.iter().all(|other| other.number() != share.number())
}

/// Unwraps what is sealed to a key of the store, all of it together with its server at once.
fn with_key(
    context: &Context,
    store: &cosign_client::Store,
    key: StoredKey,
    certificates: &[Certificate],
    bids: &[(&Path, &Header)],
    all: &mut [Vec<Share>],
) -> Result<(), Failure> {
    let mut names = vec![RecipientId::of_key(&key.public_key())];
    let own = certificates.iter().filter(|certificate| *certificate.public_key() == key.public_key());
    names.extend(own.flat_map(Certificate::ids));
    let mut slots: Vec<(usize, Slot)> = Vec::new();
    for (i, ((_, header), shares)) in bids.iter().zip(all.iter()).enumerate() {
        let named = wanted(header, shares).into_iter().filter(|slot| names.contains(slot.recipient()));
        for slot in named {
            if slots.iter().all(|(of, other)| *of != i || other.share() != slot.share()) {
                slots.push((i, slot));
            }
        }
    }
    if slots.is_empty() {
        return Ok(());
    }
    let ciphertexts: Vec<_> = slots.iter().map(|(_, slot)| slot.ciphertext().clone()).collect();
    let (client, device) = context.client_for(store, &key)?;
    let credentials = credentials(context, &key, device)?;
    let (plaintexts, failures) = context.run(async {
        ensure_active(store, &client, &key).await?;
        let unlocked = unlock(context, store, &client, key, credentials).await?;
        let opened = client.decrypt(&unlocked.key, &ciphertexts).await;
        client.connection().close().await;
        Ok(opened?)
    })?;
    context.output.pin_failures(failures);
    for ((i, slot), plaintext) in slots.iter().zip(plaintexts) {
        let (Some((path, header)), Some(shares)) = (bids.get(*i), all.get_mut(*i)) else { continue };
        let share = header.manifest().share(slot.share(), &plaintext);
        shares.push(share.map_err(|error| super::defect(error.into(), path))?);
    }
    Ok(())
}
