//! Points in time as messages and certificates write them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::der::element;

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const DAY: u64 = 86_400;
/// 9999-12-31T23:59:59Z, the last one that has an encoding.
const LAST: u64 = 253_402_300_799;

/// A second of universal time, from 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// Seconds since 1970-01-01T00:00:00Z; `None` after the year 9999.
    #[must_use]
    pub const fn from_unix(seconds: u64) -> Option<Self> {
        if seconds <= LAST { Some(Self(seconds)) } else { None }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_unix(self) -> u64 {
        self.0
    }

    /// Reads a UTCTime (`tag` 0x17) or a GeneralizedTime (0x18) from its `body` in the form of DER: with seconds, without fractions, in UTC. Two digits
    /// mean the years 1950 to 2049. `None` for what is no such time, and before 1970. Source: RFC 5280, 4.1.2.5.
    #[must_use]
    pub fn from_der(tag: u8, body: &[u8]) -> Option<Self> {
        let (year, rest) = match tag {
            UTC_TIME => {
                let (year, rest) = number(body, 2)?;
                (if year < 50 { 2000 + year } else { 1900 + year }, rest)
            }
            GENERALIZED_TIME => number(body, 4)?,
            _ => return None,
        };
        let (month, rest) = number(rest, 2)?;
        let (day, rest) = number(rest, 2)?;
        let (hour, rest) = number(rest, 2)?;
        let (minute, rest) = number(rest, 2)?;
        let (second, rest) = number(rest, 2)?;
        let clock = hour < 24 && minute < 60 && second < 60;
        if rest != b"Z" || !clock || year < 1970 || day == 0 || day > month_len(year, month)? {
            return None;
        }
        let months: u64 = (1..month).filter_map(|month| month_len(year, month)).sum();
        let days = years_to_days(year) + months + day - 1;
        Self::from_unix(((days * 24 + hour) * 60 + minute) * 60 + second)
    }

    /// A whole element: UTCTime until 2049, GeneralizedTime after. Source: RFC 5652, 11.3.
    #[must_use]
    pub fn to_der(self) -> Vec<u8> {
        let digits: String = format!("{self}").chars().filter(char::is_ascii_digit).collect();
        let short = self < Self::from_der(GENERALIZED_TIME, b"20500101000000Z").unwrap_or(Self(LAST));
        match digits.get(2..).filter(|_| short) {
            Some(digits) => element(UTC_TIME, &[digits.as_bytes(), b"Z"]),
            None => element(GENERALIZED_TIME, &[digits.as_bytes(), b"Z"]),
        }
    }
}

impl fmt::Display for Time {
    /// `2026-01-31T23:59:59Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut day, second) = (self.0 / DAY, self.0 % DAY);
        // Years have at most 366 days, so this one is not after the right one.
        let mut year = 1970 + day / 366;
        while years_to_days(year + 1) <= day {
            year += 1;
        }
        day -= years_to_days(year);
        let mut month = 1;
        while let Some(len) = month_len(year, month).filter(|len| *len <= day) {
            day -= len;
            month += 1;
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", day + 1)
    }
}

/// A number of so many digits, and what follows it.
fn number(bytes: &[u8], digits: usize) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_at_checked(digits)?;
    let add = |sum: u64, &digit: &u8| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0'));
    Some((number.iter().try_fold(0, add)?, rest))
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn month_len(year: u64, month: u64) -> Option<u64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if is_leap(year) { 29 } else { 28 }),
        _ => None,
    }
}

/// Days from 1970-01-01 to the first of a year, 1970 or later.
const fn years_to_days(year: u64) -> u64 {
    let before = year - 1;
    (year - 1970) * 365 + (before / 4 - before / 100 + before / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn both_forms() {
        for (seconds, text, encoding) in [
            (0, "1970-01-01T00:00:00Z", "170d3730303130313030303030305a"),
            (951_868_799, "2000-02-29T23:59:59Z", "170d3030303232393233353935395a"),
            (2_524_607_999, "2049-12-31T23:59:59Z", "170d3439313233313233353935395a"),
            (2_524_608_000, "2050-01-01T00:00:00Z", "180f32303530303130313030303030305a"),
            (4_107_542_400, "2100-03-01T00:00:00Z", "180f32313030303330313030303030305a"),
            (LAST, "9999-12-31T23:59:59Z", "180f39393939313233313233353935395a"),
        ] {
            let time = Time::from_unix(seconds).expect("before 10000");
            assert_eq!(time.to_string(), text);
            assert_eq!(hex::encode(time.to_der()), encoding, "{text}");
            assert_eq!(Time::from_der(time.to_der()[0], &time.to_der()[2..]), Some(time));
        }
        assert_eq!(Time::from_unix(LAST + 1), None);
        for seconds in (0..LAST).step_by(86_399 * 997) {
            let time = Time(seconds);
            let der = time.to_der();
            assert_eq!(Time::from_der(der[0], &der[2..]), Some(time));
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "Z",
            "250229000000Z",
            "251301000000Z",
            "250001000000Z",
            "250100000000Z",
            "250101240000Z",
            "250101006000Z",
            "250101000060Z",
            "2501010000Z",
            "250101000000",
            "250101000000+0800",
            "25010100000aZ",
            "500101000000Z",
            "690101000000Z",
            "250431000000Z",
        ] {
            assert_eq!(Time::from_der(UTC_TIME, text.as_bytes()), None, "{text}");
        }
        assert_eq!(Time::from_der(GENERALIZED_TIME, b"20250101000000.5Z"), None);
        assert_eq!(Time::from_der(4, b"250101000000Z"), None);
    }
}
