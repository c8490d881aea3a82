//! Which PINs a new key may have.
//!
//! The protocol takes any 6 to 32 digits. Ten guesses before the key locks are worth something only if people do not
//! choose what everybody chooses, so the obvious choices are refused where a PIN is set.

use cosign_core::Pin;

use crate::error::Error;

/// Checks a PIN for a new key and takes it.
///
/// # Errors
/// [`Error::PinFormat`] unless it has 6 to 32 ASCII digits, [`Error::WeakPin`] if it is easy to guess.
///
/// Timing depends on the digits; it runs once, on the owner's device, when the PIN is chosen.
pub fn choose(digits: &str) -> Result<Pin, Error> {
    let pin = existing(digits)?;
    if is_weak(digits.as_bytes()) { Err(Error::WeakPin) } else { Ok(pin) }
}

/// Takes the PIN of an existing key; only the server can tell whether it is the right one.
///
/// # Errors
/// [`Error::PinFormat`] unless it has 6 to 32 ASCII digits.
pub fn existing(digits: &str) -> Result<Pin, Error> {
    if digits.is_empty() {
        return Err(Error::PinFormat);
    }
    Pin::new(digits).map_err(|_| Error::PinFormat)
}

/// One repeated block (111111, 121212, 123123), a run of constant step (123456, 987654, 246802), or fewer than three
/// different digits (111112).
fn is_weak(digits: &[u8]) -> bool {
    let repeats = (1..=digits.len() / 2)
        .any(|period| digits.iter().zip(digits.iter().skip(period)).all(|(a, b)| a == b));
    let step = |pair: &[u8]| match pair {
        [a, b] => (10 + b - a) % 10,
        _ => 0,
    };
    let mut steps = digits.windows(2).map(step);
    let first = steps.next();
    let runs = steps.all(|next| Some(next) == first);
    let different = (b'0'..=b'9').filter(|digit| digits.contains(digit)).count();
    repeats || runs || different < 3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_the_obvious() {
        for pin in [
            "000000",
            "999999",
            "123456",
            "654321",
            "890123",
            "121212",
            "123123",
            "111112",
            "13579135",
            "0123456789",
            "246802",
        ] {
            assert!(matches!(choose(pin), Err(Error::WeakPin)), "{pin}");
        }
    }

    #[test]
    fn takes_others() {
        for pin in ["271828", "908172", "112358", "1234567890123457", "40702639"] {
            assert!(choose(pin).is_ok(), "{pin}");
        }
    }

    #[test]
    fn only_six_to_thirty_two_ascii_digits() {
        for pin in [
            "",
            "12345",
            "27182a",
            "２７１８２８",
            " 271828",
            "271828\n",
            "271828271828271828271828271828271",
        ] {
            assert!(matches!(choose(pin), Err(Error::PinFormat)), "{pin:?}");
            assert!(matches!(existing(pin), Err(Error::PinFormat)), "{pin:?}");
        }
        assert!(existing("000000").is_ok(), "an old key may have a weak PIN");
    }

    proptest! {
        #[test]
        fn every_repeated_block_is_weak(block in "[0-9]{1,8}", times in 2_usize..6) {
            let pin = block.repeat(times);
            prop_assume!((6..=32).contains(&pin.len()));
            prop_assert!(matches!(choose(&pin), Err(Error::WeakPin)));
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = choose(&text);
        }
    }
}
