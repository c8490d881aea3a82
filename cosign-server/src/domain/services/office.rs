//! Events and all that they bring along, as one unit.

mod accounts;
mod appeals;
mod applications;
mod approvals;
mod articles;
mod attachments;
mod balances;
mod captchas;
mod catalogue;
mod certificate_logins;
mod changes;
mod chats;
mod claims;
mod codes;
mod document_seals;
mod documents;
mod ending;
mod enterprises;
mod forms;
mod grants;
mod guards;
mod holdings;
mod identities;
mod invoices;
mod key_seals;
mod letters;
mod linked;
mod media;
mod members;
mod messages;
mod micropayments;
mod opened;
mod orders;
mod paper;
mod passwords;
mod payments;
mod people;
mod person_reviews;
mod pictures;
mod plan;
mod presets;
mod purchases;
mod readings;
mod records;
mod refunds;
mod rewards;
mod scanned;
mod scans;
mod seal_applications;
mod seal_data;
mod seal_faces;
mod sealing;
mod seals;
mod settings;
mod stamps;
mod tasks;
mod terminals;
mod unsealing;
mod usable_seals;
mod work;

use std::sync::{
    Arc,
    atomic::{self, AtomicU64},
};

use cosign_core::{DeviceId, sm_primitives::sm3};
use futures_util::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{Notify, Semaphore};

use self::plan::Plan;
pub use self::{
    accounts::{LoggedIn, Login, Presented, User},
    appeals::Appealing,
    applications::{Applying, Verdict},
    approvals::{Decision, Inbox},
    balances::Given,
    certificate_logins::CertificateShown,
    changes::{Change, Papers},
    claims::ClaimForm,
    document_seals::ToSeal,
    ending::{Ending, Obstacle},
    enterprises::{Hits, Standing},
    forms::Form,
    holdings::InstalledHolding,
    identities::ActsFor,
    key_seals::{KeySeal, MAX_SEAL},
    letters::{Appearance, LetterSignature, Placed, Proof, Signing},
    members::{Joining, Member, RightWanted},
    micropayments::BankAccount,
    people::Claiming,
    pictures::{Made, Making, Nib},
    scanned::{HandedIn, Offered, Step},
    scans::{Asked, MAX_CONTENT, NewItem, Shared, Shown},
    seal_applications::{ApplyingForSeal, SealWish},
    seals::NewSeal,
    settings::KeptOf,
    tasks::{Batch, Each, NewTask, Pile, Signer},
};
pub use self::{
    invoices::{Billable, InvoiceWish},
    orders::{Ordering, Whose},
    presets::{AddressDetails, Details, TitleDetails},
    purchases::Purchase,
    rewards::Gift,
};
use super::{Authorities, operators::still};
use crate::domain::{
    Error,
    clients::ApiClient,
    office::{
        Entity, Id, Named as _, Rules, Stored,
        personal::Phone,
        ports::{Entities, FoundRow, Vault},
        providers::{
            Identity, Invoicing, KeptText, Logins, Mail, MicroPayment, Money, Ocr, Registry, SealMaker, Sms,
        },
    },
    once::{self, Once},
    operators::{Acting, Right},
    page::{Page, Paged},
    ports::{Clock, Entropy, Store, StoreError, Write},
};

/// Times it is tried again because something was changed meanwhile.
const ATTEMPTS: usize = 64;
/// Places in time within a millisecond.
const PLACES_PER_MS: u64 = 1 << 20;

