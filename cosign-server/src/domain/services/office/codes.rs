//! SMS codes: sent, and what they prove.

use zeroize::Zeroizing;

use super::{Failed, Office};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id,
        code::{self, CodeState, ProvenPhone, Purpose, SmsCode},
        personal::{Kind, Phone},
    },
    page::Page,
};

const DAY_MS: u64 = 86_400_000;

impl Office {
    /// Sends a code to a phone. Gives its id, when it ends (unix milliseconds), and after how many seconds another may be
    /// asked for.
    ///
    /// # Errors
    /// [`Error::NotOffered`] without a provider; [`Error::CodeInvalid`] where digits on a picture come first, and are wrong; [`Error::TooManyRequests`] soon after another one, or after too many in a
    /// day; storage faults.
    pub async fn send_code(
        &self,
        purpose: Purpose,
        phone: &Phone,
        captcha: Option<(Id, &str)>,
    ) -> Result<(Id, u64, u64), Error> {
        if self.ports.sms.is_none() {
            return Err(Error::NotOffered("this server sends no SMS codes"));
        }
        if self.rules.captcha {
            let (id, digits) = captcha.ok_or(Error::CodeInvalid)?;
            self.pass_captcha(id, digits).await?;
        }
        let name = self.ports.vault.name(Kind::Phone, phone.expose())?;
        let id = self.carry_out(|| Box::pin(self.plan_code(purpose, phone, name))).await?;
        let sent = self.find::<SmsCode>(id).await?;
        let ends_ms = sent.created_ms.saturating_add(self.rules.sms_code_s.saturating_mul(1000));
        Ok((id, ends_ms, self.rules.sms_pause_s))
    }

    async fn plan_code(&self, purpose: Purpose, phone: &Phone, name: [u8; 32]) -> Result<Id, Failed> {
        let mut plan = self.plan(None);
        let page = Page::first(self.rules.sms_per_day);
        let sent = self.under::<SmsCode>(SmsCode::list_of(&name), &page).await?.items;
        let wait = |since_ms: u64, pause_ms: u64| {
            let until_ms = since_ms.saturating_add(pause_ms);
            let wait_s = until_ms.saturating_sub(plan.now_ms).div_ceil(1000);
            (wait_s > 0).then(|| u32::try_from(wait_s).unwrap_or(u32::MAX))
        };
        let soon = sent.first().and_then(|last| wait(last.created_ms, self.rules.sms_pause_s * 1000));
        let is_full = u32::try_from(sent.len()).is_ok_and(|count| count >= self.rules.sms_per_day);
        let full = sent.last().filter(|_| is_full).and_then(|oldest| wait(oldest.created_ms, DAY_MS));
        if let Some(retry_after_s) = full.or(soon) {
            return Err(Error::TooManyRequests { retry_after_s }.into());
        }
        let id = plan.id()?;
        // Of one purpose only the newest is good.
        for before in sent.iter().filter(|before| before.entity.state() == CodeState::Sent) {
            if before.entity.purpose == purpose {
                plan.happen::<SmsCode>(before.id, &code::Event::Replace).await?;
            }
        }
        let text = self.six_digits()?;
        let event = code::Event::Send {
            purpose,
            phone: self.ports.vault.seal(Kind::Phone, phone.expose())?,
            phone_name: name,
            hash: self.code_hash(id, &text)?,
            text: self.ports.vault.seal(Kind::Text, &text)?,
        };
        plan.make::<SmsCode>(id, &event)?;
        plan.commit().await?;
        Ok(id)
    }

    pub(super) fn code_hash(&self, id: Id, text: &str) -> Result<[u8; 32], Error> {
        self.ports.vault.name(Kind::Text, &format!("{id}{text}"))
    }

    /// Uniformly distributed.
    pub(super) fn six_digits(&self) -> Result<Zeroizing<String>, Error> {
        const ALL: u32 = 1_000_000;
        loop {
            let drawn = u32::from_be_bytes(self.random()?);
            if drawn < u32::MAX - u32::MAX % ALL {
                return Ok(Zeroizing::new(format!("{:06}", drawn % ALL)));
            }
        }
    }

    /// What a code proves. A wrong one is counted, whatever becomes of the rest.
    pub(super) async fn prove(
        &self,
        code_id: Id,
        entered: &str,
        purpose: Purpose,
    ) -> Result<ProvenPhone, Failed> {
        let hash = self.code_hash(code_id, entered)?;
        let found = match self.find::<SmsCode>(code_id).await {
            Ok(found) => found,
            Err(Error::NotFound) => return Err(Error::CodeInvalid.into()),
            Err(error) => return Err(error.into()),
        };
        let mut plan = self.plan(None);
        if !found.entity.is(&hash) {
            plan.happen::<SmsCode>(code_id, &code::Event::Miss { hash }).await?;
            plan.commit().await?;
            return Err(Error::CodeInvalid.into());
        }
        let used = plan.happen::<SmsCode>(code_id, &code::Event::Enter { hash, purpose }).await?;
        plan.commit().await?;
        Ok(used.proof()?)
    }
}
