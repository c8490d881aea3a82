//! `smsign opening-keys`

use std::{io::Write, sync::Arc};

use cosign_client::{
    Error, OpeningKey,
    files::{Access, NewFile, check_free},
};
use serde::Serialize;

use crate::{
    args::OpeningKeys,
    context::Context,
    instant::Instant,
    output::{Failure, Outcome, path_text},
};

#[derive(Serialize)]
struct Report {
    opening_keys: Vec<Entry>,
    /// Which of them was written, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<Written>,
}

#[derive(Serialize)]
struct Entry {
    opening_key_id: String,
    label: String,
    created_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_ms: Option<u64>,
    /// PEM.
    public_key: String,
}

#[derive(Serialize)]
struct Written {
    opening_key_id: String,
    out: String,
}

pub(crate) fn run(arguments: &OpeningKeys, context: &Context) -> Result<Outcome, Failure> {
    if let Some(out) = &arguments.out {
        check_free(out, arguments.force)?;
    }
    let store = context.store()?;
    let (server, trust) = context.server(&store, &arguments.server)?;
    let device = store.device()?.map(|device| Arc::clone(&device.identity));
    let client = context.client(server, trust, device);
    let keys = context.run(async {
        let keys = client.opening_keys().await;
        client.connection().close().await;
        Ok(keys?)
    })?;
    let mut lines: Vec<String> = keys.iter().map(line).collect();
    let mut written = None;
    if let Some(out) = &arguments.out {
        let key = choose(&keys, arguments.id.as_deref())?;
        let mut file = NewFile::create(out, arguments.force, Access::Usual)?;
        let pem = key.public_key.to_spki_pem();
        file.write_all(pem.as_bytes()).map_err(|error| Error::file(out, error))?;
        file.commit()?;
        lines = vec![out.display().to_string()];
        context.output.note(line(key));
        written = Some(Written { opening_key_id: key.id.to_string(), out: path_text(out) });
    } else if keys.is_empty() {
        context.output.note("the server has no opening key");
    }
    let opening_keys = keys.into_iter().map(Entry::from).collect();
    context.output.result(&Report { opening_keys, written }, lines)?;
    Ok(Outcome::Done)
}

/// The key of this id, or the newest; not one that nothing new is to be locked to.
fn choose<'k>(keys: &'k [OpeningKey], id: Option<&str>) -> Result<&'k OpeningKey, Failure> {
    let usable = keys.iter().filter(|key| key.retired_ms.is_none());
    let Some(id) = id else {
        let newest = usable.max_by_key(|key| key.created_ms);
        return newest.ok_or_else(|| Error::NoOpeningKey("that is not retired".to_owned()).into());
    };
    let wanted = keys.iter().find(|key| key.id.to_string() == id.to_ascii_lowercase());
    match wanted.ok_or_else(|| Error::NoOpeningKey(format!("with id {id}")))? {
        key if key.retired_ms.is_none() => Ok(key),
        _ => Err(Failure::Usage(format!("opening key {id} is retired: no new bid is to be locked to it"))),
    }
}

fn line(key: &OpeningKey) -> String {
    let retired = key.retired_ms.map(|at| format!("  (retired {})", Instant(at / 1000)));
    let created = Instant(key.created_ms / 1000);
    format!("{}  {created}  {}{}", key.id, key.label, retired.unwrap_or_default())
}

impl From<OpeningKey> for Entry {
    fn from(key: OpeningKey) -> Self {
        let public_key = key.public_key.to_spki_pem();
        let OpeningKey { id, label, created_ms, retired_ms, .. } = key;
        Self { opening_key_id: id.to_string(), label, created_ms, retired_ms, public_key }
    }
}

#[cfg(test)]
mod tests {
    use envelope::SubjectKeyId;
    use getrandom::SysRng;
    use sm_primitives::sm2::PrivateKey;

    use super::*;

    fn key(created_ms: u64, retired_ms: Option<u64>) -> OpeningKey {
        let public_key = *PrivateKey::generate(&mut SysRng).unwrap().public_key();
        let id = SubjectKeyId::of(&public_key);
        OpeningKey { id, public_key, label: "tenders".into(), created_ms, retired_ms }
    }

    #[test]
    fn a_retired_key_is_not_written() {
        let keys = [key(1, None), key(3, None), key(2, None), key(4, Some(5))];
        assert_eq!(choose(&keys, None).unwrap(), &keys[1]);
        assert_eq!(choose(&keys, Some(&keys[0].id.to_string().to_uppercase())).unwrap(), &keys[0]);
        let retired = choose(&keys, Some(&keys[3].id.to_string()));
        assert!(matches!(retired, Err(Failure::Usage(_))), "{retired:?}");
        for (keys, id) in [(&keys[3..], None), (&keys[..], Some("00"))] {
            let error = choose(keys, id).unwrap_err();
            assert!(matches!(error, Failure::Client(Error::NoOpeningKey(_))), "{error:?}");
        }
    }
}
