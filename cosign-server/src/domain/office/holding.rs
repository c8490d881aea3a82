//! Certificates as their holders see them: one for each platform. What it is as a certificate stands in the registry of the
//! authority; that changes in the same unit.

mod holder;

use cosign_core::{DeviceId, sm_primitives::sm3};
use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves, State as _,
    entity::states,
    grant::{self, Grant},
    list_of,
    membership::Membership,
    message::Notice,
    proof::CertificateName,
    seal::{self, Seal},
};
use crate::domain::{
    Error,
    ca::{AuthorityId, CertEvent, CertState, Reason, Serial},
};

pub use self::holder::{Acting, Holder, Platform};

const DAY_MS: u64 = 86_400_000;

states! {
    /// Where a certificate stands.
    HoldingState {
        /// In force.
        Valid = "valid",
        /// Suspended.
        Frozen = "frozen",
        /// What it says of its holder is not true any more.
        NeedsChange = "needs-change",
        /// Its end has come.
        Expired = "expired",
        /// Another one took its place.
        Superseded = "superseded",
        /// Ended for good.
        Revoked = "revoked",
    }
    over Superseded, Revoked
}

/// What is certified, where and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    state: HoldingState,
    /// Whose.
    pub holder: Holder,
    /// The account that got it.
    pub account: Id,
    /// For which platform; `None` for all.
    pub platform: Option<Platform>,
    /// Who issued it.
    pub authority: AuthorityId,
    /// The serial number of the certificate for signing, hexadecimal.
    pub serial: String,
    /// The device with the key, hexadecimal.
    pub device: String,
    /// When it ends, unix milliseconds.
    pub not_after_ms: u64,
    /// How often the shares of its key were made, as far as the holder was told.
    epoch: u32,
    /// The one whose place it took.
    pub replaces: Option<Id>,
    /// When the holder is told that it ends soon; `None` once that was said.
    tell_ms: Option<u64>,
}

/// A certificate that was issued, with whose it is. Only the service that had it issued makes one.
#[derive(Clone, Debug)]
pub struct Issued {
    pub(in crate::domain) by: Acting,
    pub(in crate::domain) platform: Option<Platform>,
    pub(in crate::domain) authority: AuthorityId,
    pub(in crate::domain) serial: String,
    pub(in crate::domain) device: String,
    pub(in crate::domain) not_after_ms: u64,
    pub(in crate::domain) epoch: u32,
    pub(in crate::domain) replaces: Option<Id>,
}

/// What happens to a certificate.
#[derive(Debug)]
pub enum Event {
    /// It is installed.
    Install(Box<Issued>),
    /// Time passes: its end comes near, or has come.
    Pass,
    /// An operator suspends it.
    Freeze,
    /// Its account does not use the device with its key any more.
    Strand,
    /// An operator puts it in force again.
    Unfreeze,
    /// The shares of its key were made anew, as they are when its PIN is changed: so often by now.
    Refresh(u32),
    /// The data of its holder have changed.
    Outdate,
    /// Another one takes its place.
    Supersede {
        /// Which.
        by: Id,
    },
    /// It is ended.
    Revoke(Reason),
    /// The authority says where it stands.
    Follow(CertState),
}

impl Holding {
    /// The one certificate of a holder for a platform; nationally, one of each authority.
    #[must_use]
    pub fn name_of(holder: Holder, platform: Option<&Platform>, authority: &AuthorityId) -> [u8; 32] {
        let place = platform.map_or_else(|| format!("/{authority}"), |platform| platform.as_str().to_owned());
        sm3::digest(&[&b"holding"[..], holder.id().as_bytes(), place.as_bytes()].concat())
    }

    /// Under what those of enterprises that an account installed and that are not over are listed.
    #[must_use]
    pub fn kept_by(account: Id) -> Id {
        list_of("kept-by", &[account.as_bytes()])
    }

    /// Under what those of an account on one device are listed.
    #[must_use]
    pub fn on_device(account: Id, device: DeviceId) -> Id {
        list_of("on device", &[account.as_bytes(), device.to_string().as_bytes()])
    }

