//! Passwords: set, and tried.

use cosign_core::sm_primitives::sm3;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Office, User};
use crate::domain::{
    Error,
    office::{
        Id, Moment, Stored,
        account::{self, Account, PasswordHash},
        code::Purpose,
        rules::PasswordRule,
    },
};

/// Iterations that stretch a password.
const ITERATIONS: u32 = 60_000;

impl Office {
    /// Whether it is the password of an account. Takes as long without one.
    pub(super) async fn check_password(
        &self,
        account: Option<&Stored<Account>>,
        password: &Zeroizing<String>,
    ) -> Result<(), Error> {
        let now_ms = self.ports.clock.now_ms();
        if let Some(account) = account {
            account.entity.may_try_password(Moment { id: account.id, now_ms, rules: &self.rules })?;
        }
        let kept = account.and_then(|account| account.entity.password.clone());
        let (salt, iterations) =
            kept.as_ref().map_or(([0; 16], ITERATIONS), |kept| (kept.salt, kept.iterations));
        let hash = stretched(password.clone(), salt, iterations).await?;
        let is_right = kept.is_some_and(|kept| kept.hash[..].ct_eq(&hash[..]).into());
        let Some(account) = account else { return Err(Error::PasswordInvalid) };
        let event = if is_right { account::Event::EnterPassword } else { account::Event::MissPassword };
        if !is_right || account.entity.has_misses() {
            self.carry_out(|| {
                Box::pin(async {
                    let mut plan = self.plan(Some(account.id));
                    plan.happen::<Account>(account.id, &event).await?;
                    plan.commit().await
                })
            })
            .await?;
        }
        if is_right { Ok(()) } else { Err(Error::PasswordInvalid) }
    }

    /// Sets the password of a user; all other sessions end.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], [`Error::BadRequest`] for a password that is not good enough; storage faults.
    pub async fn set_password(
        &self,
        user: &User,
        code_id: Id,
        code: &str,
        password: Zeroizing<String>,
    ) -> Result<(), Error> {
        check_rule(self.rules.password_rule, &password)?;
        let phone = self.carry_out(|| Box::pin(self.prove(code_id, code, Purpose::Password))).await?;
        let salt = self.random()?;
        let hash = *stretched(password, salt, ITERATIONS).await?;
        let hash = PasswordHash { salt, iterations: ITERATIONS, hash };
        let event = account::Event::SetPassword { phone, hash, session: Some(user.session()) };
        self.happens_to_account(user, &event).await
    }

    /// Sets the password of whoever has the phone of an account and forgot theirs; all sessions end.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`] for a phone without an account too, [`Error::BadRequest`] for a password that is not good
    /// enough; storage faults.
    pub async fn forgotten_password(
        &self,
        code_id: Id,
        code: &str,
        password: Zeroizing<String>,
    ) -> Result<(), Error> {
        check_rule(self.rules.password_rule, &password)?;
        let phone = self.carry_out(|| Box::pin(self.prove(code_id, code, Purpose::Password))).await?;
        let account = self.named::<Account>(phone.name).await?.ok_or(Error::CodeInvalid)?.id;
        let salt = self.random()?;
        let hash = *stretched(password, salt, ITERATIONS).await?;
        let hash = PasswordHash { salt, iterations: ITERATIONS, hash };
        let event = account::Event::SetPassword { phone, hash, session: None };
        let event = &event;
        self.carry_out(|| {
            Box::pin(async move {
                let mut plan = self.plan(Some(account));
                plan.happen::<Account>(account, event).await?;
                plan.commit().await
            })
        })
        .await
    }
}

fn check_rule(rule: PasswordRule, password: &str) -> Result<(), Error> {
    if !(8..=16).contains(&password.chars().count()) || password.chars().any(char::is_control) {
        return Err(Error::BadRequest("a password has 8 to 16 characters"));
    }
    let has = |class: fn(&char) -> bool| password.chars().any(|letter| class(&letter));
    let (upper, lower, digit) =
        (has(char::is_ascii_uppercase), has(char::is_ascii_lowercase), has(char::is_ascii_digit));
    let other = password.chars().any(|letter| !letter.is_ascii_alphanumeric());
    let good = match rule {
        PasswordRule::ThreeOfFour => [upper, lower, digit, other].into_iter().filter(|has| *has).count() >= 3,
        PasswordRule::UpperLowerDigit => upper && lower && digit,
    };
    if good {
        Ok(())
    } else {
        Err(Error::BadRequest("the password does not have enough kinds of characters"))
    }
}

/// On a thread that may compute for long.
async fn stretched(
    password: Zeroizing<String>,
    salt: [u8; 16],
    iterations: u32,
) -> Result<Zeroizing<[u8; 32]>, Error> {
    let stretch = move || {
        let mut out = Zeroizing::new([0; 32]);
        sm3::pbkdf2(password.as_bytes(), &salt, iterations, &mut out[..]).map(|()| out)
    };
    let stretched = tokio::task::spawn_blocking(stretch).await.map_err(|_| Error::Internal)?;
    stretched.map_err(|_| Error::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_by_either_rule() {
        for (password, three_of_four, upper_lower_digit) in [
            ("Abcdefg1", true, true),
            ("abcdefg1!", true, false),
            ("ABCDEFG1!", true, false),
            ("abcdefgh", false, false),
            ("abcdefg1", false, false),
            ("Abcdef1", false, false),
            ("Abcdefghijklmno1", true, true),
            ("Abcdefghijklmnop1", false, false),
            ("密码Abcdef1", true, true),
            ("Abcdef1\n", false, false),
        ] {
            assert_eq!(check_rule(PasswordRule::ThreeOfFour, password).is_ok(), three_of_four, "{password}");
            let strict = check_rule(PasswordRule::UpperLowerDigit, password).is_ok();
            assert_eq!(strict, upper_lower_digit, "{password}");
        }
    }
}
