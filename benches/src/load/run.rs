//! Requests one after the other, and at fixed moments.

use std::{
    cell::RefCell,
    fs, io,
    rc::Rc,
    time::{Duration, Instant},
};

use cosign_tests::process::resident_memory;
use futures_util::future::try_join_all;
use tokio::{task::spawn_local, time::sleep_until};

use super::{lane::Lane, work::Request};

/// How fast it went.
pub(super) struct Peak {
    /// Requests a second.
    pub(super) per_second: f64,
    /// Requests per second of processor time of the server.
    pub(super) per_core: f64,
}

/// How long it took.
pub(super) struct Paced {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

/// Every lane has one request under way until there are none left.
pub(super) async fn closed(lanes: &[Rc<Lane>], work: Vec<Request>, server: u32) -> io::Result<Peak> {
    let count = work.len() as f64;
    let work = Rc::new(RefCell::new(work));
    let (started, busy) = (Instant::now(), processor_time(server)?);
    let asking = lanes.iter().map(|lane| {
        let (lane, work) = (Rc::clone(lane), Rc::clone(&work));
        spawn_local(async move {
            loop {
                let Some(request) = work.borrow_mut().pop() else { return Ok::<_, io::Error>(()) };
                lane.ask(request).await?;
            }
        })
    });
    for asked in try_join_all(asking).await? {
        asked?;
    }
    let busy = processor_time(server)?.saturating_sub(busy);
    Ok(Peak { per_second: count / started.elapsed().as_secs_f64(), per_core: count / busy.as_secs_f64() })
}

/// So many requests a second, whatever became of those before.
pub(super) async fn open(lanes: &[Rc<Lane>], work: Vec<Request>, rate: f64) -> io::Result<Paced> {
    let started = tokio::time::Instant::now();
    let mut asked = Vec::with_capacity(work.len());
    for (number, request) in work.into_iter().rev().enumerate() {
        let due = started + Duration::from_secs_f64(number as f64 / rate);
        sleep_until(due).await;
        let lane = Rc::clone(&lanes[number % lanes.len()]);
        asked.push(spawn_local(async move {
            lane.ask(request).await?;
            Ok::<_, io::Error>(due.elapsed().as_secs_f64() * 1000.0)
        }));
    }
    let mut took = Vec::with_capacity(asked.len());
    for asked in try_join_all(asked).await? {
        took.push(asked?);
    }
    took.sort_by(f64::total_cmp);
    Ok(Paced { p50_ms: part(&took, 50), p99_ms: part(&took, 99) })
}

/// Of a hundred in order, so many are less.
pub(super) fn part(sorted: &[f64], of: usize) -> f64 {
    sorted.get(sorted.len() * of / 100).copied().unwrap_or_default()
}

/// What a process has taken of the processors so far, in all of its threads that still run.
pub(super) fn processor_time(process: u32) -> io::Result<Duration> {
    let mut total = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let ran = text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
        total += Duration::from_nanos(ran.ok_or(io::ErrorKind::InvalidData)?);
    }
    Ok(total)
}

/// Resident memory of a process, MiB.
pub(super) fn resident_mib(process: u32) -> io::Result<f64> {
    let bytes = resident_memory(process).ok_or(io::ErrorKind::NotFound)?;
    Ok(bytes as f64 / f64::from(1 << 20))
}
