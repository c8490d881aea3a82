//! Digits on pictures.

use zeroize::Zeroizing;

use super::Office;
use crate::domain::{
    Error,
    office::{
        Entity as _, Id,
        captcha::{self, Captcha, CaptchaState, DIGITS, draw},
    },
};

impl Office {
    /// A picture with digits, and the digits themselves where texts are kept by a sandbox.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn new_captcha(&self) -> Result<(Id, Vec<u8>, Option<String>), Error> {
        let digits: Zeroizing<String> = Zeroizing::new(self.six_digits()?.chars().take(DIGITS).collect());
        let (mut plan, chance) = (self.plan(None), self.random()?);
        let id = plan.id()?;
        let hash = self.code_hash(id, &digits)?;
        plan.make::<Captcha>(id, &captcha::Event::Draw { hash })?;
        plan.commit().await.map_err(Error::from)?;
        let is_sandbox = self.ports.sms.as_ref().is_some_and(|sms| sms.is_sandbox());
        Ok((id, draw(&digits, &chance), is_sandbox.then(|| digits.to_string())))
    }

    /// Uses a picture up.
    pub(super) async fn pass_captcha(&self, id: Id, digits: &str) -> Result<(), Error> {
        let hash = self.code_hash(id, digits)?;
        let entered = self
            .carry_out(|| {
                Box::pin(async move {
                    let mut plan = self.plan(None);
                    let entered = plan.happen::<Captcha>(id, &captcha::Event::Enter { hash }).await?;
                    plan.commit().await?;
                    Ok(entered)
                })
            })
            .await;
        match entered {
            Ok(entered) if entered.state() == CaptchaState::Passed => Ok(()),
            Ok(_) | Err(Error::NotFound) => Err(Error::CodeInvalid),
            Err(error) => Err(error),
        }
    }
}