    /// What a certificate is called here.
    #[must_use]
    pub fn called(certificate: &CertificateName) -> [u8; 32] {
        let CertificateName { authority, serial } = certificate;
        sm3::digest(&[b"certificate/", authority.as_bytes(), b"/", serial.as_bytes()].concat())
    }

    /// Its name as a certificate.
    #[must_use]
    pub fn certificate_name(&self) -> CertificateName {
        CertificateName { authority: self.authority.to_string(), serial: self.serial.clone() }
    }

    /// Its serial number.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn number(&self) -> Result<Serial, Error> {
        Serial::from_hex(&self.serial).map_err(|_| Error::Internal)
    }

    /// Whether the authority has changed it by itself, to this.
    #[must_use]
    pub const fn is_behind(&self, state: CertState) -> bool {
        use HoldingState::{Expired, Frozen, NeedsChange, Revoked, Superseded, Valid};
        match (self.state, state) {
            (Superseded | Revoked, _) => false,
            (_, CertState::Revoked) | (Valid, CertState::Frozen | CertState::NeedsChange) => true,
            (Frozen, CertState::Valid) => true,
            (Valid | Frozen | NeedsChange | Expired, _) => false,
        }
    }

    /// Whether the shares of its key were made anew since the holder was told.
    #[must_use]
    pub const fn is_refreshed(&self, epoch: u32) -> bool {
        use HoldingState::{Expired, Frozen, NeedsChange, Valid};
        matches!(self.state, Valid | Frozen | NeedsChange | Expired) && epoch > self.epoch
    }

    /// Whether its key may sign, and seals may be made for it.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub fn is_in_force(&self, now_ms: u64) -> Result<(), Error> {
        if self.state == HoldingState::Valid && now_ms <= self.not_after_ms {
            return Ok(());
        }
        Err(Error::Conflict("the certificate is not in force"))
    }

    /// Whether it ends soon.
    #[must_use]
    pub const fn is_expiring(&self, moment: Moment<'_>) -> bool {
        let days_ms = moment.rules.expiring_days.saturating_mul(DAY_MS);
        matches!(self.state, HoldingState::Valid)
            && moment.now_ms.saturating_add(days_ms) >= self.not_after_ms
    }

    fn certificate(&self, what: CertEvent) -> Result<Effect, Error> {
        Ok(Effect::Certificate(self.authority.clone(), self.number()?, what))
    }
}

impl Entity for Holding {
    const KIND: &'static str = "holding";
    type State = HoldingState;
    type Event = Event;
    const MOVES: Moves<HoldingState> = &[
        (None, "install", HoldingState::Valid),
        (Some(HoldingState::Valid), "pass", HoldingState::Valid),
        (Some(HoldingState::Valid), "pass", HoldingState::Expired),
        (Some(HoldingState::Frozen), "pass", HoldingState::Frozen),
        (Some(HoldingState::Frozen), "pass", HoldingState::Expired),
        (Some(HoldingState::NeedsChange), "pass", HoldingState::NeedsChange),
        (Some(HoldingState::NeedsChange), "pass", HoldingState::Expired),
        (Some(HoldingState::Valid), "freeze", HoldingState::Frozen),
        (Some(HoldingState::Frozen), "unfreeze", HoldingState::Valid),
        (Some(HoldingState::Valid), "strand", HoldingState::Frozen),
        // Its end has come, and only that was not noted yet.
        (Some(HoldingState::Valid), "strand", HoldingState::Valid),
        (Some(HoldingState::Frozen), "strand", HoldingState::Frozen),
        (Some(HoldingState::NeedsChange), "strand", HoldingState::NeedsChange),
        (Some(HoldingState::Expired), "strand", HoldingState::Expired),
        (Some(HoldingState::Valid), "refresh", HoldingState::Valid),
        (Some(HoldingState::Frozen), "refresh", HoldingState::Frozen),
        (Some(HoldingState::NeedsChange), "refresh", HoldingState::NeedsChange),
        (Some(HoldingState::Expired), "refresh", HoldingState::Expired),
        (Some(HoldingState::Valid), "outdate", HoldingState::NeedsChange),
        // What is not in force does not change with its holder's data; a reissue tells the new ones.
        (Some(HoldingState::Frozen), "outdate", HoldingState::Frozen),
        (Some(HoldingState::NeedsChange), "outdate", HoldingState::NeedsChange),
        (Some(HoldingState::Expired), "outdate", HoldingState::Expired),
        (Some(HoldingState::Valid), "supersede", HoldingState::Superseded),
        (Some(HoldingState::NeedsChange), "supersede", HoldingState::Superseded),
        (Some(HoldingState::Expired), "supersede", HoldingState::Superseded),
        (Some(HoldingState::Valid), "revoke", HoldingState::Revoked),
        (Some(HoldingState::Frozen), "revoke", HoldingState::Revoked),
        (Some(HoldingState::NeedsChange), "revoke", HoldingState::Revoked),
        (Some(HoldingState::Expired), "revoke", HoldingState::Revoked),
        (Some(HoldingState::Valid), "follow", HoldingState::Frozen),
        (Some(HoldingState::Valid), "follow", HoldingState::NeedsChange),
        (Some(HoldingState::Frozen), "follow", HoldingState::Valid),
        (Some(HoldingState::Valid), "follow", HoldingState::Revoked),
        (Some(HoldingState::Frozen), "follow", HoldingState::Revoked),
        (Some(HoldingState::NeedsChange), "follow", HoldingState::Revoked),
        (Some(HoldingState::Expired), "follow", HoldingState::Revoked),
    ];

