//! Days on which nobody goes to work: the two long public holidays of China, by local day.
//!
//! As announced by the State Council up to 2026; later years by the usual pattern (the eve of the Spring Festival and
//! the seven days after it; the first week of October, eight days when Mid-Autumn falls into it).

/// First day (year, month, day) and length of each.
const HOLIDAYS: &[(i64, i64, i64, i64)] = &[
    (2025, 1, 28, 8),
    (2025, 10, 1, 8),
    (2026, 2, 15, 9),
    (2026, 10, 1, 7),
    (2027, 2, 5, 8),
    (2027, 10, 1, 7),
    (2028, 1, 25, 8),
    (2028, 10, 1, 8),
    (2029, 2, 12, 8),
    (2029, 10, 1, 7),
];

/// A day within a long holiday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holiday {
    /// Which one, so that whoever goes away comes back.
    pub number: usize,
    /// Days since it began.
    pub into: i64,
    pub length: i64,
}

/// The holiday that a local day, counted from 1970-01-01, belongs to.
pub fn holiday(day: i64) -> Option<Holiday> {
    HOLIDAYS.iter().enumerate().find_map(|(number, (year, month, first, length))| {
        let into = day - day_of(*year, *month, *first);
        (0..*length).contains(&into).then_some(Holiday { number, into, length: *length })
    })
}

/// Whether a local day is a Saturday or Sunday. 1970-01-01 was a Thursday.
pub const fn is_weekend(day: i64) -> bool {
    (day + 3).rem_euclid(7) >= 5
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, for years after 1970.
const fn day_of(year: i64, month: i64, day: i64) -> i64 {
    // Counted from March, so that the leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use rules::unit::Time;

    use super::*;
    use crate::climate::local_day;

    fn day(text: &str) -> i64 {
        local_day(Time::parse(&format!("{text}T12:00:00+08:00")).unwrap())
    }

    #[test]
    fn knows_the_long_holidays_and_no_other_days() {
        assert_eq!(holiday(day("2026-02-14")), None);
        assert_eq!(holiday(day("2026-02-15")), Some(Holiday { number: 2, into: 0, length: 9 }));
        assert_eq!(holiday(day("2026-02-23")).map(|holiday| holiday.into), Some(8));
        assert_eq!(holiday(day("2026-02-24")), None);
        assert_eq!(holiday(day("2028-10-08")).map(|holiday| holiday.into), Some(7));
    }

    #[test]
    fn knows_weekends() {
        assert!(is_weekend(day("2026-01-10")) && is_weekend(day("2026-01-11")) && !is_weekend(day("2026-01-12")));
    }
}
