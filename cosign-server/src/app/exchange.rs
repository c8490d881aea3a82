//! Authorities outside, by way of a folder: requests go out, certificates come in.
//!
//! ```text
//! FOLDER/out/REQUEST-ROLE.csr    PKCS#10 as it came, DER or PEM
//! FOLDER/out/REQUEST-ROLE.json   request, authority, role, profile, public_key (PEM), not_before_ms, not_after_ms
//! FOLDER/in/REQUEST-ROLE.cer     the certificate, DER or PEM; certificates between it and the authority may come along
//! ```
//! Both sides write a file under another name and rename it, so nobody sees half of one; a file that cannot be read is
//! taken for half of one all the same, and looked at again. Nothing is deleted: the same orders find the same files.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use pki::{
    Certificate, Time,
    validate::{Purpose, Revocation, Terms, Validator},
};
use serde_json::json;

use crate::{
    domain::{
        Error,
        ca::{
            Authority, Backend, Role,
            ports::{AnswerOrder, Certified, Certifier, ListOrder, Order},
        },
        ports::Clock,
    },
    signer::AuthoritySigner,
};

/// Longest file that comes in, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Certifies with keys of the database, or by way of a folder, as an authority says.
pub(super) struct Exchange {
    embedded: AuthoritySigner,
    clock: Arc<dyn Clock>,
}

impl Exchange {
    pub(super) fn new(embedded: AuthoritySigner, clock: Arc<dyn Clock>) -> Self {
        Self { embedded, clock }
    }
}

impl Certifier for Exchange {
    fn certify<'a>(
        &'a self,
        authority: &'a Authority,
        orders: Vec<Order>,
    ) -> BoxFuture<'a, Result<Certified, Error>> {
        let Backend::Folder(folder) = &authority.options.backend else {
            return self.embedded.certify(authority, orders);
        };
        let (folder, authority, now_ms) = (folder.clone(), authority.clone(), self.clock.now_ms());
        Box::pin(async move {
            let work = tokio::task::spawn_blocking(move || exchange(&folder, &authority, &orders, now_ms));
            work.await.map_err(|_| Error::Internal)?
        })
    }

    fn sign_list<'a>(
        &'a self,
        authority: &'a Authority,
        order: ListOrder,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        self.embedded.sign_list(authority, order)
    }

    fn answer<'a>(
        &'a self,
        authority: &'a Authority,
        order: AnswerOrder,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        self.embedded.answer(authority, order)
    }

    fn stamp<'a>(
        &'a self,
        authority: &'a Authority,
        request: Vec<u8>,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        self.embedded.stamp(authority, request)
    }
}

/// Puts out what is not out, and takes what has come in. All of it or nothing.
fn exchange(folder: &Path, authority: &Authority, orders: &[Order], now_ms: u64) -> Result<Certified, Error> {
    let failed = |error: std::io::Error| {
        tracing::error!(authority = %authority.id, folder = %folder.display(), %error, "the folder cannot be used");
        Error::Unavailable
    };
    let (out, come) = (folder.join("out"), folder.join("in"));
    fs::create_dir_all(&out).and_then(|()| fs::create_dir_all(&come)).map_err(failed)?;
    let mut certificates = Vec::with_capacity(orders.len());
    for order in orders {
        let name = format!("{}-{}", order.request, order.role.as_str());
        put(&out.join(format!("{name}.csr")), &order.csr).map_err(failed)?;
        let told = serde_json::to_vec_pretty(&json!({
            "request": order.request.to_string(),
            "authority": authority.id.as_str(),
            "role": order.role.as_str(),
            "profile": order.profile.as_str(),
            "public_key": order.public_key.to_spki_pem(),
            "not_before_ms": order.not_before_ms,
            "not_after_ms": order.not_after_ms,
        }));
        // Last: whoever sees it finds the request.
        put(&out.join(format!("{name}.json")), &told.map_err(|_| Error::Internal)?).map_err(failed)?;
        match take(&come.join(format!("{name}.cer"))).map_err(failed)? {
            Some(found) => certificates.push(judged(authority, order, &found, now_ms)?),
            None => return Ok(Certified::Later),
        }
    }
    Ok(Certified::Now(certificates))
}

/// Writes a file that is not there.
fn put(path: &PathBuf, content: &[u8]) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let part = path.with_extension("part");
    fs::write(&part, content)?;
    fs::File::open(&part)?.sync_all()?;
    fs::rename(&part, path)
}

/// The certificates in a file; `None` if there is none that can be read.
fn take(path: &Path) -> std::io::Result<Option<Vec<Certificate>>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    let found = Certificate::all(&bytes);
    if let Err(error) = &found {
        tracing::warn!(path = %path.display(), %error, "no certificate can be read yet");
    }
    Ok(found.ok())
}

/// The first certificate, if it is of the ordered key and subject, for the ordered use, and holds below the authority.
fn judged(
    authority: &Authority,
    order: &Order,
    found: &[Certificate],
    now_ms: u64,
) -> Result<Certificate, Error> {
    let (first, others) = found.split_first().ok_or(Error::Internal)?;
    if first.key().sm2() != Some(&order.public_key) {
        return Err(Error::Conflict("the certificate that came in is of another key"));
    }
    let request = pki::csr::Request::read(&order.csr).map_err(|_| Error::Internal)?;
    let subject = pki::Name::from_der(request.subject()).map_err(|_| Error::Internal)?;
    if *first.subject() != subject {
        return Err(Error::Conflict("the certificate that came in is of another subject"));
    }
    let (last, between) = authority.chain.split_last().ok_or(Error::Internal)?;
    let validator = between
        .iter()
        .fold(Validator::new().with_anchor(last.clone()), |known, one| known.with_intermediate(one.clone()));
    let at = Time::from_unix(now_ms / 1000).ok_or(Error::Internal)?;
    let purpose = match order.role {
        Role::Sign => Purpose::DigitalSignature,
        Role::Encrypt => Purpose::Encryption,
    };
    let terms = Terms { at, purpose, revocation: Revocation::Ignore };
    let report = validator.validate(first, others, terms);
    if !report.is_valid() {
        // Its reasons name people; `smsign cert verify` shows them to whoever has the certificate.
        tracing::error!(authority = %authority.id, order = %order.request, "the certificate does not hold");
        return Err(Error::Conflict("the certificate that came in does not hold below the authority"));
    }
    Ok(first.clone())
}

#[cfg(test)]
mod tests;
