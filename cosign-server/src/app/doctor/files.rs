//! Files with secrets, and certificates.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use pki::{Certificate, extension::GeneralName};

use super::Finding;
use crate::app::{channel::ChannelCertificate, config::Config, master::MasterKeySource};

const DAY_S: u64 = 86_400;
/// Days before its end from which on a certificate is to be renewed.
const RENEW_DAYS: u64 = 30;

pub(super) fn all(path: &Path, config: &Config, now_ms: u64) -> Vec<Finding> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut findings = vec![data_folder(folder), secret("private key", &config.private_key)];
    if let MasterKeySource::File(path) = &config.master_key {
        findings.push(secret("master key", path));
        if let Some(database) = config.database.file() {
            findings.push(apart("master key", path, database, "whoever copies that disk has every share"));
        }
    }
    if let Some(database) = config.database.file() {
        let why = "a damaged disk loses the revocations with the keys, and a backup brings revoked keys back";
        findings.push(secret("tombstones", &config.tombstones));
        findings.push(apart("tombstones", &config.tombstones, database, why));
    }
    findings.extend(channel(config, now_ms));
    findings
}

/// The folder of the configuration: nobody else may put files there.
fn data_folder(path: &Path) -> Finding {
    const CHECK: &str = "folder";
    let shown = path.display();
    match fs::metadata(path) {
        Err(error) => Finding::failed(CHECK, format!("{shown}: {error}")),
        Ok(metadata) if metadata.mode() & 0o022 != 0 => Finding::error(
            CHECK,
            format!("{shown} can be written to by others, who can put other keys and settings there"),
            format!("chmod 700 {shown}"),
        ),
        Ok(metadata) if metadata.mode() & 0o055 != 0 => Finding::warning(
            CHECK,
            format!("{shown} can be listed by others; what is made in it later may be readable"),
            format!("chmod 700 {shown}"),
        ),
        Ok(_) => Finding::ok(CHECK, format!("{shown} is its owner's alone")),
    }
}

/// A file that its owner alone may read.
fn secret(check: &'static str, path: &Path) -> Finding {
    let shown = path.display();
    match fs::File::open(path).and_then(|file| file.metadata()) {
        Err(error) => Finding::error(
            check,
            format!("{shown}: {error}; the server does not start without it"),
            "bring it back from its backup, or run the server as its owner",
        ),
        Ok(metadata) if metadata.mode() & 0o077 != 0 => Finding::error(
            check,
            format!("{shown} can be read by others; take it for copied"),
            format!("chmod 600 {shown}, and put another one in its place if it holds a key"),
        ),
        Ok(_) => Finding::ok(check, format!("{shown} is readable by its owner alone")),
    }
}

/// Whether two files are on different file systems.
fn apart(check: &'static str, path: &Path, database: &Path, why: &str) -> Finding {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    match (device(path), device(database)) {
        (Some(one), Some(other)) if one == other => Finding::warning(
            check,
            format!("{} is on the file system of the database: {why}", path.display()),
            "move it to another disk and name that in the configuration (OPERATIONS.md, what must not meet)",
        ),
        _ => Finding::ok(check, format!("{} is not on the file system of the database", path.display())),
    }
}

/// The certificate of the channel and its key.
fn channel(config: &Config, now_ms: u64) -> Vec<Finding> {
    const CHECK: &str = "certificate";
    let next = "put a certificate and the key that belongs to it into both files";
    if let Err(error) = ChannelCertificate::open(&config.certificate, &config.private_key) {
        return vec![Finding::error(CHECK, format!("no connection can be made: {error}"), next)];
    }
    let leaf = fs::read(&config.certificate).ok().and_then(|bytes| Certificate::all(&bytes).ok());
    let Some(leaf) = leaf.and_then(|chain| chain.into_iter().next()) else {
        return vec![Finding::error(CHECK, "the certificate cannot be read", next)];
    };
    vec![
        Finding::ok(CHECK, "the certificate and its key belong together"),
        expiry("certificate", "the channel certificate", &leaf, now_ms),
        names(&leaf),
    ]
}

