//! RFC 3339 instants, fast for the form that our vehicles send.

use rules::unit::Time;

/// Reads an instant; `None` where it is none. UTC with `Z` and at most six digits of a second takes
/// the short way, everything else the calendar's.
pub fn parse(text: &str) -> Option<Time> {
    match short(text.as_bytes()) {
        Some(time) => Some(time),
        None => Time::parse(text).ok(),
    }
}

/// `2026-11-22T01:20:00Z`, `2026-11-22T01:20:00.123Z`.
fn short(text: &[u8]) -> Option<Time> {
    if text.len() < 20 || text.last() != Some(&b'Z') {
        return None;
    }
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| text.get(*at) != Some(byte)) {
        return None;
    }
    let (year, month, day) = (number(text, 0, 4)?, number(text, 5, 7)?, number(text, 8, 10)?);
    let (hour, minute, second) = (number(text, 11, 13)?, number(text, 14, 16)?, number(text, 17, 19)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = match text.get(19..text.len() - 1)? {
        [] => 0,
        [b'.', digits @ ..] if (1..=6).contains(&digits.len()) => {
            number(digits, 0, digits.len())? * 10_i64.pow(6 - digits.len() as u32)
        }
        _ => return None,
    };
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Time::from_micros(seconds * 1_000_000 + fraction))
}

fn number(text: &[u8], from: usize, to: usize) -> Option<i64> {
    let mut number = 0;
    for byte in text.get(from..to)? {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(byte - b'0');
    }
    Some(number)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_the_calendar_on_odd_texts() {
        for text in [
            "2026-11-22T01:20:00.123Z",
            "2026-11-22T01:20:00Z",
            "2026-11-22T09:20:00.123456789+08:00",
            "2024-02-29T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2000-02-29T23:59:59.999999Z",
            "2016-12-31T23:59:60Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-32T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01t00:00:00z",
            "2026-01-01 00:00:00Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "99999-12-31T23:59:59Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567Z",
            "2026-01-01T00:00:00",
            "Z",
            "",
        ] {
            assert_eq!(parse(text), Time::parse(text).ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_calendar(micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000) {
            let time = Time::from_micros(micros);
            prop_assert_eq!(short(time.to_string().as_bytes()), Some(time));
        }
    }
}
