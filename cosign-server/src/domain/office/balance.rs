//! What somebody has bought for a platform and not used up: lots, each from one line of an order.

use cosign_core::sm_primitives::sm3::Sm3;
use serde::{Deserialize, Serialize};

use super::{
    Entity, Id, Moment, Moved, Moves, Named as _,
    calendar::months_later,
    catalogue::{Measure, Service},
    entity::states,
};
use crate::domain::Error;

/// Most lots that are not used up.
const MAX_LOTS: usize = 200;

/// What is said when there is nothing to be used.
pub const NOTHING_LEFT: Error = Error::Conflict("the package is used up, or there is none");

states! {
    /// Where a balance stands.
    BalanceState {
        /// There is something left.
        Active = "active",
        /// Everything is used up or ended.
        Empty = "empty",
    }
}

impl super::State for BalanceState {
    /// More can be bought at any time.
    fn is_over(self) -> bool {
        false
    }
}

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Unix milliseconds.
    pub from_ms: u64,
    /// Unix milliseconds.
    pub to_ms: u64,
}

/// What one line of an order gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// Which line.
    pub line: Id,
    measure: Measure,
    /// When it is good, if it is sold by the month; nothing while it waits.
    span: Option<Span>,
    /// How often it was used.
    pub uses: u32,
    /// The order is still looked at.
    waits: bool,
    /// Its money is asked back.
    held: bool,
}

impl Lot {
    fn left(&self) -> u32 {
        match self.measure {
            Measure::Uses(uses) => uses.saturating_sub(self.uses),
            Measure::Months(_) | Measure::Fee => 0,
        }
    }

    fn is_over(&self, now_ms: u64) -> bool {
        match self.measure {
            Measure::Uses(_) => self.left() == 0,
            Measure::Months(_) => self.span.is_some_and(|span| span.to_ms <= now_ms),
            Measure::Fee => true,
        }
    }

    fn is_usable(&self, now_ms: u64) -> bool {
        let is_now = self.span.is_some_and(|span| span.from_ms <= now_ms && now_ms < span.to_ms);
        !self.waits && !self.held && (is_now || self.left() > 0)
    }
}

/// A balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    state: BalanceState,
    /// Whose: an account or an enterprise.
    pub owner: Id,
    /// For which platform.
    pub platform: Id,
    /// What is used.
    pub service: Service,
    lots: Vec<Lot>,
    /// The line that the last use was of.
    pub last: Option<Id>,
}

/// What happens to a balance.
#[derive(Debug)]
pub enum Event {
    /// A line of an order gives something.
    Add {
        /// Whose.
        owner: Id,
        /// For which platform.
        platform: Id,
        /// What is used.
        service: Service,
        /// Which line.
        line: Id,
        /// How much.
        measure: Measure,
        /// It waits until the order was looked at.
        waits: bool,
    },
    /// The order was looked at.
    Release(Id),
    /// It is used once.
    Use,
    /// The money for a line is asked back; it is not used meanwhile.
    Hold(Id),
    /// The money is not given back.
    Unhold(Id),
    /// The money is given back.
    Withdraw(Id),
    /// Time is over.
    End,
}

impl Balance {
    /// The id of the balance of an owner.
    #[must_use]
    pub fn id(owner: Id, platform: Id, service: Service) -> Id {
        let hash = Sm3::new().chain(b"balance").chain(owner.as_bytes()).chain(platform.as_bytes());
        let hash = hash.chain(service.as_str().as_bytes()).finalize();
        let mut id = [0; 16];
        id.copy_from_slice(hash.split_at(16).0);
        Id::from_bytes(id)
    }

    /// Until when it can be used as often as one likes, unix milliseconds.
    #[must_use]
    pub fn ends_ms(&self) -> Option<u64> {
        self.lots.iter().filter_map(|lot| lot.span).map(|span| span.to_ms).max()
    }

    /// How often it can be used besides.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        let open = self.lots.iter().filter(|lot| !lot.waits && !lot.held);
        open.map(|lot| u64::from(lot.left())).sum()
    }

    /// Whether it can be used now.
    #[must_use]
    pub fn is_usable(&self, now_ms: u64) -> bool {
        self.lots.iter().any(|lot| lot.is_usable(now_ms))
    }

    /// Whether the money for a line can be asked back.
    #[must_use]
    pub fn is_unused(&self, line: Id) -> bool {
        self.lots.iter().any(|lot| lot.line == line && lot.uses == 0)
    }

    /// How much a line gives that nobody has used and nobody asks money back for.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub fn whole(&self, line: Id) -> Result<Measure, Error> {
        let lot = self.lots.iter().find(|lot| lot.line == line && lot.uses == 0 && !lot.waits && !lot.held);
        lot.map(|lot| lot.measure).ok_or(Error::Conflict("the package was used or is over"))
    }

    /// Begins the months of a lot: now, or when those before it end.
    fn begin(&mut self, line: Id, now_ms: u64) {
        let from_ms = self.ends_ms().map_or(now_ms, |ends_ms| ends_ms.max(now_ms));
        for lot in self.lots.iter_mut().filter(|lot| lot.line == line && lot.waits) {
            lot.waits = false;
            if let Measure::Months(months) = lot.measure {
                lot.span = Some(Span { from_ms, to_ms: months_later(from_ms, months) });
            }
        }
    }

    fn lot(&mut self, line: Id) -> Result<&mut Lot, Error> {
        const USED: Error = Error::Conflict("the package was used or is over");
        self.lots.iter_mut().find(|lot| lot.line == line && lot.uses == 0).ok_or(USED)
    }

    /// Takes a lot away. Those after it begin that much earlier.
    fn withdraw(&mut self, line: Id, now_ms: u64) -> Result<(), Error> {
        let gone = self.lot(line)?.span;
        self.lots.retain(|lot| lot.line != line);
        let Some(gone) = gone else { return Ok(()) };
        let gap_ms = gone.to_ms.saturating_sub(gone.from_ms.max(now_ms));
        for span in self.lots.iter_mut().filter_map(|lot| lot.span.as_mut()) {
            if span.from_ms >= gone.to_ms {
                span.from_ms = span.from_ms.saturating_sub(gap_ms);
                span.to_ms = span.to_ms.saturating_sub(gap_ms);
            }
        }
        Ok(())
    }
}

