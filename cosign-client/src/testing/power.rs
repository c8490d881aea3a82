//! Power that goes before a chosen effect on the disk, and what a disk may have lost when it comes back.

use std::{cell::RefCell, fs, io, path::Path, path::PathBuf};

use crate::store::Effect;

thread_local! {
    static POWER: RefCell<Power> = RefCell::default();
}

#[derive(Default)]
struct Power {
    /// Effects until it goes; `None` for ever.
    left: Option<usize>,
    /// Whether an effect was wanted after that.
    missed: bool,
    /// Paths as they were before effects that nothing has made durable.
    unsynced: Vec<(Effect, PathBuf, Before)>,
}

enum Before {
    File(Vec<u8>),
    /// A folder that has this path now had the other one.
    Folder(PathBuf),
    Nothing,
}

impl Before {
    fn of_file(path: &Path) -> Self {
        fs::read(path).map_or(Self::Nothing, Self::File)
    }
}

/// Lets so many effects of this thread happen and none after them.
pub(crate) fn cut_after(effects: usize) {
    POWER.with_borrow_mut(|power| *power = Power { left: Some(effects), ..Power::default() });
}

/// Power is back: whether anything was missed. With `lost`, effects that nothing had made durable are undone, as a disk may.
pub(crate) fn restore(lost: bool) -> bool {
    let power = POWER.take();
    if lost {
        for (_, path, before) in power.unsynced.iter().rev() {
            match before {
                Before::File(content) => {
                    fs::write(path, content).unwrap();
                    #[cfg(unix)]
                    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
                }
                Before::Folder(other) => drop(fs::rename(path, other)),
                Before::Nothing => drop(fs::remove_file(path)),
            }
        }
    }
    power.missed
}

/// Called before every effect.
pub(crate) fn before(effect: Effect, paths: &[&Path]) -> io::Result<()> {
    POWER.with_borrow_mut(|power| {
        match &mut power.left {
            None => return Ok(()),
            Some(0) => {
                power.missed = true;
                return Err(io::Error::other("the power is gone"));
            }
            Some(left) => *left -= 1,
        }
        match effect {
            Effect::Rename if paths[0].is_dir() => {
                power.unsynced.push((effect, paths[1].to_owned(), Before::Folder(paths[0].to_owned())));
            }
            Effect::Write | Effect::Rename | Effect::Remove => {
                power
                    .unsynced
                    .extend(paths.iter().map(|path| (effect, path.to_path_buf(), Before::of_file(path))));
            }
            Effect::Sync => {
                power.unsynced.retain(|(what, path, _)| *what != Effect::Write || path != paths[0]);
            }
            Effect::SyncFolder => power.unsynced.retain(|(_, path, _)| path.parent() != Some(paths[0])),
        }
        Ok(())
    })
}
