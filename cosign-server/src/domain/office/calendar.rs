//! Days and months as they are counted in China (UTC+8), where everything that is sold by the month ends at the same day
//! and hour of a later month.

const DAY_MS: u64 = 86_400_000;
const ZONE_MS: u64 = 8 * 3_600_000;
/// Days from the first of March of year 0 to 1970-01-01.
const EPOCH: u64 = 719_468;

/// Year, month and day of a day since 1970. By the rules of the Gregorian calendar, with years that begin in March.
const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (year + era * 400 + (month <= 2) as u64, month, of_month)
}

/// The day since 1970 of a date from then on.
const fn day(year: u64, month: u64, of_month: u64) -> u64 {
    let year = if month <= 2 { year.saturating_sub(1) } else { year };
    let march = if month > 2 { month - 3 } else { month + 9 };
    let (era, year) = (year / 400, year % 400);
    let of_year = (153 * march + 2) / 5 + of_month - 1;
    (era * 146_097 + year * 365 + year / 4 - year / 100 + of_year).saturating_sub(EPOCH)
}

/// So many months later; at the end of the month where that has fewer days.
#[must_use]
pub fn months_later(at_ms: u64, months: u32) -> u64 {
    let local_ms = at_ms.saturating_add(ZONE_MS);
    let (year, month, of_month) = date(local_ms / DAY_MS);
    let month = month - 1 + u64::from(months);
    let (year, month) = (year + month / 12, month % 12 + 1);
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let length = day(next.0, next.1, 1) - day(year, month, 1);
    let days = day(year, month, of_month.min(length));
    days.saturating_mul(DAY_MS).saturating_add(local_ms % DAY_MS).saturating_sub(ZONE_MS)
}

/// A moment as 14 digits: year, month, day, hour, minute, second.
#[must_use]
pub fn digits(at_ms: u64) -> String {
    let local_ms = at_ms.saturating_add(ZONE_MS);
    let (year, month, of_month) = date(local_ms / DAY_MS);
    let seconds = local_ms % DAY_MS / 1000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{of_month:02}{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_read_again() {
        assert_eq!((date(0), day(1970, 1, 1)), ((1970, 1, 1), 0));
        for days in 0..200_000 {
            let (year, month, of_month) = date(days);
            assert_eq!(day(year, month, of_month), days);
            assert!((1..=12).contains(&month) && (1..=31).contains(&of_month));
        }
        assert_eq!(date(11_016), (2000, 2, 29));
    }

    #[test]
    fn months_end_where_they_must() {
        // 2027-01-15 16:00:00 in China.
        let start_ms = 1_800_000_000_000;
        assert_eq!(digits(start_ms), "20270115160000");
        for (months, then) in [(0, "20270115160000"), (1, "20270215160000"), (12, "20280115160000")] {
            assert_eq!(digits(months_later(start_ms, months)), then);
        }
        let last_ms = day(2027, 1, 31) * DAY_MS;
        for (months, then) in [(1, "20270228080000"), (13, "20280229080000"), (3, "20270430080000")] {
            assert_eq!(digits(months_later(last_ms, months)), then);
        }
    }
}