impl Entity for Balance {
    const KIND: &'static str = "balance";
    type State = BalanceState;
    type Event = Event;
    const MOVES: Moves<BalanceState> = &[
        (None, "add", BalanceState::Active),
        (Some(BalanceState::Active), "add", BalanceState::Active),
        (Some(BalanceState::Empty), "add", BalanceState::Active),
        (Some(BalanceState::Active), "release", BalanceState::Active),
        (Some(BalanceState::Active), "release", BalanceState::Empty),
        (Some(BalanceState::Empty), "release", BalanceState::Empty),
        (Some(BalanceState::Active), "use", BalanceState::Active),
        (Some(BalanceState::Active), "use", BalanceState::Empty),
        (Some(BalanceState::Active), "hold", BalanceState::Active),
        (Some(BalanceState::Active), "unhold", BalanceState::Active),
        (Some(BalanceState::Active), "unhold", BalanceState::Empty),
        (Some(BalanceState::Active), "withdraw", BalanceState::Active),
        (Some(BalanceState::Active), "withdraw", BalanceState::Empty),
        (Some(BalanceState::Active), "end", BalanceState::Empty),
    ];

    fn state(&self) -> BalanceState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Add { .. } => "add",
            Event::Release(_) => "release",
            Event::Use => "use",
            Event::Hold(_) => "hold",
            Event::Unhold(_) => "unhold",
            Event::Withdraw(_) => "withdraw",
            Event::End => "end",
        }
    }

    /// A use is written down of its own.
    fn is_logged(event: &Event) -> bool {
        !matches!(event, Event::Use)
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let now_ms = moment.now_ms;
        let mut balance = match (now, event) {
            (Some(balance), _) => balance.clone(),
            (None, Event::Add { owner, platform, service, .. }) => Self {
                state: BalanceState::Empty,
                owner: *owner,
                platform: *platform,
                service: *service,
                lots: Vec::new(),
                last: None,
            },
            (None, _) => return Err(NOTHING_LEFT),
        };
        // A lot whose money is asked back is kept until that is decided.
        balance.lots.retain(|lot| lot.held || !lot.is_over(now_ms));
        match event {
            Event::Add { measure: Measure::Fee, .. } => return Err(Error::Internal),
            Event::Add { line, measure, waits, .. } => {
                if balance.lots.len() >= MAX_LOTS {
                    return Err(Error::Conflict("there are too many packages for one platform"));
                }
                let (line, measure) = (*line, *measure);
                balance.lots.push(Lot { line, measure, span: None, uses: 0, waits: true, held: false });
                if !waits {
                    balance.begin(line, now_ms);
                }
            }
            // The money may have been given back meanwhile.
            Event::Release(line) => balance.begin(*line, now_ms),
            Event::Use => {
                // What ends by itself is used before what is counted.
                let usable = |lot: &&mut Lot| lot.is_usable(now_ms);
                let lot = balance.lots.iter_mut().filter(usable).min_by_key(|lot| lot.span.is_none());
                let lot = lot.ok_or(NOTHING_LEFT)?;
                lot.uses = lot.uses.saturating_add(1);
                balance.last = Some(lot.line);
            }
            Event::Hold(line) => balance.lot(*line)?.held = true,
            Event::Unhold(line) => balance.lot(*line)?.held = false,
            Event::Withdraw(line) => balance.withdraw(*line, now_ms)?,
            Event::End => {}
        }
        balance.lots.retain(|lot| lot.held || !lot.is_over(now_ms));
        let is_empty = balance.lots.is_empty();
        if matches!(event, Event::End) && (!is_empty || balance.state == BalanceState::Empty) {
            return Err(Error::Conflict("the packages are not over"));
        }
        balance.state = if is_empty { BalanceState::Empty } else { BalanceState::Active };
        Ok(Moved::to(balance))
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.owner]
    }

    fn due_ms(&self) -> Option<u64> {
        let ends = self.lots.iter().map(|lot| lot.span.filter(|_| !lot.held).map(|span| span.to_ms));
        ends.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    fn when_due() -> Option<Event> {
        Some(Event::End)
    }
}
