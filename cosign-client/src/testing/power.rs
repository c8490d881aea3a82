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
    /// Files as they were before effects that nothing has made durable.
    unsynced: Vec<(Effect, PathBuf, Option<Vec<u8>>)>,
}

/// Lets so many effects of this thread happen and none after them.
pub(crate) fn cut_after(effects: usize) {
    POWER.with_borrow_mut(|power| *power = Power { left: Some(effects), ..Power::default() });
}

/// Power is back: whether anything was missed. With `lost`, effects that nothing had made durable are undone, as a disk may.
pub(crate) fn restore(lost: bool) -> bool {
    let power = POWER.take();
    if lost {
        for (_, path, content) in power.unsynced.iter().rev() {
            match content {
                Some(content) => {
                    fs::write(path, content).unwrap();
                    #[cfg(unix)]
                    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
                }
                None => drop(fs::remove_file(path)),
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
            Effect::Write | Effect::Rename | Effect::Remove => {
                power
                    .unsynced
                    .extend(paths.iter().map(|path| (effect, path.to_path_buf(), fs::read(path).ok())));
            }
            Effect::Sync => {
                power.unsynced.retain(|(what, path, _)| *what != Effect::Write || path != paths[0]);
            }
            Effect::SyncFolder => power.unsynced.retain(|(_, path, _)| path.parent() != Some(paths[0])),
        }
        Ok(())
    })
}
