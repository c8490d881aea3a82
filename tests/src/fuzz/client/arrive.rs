//! How a key comes to another device, from the client's side.

use cosign_core::{
    PinMode, Progress, import,
    split::{self, Kind, Receiver},
};

use super::{
    super::{
        AT, DECRYPT_D, DECRYPT_F2, RECOVERED_D, RECOVERED_F2, SIGN_D, SIGN_F2, fixture,
        fixture::{ARRIVALS, OTHER, device_of, recovered},
        script::Script,
    },
    World,
    answer::{Likeness, Shape},
};

/// The number in [`super::outcomes`] of a share that was opened, which is no op.
pub const OPENED_SHARE: u8 = 0xf8;

impl World {
    /// Op 08, what is sent to the device that invited, as it is or with one byte changed, and the refresh there.
    pub(super) fn split(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        let kind = if name < 4 { Kind::Move } else { Kind::Share };
        let name = [SIGN_D, DECRYPT_D, SIGN_F2, DECRYPT_F2][usize::from(name % 4)];
        let (key, to) = (fixture().key(name), fixture().key_id(name + ARRIVALS));
        let of = key.client.key_id();
        let receiver = Receiver::new(of, to, OTHER, &mut self.rng).unwrap();
        let started = split::start(&key.client, receiver.invitation(), kind, AT, &mut self.rng);
        let mut waiting = started.unwrap();
        let outcome = loop {
            let answer = self.answer(waiting.frame(), Shape::items(1, 96), script)?;
            match waiting.finish(answer.bytes(), &mut self.rng) {
                Ok(Progress::Done(handover)) => break (Ok(handover), answer.likeness()),
                Ok(Progress::Busy(same) | Progress::Next(same)) => waiting = same,
                Err(error) => break (Err(error), answer.likeness()),
            }
        };
        let Some(handover) = self.ended(0x08, outcome.0, outcome.1) else { return Some(()) };
        let (offset, change) = (script.byte()?, script.byte()?);
        let mut sealed = handover.sealed;
        sealed[usize::from(offset) % 244] ^= change;
        let likeness = if change == 0 { Likeness::Same } else { Likeness::Other };
        let Some(travelled) = self.ended(OPENED_SHARE, receiver.open(&sealed), likeness) else {
            return Some(());
        };
        assert_eq!((travelled.key_id(), travelled.epoch()), (to, 1));
        assert_eq!(travelled.public_key(), key.client.public_key());
        self.renew(&travelled, OTHER, key, script)
    }

    /// Op 13, and the refresh behind it.
    pub(super) fn import(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        let name = if name < 3 { RECOVERED_D } else { RECOVERED_F2 };
        let (key, key_id, kept) = (fixture().key(name), fixture().key_id(name), recovered(name));
        let waiting = import::start(key_id, key.client.suite(), PinMode::Base, &kept, &mut self.rng).unwrap();
        let frame = waiting.frame().to_vec();
        let answer = self.answer_to(device_of(name), &frame, Shape::short(0), script)?;
        let likeness = if answer.is_agreement() { Likeness::Failures } else { answer.likeness() };
        match self.ended(0x13, waiting.finish(answer.bytes()), likeness) {
            Some(travelled) => self.renew(&travelled, device_of(name), key, script),
            None => Some(()),
        }
    }
}
