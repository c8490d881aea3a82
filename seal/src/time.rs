//! Moments as documents write them.

use pki::Time;

/// Seconds by which Beijing is ahead of universal time.
const BEIJING: i64 = 8 * 3600;

/// Reads a moment in one of the forms that are found in documents: digits with or without separators, of the year to the
/// second (or to the day or minute), with a fraction that is dropped, with `Z`, an offset or nothing, which is Beijing's time.
/// `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<Time> {
    let text = text.trim();
    let text = text.strip_prefix("D:").unwrap_or(text);
    if !text.is_ascii() || text.len() > 64 {
        return None;
    }
    let (digits, rest) = date_and_time(text)?;
    let offset = zone(rest)?;
    let digits = match digits.len() {
        8 => digits + "000000",
        12 => digits + "00",
        14 => digits,
        _ => return None,
    };
    let local = Time::from_der(pki::fields::GENERALIZED_TIME, format!("{digits}Z").as_bytes())?;
    let seconds = i64::try_from(local.as_unix()).ok()?.checked_sub(offset)?;
    Time::from_unix(u64::try_from(seconds).ok()?)
}

/// The digits of date and time, and what comes behind them and the fraction.
fn date_and_time(text: &str) -> Option<(String, &str)> {
    let mut digits = String::new();
    let mut end = text.len();
    let mut separated = true;
    for (at, c) in text.char_indices() {
        match c {
            '0'..='9' if digits.len() < 14 => {
                digits.push(c);
                separated = false;
            }
            '-' | '/' if digits.len() < 8 && !separated => separated = true,
            ':' | ' ' | 'T' if (8..14).contains(&digits.len()) && !separated => separated = true,
            _ => {
                end = at;
                break;
            }
        }
    }
    let mut rest = text.get(end..)?;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let kept = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if kept.len() == fraction.len() {
            return None;
        }
        rest = kept;
    }
    Some((digits, rest))
}

/// Seconds ahead of universal time.
fn zone(text: &str) -> Option<i64> {
    let text = text.trim();
    match text {
        "" => return Some(BEIJING),
        "Z" => return Some(0),
        _ => {}
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|c| !matches!(c, ':' | '\'')).collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i64>().ok()?, 0),
        4 => (digits.get(..2)?.parse::<i64>().ok()?, digits.get(2..)?.parse::<i64>().ok()?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_moment_are_the_same_one() {
        let expected = "2026-01-31T04:05:06Z";
        for text in [
            "20260131040506Z",
            "2026-01-31T04:05:06Z",
            "2026-01-31T04:05:06.123Z",
            "2026-01-31 12:05:06",
            "2026/01/31 12:05:06",
            " 20260131120506 ",
            "20260131120506+0800",
            "D:20260131120506+08'00'",
            "2026-01-31T12:05:06+08:00",
            "2026-01-30T23:35:06-04:30",
        ] {
            assert_eq!(parse(text).map(|time| time.to_string()).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(parse("2026-01-31").map(|time| time.to_string()).as_deref(), Some("2026-01-30T16:00:00Z"));
        assert_eq!(
            parse("202601311205").map(|time| time.to_string()).as_deref(),
            Some("2026-01-31T04:05:00Z")
        );
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-30 00:00:00",
            "2026-01-31T25:00:00Z",
            "2026--01-31",
            "20260131040506X",
            "20260131040506.Z",
            "20260131040506+8",
            "20260131040506+0860",
            "2026年01月31日",
            "20260131040506 Z Z",
            "1969-12-31T00:00:00Z",
            "202601310405067",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
