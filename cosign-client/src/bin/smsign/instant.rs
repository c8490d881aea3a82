//! Points in time as they are typed and shown. Source: RFC 3339.

use std::{fmt, str::FromStr};

/// Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant(pub(crate) u64);

const DAY: i64 = 86_400;

impl FromStr for Instant {
    type Err = String;

    /// Unix seconds, or a date and time with its offset.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seconds) = text.parse() {
            return Ok(Self(seconds));
        }
        parse(text).ok_or_else(|| {
            format!("{text:?} is not a time such as 2026-12-01T09:30:00+08:00, with its offset from UTC or Z")
        })
    }
}

fn parse(text: &str) -> Option<Instant> {
    let (date, time) = text.split_at_checked(10)?;
    let (clock, offset) = time.strip_prefix(['T', 't', ' '])?.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let offset = match offset.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        ("+", offset) => minutes(offset)?,
        ("-", offset) => -minutes(offset)?,
        _ => return None,
    };
    let in_range = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !in_range || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days(year, month, day) * DAY + hour * 3600 + (minute - offset) * 60 + second;
    u64::try_from(seconds).ok().map(Instant)
}

fn minutes(offset: &str) -> Option<i64> {
    let [hours, minutes] = numbers(offset, ':', [2, 2])?;
    (hours <= 23 && minutes <= 59).then_some(hours * 60 + minutes)
}

fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(between);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        *number = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 on. Years begin in March, so that the leap day is the last of one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 719_469
}

impl fmt::Display for Instant {
    /// In UTC; a time after the year 9999 as unix seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(seconds @ 0..=253_402_300_799) = i64::try_from(self.0) else { return write!(f, "{}", self.0) };
        let (day, second) = (seconds / DAY + 719_468, seconds % DAY);
        let (era, of_era) = (day / 146_097, day % 146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", era * 400 + year)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_both_ways() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2027-01-15T08:00:00Z", 1_800_000_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(text.parse(), Ok(Instant(seconds)), "{text}");
            assert_eq!(Instant(seconds).to_string(), text);
        }
        assert_eq!("2027-01-15T16:00:00+08:00".parse(), Ok(Instant(1_800_000_000)));
        assert_eq!("2027-01-15 03:30:00-04:30".parse(), Ok(Instant(1_800_000_000)));
        assert_eq!("1800000000".parse(), Ok(Instant(1_800_000_000)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "-5",
            "2027-01-15",
            "2027-01-15T08:00:00",
            "2027-02-29T00:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-01-15T24:00:00Z",
            "2027-01-15T08:60:00Z",
            "2027-1-15T08:00:00Z",
            "2027-01-15T08:00:00+8",
            "1969-12-31T23:59:59Z",
            "2027-01-15T08:00:00Zx",
            "２027-01-15T08:00:00Z",
        ] {
            assert!(text.parse::<Instant>().is_err(), "{text}");
        }
    }
}
