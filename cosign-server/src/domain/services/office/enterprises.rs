//! Enterprises: which there are, and what a user is to them.

use zeroize::Zeroizing;

use super::{Actor, Office, User};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Stored,
        enterprise::{self, Enterprise, EnterpriseState, Uscc},
        membership::{Membership, MembershipState},
        person::{Level, Person},
        personal::Kind,
        providers::Registered,
    },
    once::Once,
    page::{Page, Paged},
};

/// Fewest characters of a search.
const FEWEST: usize = 5;
/// Most hits of one.
const HITS: usize = 10;
/// Longest text of a search, bytes.
const LONGEST: usize = 128;

/// What a search found.
pub struct Hits {
    /// At most ten.
    pub found: Vec<Registered>,
    /// Whether there are more: a longer text finds fewer.
    pub has_more: bool,
    /// Whether the register is a sandbox.
    pub is_sandbox: bool,
}

/// What can be done about an enterprise.
#[derive(Clone, Debug)]
pub enum Standing {
    /// Nobody has it: it can be claimed.
    Unclaimed,
    /// It has members: one can ask to join. What its administrators are called, masked.
    Claimed(Vec<String>),
    /// It was cancelled: it can be appealed for.
    Cancelled,
}

impl Office {
    /// Enterprises whose name contains a text.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::BadRequest`] for a short text, [`Error::NotOffered`] without a register; what the
    /// register says.
    pub async fn search(&self, user: &User, text: &str) -> Result<Hits, Error> {
        self.verified(user, Level::Data).await?;
        let text = text.trim();
        if text.chars().take(FEWEST).count() < FEWEST || text.len() > LONGEST {
            return Err(Error::BadRequest("a search takes 5 characters of a name at least"));
        }
        let registry = self.registry()?;
        let mut found = registry.search(text, HITS + 1).await?;
        let has_more = found.len() > HITS;
        found.truncate(HITS);
        Ok(Hits { found, has_more, is_sandbox: registry.is_sandbox() })
    }

    fn registry(&self) -> Result<&dyn super::Registry, Error> {
        self.ports
            .registry
            .as_deref()
            .ok_or(Error::NotOffered("this server knows no register of enterprises"))
    }

    /// What can be done about the enterprise with this code and this whole name. Without a register, everything is unclaimed
    /// that nobody has claimed here.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::NotFound`] when the register knows no such enterprise, or calls it otherwise; storage
    /// faults.
    pub async fn look_up(&self, user: &User, uscc: &Uscc, name: &str) -> Result<(Id, Standing), Error> {
        self.verified(user, Level::Data).await?;
        let id = Enterprise::id_of(uscc);
        let known = match self.find::<Enterprise>(id).await {
            Ok(known) => Some(known.entity),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        let here = known.as_ref().is_some_and(|known| known.facts.name.as_str() == name);
        if !here && let Some(registry) = &self.ports.registry {
            registry.look_up(uscc).await?.filter(|found| found.name == name).ok_or(Error::NotFound)?;
        }
        let standing = match known {
            Some(known) if known.state() == EnterpriseState::Active => {
                let mut hints = Vec::new();
                for account in &known.administrators {
                    hints.extend(self.person_name(*account).await?.map(|name| masked_name(&name)));
                }
                Standing::Claimed(hints)
            }
            Some(known) if known.state() == EnterpriseState::Cancelled => Standing::Cancelled,
            _ => Standing::Unclaimed,
        };
        Ok((id, standing))
    }

    /// The name of the verified person behind an account.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn person_name(&self, account: Id) -> Result<Option<Zeroizing<String>>, Error> {
        let person = match self.find::<Person>(account).await {
            Ok(person) => person.entity,
            Err(Error::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        person.claim.map(|claim| self.ports.vault.open(Kind::PersonName, &claim.name)).transpose()
    }

    /// What a user is to enterprises, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn memberships(
        &self,
        user: &User,
        page: &Page,
    ) -> Result<Paged<(Stored<Membership>, Stored<Enterprise>)>, Error> {
        let Paged { items, next } = self.under::<Membership>(user.account().id, page).await?;
        let mut found = Vec::new();
        for membership in items {
            // Who only said wrong things of an administrator is nothing to an enterprise.
            match self.find::<Enterprise>(membership.entity.enterprise).await {
                Ok(_) if membership.entity.state() == MembershipState::Outside => {}
                Ok(enterprise) => found.push((membership, enterprise)),
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Paged { items: found, next })
    }

    /// An enterprise of a user, and whether the user manages it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for who does not belong to it; storage faults.
    pub async fn enterprise(&self, user: &User, id: Id) -> Result<(Stored<Enterprise>, bool), Error> {
        let account = user.account().id;
        let mut plan = self.plan(Some(account));
        let manages = match self.manages(&mut plan, account, id).await {
            Ok(_) => true,
            Err(Error::RoleMissing(_)) => false,
            Err(error) => return Err(error),
        };
        Ok((self.find::<Enterprise>(id).await?, manages))
    }

    /// The names of administrators of an enterprise, with their accounts, for its members.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn administrators(
        &self,
        enterprise: &Enterprise,
    ) -> Result<Vec<(Id, Option<Zeroizing<String>>)>, Error> {
        let mut names = Vec::new();
        for account in &enterprise.administrators {
            names.push((*account, self.person_name(*account).await?));
        }
        Ok(names)
    }

    /// Cancels an enterprise: all that hangs on it ends. The account and what the person has stay.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], [`Error::RoleMissing`], [`Error::NotFound`]; storage faults.
    pub async fn cancel_enterprise(&self, user: &User, id: Id, code_id: Id, code: &str) -> Result<(), Error> {
        let account = user.account().id;
        // Who may not is told before the code is used up.
        self.manages(&mut self.plan(Some(account)), account, id).await?;
        self.signed(user, code_id, code).await?;
        self.act(&Actor::user(user), None, move |plan| {
            Box::pin(async move {
                let by = self.manages(plan, account, id).await?;
                plan.happen::<Enterprise>(id, &enterprise::Event::Cancel { by }).await?;
                Ok(())
            })
        })
        .await
    }

    /// The office makes a user an administrator of an enterprise beside those that there are.
    ///
    /// # Errors
    /// [`Error::RoleMissing`], [`Error::NotFound`], [`Error::Conflict`]; storage faults.
    pub async fn promote(&self, user: &User, id: Id, member: Id, once: Option<&Once>) -> Result<(), Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                self.manages(plan, account, id).await?;
                let who = self.belongs(plan, member, id).await?.account();
                plan.happen::<Enterprise>(id, &enterprise::Event::Promote { account: who }).await?;
                Ok(())
            })
        })
        .await
    }
}

/// A name as strangers may see it: its last character.
fn masked_name(name: &str) -> String {
    let count = name.chars().count();
    let last = name.chars().last().filter(|_| count > 1);
    "*".repeat(count.saturating_sub(1).max(1)).chars().chain(last).collect()
}

#[cfg(test)]
mod tests {
    use super::masked_name;

    #[test]
    fn names_are_masked_but_for_the_last_character() {
        for (name, masked) in [("张三", "*三"), ("欧阳小明", "***明"), ("三", "*"), ("", "*")] {
            assert_eq!(masked_name(name), masked);
        }
    }
}
