//! Tasks to be signed: filed by platforms, decided by their signers, many at a time.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    Actor, Failed, Office, Plan, User,
    documents::is_there,
    scans::{self, Charged},
    usable_seals::Sealer,
};
use crate::domain::{
    Error,
    clients::ApiClient,
    office::{
        Entity as _, Id, Stored,
        account::{Account, AccountState},
        binding::{self, Binding},
        code::SmsCode,
        document::{Document, Sealed, Sealing, Spot},
        person::Level,
        personal::{Kind, Phone},
        proof::{CertificateName, Hash, UsableCertificate},
        task::{self, Filed, Paper, Task, TaskKind, TaskState},
        terminal::Unlocking,
    },
    once::Once,
    page::{Page, Paged},
};

/// Most tasks of one batch.
const MAX_BATCH: usize = 64;
/// Longest time for which a task can wait, milliseconds: 90 days.
const LONGEST_MS: u64 = 90 * 86_400_000;

/// Who is to sign.
pub enum Signer {
    /// A user who is bound to the platform.
    Account(Id),
    /// Whoever has this phone.
    Phone(Phone),
    /// Whoever scans the code of the task.
    Scanner,
}

/// What a platform files.
pub struct NewTask {
    /// What it is.
    pub kind: TaskKind,
    /// What the signer is shown.
    pub title: String,
    /// The bytes that are signed; none for a document that is here.
    pub content: Vec<u8>,
    /// The document that is sealed, if it is here.
    pub paper: Option<Paper>,
}

/// A batch that was filed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batch {
    /// Names it.
    pub id: Id,
    /// Its tasks, in order.
    pub tasks: Vec<Id>,
}

/// What became of one of many: what is to be signed now, or why not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Each {
    /// Which.
    pub id: Id,
    /// The digest that is to be signed.
    pub digest: Option<Hash>,
    /// The code of the problem.
    pub code: Option<String>,
    /// What is wrong.
    pub detail: Option<String>,
}

