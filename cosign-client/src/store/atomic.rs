//! Writing so that after a crash there is the old state or the new one, never half of either.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

#[cfg(test)]
use crate::testing::power::before;

/// No file of a store is larger.
const MAX_LEN: u64 = 256 * 1024;

/// What is done to the disk, for the tests that cut the power before each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// A file is created and written.
    Write,
    /// Its content is made durable.
    Sync,
    /// The first path becomes the second.
    Rename,
    /// A file is removed.
    Remove,
    /// The entries of a folder are made durable.
    SyncFolder,
}

#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "it fails in tests only")]
const fn before(_effect: Effect, _paths: &[&Path]) -> io::Result<()> {
    Ok(())
}

/// Creates `path`, readable by the owner only, and makes its content durable. Its folder is the caller's to sync.
pub(super) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    before(Effect::Write, &[path])?;
    let mut file = options.open(path)?;
    file.write_all(content)?;
    before(Effect::Sync, &[path])?;
    file.sync_all()
}

/// Replaces or creates `folder/name` in one step.
pub(super) fn replace(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{TEMPORARY}{name}"));
    remove_file(&temporary)?;
    create(&temporary, content)?;
    rename(&temporary, &folder.join(name))?;
    sync_folder(folder)
}

/// Gives `folder/from` the name `to` in one step, in the place of what had that name.
pub(super) fn supersede(folder: &Path, from: &str, to: &str) -> io::Result<()> {
    rename(&folder.join(from), &folder.join(to))?;
    sync_folder(folder)
}

/// Makes `folder/name` disappear; it need not be there.
pub(super) fn delete(folder: &Path, name: &str) -> io::Result<()> {
    remove_file(&folder.join(name))?;
    sync_folder(folder)
}

/// Makes the folder `parent/name` with these files appear in one step.
///
/// Fails with `AlreadyExists` or `DirectoryNotEmpty` if it is there.
pub(super) fn create_folder(parent: &Path, name: &str, files: &[(&str, &[u8])]) -> io::Result<()> {
    let temporary = parent.join(format!("{TEMPORARY}{name}"));
    remove_folder(&temporary)?;
    create_private_folder(&temporary)?;
    for (file, content) in files {
        create(&temporary.join(file), content)?;
    }
    sync_folder(&temporary)?;
    rename(&temporary, &parent.join(name))?;
    sync_folder(parent)
}

/// Makes `parent/name` disappear in one step, then deletes what was in it.
pub(super) fn delete_folder(parent: &Path, name: &str) -> io::Result<()> {
    let temporary = parent.join(format!("{TEMPORARY}{name}"));
    remove_folder(&temporary)?;
    rename(&parent.join(name), &temporary)?;
    sync_folder(parent)?;
    remove_folder(&temporary)
}

/// What a crash may leave behind starts with this and is never read.
pub(super) const TEMPORARY: &str = ".tmp-";

/// A folder that only the owner may enter; missing parents are made alike.
pub(super) fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Whether other users may touch it. Where there are no Unix permissions, the user's profile folder is the protection.
pub(super) fn is_open_to_others(path: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(path)?;
    #[cfg(unix)]
    let open = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0;
    #[cfg(not(unix))]
    let open = !metadata.is_dir() && !metadata.is_file();
    Ok(open)
}

/// Reads a whole file of at most 256 KiB.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let read = File::open(path)?.take(MAX_LEN + 1).read_to_end(&mut content)?;
    if u64::try_from(read).is_ok_and(|read| read <= MAX_LEN) {
        Ok(content)
    } else {
        Err(io::ErrorKind::FileTooLarge.into())
    }
}

fn remove_file(path: &Path) -> io::Result<()> {
    before(Effect::Remove, &[path])?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    before(Effect::Rename, &[from, to])?;
    fs::rename(from, to)
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A rename is durable once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    before(Effect::SyncFolder, &[path])?;
    #[cfg(unix)]
    File::open(path)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        create_folder(parent.path(), "a", &[("x", b"1"), ("y", b"2")]).unwrap();
        assert_eq!(read(&parent.path().join("a/x")).unwrap(), b"1");

        // A second one of the same name fails and leaves the first as it was.
        assert!(create_folder(parent.path(), "a", &[("x", b"3")]).is_err());
        assert_eq!(read(&parent.path().join("a/x")).unwrap(), b"1");

        // What an earlier crash left under the temporary name is in nobody's way.
        fs::create_dir(parent.path().join(".tmp-b")).unwrap();
        fs::write(parent.path().join(".tmp-b/x"), b"half").unwrap();
        create_folder(parent.path(), "b", &[("z", b"4")]).unwrap();
        assert!(!parent.path().join("b/x").exists());

        delete_folder(parent.path(), "a").unwrap();
        assert!(!parent.path().join("a").exists());
        assert!(!parent.path().join(".tmp-a").exists());
    }

    #[test]
    fn replacing_keeps_the_old_content_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        replace(folder.path(), "f", b"old").unwrap();
        fs::write(folder.path().join(".tmp-f"), b"half written by a crash").unwrap();
        assert_eq!(read(&folder.path().join("f")).unwrap(), b"old");
        replace(folder.path(), "f", b"new").unwrap();
        assert_eq!(read(&folder.path().join("f")).unwrap(), b"new");
        assert!(!folder.path().join(".tmp-f").exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_look() {
        use std::os::unix::fs::PermissionsExt;

        let parent = tempfile::tempdir().unwrap();
        create_folder(parent.path(), "a", &[("x", b"1")]).unwrap();
        assert_eq!(fs::metadata(parent.path().join("a")).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(parent.path().join("a/x")).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!is_open_to_others(&parent.path().join("a")).unwrap());
        fs::set_permissions(parent.path().join("a/x"), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(is_open_to_others(&parent.path().join("a/x")).unwrap());
    }

    #[test]
    fn a_huge_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        File::create(&path).unwrap().set_len(MAX_LEN + 1).unwrap();
        assert!(read(&path).is_err());
        File::create(&path).unwrap().set_len(MAX_LEN).unwrap();
        assert!(read(&path).is_ok());
    }
}
