//! Time locks, which the signing server opens.

use std::{path::Path, sync::Arc};

use cosign_client::{Error, LockAnswer, SealedLock, SilentServer};
use envelope::bid::{Header, LockSecret, Opening};

use super::unanswered;
use crate::{
    context::{Context, device, known_servers},
    instant::Instant,
    output::Failure,
};

/// Has the locks of these bids released, all of them at once; `None` for a bid without one.
pub(super) fn release(
    context: &Context,
    bids: &[(&Path, &Header)],
) -> Result<Vec<Result<Option<LockSecret>, Failure>>, Failure> {
    let (answers, silent) = ask(context, bids, true)?;
    let release = |((path, header), answer): (&(&Path, &Header), Option<LockAnswer>)| match answer {
        None => Ok(None),
        Some(LockAnswer::Released(lock)) => {
            let manifest = header.manifest();
            manifest.check_lock(&lock.commitment()).map_err(|error| super::defect(error.into(), path))?;
            Ok(Some(lock.secret))
        }
        Some(LockAnswer::TooEarly(_) | LockAnswer::Good(_)) => {
            Err(Error::Closed { path: (*path).to_owned(), until: time(header).to_string() }.into())
        }
        Some(LockAnswer::UnknownKey) if !silent.is_empty() => Err(unanswered(path, &silent)),
        Some(LockAnswer::UnknownKey) => {
            let what = "and no server of the keys at hand has its opening key";
            Err(bad(path, format!("closed until {}, {what}", time(header))))
        }
        Some(LockAnswer::Invalid) => Err(changed(path)),
    };
    Ok(bids.iter().zip(answers).map(release).collect())
}

/// Whether the keeper of the opening key confirms the lock of each bid; `None` for a bid without one. Nothing is released.
pub(super) fn confirm(
    context: &Context,
    bids: &[(&Path, &Header)],
) -> Result<Vec<Result<Option<bool>, Failure>>, Failure> {
    let (answers, silent) = ask(context, bids, false)?;
    let confirm = |((path, header), answer): (&(&Path, &Header), Option<LockAnswer>)| match answer {
        None => Ok(None),
        Some(LockAnswer::Good(promise) | LockAnswer::TooEarly(promise)) => {
            let checked = header.manifest().check_lock(&promise);
            checked.map_err(|error| super::defect(error.into(), path)).map(|()| Some(true))
        }
        Some(LockAnswer::UnknownKey) if !silent.is_empty() => Err(unanswered(path, &silent)),
        Some(LockAnswer::UnknownKey | LockAnswer::Released(_)) => Ok(Some(false)),
        Some(LockAnswer::Invalid) => Err(changed(path)),
    };
    Ok(bids.iter().zip(answers).map(confirm).collect())
}

fn time(header: &Header) -> Instant {
    Instant(header.manifest().opening().map_or(0, Opening::not_before))
}

fn bad(path: &Path, what: String) -> Failure {
    Error::BadFile { path: path.to_owned(), what }.into()
}

fn changed(path: &Path) -> Failure {
    bad(path, "the time lock was changed: its server cannot open it".to_owned())
}

/// An answer for each bid with a lock, from the first server that has its opening key; and the servers that gave none,
/// which keep no lock of another one closed.
fn ask(
    context: &Context,
    bids: &[(&Path, &Header)],
    release: bool,
) -> Result<(Vec<Option<LockAnswer>>, Vec<SilentServer>), Failure> {
    let locks: Vec<_> = bids.iter().map(|(_, header)| SealedLock::of(header)).collect();
    let mut answers: Vec<_> =
        locks.iter().map(|lock| lock.as_ref().map(|_| LockAnswer::UnknownKey)).collect();
    let mut silent = Vec::new();
    if locks.iter().all(Option::is_none) {
        return Ok((answers, silent));
    }
    let store = context.store()?;
    for (server, trust) in known_servers(&store)? {
        let is_open = |answer: &Option<LockAnswer>| matches!(answer, Some(LockAnswer::UnknownKey));
        let open = locks.iter().zip(&mut answers).filter(|(_, answer)| is_open(answer));
        let (asked, places): (Vec<_>, Vec<_>) =
            open.filter_map(|(lock, answer)| Some((lock.clone()?, answer))).unzip();
        if asked.is_empty() {
            break;
        }
        let client = context.client(server.clone(), trust, Some(Arc::clone(&device(&store)?.identity)));
        let answered = context.run(async {
            let answered =
                if release { client.release_locks(&asked).await } else { client.check_locks(&asked).await };
            client.connection().close().await;
            Ok(answered)
        })?;
        match answered {
            Ok(answered) => {
                for (place, answer) in places.into_iter().zip(answered) {
                    *place = Some(answer);
                }
            }
            Err(Error::Interrupted) => return Err(Error::Interrupted.into()),
            // Which server has an opening key is known only when it answers.
            Err(cause) => {
                context.output.note(format_args!("{server} answers about no lock: {cause}"));
                silent.push(SilentServer { server, cause: Arc::new(cause) });
            }
        }
    }
    Ok((answers, silent))
}
