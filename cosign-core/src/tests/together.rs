//! Jobs that are computed together.

use std::vec::Vec;

use getrandom::SysRng;
use sm_primitives::rand_core::{TryCryptoRng, TryRng};

use super::{
    checks::digest,
    life::{NOW, Pair},
    model::OWN,
};
use crate::{
    Code, Progress, Purpose, Suite,
    server::{Admission, Incoming, Job, receive},
    sign::{self, AwaitingSignatures},
};

/// A request for so many digests behind the gate, and who waits for its answer.
fn asked(pair: &mut Pair, count: u8) -> (Job, AwaitingSignatures<'_>) {
    let digests: Vec<_> = (1..=count).map(digest).collect();
    let (frame, waiting) = sign::start(&pair.key, &digests, NOW, 7, &mut SysRng).unwrap();
    let Ok(Incoming::Operation(operation)) = receive(&frame) else { panic!() };
    let record = pair.model.keys.get_mut(&pair.key.key_id());
    match operation.admit(record, &OWN, NOW, pair.model.cache.as_mut().unwrap()) {
        Admission::Job(job) => (job, waiting),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_request_gets_its_own_signatures() {
    let mut pairs: Vec<_> = [Suite::D, Suite::F2, Suite::D, Suite::D, Suite::D]
        .map(|suite| Pair::active(suite, Purpose::Sign))
        .into();
    let counts = [1, 2, 3, 1, 40];
    let (jobs, waiting): (Vec<_>, Vec<_>) =
        pairs.iter_mut().zip(counts).map(|(pair, count)| asked(pair, count)).unzip();
    let executed = Job::run_all(jobs, &[1; 32], &mut SysRng);
    assert_eq!(executed.len(), counts.len());
    for ((executed, waiting), count) in executed.iter().zip(waiting).zip(counts) {
        assert_eq!(executed.audit.code, None);
        match waiting.finish(&executed.frame).unwrap() {
            // The client verifies what it gives out.
            Progress::Done(signed) => {
                assert_eq!(signed.signatures.len(), usize::from(count));
                assert_eq!(executed.audit.signatures.len(), usize::from(count));
            }
            Progress::Next(_) => assert!(executed.opened.is_some(), "suite F2"),
            Progress::Busy(_) => panic!("an answer that is not there yet"),
        }
    }
}

/// Has no random bytes.
struct Failing;

impl TryRng for Failing {
    type Error = getrandom::Error;

    fn try_next_u32(&mut self) -> Result<u32, getrandom::Error> {
        Err(getrandom::Error::UNSUPPORTED)
    }

    fn try_next_u64(&mut self) -> Result<u64, getrandom::Error> {
        Err(getrandom::Error::UNSUPPORTED)
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), getrandom::Error> {
        Err(getrandom::Error::UNSUPPORTED)
    }
}

impl TryCryptoRng for Failing {}

#[test]
fn without_randomness_all_are_refused() {
    let mut pairs: Vec<_> = (0..3).map(|_| Pair::active(Suite::D, Purpose::Sign)).collect();
    let (jobs, waiting): (Vec<_>, Vec<_>) =
        pairs.iter_mut().zip([2, 3, 1]).map(|(pair, count)| asked(pair, count)).unzip();
    let executed = Job::run_all(jobs, &[1; 32], &mut Failing);
    assert_eq!(executed.len(), 3);
    for (executed, waiting) in executed.iter().zip(waiting) {
        assert_eq!(executed.audit.code, Some(Code::Internal));
        let refused = waiting.finish(&executed.frame).err().and_then(|error| error.code());
        assert_eq!(refused, Some(Code::Internal));
    }
}
