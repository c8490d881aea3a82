//! Invoices: asked for, made, sent, taken back.

use super::{
    Actor, Failed, Office, Plan, User,
    orders::own_order,
    presets::{AddressDetails, Details as _, TitleDetails},
};
use crate::domain::{
    Error,
    office::{
        Id, Stored,
        catalogue::Service,
        invoice::{self, Asked, Invoice, InvoiceState, MAX_LINES, Medium, Part},
        order::{Line, LineState, Order},
        providers::{Bill, Invoicing},
    },
    once::Once,
    operators::{Acting, Reviewer, SeesRequests},
    page::{Page, Paged},
};

/// How an invoice is wanted.
#[derive(Clone, Debug)]
pub struct InvoiceWish {
    /// On what.
    pub medium: Medium,
    /// For whom: one of the user's titles.
    pub title: Id,
    /// Where paper goes: one of the user's addresses.
    pub address: Option<Id>,
}

/// A line that may be invoiced.
#[derive(Clone, Debug)]
pub struct Billable {
    /// Of which order.
    pub order: Id,
    /// Its number.
    pub number: String,
    /// Which.
    pub line: Line,
    /// Whether it can be made now; otherwise what was bought has to be handed over first.
    pub ready: bool,
}

fn is_ready(order: &Order, line: &Line) -> bool {
    order.is_paid() && line.state == LineState::Kept && (!line.invoice_after_download || order.handed_over)
}

impl Office {
    fn invoicing(&self) -> Result<&dyn Invoicing, Error> {
        self.ports.invoicing.as_deref().ok_or(Error::NotOffered("this server makes no invoices"))
    }

    /// Whether invoices are none.
    #[must_use]
    pub fn invoicing_is_sandbox(&self) -> bool {
        self.ports.invoicing.as_ref().is_some_and(|invoicing| invoicing.is_sandbox())
    }

