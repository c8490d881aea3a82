//! What goes wrong: drawn from the seed, done, and undone.

use std::{thread, time::Duration};

use cosign_tests::{random::Seeded, relay::Rough};

use crate::site::{Knob, Site, signal};

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// A process ends at once.
    Kill { node: usize },
    /// A process is asked to end.
    Terminate { node: usize },
    /// A process stands still.
    Pause { node: usize },
    /// The database server ends at once.
    KillDatabase,
    /// The database server ends without a checkpoint.
    StopDatabase,
    /// The network loses, doubles and disorders.
    Rough { node: usize, lost: usize, seed: u64 },
    /// The network carries nothing.
    Cut { node: usize },
    /// The clients come from other ports.
    Rebind { node: usize },
    /// Nothing can be written.
    DiskFull { node: usize },
    /// The disk takes its time.
    DiskSlow { node: usize, ms: i64 },
    /// The disk does not keep what it was given.
    DiskFails { node: usize },
    /// The clock is set.
    Clock { node: usize, ms: i64 },
}

impl Fault {
    /// The next one.
    pub(crate) fn draw(draws: &mut Seeded, nodes: usize, on_server: bool) -> Self {
        let node = draws.below(nodes);
        match draws.below(if on_server { 15 } else { 13 }) {
            0 | 1 => Self::Kill { node },
            2 => Self::Terminate { node },
            3 | 4 => Self::Pause { node },
            5 | 6 => Self::Rough { node, lost: 5 + draws.below(30), seed: draws.word() },
            7 => Self::Cut { node },
            8 => Self::Rebind { node },
            9 => Self::DiskFull { node },
            10 => Self::DiskSlow { node, ms: 20 + i64::try_from(draws.below(300)).unwrap() },
            11 => Self::DiskFails { node },
            12 => {
                let ms = [-7_200_000, -180_000, -60_000, 60_000, 180_000, 7_200_000];
                Self::Clock { node, ms: ms[draws.below(ms.len())] }
            }
            13 => Self::KillDatabase,
            _ => Self::StopDatabase,
        }
    }

    /// Lets it happen.
    pub(crate) fn begin(self, site: &mut Site) {
        match self {
            Self::Kill { node } => site.kill(node),
            Self::Terminate { node } => site.terminate(node),
            Self::Pause { node } => signal(site.nodes[node].process(), "STOP"),
            Self::KillDatabase => site.database.as_mut().unwrap().end("KILL"),
            Self::StopDatabase => site.database.as_mut().unwrap().end("QUIT"),
            Self::Rough { node, lost, seed } => {
                site.nodes[node].relay.roughen(Rough { lost, doubled: 10, late: 20, seed });
            }
            Self::Cut { node } => site.nodes[node].relay.cut(),
            Self::Rebind { node } => site.nodes[node].relay.rebind(),
            Self::DiskFull { node } => site.nodes[node].turn(Knob::DiskFull, 1),
            Self::DiskSlow { node, ms } => site.nodes[node].turn(Knob::SyncMs, ms),
            Self::DiskFails { node } => site.nodes[node].turn(Knob::SyncFails, 1),
            Self::Clock { node, ms } => site.nodes[node].turn(Knob::ClockMs, ms),
        }
    }

    /// Takes the cause away. What ended starts when the site is waited for.
    pub(crate) fn end(self, site: &mut Site) {
        match self {
            Self::Kill { .. } | Self::Terminate { .. } | Self::Rebind { .. } => {}
            Self::Pause { node } => signal(site.nodes[node].process(), "CONT"),
            Self::KillDatabase | Self::StopDatabase => site.database.as_mut().unwrap().start_again(),
            Self::Rough { node, .. } | Self::Cut { node } => site.nodes[node].relay.open(),
            Self::DiskFull { node } => site.nodes[node].turn(Knob::DiskFull, 0),
            Self::DiskSlow { node, .. } => site.nodes[node].turn(Knob::SyncMs, 0),
            Self::DiskFails { node } => site.nodes[node].turn(Knob::SyncFails, 0),
            Self::Clock { node, .. } => site.nodes[node].turn(Knob::ClockMs, 0),
        }
    }

    /// Whether two of them would be in each other's way: both end or stop one process, or both set one thing.
    fn excludes(self, other: Self) -> bool {
        let (ends, other_ends) = (self.process(), other.process());
        (ends.is_some() && ends == other_ends)
            || std::mem::discriminant(&self) == std::mem::discriminant(&other)
            || (self.is_of_network() && other.is_of_network())
            || (self.is_of_database() && other.is_of_database())
            || matches!((self, other), (Self::Terminate { .. }, _) | (_, Self::Terminate { .. }))
    }

    const fn process(self) -> Option<usize> {
        match self {
            Self::Kill { node } | Self::Terminate { node } | Self::Pause { node } => Some(node),
            _ => None,
        }
    }

    const fn is_of_network(self) -> bool {
        matches!(self, Self::Rough { .. } | Self::Cut { .. })
    }

    const fn is_of_database(self) -> bool {
        matches!(self, Self::KillDatabase | Self::StopDatabase)
    }
}

/// Something goes wrong, or two things at once, for a while.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) faults: Vec<Fault>,
    before: Duration,
    lasts: Duration,
}

impl Incident {
    /// The next one.
    pub(crate) fn draw(draws: &mut Seeded, nodes: usize, on_server: bool) -> Self {
        let mut faults = vec![Fault::draw(draws, nodes, on_server)];
        if draws.below(3) == 0 {
            let second = Fault::draw(draws, nodes, on_server);
            if !second.excludes(faults[0]) {
                faults.push(second);
            }
        }
        let ms = |draws: &mut Seeded, least: u64, more: usize| {
            Duration::from_millis(least + u64::try_from(draws.below(more)).unwrap())
        };
        Self { faults, before: ms(draws, 200, 1500), lasts: ms(draws, 300, 2500) }
    }

    /// Lets it happen, and waits until every node does its work again.
    pub(crate) fn happen(&self, site: &mut Site) {
        thread::sleep(self.before);
        self.faults.iter().for_each(|fault| fault.begin(site));
        thread::sleep(self.lasts);
        self.faults.iter().for_each(|fault| fault.end(site));
        for node in 0..site.nodes.len() {
            site.await_ready(node);
        }
    }
}
