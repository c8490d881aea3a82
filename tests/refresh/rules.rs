//! The refresh as two state machines. A share is known by the refresh that made it, so a number stands for both halves:
//! they match if the numbers are equal.
//!
//! What was sent once may arrive at any time, any number of times, or never.

/// R1 messages of one run.
pub(crate) const MAX_R1: usize = 4;
/// Shares of one run, that of key generation included.
pub(crate) const MAX_SHARES: usize = 7;

/// A refresh, and the share that it made; 0 is key generation.
pub(crate) type Rid = u8;

/// Which rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Those of the product.
    Product,
    /// Any right request of the next epoch activates, and the client does not wait for its confirmation.
    AnyRequestActivates,
    /// A confirmation activates whatever is pending.
    ConfirmsBlindly,
    /// On NAK the client keeps the new record.
    KeepsTheNewRecord,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The client begins a refresh; what it waited for is given up.
    Start,
    /// R1 reaches the server.
    R1(usize),
    /// R2 reaches the client, which stores the new record beside the old one.
    R2(Rid),
    /// The client sends R3 for its new record.
    Confirm,
    /// R3 reaches the server.
    R3(Rid),
    Ack(Rid),
    Nak(Rid),
    /// The client process dies; its records stay.
    ClientDies,
    /// The server process dies; its database stays, its replay cache does not.
    ServerDies,
    /// The pending refresh is 24 hours old.
    Expire,
    /// The client signs with its newest record; the rules of the product do not let it.
    SignWithNew,
}

/// Both parties and everything that was ever sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// For each R1 the share that it starts from.
    bases: [Rid; MAX_R1],
    r1s: u8,
    /// For each share the R1 that made it.
    makers: [u8; MAX_SHARES],
    shares: u8,
    confirmed: u8,
    acked: u8,
    naked: u8,
    pub(crate) active: Rid,
    pub(crate) pending: Option<Rid>,
    /// R1s that the replay cache knows.
    cached: u8,
    pub(crate) old: Rid,
    pub(crate) new: Option<Rid>,
    /// The R1 whose answer the client waits for.
    pub(crate) awaiting: Option<u8>,
}

const fn bit(number: u8) -> u8 {
    1 << number
}

impl State {
    const fn r1s(&self) -> usize {
        self.r1s as usize
    }

    pub(crate) fn maker(&self, rid: Rid) -> usize {
        usize::from(self.makers[usize::from(rid)])
    }

    pub(crate) fn epoch(&self, rid: Rid) -> u32 {
        if rid == 0 { 1 } else { self.epoch(self.bases[self.maker(rid)]) + 1 }
    }

    /// Everything that can happen next.
    pub(crate) fn events(&self, rules: Rules) -> Vec<Event> {
        let mut events = vec![Event::ClientDies, Event::ServerDies];
        let waits = rules != Rules::AnyRequestActivates && self.new.is_some();
        if !waits && self.r1s() < MAX_R1 {
            events.push(Event::Start);
        }
        if self.new.is_some() {
            events.push(Event::Confirm);
        }
        if self.pending.is_some() {
            events.push(Event::Expire);
        }
        if self.new.is_some() && rules == Rules::AnyRequestActivates {
            events.push(Event::SignWithNew);
        }
        events.extend((0..self.r1s()).map(Event::R1));
        for rid in 1..=self.shares {
            events.push(Event::R2(rid));
            for (sent, event) in [
                (self.confirmed, Event::R3(rid)),
                (self.acked, Event::Ack(rid)),
                (self.naked, Event::Nak(rid)),
            ] {
                if sent & bit(rid) != 0 {
                    events.push(event);
                }
            }
        }
        events
    }

    /// What the event makes of the state; `None` if the run gets too long.
    pub(crate) fn after(mut self, event: Event, rules: Rules) -> Option<Self> {
        match event {
            Event::Start => {
                self.bases[self.r1s()] = self.old;
                self.awaiting = Some(self.r1s);
                self.r1s += 1;
            }
            Event::R1(index) => {
                let number = u8::try_from(index).ok()?;
                let repeated = self.pending.is_some_and(|rid| self.maker(rid) == index);
                // Of another epoch, answered from the cache, or answered again: nothing changes.
                if self.bases[index] == self.active && self.cached & bit(number) == 0 {
                    self.cached |= bit(number);
                    if !repeated {
                        if usize::from(self.shares) + 1 == MAX_SHARES {
                            return None;
                        }
                        self.shares += 1;
                        self.makers[usize::from(self.shares)] = number;
                        self.pending = Some(self.shares);
                    }
                }
            }
            Event::R2(rid) => {
                if self.awaiting.map(usize::from) == Some(self.maker(rid)) {
                    self.awaiting = None;
                    self.new = Some(rid);
                }
            }
            Event::Confirm => self.confirmed |= bit(self.new?),
            Event::R3(rid) => {
                let activates = self.pending == Some(rid) || rules == Rules::ConfirmsBlindly;
                if rid != self.active && activates && self.pending.is_some() {
                    self.active = self.pending.take()?;
                    self.acked |= bit(rid);
                } else if rid == self.active {
                    self.acked |= bit(rid);
                } else {
                    self.naked |= bit(rid);
                }
            }
            Event::Ack(rid) => {
                if self.new == Some(rid) {
                    self.old = rid;
                    self.new = None;
                }
            }
            Event::Nak(rid) => {
                if self.new == Some(rid) {
                    if rules == Rules::KeepsTheNewRecord {
                        self.old = rid;
                    }
                    self.new = None;
                }
            }
            Event::ClientDies => self.awaiting = None,
            Event::ServerDies => self.cached = 0,
            Event::Expire => self.pending = None,
            Event::SignWithNew => {
                let new = self.new?;
                if self.pending.is_some() && self.epoch(new) == self.epoch(self.active) + 1 {
                    self.active = self.pending.take()?;
                }
            }
        }
        Some(self)
    }

    /// One record of the client equals the active share, and a single record is that one.
    pub(crate) fn holds(&self) -> bool {
        self.old == self.active || self.new == Some(self.active)
    }

    /// A single record, and it is the right one.
    pub(crate) fn is_settled(&self) -> bool {
        self.new.is_none() && self.old == self.active
    }

    /// What a client does after a restart, if nothing more is lost: it confirms, and takes the answer.
    pub(crate) fn settled(self, rules: Rules) -> Option<Self> {
        let restarted = self.after(Event::ClientDies, rules)?;
        let Some(new) = restarted.new else { return Some(restarted) };
        let answered = restarted.after(Event::Confirm, rules)?.after(Event::R3(new), rules)?;
        let event = if answered.acked & bit(new) != 0 { Event::Ack(new) } else { Event::Nak(new) };
        answered.after(event, rules)
    }
}