    /// The lines of a user that were paid and have no invoice, a page of orders at a time.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn billable(
        &self,
        user: &User,
        service: Option<Service>,
        page: &Page,
    ) -> Result<Paged<Billable>, Error> {
        let Paged { items, next } = self.under::<Order>(user.account().id, page).await?;
        let mut lines = Vec::new();
        for order in items.into_iter().filter(|order| order.entity.is_paid()) {
            for line in &order.entity.of.lines {
                let fits = service.is_none_or(|service| line.service == service) && line.amount_fen > 0;
                let is_free = line.state == LineState::Kept
                    && self.named::<Invoice>(invoice::name(line.id)).await?.is_none();
                if fits && is_free {
                    let ready = is_ready(&order.entity, line);
                    let (number, line) = (order.entity.of.number.clone(), line.clone());
                    lines.push(Billable { order: order.id, number, line, ready });
                }
            }
        }
        Ok(Paged { items: lines, next })
    }

    pub(super) async fn plan_invoice(
        &self,
        plan: &mut Plan<'_>,
        (buyer, owners): (Id, &[Id]),
        wish: &InvoiceWish,
        lines: &[(Part, u64)],
    ) -> Result<Id, Failed> {
        self.invoicing()?;
        if lines.is_empty() || lines.len() > MAX_LINES {
            return Err(Error::BadRequest("an invoice has 1 to 50 lines").into());
        }
        // Titles and addresses of the user, or of whose orders they are.
        let owners: Vec<Id> = owners.iter().copied().chain([buyer]).collect();
        let title = self.preset::<TitleDetails>(plan, &owners, wish.title).await?;
        let title: TitleDetails = self.details(title.details.as_ref())?;
        title.check()?;
        let address = match (wish.medium, wish.address) {
            (Medium::Electronic, _) => None,
            (Medium::Paper, Some(address)) => {
                self.preset::<AddressDetails>(plan, &owners, address).await?.details
            }
            (Medium::Paper, None) => return Err(Error::BadRequest("paper goes to an address").into()),
        };
        for (part, _) in lines {
            if self.named::<Invoice>(invoice::name(part.line)).await?.is_some() {
                return Err(Error::Conflict("there is an invoice for this").into());
            }
        }
        let id = plan.id()?;
        let asked = Asked {
            buyer,
            parts: lines.iter().map(|(part, _)| *part).collect(),
            amount_fen: lines.iter().map(|(_, amount_fen)| amount_fen).sum(),
            medium: wish.medium,
            title: Some(self.seal_details(&title)?),
            address,
        };
        plan.make::<Invoice>(id, &invoice::Event::Ask(asked))?;
        Ok(id)
    }

    /// A user asks for an invoice over lines that were paid; the amount says that the user has seen what it will be.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what is another's, [`Error::BadRequest`], [`Error::Conflict`] for what was not paid, has one,
    /// or for another amount; storage faults.
    pub async fn ask_invoice(
        &self,
        user: &User,
        (wish, parts, amount_fen): (&InvoiceWish, &[Part], u64),
        once: Option<&Once>,
    ) -> Result<Stored<Invoice>, Error> {
        let actor = Actor::user(user);
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let (mut lines, mut owners): (Vec<(Part, u64)>, Vec<Id>) = (Vec::new(), Vec::new());
                for part in parts.iter().take(MAX_LINES + 1) {
                    let order = own_order(plan, user, part.order).await?.entity;
                    let line = order.line(part.line)?;
                    if !order.is_paid() || line.state != LineState::Kept {
                        return Err(Error::Conflict("the order was not paid").into());
                    }
                    if lines.iter().any(|(other, _)| other == part) {
                        return Err(Error::Conflict("there is an invoice for this").into());
                    }
                    lines.push((*part, line.amount_fen));
                    owners.push(order.of.owner);
                }
                if lines.iter().map(|(_, fen)| fen).sum::<u64>() != amount_fen {
                    return Err(Error::Conflict("the invoice is over another amount").into());
                }
                self.plan_invoice(plan, (user.account().id, &owners), wish, &lines).await
            })
        });
        self.find::<Invoice>(act.await?).await
    }

    /// The invoices of a user, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn invoices(&self, user: &User, page: &Page) -> Result<Paged<Stored<Invoice>>, Error> {
        self.under::<Invoice>(user.account().id, page).await
    }

    /// An invoice of the user.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn own_invoice(&self, user: &User, id: Id) -> Result<Stored<Invoice>, Error> {
        let found = self.find::<Invoice>(id).await?;
        if found.entity.asked.buyer == user.account().id { Ok(found) } else { Err(Error::NotFound) }
    }

    /// The file of an invoice of the user.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's and before it is made; faults of the provider and of storage.
    pub async fn invoice_file(&self, user: &User, id: Id) -> Result<Vec<u8>, Error> {
        let invoice = self.own_invoice(user, id).await?.entity;
        let number = invoice.number.as_deref().ok_or(Error::NotFound)?;
        let title: TitleDetails = self.details(invoice.asked.title.as_ref())?;
        let bill = Bill { title: &title.name, amount_fen: invoice.asked.amount_fen };
        self.invoicing()?.file(number, &bill).await
    }

    /// Invoices in a state, oldest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn invoices_in(
        &self,
        _: &Acting<SeesRequests>,
        state: InvoiceState,
        page: &Page,
    ) -> Result<Paged<Stored<Invoice>>, Error> {
        self.in_state::<Invoice>(state, page).await
    }

    /// A reviewer has an invoice made, or not.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it is not time for it; storage faults.
    pub async fn decide_invoice(
        &self,
        by: &Acting<Reviewer>,
        id: Id,
        is_good: bool,
        opinion: Option<&str>,
        once: Option<&Once>,
    ) -> Result<Stored<Invoice>, Error> {
        let (actor, opinion) = (Actor::operator(by), &self.opinion(opinion)?);
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                if is_good {
                    self.invoicing()?;
                    for part in plan.find::<Invoice>(id).await?.entity.asked.parts {
                        let order = plan.find::<Order>(part.order).await?.entity;
                        if !is_ready(&order, order.line(part.line)?) {
                            return Err(
                                Error::Conflict("it is not paid, or not handed over, or goes back").into()
                            );
                        }
                    }
                    plan.happen::<Invoice>(id, &invoice::Event::Approve).await?;
                } else {
                    plan.happen::<Invoice>(id, &invoice::Event::Reject(opinion.clone())).await?;
                }
                Ok(())
            })
        });
        act.await?;
        self.find::<Invoice>(id).await
    }

    /// A reviewer has a paper invoice sent.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when there is none on paper; storage faults.
    pub async fn post_invoice(
        &self,
        by: &Acting<Reviewer>,
        id: Id,
        once: Option<&Once>,
    ) -> Result<Stored<Invoice>, Error> {
        let actor = Actor::operator(by);
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move { Ok(plan.happen::<Invoice>(id, &invoice::Event::Post).await.map(drop)?) })
        });
        act.await?;
        self.find::<Invoice>(id).await
    }

    pub(super) async fn issue(&self, id: Id) -> Result<String, Error> {
        let invoice = self.find::<Invoice>(id).await?.entity;
        let title: TitleDetails = self.details(invoice.asked.title.as_ref())?;
        let bill = Bill { title: &title.name, amount_fen: invoice.asked.amount_fen };
        self.invoicing()?.issue(&id.to_string(), &bill).await
    }

    pub(super) async fn take_back(&self, id: Id) -> Result<String, Error> {
        let number = self.find::<Invoice>(id).await?.entity.number.ok_or(Error::Internal)?;
        self.invoicing()?.red(&id.to_string(), &number).await
    }

    pub(super) async fn ship(&self, id: Id) -> Result<String, Error> {
        let invoice = self.find::<Invoice>(id).await?.entity;
        let address: AddressDetails = self.details(invoice.asked.address.as_ref())?;
        let AddressDetails { receiver, phone, region, detail, .. } = address;
        self.invoicing()?.ship(&id.to_string(), &format!("{region} {detail} {receiver} {phone}")).await
    }
}