    fn state(&self) -> HoldingState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Install(_) => "install",
            Event::Pass => "pass",
            Event::Freeze => "freeze",
            Event::Strand => "strand",
            Event::Unfreeze => "unfreeze",
            Event::Refresh(_) => "refresh",
            Event::Outdate => "outdate",
            Event::Supersede { .. } => "supersede",
            Event::Revoke(_) => "revoke",
            Event::Follow(_) => "follow",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use HoldingState::{Expired, Frozen, NeedsChange, Revoked, Superseded, Valid};
        let Some(one) = now else {
            let Event::Install(issued) = event else { return Err(Error::NotFound) };
            return Ok(install(issued, moment));
        };
        let to = |state| Moved::to(Self { state, ..one.clone() });
        let told = |state, notice| to(state).with(Effect::tell::<Self>(one.account, notice, moment.id));
        let is_over = moment.now_ms > one.not_after_ms;
        let moved = match (one.state, event) {
            (Valid | Frozen | NeedsChange, Event::Pass) if is_over => told(
                Expired,
                Notice::CertificateExpired,
            )
            .with(Effect::on_all::<Seal>(moment.id, None, seal::Event::Lapse)),
            (Valid | Frozen | NeedsChange, Event::Pass)
                if one.tell_ms.is_some_and(|tell_ms| moment.now_ms >= tell_ms) =>
            {
                Moved::to(Self { tell_ms: None, ..one.clone() })
                    .with(Effect::tell::<Self>(one.account, Notice::CertificateExpiring, moment.id))
                    .with(Effect::Text(one.account, Notice::CertificateExpiring))
            }
            (Valid, Event::Freeze | Event::Strand) if !is_over => {
                told(Frozen, Notice::CertificateFrozen).with(one.certificate(CertEvent::Freeze)?)
            }
            (Frozen, Event::Unfreeze) if !is_over => {
                told(Valid, Notice::CertificateUnfrozen).with(one.certificate(CertEvent::Unfreeze)?)
            }
            (Valid, Event::Outdate) if !is_over => {
                told(NeedsChange, Notice::CertificateNeedsChange).with(one.certificate(CertEvent::Outdate)?)
            }
            (_, Event::Refresh(epoch)) if one.is_refreshed(*epoch) => {
                Moved::to(Self { epoch: *epoch, ..one.clone() })
                    .with(Effect::tell::<Self>(one.account, Notice::PinChanged, moment.id))
                    .with(Effect::Text(one.account, Notice::PinChanged))
            }
            (Frozen | NeedsChange | Expired, Event::Outdate)
            | (Valid | Frozen | NeedsChange | Expired, Event::Strand) => to(one.state),
            (Valid | NeedsChange | Expired, Event::Supersede { by }) => {
                let follow = grant::Event::Follow { to: *by };
                to(Superseded)
                    .with(Effect::on_all::<Seal>(moment.id, None, seal::Event::Rebind { to: *by }))
                    .with(Effect::on_all::<Grant>(Grant::of_thing(moment.id), None, follow))
            }
            (Valid | Frozen | NeedsChange | Expired, Event::Revoke(reason)) => {
                ended(told(Revoked, Notice::CertificateRevoked), moment)
                    .with(one.certificate(CertEvent::Revoke(*reason))?)
            }
            (Valid | Frozen | NeedsChange | Expired, Event::Follow(CertState::Revoked)) => {
                ended(told(Revoked, Notice::CertificateRevoked), moment)
            }
            (Valid, Event::Follow(CertState::Frozen)) => told(Frozen, Notice::CertificateFrozen),
            (Valid, Event::Follow(CertState::NeedsChange)) => {
                told(NeedsChange, Notice::CertificateNeedsChange)
            }
            (Frozen, Event::Follow(CertState::Valid)) => told(Valid, Notice::CertificateUnfrozen),
            (Superseded, _) => return Err(Error::Conflict("another certificate has taken its place")),
            (Revoked, _) => return Err(Error::Conflict("the certificate is revoked")),
            (_, Event::Pass) => return Err(Error::Conflict("its end has not come")),
            (_, Event::Unfreeze) => {
                return Err(Error::Conflict("the certificate is not suspended, or its end has come"));
            }
            (Frozen, Event::Supersede { .. }) => return Err(Error::Conflict("the certificate is suspended")),
            _ => return Err(Error::Conflict("the certificate is not in force")),
        };
        Ok(moved)
    }

    fn names(&self) -> Vec<[u8; 32]> {
        use HoldingState::{Frozen, NeedsChange, Valid};
        let mut names = Vec::new();
        if !self.state.is_over() {
            names.push(Self::called(&self.certificate_name()));
        }
        if matches!(self.state, Valid | Frozen | NeedsChange) {
            names.push(Self::name_of(self.holder, self.platform.as_ref(), &self.authority));
        }
        names
    }

    fn listed_under(&self) -> Vec<Id> {
        if self.state.is_over() {
            return vec![self.holder.id()];
        }
        let device = self.device.parse().ok().map(|device| Self::on_device(self.account, device));
        let mut lists: Vec<_> = [self.holder.id()].into_iter().chain(device).collect();
        if let Holder::Enterprise(enterprise) = self.holder {
            // It ends when who has its key leaves the enterprise, or cancels the account.
            lists.extend([Membership::rights_of(enterprise, self.account), Self::kept_by(self.account)]);
        }
        lists
    }

    fn due_ms(&self) -> Option<u64> {
        use HoldingState::{Frozen, NeedsChange, Valid};
        let runs = matches!(self.state, Valid | Frozen | NeedsChange);
        runs.then(|| self.tell_ms.unwrap_or(self.not_after_ms.saturating_add(1)))
    }

    fn when_due() -> Option<Event> {
        Some(Event::Pass)
    }
}