/// What the office needs from outside.
#[derive(Clone)]
pub struct OfficePorts {
    /// Where everything is committed.
    pub store: Arc<dyn Store>,
    /// Where entities are read.
    pub entities: Arc<dyn Entities>,
    /// Who reads what is personal.
    pub vault: Arc<dyn Vault>,
    /// Who issues certificates.
    pub authorities: Arc<Authorities>,
    /// Who signs seals.
    pub seal_maker: Arc<dyn SealMaker>,
    /// Who sends texts, if anybody does.
    pub sms: Option<Arc<dyn Sms>>,
    /// Who compares people with registers, if anybody does.
    pub identity: Option<Arc<dyn Identity>>,
    /// Who reads documents on pictures, if anybody does.
    pub ocr: Option<Arc<dyn Ocr>>,
    /// Who knows which enterprises there are, if anybody does.
    pub registry: Option<Arc<dyn Registry>>,
    /// Who takes money and gives it back, if anybody does.
    pub money: Option<Arc<dyn Money>>,
    /// Who pays a cent to enterprises, if anybody does.
    pub micropayments: Option<Arc<dyn MicroPayment>>,
    /// Who makes invoices, if anybody does.
    pub invoicing: Option<Arc<dyn Invoicing>>,
    /// Who knows users from elsewhere, if anybody does.
    pub logins: Option<Arc<dyn Logins>>,
    /// Who sends letters by e-mail, if anybody does.
    pub mail: Option<Arc<dyn Mail>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

/// Who does something.
struct Actor {
    /// As the log of operations names them.
    id: Option<Id>,
    /// Whose requests are told apart by their names.
    owner: DeviceId,
    /// What must still hold when it is committed.
    guard: Option<Write>,
    /// The account and the device of it at which a user is.
    at: Option<(Id, Id)>,
}

impl Actor {
    fn user(user: &User) -> Self {
        let account = user.account().id;
        let owner = DeviceId::from_bytes(sm3::digest(&[&b"account"[..], account.as_bytes()].concat()));
        Self { id: Some(account), owner, guard: None, at: Some((account, user.terminal())) }
    }

    /// The log names an operator by the first half of the device's id.
    fn operator<R: Right>(by: &Acting<R>) -> Self {
        let owner = by.device().id;
        let id = owner.as_bytes().first_chunk().copied().map(Id::from_bytes);
        Self { id, owner, guard: Some(still(by)), at: None }
    }

    fn client(client: &ApiClient) -> Self {
        Self {
            id: Some(Id::from_bytes(*client.id.as_bytes())),
            owner: client.id.owner(),
            guard: None,
            at: None,
        }
    }
}

/// Accounts and all that hangs on them.
pub struct Office {
    ports: OfficePorts,
    rules: Rules,
    /// Told when there is something for a provider to do.
    work: Notify,
    /// How many documents are worked on at once.
    presses: Arc<Semaphore>,
    /// The last place in time that was given out.
    place: AtomicU64,
}

/// Why a plan was not carried out.
#[derive(Debug)]
enum Failed {
    /// Something that it supposed had changed when it was committed: it is to be made anew.
    Again,
    /// It is not allowed, or does not work.
    For(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::For(error)
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Again => StoreError::Stale.into(),
            Failed::For(error) => error,
        }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale | StoreError::Duplicate => Self::Again,
            error => Self::For(error.into()),
        }
    }
}

impl Office {
    /// The office over its ports.
    #[must_use]
    pub fn new(ports: OfficePorts, rules: Rules) -> Self {
        let presses = Arc::new(Semaphore::new(documents::AT_ONCE));
        Self { ports, rules, work: Notify::new(), presses, place: AtomicU64::new(0) }
    }

    /// The settings.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What a sandbox kept of texts to a phone, newest first; `None` when texts are really sent, or none are.
    #[must_use]
    pub fn kept_texts(&self, phone: &Phone) -> Option<Vec<KeptText>> {
        self.ports.sms.as_ref()?.kept(phone)
    }

