//! Registers and cameras that are none.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use cosign_core::sm_primitives::sm3;
use futures_util::future::BoxFuture;

use crate::domain::{
    Error,
    office::{
        Id,
        person::{Finding, Method},
        providers::{Facts, Identity},
    },
};

/// Pages that are kept.
const KEPT: usize = 1000;
/// The register knows nobody whose name ends so.
const UNKNOWN: char = '无';
/// The number of whoever's name ends so belongs to somebody else.
const DIFFERS: char = '异';
const ACTIONS: [&str; 4] = ["blink", "nod", "open-mouth", "turn-head"];

/// Matches what is of the right form: names that end with `无` are unknown and with `异` others', a carrier knows phones that
/// end with an even digit, a bank knows cards whose check digit is right, a page passes who presses its button, and a
/// picture shows what its bytes have in them as text.
#[derive(Default)]
pub struct SandboxIdentity {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pages: VecDeque<(Id, Option<bool>)>,
    /// How many times to fail.
    failures: u32,
}

impl SandboxIdentity {
    /// Fails so many times.
    #[cfg(test)]
    pub(crate) fn fail(&self, times: u32) {
        self.state().failures = times;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_it(&self) -> Result<(), Error> {
        let mut state = self.state();
        if state.failures > 0 {
            state.failures -= 1;
            return Err(Error::Unavailable);
        }
        Ok(())
    }
}

/// The check digit of a bank card (ISO/IEC 7812, Luhn).
fn is_card(number: &str) -> bool {
    let digits = number.chars().rev().map(|digit| digit.to_digit(10)).enumerate();
    let sum = digits.map(|(place, digit)| match digit? {
        digit if place % 2 == 0 => Some(digit),
        digit if digit < 5 => Some(digit * 2),
        digit => Some(digit * 2 - 9),
    });
    sum.sum::<Option<u32>>().is_some_and(|sum| sum % 10 == 0)
}

fn judged(facts: &Facts<'_>) -> Option<Finding> {
    match facts.name.expose().chars().last() {
        Some(UNKNOWN) => return Some(Finding::Unknown),
        Some(DIFFERS) => return Some(Finding::Differs),
        _ => {}
    }
    let phone_is_even = || {
        let last = facts.phone.and_then(|phone| phone.expose().bytes().last());
        last.is_some_and(|digit| digit % 2 == 0)
    };
    match facts.method {
        Method::Carrier if !phone_is_even() => Some(Finding::Differs),
        Method::BankCard if !facts.card.is_some_and(is_card) => Some(Finding::CardRefused),
        Method::BankCard if !phone_is_even() => Some(Finding::Differs),
        _ => None,
    }
}

impl Identity for SandboxIdentity {
    fn is_sandbox(&self) -> bool {
        true
    }

    fn compare<'a>(&'a self, _: Id, facts: &'a Facts<'a>) -> BoxFuture<'a, Result<Option<Finding>, Error>> {
        Box::pin(async move { self.try_it().map(|()| judged(facts)) })
    }

    fn begin<'a>(&'a self, case: Id, facts: &'a Facts<'a>) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            self.try_it()?;
            let drawn = sm3::digest(case.as_bytes());
            let drawn = drawn.first_chunk().copied().map_or(0, u32::from_be_bytes);
            match facts.method {
                Method::Digits => Ok(format!("{:04}", drawn % 10_000)),
                Method::Actions => {
                    let mut actions = ACTIONS;
                    actions.rotate_left(usize::try_from(drawn % 4).unwrap_or(0));
                    Ok(actions.iter().take(2).copied().collect::<Vec<_>>().join(" "))
                }
                _ => {
                    let mut state = self.state();
                    if state.pages.len() == KEPT {
                        state.pages.pop_front();
                    }
                    let known = judged(facts).map(|_| false);
                    state.pages.push_back((case, known));
                    Ok(format!("/v1/sandbox/identity/{case}"))
                }
            }
        })
    }

    fn watch<'a>(
        &'a self,
        _: Id,
        challenge: &'a str,
        picture: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<Finding>, Error>> {
        Box::pin(async move {
            self.try_it()?;
            let shows = picture.windows(challenge.len().max(1)).any(|part| part == challenge.as_bytes());
            Ok((!shows).then_some(Finding::FaceRefused))
        })
    }

    fn outcome(&self, case: Id) -> BoxFuture<'_, Result<Option<Result<(), Finding>>, Error>> {
        Box::pin(async move {
            self.try_it()?;
            let pressed = self.state().pages.iter().find(|(page, _)| *page == case).and_then(|page| page.1);
            Ok(pressed.map(|passed| if passed { Ok(()) } else { Err(Finding::FaceRefused) }))
        })
    }

    fn press(&self, case: Id, passed: bool) -> Result<(), Error> {
        let mut state = self.state();
        let page = state.pages.iter_mut().find(|(page, _)| *page == case).ok_or(Error::NotFound)?;
        // Who was found out does not pass.
        page.1 = Some(page.1.unwrap_or(passed));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_have_a_check_digit() {
        assert!(is_card("4111111111111111"));
        for wrong in ["4111111111111112", "411111111111111x"] {
            assert!(!is_card(wrong));
        }
    }
}
