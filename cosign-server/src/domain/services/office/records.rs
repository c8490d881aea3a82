//! Scan reports and usage records.

use super::{Office, User};
use crate::domain::{
    Error,
    office::{Id, Stored, proof::CertificateName, record::Record},
    page::{Page, Paged},
};

impl Office {
    /// What a user did with certificates, newest first; of one kind, or with one system, if that is said.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn scan_report(
        &self,
        of: Id,
        operation: Option<&str>,
        text: Option<&str>,
        page: &Page,
    ) -> Result<Paged<Stored<Record>>, Error> {
        let mut found = self.under::<Record>(of, page).await?;
        found.items.retain(|one| {
            let used = &one.entity.0;
            operation.is_none_or(|operation| used.operation == operation)
                && text.is_none_or(|text| used.system.name.as_str().contains(text))
        });
        Ok(found)
    }

    /// What a member did for an enterprise, newest first, for whoever manages it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`]; storage faults.
    pub async fn member_report(
        &self,
        user: &User,
        enterprise: Id,
        member: Id,
        operation: Option<&str>,
        text: Option<&str>,
        page: &Page,
    ) -> Result<Paged<Stored<Record>>, Error> {
        let account = user.account().id;
        let plan = &mut self.plan(Some(account));
        self.manages(plan, account, enterprise).await?;
        self.belongs(plan, member, enterprise).await?;
        self.scan_report(Record::of_member(enterprise, member), operation, text, page).await
    }

    /// What a certificate of the phone was used for, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn certificate_records(
        &self,
        user: &User,
        name: &CertificateName,
        page: &Page,
    ) -> Result<Paged<Stored<Record>>, Error> {
        let certificate = self.certificate(name).await?;
        if certificate.device != Some(user.device()?) {
            return Err(Error::NotFound);
        }
        self.under::<Record>(CertificateName::of(&certificate).list(), page).await
    }
}

#[cfg(test)]
impl Office {
    /// As if an order had given somebody so many uses.
    pub(crate) async fn assume_bought(
        &self,
        owner: Id,
        platform: Id,
        service: crate::domain::office::catalogue::Service,
        uses: u32,
    ) {
        use crate::domain::office::{
            balance::{Balance, Event},
            catalogue::Measure,
        };
        let (measure, id) = (Measure::Uses(uses), Balance::id(owner, platform, service));
        let mut plan = self.plan(None);
        let line = plan.id().unwrap();
        plan.make::<Balance>(id, &Event::Add { owner, platform, service, line, measure, waits: false })
            .unwrap();
        plan.commit().await.unwrap();
    }
}