    /// One entity.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn find<E: Entity>(&self, id: Id) -> Result<Stored<E>, Error> {
        let row = self.ports.entities.entity(E::KIND, id).await?;
        Stored::read(&row.ok_or(Error::NotFound)?)
    }

    /// The one that is called so.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn named<E: Entity>(&self, name: [u8; 32]) -> Result<Option<Stored<E>>, Error> {
        self.ports.entities.entity_named(E::KIND, name).await?.map(|row| Stored::read(&row)).transpose()
    }

    /// A page of those that are listed under somebody, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn under<E: Entity>(&self, target: Id, page: &Page) -> Result<Paged<Stored<E>>, Error> {
        let rows = self.ports.entities.entities_under(E::KIND, target, page).await?;
        paged(page, rows)
    }

    /// A page of those that are listed under somebody and as they are wanted, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn under_that<E: Entity>(
        &self,
        target: Id,
        page: &Page,
        wanted: impl Fn(&Stored<E>) -> bool + Send + Sync,
    ) -> Result<Paged<Stored<E>>, Error> {
        let enough = usize::try_from(page.to_read()).unwrap_or(usize::MAX);
        let (mut kept, mut at) = (Vec::new(), page.clone());
        loop {
            let rows = self.ports.entities.entities_under(E::KIND, target, &at).await?;
            let Paged { items, next } = at.of(rows, plan::cursor);
            for row in items {
                if wanted(&Stored::read(&row)?) {
                    kept.push(row);
                }
            }
            match next {
                Some(next) if kept.len() < enough => at = Page::new(Some(next), None)?,
                _ => return paged(page, kept),
            }
        }
    }

    /// A page of those in a state, oldest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn in_state<E: Entity>(&self, state: E::State, page: &Page) -> Result<Paged<Stored<E>>, Error> {
        let rows = self.ports.entities.entities_in(E::KIND, state.as_str(), page).await?;
        paged(page, rows)
    }

    /// A plan by an account, or by the system.
    fn plan(&self, actor: Option<Id>) -> Plan<'_> {
        Plan::new(self, actor)
    }

    /// What somebody does: a plan is made and committed, anew when something changed meanwhile. A request that names itself
    /// acts once, and what came of it is given again: nothing secret is part of that.
    async fn act<'a, T: Serialize + DeserializeOwned + Send>(
        &'a self,
        actor: &Actor,
        once: Option<&Once>,
        make: impl for<'p> Fn(&'p mut Plan<'a>) -> BoxFuture<'p, Result<T, Failed>> + Send + Sync,
    ) -> Result<T, Error> {
        for _ in 0..ATTEMPTS {
            let mut plan = self.plan(actor.id);
            let known = once::recall(&*self.ports.store, &actor.owner, once, plan.now_ms).await?;
            if let Some(done) = known {
                return Ok(done);
            }
            plan.suppose(actor.guard.clone());
            if let Some((account, terminal)) = actor.at {
                plan.on(account, terminal);
            }
            match once_planned(plan, actor, once, &make).await {
                Ok(done) => return Ok(done),
                Err(Failed::Again) => {}
                // Or the same request came twice at once, and the other one was first.
                Err(Failed::For(error)) => {
                    let now_ms = self.ports.clock.now_ms();
                    let known = once::recall(&*self.ports.store, &actor.owner, once, now_ms).await?;
                    return known.ok_or(error);
                }
            }
        }
        Err(StoreError::Stale.into())
    }

    /// What came of a request that names itself, if it was done before: what it proves once need not be proven again.
    async fn was_done(&self, actor: &Actor, once: Option<&Once>) -> Result<Option<serde_json::Value>, Error> {
        once::recall(&*self.ports.store, &actor.owner, once, self.ports.clock.now_ms()).await
    }

    /// Makes a plan and commits it, anew when something changed meanwhile.
    async fn carry_out<'a, T>(
        &'a self,
        make: impl Fn() -> BoxFuture<'a, Result<T, Failed>>,
    ) -> Result<T, Error> {
        for _ in 0..ATTEMPTS {
            match make().await {
                Ok(done) => return Ok(done),
                Err(Failed::Again) => {}
                Err(Failed::For(error)) => return Err(error),
            }
        }
        Err(StoreError::Stale.into())
    }

    /// A place in time after every one before it, however much happens within a millisecond.
    fn next_place(&self, now_ms: u64) -> u64 {
        let at = now_ms.saturating_mul(PLACES_PER_MS);
        let after = |last: u64| at.max(last.saturating_add(1));
        let order = atomic::Ordering::Relaxed;
        let last = self.place.fetch_update(order, order, |last| Some(after(last)));
        after(last.unwrap_or_else(|last| last))
    }

    fn random<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.ports.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// Makes a plan and commits it, with what came of it for whoever asks again.
async fn once_planned<'a, T: Serialize + Send>(
    mut plan: Plan<'a>,
    actor: &Actor,
    once: Option<&Once>,
    make: &(impl for<'p> Fn(&'p mut Plan<'a>) -> BoxFuture<'p, Result<T, Failed>> + Send + Sync),
) -> Result<T, Failed> {
    let done = make(&mut plan).await?;
    if let Some(once) = once {
        let outcome = once::remember(&actor.owner, once, &done, plan.now_ms)?;
        plan.write(Write::Remember(outcome));
    }
    plan.commit().await?;
    Ok(done)
}

fn paged<E: Entity>(page: &Page, rows: Vec<FoundRow>) -> Result<Paged<Stored<E>>, Error> {
    let Paged { items, next } = page.of(rows, plan::cursor);
    Ok(Paged { items: items.iter().map(Stored::read).collect::<Result<_, _>>()?, next })
}
