//! What the machine gives the server: file systems, room, open files, memory.

use std::{fs, path::Path};

use super::Finding;
use crate::app::config::Config;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Open files beside connections: the database, sockets, logs.
const OTHER_FILES: u64 = 256;
/// Bytes of received packets that wait for the server, below which bursts are lost.
const UDP_BUFFER: u64 = MIB;
/// What a key in memory takes at most.
const HOT_KEY: u64 = 4096;

/// File systems by their numbers in `statfs`, and what is wrong with a database on them.
const UNFIT: [(i64, &str); 9] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0x00c3_6400, "Ceph"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE"),
    (0x0102_1994, "tmpfs"),
    (0x8584_58f6, "ramfs"),
    (0x794c_7630, "a layer of a container"),
];

pub(super) fn all(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(database) = config.database.file() {
        findings.extend(place("database file system", "database disk", database));
    }
    findings.extend(place("tombstones file system", "tombstones disk", &config.tombstones));
    findings.extend(open_files(open_file_limit(), config.limits.connections));
    findings.extend(number("/proc/sys/net/core/rmem_default").map(udp_buffer));
    findings
        .extend(total_memory().map(|total| memory(config.signer.hot_keys, config.signer.replay_mib, total)));
    findings
}

/// Where a file is or will be.
#[cfg(target_os = "linux")]
fn place(system: &'static str, disk: &'static str, path: &Path) -> Vec<Finding> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(found) = rustix::fs::statfs(folder) else { return Vec::new() };
    let block = u64::try_from(found.f_bsize).unwrap_or(0);
    let (free, total) = (found.f_bavail.saturating_mul(block), found.f_blocks.saturating_mul(block));
    vec![file_system(system, folder, found.f_type), room(disk, folder, free, total)]
}

#[cfg(not(target_os = "linux"))]
fn place(_system: &'static str, _disk: &'static str, _path: &Path) -> Vec<Finding> {
    Vec::new()
}

fn file_system(check: &'static str, folder: &Path, kind: i64) -> Finding {
    let shown = folder.display();
    match UNFIT.iter().find(|(unfit, _)| *unfit == kind) {
        Some((_, name)) => Finding::warning(
            check,
            format!("{shown} is on {name}, which loses what was committed, or locks without effect"),
            "move it to a local disk",
        ),
        None => Finding::ok(check, format!("{shown} is on a local file system")),
    }
}

fn room(check: &'static str, folder: &Path, free: u64, total: u64) -> Finding {
    let shown = format!("{} has {} MiB of {} MiB free", folder.display(), free / MIB, total / MIB);
    if free < GIB || free < total / 10 {
        return Finding::warning(
            check,
            format!("{shown}; when it is full, nothing is signed"),
            "make room or enlarge it; the audit log is never cut",
        );
    }
    Finding::ok(check, shown)
}

#[cfg(target_os = "linux")]
fn open_file_limit() -> Option<u64> {
    // The soft limit; nothing in the server raises it.
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(target_os = "linux"))]
fn open_file_limit() -> Option<u64> {
    None
}

/// Whether there are as many open files as connections may need; `None` is no limit.
fn open_files(limit: Option<u64>, connections: usize) -> Option<Finding> {
    const CHECK: &str = "open files";
    let limit = limit?;
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    Some(if limit < needed {
        Finding::warning(
            CHECK,
            format!("{limit} files may be open, {needed} are needed for limits.connections = {connections}"),
            "raise it (LimitNOFILE in the unit, `ulimit -n` in a shell), or lower limits.connections",
        )
    } else {
        Finding::ok(CHECK, format!("{limit} files may be open, {needed} are needed"))
    })
}

fn udp_buffer(bytes: u64) -> Finding {
    const CHECK: &str = "UDP buffer";
    if bytes < UDP_BUFFER {
        return Finding::warning(
            CHECK,
            format!("{bytes} bytes of packets wait for the server; bursts beyond are lost and sent again"),
            format!("sysctl -w net.core.rmem_default={UDP_BUFFER}, in /etc/sysctl.d for good"),
        );
    }
    Finding::ok(CHECK, format!("{bytes} bytes of packets may wait for the server"))
}

fn memory(hot_keys: usize, replay_mib: usize, total: u64) -> Finding {
    const CHECK: &str = "memory";
    let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let bound = wide(hot_keys).saturating_mul(HOT_KEY).saturating_add(wide(replay_mib).saturating_mul(MIB));
    let shown = format!("keys and replays take {} MiB at most, of {} MiB", bound / MIB, total / MIB);
    if bound > total / 2 {
        return Finding::warning(
            CHECK,
            format!("{shown}; memory is locked, so the server is ended when there is none left"),
            "lower signer.hot_keys or signer.replay_mib",
        );
    }
    Finding::ok(CHECK, shown)
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn total_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::Level;

    #[test]
    fn what_the_machine_gives_too_little_of_is_told() {
        let at = Path::new("/data");
        assert_eq!(file_system("a", at, 0xef53).level, Level::Ok);
        for (kind, name) in UNFIT {
            let found = file_system("a", at, kind);
            assert!(found.level == Level::Warning && found.detail.contains(name), "{found:?}");
        }
        assert_eq!(room("a", at, 10 * GIB, 100 * GIB).level, Level::Ok);
        assert_eq!(room("a", at, 10 * GIB - 1, 100 * GIB).level, Level::Warning);
        assert_eq!(room("a", at, GIB - 1, 2 * GIB).level, Level::Warning);
        assert_eq!(open_files(None, 4096), None);
        assert_eq!(open_files(Some(1000 + OTHER_FILES), 1000).unwrap().level, Level::Ok);
        assert_eq!(open_files(Some(999 + OTHER_FILES), 1000).unwrap().level, Level::Warning);
        assert_eq!(udp_buffer(UDP_BUFFER).level, Level::Ok);
        assert_eq!(udp_buffer(UDP_BUFFER - 1).level, Level::Warning);
        assert_eq!(memory(1 << 18, 1024, 4 * GIB).level, Level::Ok);
        assert_eq!(memory((1 << 18) + 1, 1024, 4 * GIB).level, Level::Warning);
        assert_eq!(memory(usize::MAX, usize::MAX, 4 * GIB).level, Level::Warning);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_machine_is_asked() {
        assert!(total_memory().is_some_and(|total| total > 64 * MIB));
        assert!(open_file_limit().is_none_or(|limit| limit > 2));
        assert_eq!(place("a", "b", Path::new("/proc/self/stat")).len(), 2);
        assert!(place("a", "b", Path::new("/nowhere/at/all")).is_empty());
    }
}