fn install(issued: &Issued, moment: Moment<'_>) -> Moved<Holding> {
    let Issued { by, platform, authority, serial, device, not_after_ms, epoch, replaces } = issued.clone();
    let lead_ms = moment.rules.expiring_days.saturating_mul(DAY_MS);
    let holding = Holding {
        state: HoldingState::Valid,
        holder: by.holder(),
        account: by.account(),
        platform,
        authority,
        serial,
        device,
        not_after_ms,
        epoch,
        replaces,
        tell_ms: Some(not_after_ms.saturating_sub(lead_ms)),
    };
    let mut moved = Moved::to(holding).with(Effect::tell::<Holding>(
        by.account(),
        Notice::CertificateInstalled,
        moment.id,
    ));
    if let Some(old) = replaces {
        moved = moved.with(Effect::on::<Holding>(old, Event::Supersede { by: moment.id }));
    }
    moved
}

/// What belongs to the end of a certificate.
fn ended(moved: Moved<Holding>, moment: Moment<'_>) -> Moved<Holding> {
    let account = moved.entity.account;
    moved
        .with(Effect::on_all::<Seal>(moment.id, None, seal::Event::End))
        .with(Effect::on_all::<Grant>(Grant::of_thing(moment.id), None, grant::Event::Lose))
        .with(Effect::Text(account, Notice::CertificateRevoked))
}