/// For which names clients accept the server.
fn names(leaf: &Certificate) -> Finding {
    let names = leaf.extensions().subject_alt_names.iter().filter_map(|name| match name {
        GeneralName::Dns(name) => Some(name.clone()),
        GeneralName::Ip(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(&bytes[..]).ok().map(|ip| std::net::Ipv4Addr::from(ip).to_string()),
            _ => <[u8; 16]>::try_from(&bytes[..]).ok().map(|ip| std::net::Ipv6Addr::from(ip).to_string()),
        },
        _ => None,
    });
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return Finding::error(
            "names",
            "the channel certificate names no host, so no client accepts it",
            "renew it with the host names that clients use (subjectAltName)",
        );
    }
    Finding::ok("names", format!("clients accept the server as {}", names.join(", ")))
}

/// Whether a certificate holds now and for a while.
pub(super) fn expiry(check: &'static str, what: &str, certificate: &Certificate, now_ms: u64) -> Finding {
    let validity = certificate.validity();
    let (now_s, end_s) = (now_ms / 1000, validity.not_after.as_unix());
    let next = format!("renew {what}");
    if now_s < validity.not_before.as_unix() {
        let next = "set the clock right, or wait until it holds";
        return Finding::error(check, format!("{what} does not hold yet; everybody refuses it"), next);
    }
    let Some(left_s) = end_s.checked_sub(now_s) else {
        return Finding::error(check, format!("{what} has expired; everybody refuses it"), next);
    };
    let days = left_s / DAY_S;
    if days < RENEW_DAYS {
        return Finding::warning(
            check,
            format!("{what} expires in {days} days; then everybody refuses it"),
            next,
        );
    }
    Finding::ok(check, format!("{what} holds for {days} more days"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::app::{
        doctor::{Level, tests::folder},
        pki,
    };

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn folders_and_files_that_others_reach_are_told() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, level) in [(0o700, Level::Ok), (0o750, Level::Warning), (0o770, Level::Error)] {
            chmod(folder.path(), mode);
            assert_eq!(data_folder(folder.path()).level, level, "{mode:o}");
        }
        let file = folder.path().join("key");
        assert_eq!(data_folder(&file).level, Level::Error);
        assert_eq!(secret("key", &file).level, Level::Error);
        fs::write(&file, []).unwrap();
        for (mode, level) in [(0o600, Level::Ok), (0o640, Level::Error), (0o604, Level::Error)] {
            chmod(&file, mode);
            assert_eq!(secret("key", &file).level, level, "{mode:o}");
        }
        assert_eq!(apart("key", &file, folder.path(), "").level, Level::Warning);
        assert_eq!(apart("key", Path::new("/proc/self/stat"), folder.path(), "").level, Level::Ok);
    }

    #[tokio::test]
    async fn a_certificate_has_its_key_its_time_and_its_names() {
        let (_data, config) = folder().await;
        let pem = fs::read(&config.certificate).unwrap();
        let leaf = Certificate::all(&pem).unwrap().remove(0);
        let (start, end) = (leaf.validity().not_before.as_unix(), leaf.validity().not_after.as_unix());
        for (now_s, level) in [
            (start - 1, Level::Error),
            (start, Level::Ok),
            (end - RENEW_DAYS * DAY_S, Level::Ok),
            (end - RENEW_DAYS * DAY_S + 1, Level::Warning),
            (end, Level::Warning),
            (end + 1, Level::Error),
        ] {
            assert_eq!(expiry("a", "it", &leaf, now_s * 1000).level, level, "{now_s}");
        }
        assert!(names(&leaf).detail.contains("localhost"));
        let nameless = pki::make(Vec::new(), 1_000_000_000_000).unwrap();
        let nameless = Certificate::all(nameless.certificate.as_bytes()).unwrap().remove(0);
        assert_eq!(names(&nameless).level, Level::Error);
        assert!(channel(&config, start * 1000).iter().all(|finding| finding.level == Level::Ok));
        let other = pki::make(vec!["localhost".to_owned()], 1_000_000_000_000).unwrap();
        fs::write(&config.certificate, other.certificate).unwrap();
        assert_eq!(channel(&config, start * 1000)[0].level, Level::Error);
    }
}
