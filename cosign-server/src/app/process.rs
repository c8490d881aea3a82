//! What keeps the secrets of the process off the disk: no core dumps, no tracing by others, no swapping.

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit},
    thread::{CapabilitySet, capabilities},
};

/// Forbids core dumps and tracing, and locks all memory of the process that is in use or will be: shares are copied to
/// stacks and registers while they are computed with, so pages of their own would not be enough. What the system does
/// not allow is logged with the next step.
pub fn protect() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::error!(%error, "core dumps could not be forbidden; set LimitCORE=0");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::error!(%error, "the process could not be made undumpable");
    }
    let limit = memory_limit();
    let privileged = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    // Under a limit, memory that is asked for later would be refused once the limit is reached.
    if let (Some(limit), false) = (limit, privileged) {
        tracing::error!(
            limit_kib = limit / 1024,
            "memory is not locked, shares may be swapped to disk: RLIMIT_MEMLOCK is too small; set \
             LimitMEMLOCK=infinity in the service unit (or `ulimit -l unlimited`), or run without swap"
        );
        return;
    }
    // A page is locked when it is first used: what is reserved and never used costs nothing.
    match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
        Ok(()) => tracing::info!("memory is locked"),
        Err(error) => tracing::error!(%error, "memory is not locked, shares may be swapped to disk"),
    }
}

/// The limit of locked memory in bytes, raised as far as it may be; `None` without a limit.
fn memory_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Memlock);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if setrlimit(Resource::Memlock, raised).is_ok() { raised.current } else { limit.current }
}