impl Each {
    fn of(id: Id, outcome: Result<Option<Hash>, Error>) -> Result<Self, Failed> {
        match outcome {
            Ok(digest) => Ok(Self { id, digest, code: None, detail: None }),
            // What will not be better for this one is said of it; the others go on.
            Err(error) if !error.is_retryable() && error != Error::Internal => {
                let (code, detail) = (Some(error.code().to_owned()), Some(error.to_string()));
                Ok(Self { id, digest: None, code, detail })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether tasks wait for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pile {
    /// They do.
    Pending,
    /// Signed and refused ones.
    Processed,
}

impl Office {
    /// A platform files tasks, all for one signer.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a user who is not bound to it, [`Error::BadRequest`]; storage faults.
    pub async fn file_tasks(
        &self,
        client: &ApiClient,
        signer: &Signer,
        until_ms: u64,
        tasks: &[NewTask],
        once: &Once,
    ) -> Result<Batch, Error> {
        if tasks.is_empty() || tasks.len() > MAX_BATCH {
            return Err(Error::BadRequest("there are 1 to 64 tasks"));
        }
        for task in tasks {
            scans::check_text(&task.title)?;
            let right = match (task.kind, &task.paper) {
                (TaskKind::Data, None) => (1..=scans::MAX_CONTENT).contains(&task.content.len()),
                (TaskKind::Hash | TaskKind::Document, None) => task.content.len() == 32,
                (TaskKind::Document, Some(paper)) => {
                    Spot::places(&paper.spots)?;
                    task.content.is_empty()
                }
                (TaskKind::Data | TaskKind::Hash, Some(_)) => false,
            };
            if !right {
                return Err(Error::BadRequest("data has 1 to 8192 bytes, and a digest 32"));
            }
        }
        self.act(&Actor::client(client), Some(once), move |plan| {
            Box::pin(async move {
                if until_ms > plan.now_ms.saturating_add(LONGEST_MS) {
                    return Err(Error::BadRequest("a task waits for at most 90 days").into());
                }
                let system = self.system(client).await?;
                let (account, phone) = self.signer(system.client, signer).await?;
                let mut batch = Batch { id: plan.id()?, tasks: Vec::new() };
                for task in tasks {
                    if let Some(paper) = &task.paper {
                        is_there(&plan.find::<Document>(paper.document).await?.entity, system.client)?;
                    }
                    let content = hex::encode(&task.content);
                    let content = task.paper.is_none().then(|| self.ports.vault.seal(Kind::Words, &content));
                    let filed = Filed {
                        system: system.clone(),
                        batch: batch.id,
                        kind: task.kind,
                        title: Some(self.ports.vault.seal(Kind::Words, &task.title)?),
                        content: content.transpose()?,
                        paper: task.paper.clone(),
                        phone,
                        account,
                        until_ms,
                    };
                    let id = plan.id()?;
                    plan.make::<Task>(id, &task::Event::File(filed))?;
                    batch.tasks.push(id);
                }
                Ok(batch)
            })
        })
        .await
    }

    async fn signer(&self, client: Id, signer: &Signer) -> Result<(Option<Id>, Option<Hash>), Error> {
        match signer {
            Signer::Account(account) => {
                self.binding(client, *account).await?.ok_or(Error::NotFound)?;
                Ok((Some(*account), None))
            }
            Signer::Phone(phone) => {
                let name = self.ports.vault.name(Kind::Phone, phone.expose())?;
                let account = self.named::<Account>(name).await?.map(|account| account.id);
                // Whoever gets the number later is somebody else.
                Ok(match account {
                    Some(account) => (Some(account), None),
                    None => (None, Some(Hash(name))),
                })
            }
            Signer::Scanner => Ok((None, None)),
        }
    }

    /// Tasks that were filed for the phone of a user before they registered become theirs.
    async fn claim_tasks(&self, user: &User) -> Result<(), Error> {
        let account = user.account();
        let name = account.entity.phone_name();
        if account.entity.state() != AccountState::Active {
            return Ok(());
        }
        let waiting = self.all_under::<Task>(SmsCode::list_of(&name)).await?;
        let waiting: Vec<Id> = waiting
            .iter()
            .filter(|task| task.entity.filed.phone == Some(Hash(name)))
            .filter(|task| task.entity.state() == TaskState::Pending)
            .map(|task| task.id)
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let waiting = &waiting;
        self.act(&Actor::user(user), None, move |plan| {
            Box::pin(async move {
                for id in waiting {
                    let event = task::Event::Open { account: account.id, phone: Some(Hash(name)) };
                    match plan.happen::<Task>(*id, &event).await {
                        Ok(_) | Err(Error::Conflict(_)) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(())
            })
        })
        .await
    }

    /// The tasks of a user, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn tasks(
        &self,
        user: &User,
        pile: Option<Pile>,
        page: &Page,
    ) -> Result<Paged<Stored<Task>>, Error> {
        self.claim_tasks(user).await?;
        let mut found = self.under::<Task>(user.account().id, page).await?;
        found.items.retain(|task| match (pile, task.entity.state()) {
            (None, _) | (Some(Pile::Pending), TaskState::Pending | TaskState::Signing) => true,
            (Some(Pile::Processed), TaskState::Signed | TaskState::Refused) => true,
            (Some(_), _) => false,
        });
        Ok(found)
    }

    /// A task of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn task(&self, user: &User, id: Id) -> Result<Stored<Task>, Error> {
        let task = self.find::<Task>(id).await?;
        if task.entity.filed.account == Some(user.account().id) { Ok(task) } else { Err(Error::NotFound) }
    }

    /// What is personal in a task: its title, what is signed in hexadecimal, why it was refused.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn task_words(&self, task: &Task) -> Result<[Option<Zeroizing<String>>; 3], Error> {
        let open = |sealed: &Option<_>| {
            sealed.as_ref().map(|sealed| self.ports.vault.open(Kind::Words, sealed)).transpose()
        };
        Ok([open(&task.filed.title)?, open(&task.filed.content)?, open(&task.reason)?])
    }

    /// The user takes a certificate for tasks: what is to be signed of each.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotVerified`], [`Error::Conflict`] for the certificate; storage faults.
    pub async fn start_tasks(
        &self,
        user: &User,
        name: &CertificateName,
        (tasks, seal): (&[Id], Option<Id>),
        once: Option<&Once>,
    ) -> Result<Vec<Each>, Error> {
        check_count(tasks.len())?;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                plan.verified(user.account().id, Level::Data).await?;
                let certificate = self.usable(user, name).await?;
                // Tasks are a person's own.
                self.acts_for(plan, user, &certificate, None, None).await?;
                let mut done = Vec::new();
                for id in tasks {
                    let started = async {
                        let task = own(plan, user, *id).await?;
                        let (digest, sealing) =
                            self.task_digest(plan, user, (*id, &task), &certificate, seal).await?;
                        let certificate = certificate.clone();
                        let event = task::Event::Start { certificate, digest, sealing };
                        plan.happen::<Task>(*id, &event).await?;
                        Ok(Some(digest))
                    };
                    done.push(Each::of(*id, started.await)?);
                }
                Ok(done)
            })
        })
        .await
    }

    /// What is to be signed of a task with a certificate, and with which seal.
    async fn task_digest(
        &self,
        plan: &mut Plan<'_>,
        user: &User,
        (id, task): (Id, &Task),
        certificate: &UsableCertificate,
        seal: Option<Id>,
    ) -> Result<(Hash, Option<Sealing>), Error> {
        let Some(paper) = &task.filed.paper else {
            let content = task.filed.content.as_ref().ok_or(Error::Conflict("the task is over"))?;
            let content = self.ports.vault.open(Kind::Words, content)?;
            let content = hex::decode(content.as_bytes()).map_err(|_| Error::Internal)?;
            return Ok((certificate.digest(&content)?, None));
        };
        let seal = seal.ok_or(Error::Conflict("a document is sealed with a seal, and nothing else is"))?;
        let by = Sealer { account: user.account().id, enterprise: None, certificate };
        let sealing = self.sealing(plan, by, seal, Sealed::Document(paper.spots.clone())).await?;
        let digest = self.digest_of(Some((paper.document, id)), &certificate.name, &sealing).await?;
        Ok((digest, Some(sealing)))
    }

    /// The phone hands in signatures, each for its task; one that it could not make sets its task back.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for too many, [`Error::Conflict`] when the password of the key has to be entered; storage faults.
    /// What is wrong with one is said of it, and the others are signed.
    pub async fn sign_tasks(
        &self,
        user: &User,
        signatures: &[(Id, Option<[u8; 64]>)],
        unlocked: Option<Unlocking>,
        once: Option<&Once>,
    ) -> Result<Vec<Each>, Error> {
        check_count(signatures.len())?;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                if let Some(by) = unlocked {
                    self.is_unlocked(plan, user, by).await?;
                }
                let mut done = Vec::new();
                for (id, signature) in signatures {
                    let mark = plan.mark();
                    let signed = self.sign_task(plan, user, *id, signature.as_ref()).await;
                    if signed.is_err() {
                        plan.back_to(mark);
                    }
                    done.push(Each::of(*id, signed.map(|()| None))?);
                }
                Ok(done)
            })
        })
        .await
    }

    async fn sign_task(
        &self,
        plan: &mut Plan<'_>,
        user: &User,
        id: Id,
        signature: Option<&[u8; 64]>,
    ) -> Result<(), Error> {
        let task = own(plan, user, id).await?;
        let (Some((certificate, digest)), Some(signature)) = (&task.chosen, signature) else {
            plan.happen::<Task>(id, &task::Event::Fail).await?;
            return Ok(());
        };
        // It may have been revoked since it was taken.
        if self.usable(user, &certificate.name).await? != *certificate {
            return Err(Error::Conflict("the certificate cannot be used now"));
        }
        let signed = certificate.check(&[*digest], &[*signature])?;
        let account = user.account().id;
        if let (Some(sealing), Some(paper)) = (&task.sealing, &task.filed.paper) {
            let by = Sealer { account, enterprise: None, certificate };
            self.still_usable(plan, by, sealing.seal).await?;
            let held = (paper.document, id);
            self.put_seal(plan, held, (sealing, &paper.spots), &certificate.name, signature).await?;
        }
        let has_seal = task.sealing.is_some();
        let charged = Charged { id, account, system: &task.filed.system, has_seal };
        self.charge(plan, &charged).await?;
        plan.happen::<Task>(id, &task::Event::Sign(signed)).await.map(drop)
    }

    /// The user refuses tasks, with a reason of 1 to 500 characters.
    ///
    /// # Errors
    /// [`Error::BadRequest`]; storage faults. What is wrong with one is said of it.
    pub async fn refuse_tasks(
        &self,
        user: &User,
        tasks: &[Id],
        reason: &str,
        once: Option<&Once>,
    ) -> Result<Vec<Each>, Error> {
        check_count(tasks.len())?;
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > 500 {
            return Err(Error::BadRequest("a reason has 1 to 500 characters"));
        }
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let mut done = Vec::new();
                for id in tasks {
                    let refused = async {
                        own(plan, user, *id).await?;
                        let reason = self.ports.vault.seal(Kind::Words, reason)?;
                        plan.happen::<Task>(*id, &task::Event::Refuse(reason)).await?;
                        Ok(None)
                    };
                    done.push(Each::of(*id, refused.await)?);
                }
                Ok(done)
            })
        })
        .await
    }

    /// A task of a platform.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn filed_task(&self, client: &ApiClient, id: Id) -> Result<Stored<Task>, Error> {
        let task = self.find::<Task>(id).await?;
        if task.entity.filed.system.client == scans::named(client) { Ok(task) } else { Err(Error::NotFound) }
    }

    /// The tasks of a batch of a platform.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn batch(&self, client: &ApiClient, batch: Id) -> Result<Vec<Stored<Task>>, Error> {
        let mut tasks = self.all_under::<Task>(batch).await?;
        let own = scans::named(client);
        tasks.retain(|task| task.entity.filed.batch == batch && task.entity.filed.system.client == own);
        if tasks.is_empty() { Err(Error::NotFound) } else { Ok(tasks) }
    }

    /// A platform takes a task back.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::Conflict`] when it was signed or is over; storage faults.
    pub async fn withdraw_task(&self, client: &ApiClient, id: Id, once: &Once) -> Result<(), Error> {
        self.act(&Actor::client(client), Some(once), move |plan| {
            Box::pin(async move {
                let task = plan.find::<Task>(id).await?;
                if task.entity.filed.system.client != scans::named(client) {
                    return Err(Error::NotFound.into());
                }
                plan.happen::<Task>(id, &task::Event::Withdraw).await?;
                Ok(())
            })
        })
        .await
    }

    /// A platform decides on who has registered there.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::Conflict`] when it has decided; storage faults.
    pub async fn decide_registration(
        &self,
        client: &ApiClient,
        id: Id,
        takes: bool,
        once: &Once,
    ) -> Result<Stored<Binding>, Error> {
        self.act(&Actor::client(client), Some(once), move |plan| {
            Box::pin(async move {
                let found = plan.find::<Binding>(id).await?.entity;
                if found.system.client != scans::named(client) {
                    return Err(Error::NotFound.into());
                }
                let event = if takes { binding::Event::Pass } else { binding::Event::Refuse };
                plan.happen::<Binding>(id, &event).await?;
                Ok(())
            })
        })
        .await?;
        self.find::<Binding>(id).await
    }

    /// The users of a platform, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn bindings(&self, of: Id, page: &Page) -> Result<Paged<Stored<Binding>>, Error> {
        self.under::<Binding>(of, page).await
    }
}

fn check_count(count: usize) -> Result<(), Error> {
    if count == 0 || count > MAX_BATCH {
        return Err(Error::BadRequest("there are 1 to 64 tasks"));
    }
    Ok(())
}

async fn own(plan: &mut Plan<'_>, user: &User, id: Id) -> Result<Task, Error> {
    let task = plan.find::<Task>(id).await?.entity;
    if task.filed.account == Some(user.account().id) { Ok(task) } else { Err(Error::NotFound) }
}
