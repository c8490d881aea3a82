//! Durations as people write them.

use std::time::Duration;

/// Reads a whole number with a unit: `90s`, `15m`, `24h`, `7d`.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a number with s, m, h or d");
    let unit_s = match text.chars().last().ok_or_else(wrong)? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(unit_s).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("24h"), Ok(Duration::from_secs(86_400)));
        for wrong in ["", "h", "24", "-1h", "1w", "1.5h", "99999999999999999999d", "1ü"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
