//! The certificate of the channel, which whoever renews it puts into its files.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::{
    files::{FileError, read_secret},
    server::StartError,
};
use crate::transport::{BindError, tls::ServerTls};

/// When each of the two files was written last, and how long it is.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// The certificate and key that handshakes use, as their files have them.
pub(super) struct ChannelCertificate {
    certificate: PathBuf,
    private_key: PathBuf,
    tls: ServerTls,
    /// Of the files that are in use, or that were refused.
    seen: Stamp,
}

impl ChannelCertificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`StartError::File`], [`StartError::Bind`].
    pub(super) fn open(certificate: &Path, private_key: &Path) -> Result<Self, StartError> {
        let seen = stamp(certificate, private_key);
        let (chain, key) = read(certificate, private_key)?;
        let tls = ServerTls::new(chain, key).map_err(BindError::from)?;
        Ok(Self { certificate: certificate.to_owned(), private_key: private_key.to_owned(), tls, seen })
    }

    /// What sockets are bound with.
    pub(super) fn tls(&self) -> ServerTls {
        self.tls.clone()
    }

    /// Takes over what was put into the files since. What does not fit together, as when one of them is new and the other is
    /// not yet, changes nothing.
    pub(super) fn follow(&mut self) {
        let stamp = stamp(&self.certificate, &self.private_key);
        if stamp == self.seen {
            return;
        }
        self.seen = stamp;
        let taken = read(&self.certificate, &self.private_key)
            .and_then(|(chain, key)| Ok(self.tls.replace(chain, key).map_err(BindError::from)?));
        match taken {
            Ok(()) => tracing::info!("another channel certificate is in use"),
            Err(error) => {
                tracing::warn!(%error, "the channel certificate changed and cannot be used; the one before stays");
            }
        }
    }
}

fn stamp(certificate: &Path, private_key: &Path) -> Stamp {
    [certificate, private_key].map(|path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read(certificate: &Path, private_key: &Path) -> Result<Identity, StartError> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| FileError::content(certificate, error))?;
    if chain.is_empty() {
        return Err(FileError::content(certificate, "no certificate in it").into());
    }
    let key = read_secret(private_key)?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| FileError::content(private_key, error))?;
    Ok((chain, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{files::write_new, pki};

    #[test]
    fn a_renewed_certificate_is_taken_over_when_its_key_is_there_too() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["server.pem", "server.key"].map(|name| folder.path().join(name));
        let made = |now_ms| pki::make(vec!["localhost".to_owned()], now_ms).unwrap();
        let (old, new) = (made(1_000_000_000_000), made(1_100_000_000_000));
        let mut times = 0;
        let mut put = |index: usize, content: &str| {
            let path: &PathBuf = &paths[index];
            drop(fs::remove_file(path));
            write_new(path, content.as_bytes(), 0o600).unwrap();
            // Faster than the clock of a file system goes on.
            times += 1;
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(times);
            fs::File::options().append(true).open(path).unwrap().set_modified(at).unwrap();
        };
        put(0, &old.certificate);
        put(1, &old.private_key);
        let mut channel = ChannelCertificate::open(&paths[0], &paths[1]).unwrap();
        let shown = |channel: &ChannelCertificate| channel.tls().certificate().unwrap();
        let of = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        assert_eq!(shown(&channel), of(&old.certificate));
        put(0, &new.certificate);
        channel.follow();
        assert_eq!(shown(&channel), of(&old.certificate), "the key is not there yet");
        fs::remove_file(&paths[1]).unwrap();
        channel.follow();
        assert_eq!(shown(&channel), of(&old.certificate), "there is none for a moment");
        put(1, &new.private_key);
        channel.follow();
        assert_eq!(shown(&channel), of(&new.certificate));
        put(0, "nothing");
        channel.follow();
        assert_eq!(shown(&channel), of(&new.certificate));
    }
}
