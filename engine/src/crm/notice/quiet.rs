//! Quiet hours: the part of a person's day in which nothing but stop-now reaches them.
//!
//! Meant in the person's own time zone, across midnight, and through the hours that daylight
//! saving skips or repeats.

use chrono::{DateTime, Days, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;
use rules::unit::{Span, Time};

/// What was held is sent a little after everybody's alarm clock, not at its first second.
const AFTER_QUIET: Span = Span::from_mins(30);

/// The quiet hours of one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    pub timezone: Tz,
    pub from: NaiveTime,
    pub to: NaiveTime,
}

impl QuietHours {
    /// When to send instead, if `now` is quiet.
    pub fn hold_until(&self, now: Time) -> Option<Time> {
        let local = now.to_utc().with_timezone(&self.timezone);
        if !self.covers(local.time()) {
            return None;
        }
        // Before midnight the end is tomorrow's.
        let ends_tomorrow = self.from > self.to && local.time() >= self.from;
        let day = local.date_naive();
        let end_day = if ends_tomorrow { day.checked_add_days(Days::new(1))? } else { day };
        let end = self.instant(end_day.and_time(self.to));
        Some(Time::from(end.to_utc()) + AFTER_QUIET)
    }

    fn covers(&self, time: NaiveTime) -> bool {
        if self.from <= self.to { self.from <= time && time < self.to } else { time >= self.from || time < self.to }
    }

    /// The instant of a local time; one that daylight saving skips is the next that exists.
    fn instant(&self, local: NaiveDateTime) -> DateTime<Tz> {
        let mut candidate = local;
        // No zone skips more than a day.
        for _ in 0..96 {
            if let Some(instant) = self.timezone.from_local_datetime(&candidate).latest() {
                return instant;
            }
            candidate += chrono::TimeDelta::minutes(15);
        }
        self.timezone.from_utc_datetime(&local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(timezone: Tz) -> QuietHours {
        let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        QuietHours { timezone, from: at(21), to: at(8) }
    }

    fn held(timezone: Tz, now: &str) -> Option<String> {
        quiet(timezone).hold_until(Time::parse(now).unwrap()).map(|time| time.to_string())
    }

    #[test]
    fn sends_by_day_and_holds_by_night() {
        let shanghai = chrono_tz::Asia::Shanghai;
        assert_eq!(held(shanghai, "2026-11-22T20:59:59+08:00"), None);
        assert_eq!(held(shanghai, "2026-11-22T21:00:00+08:00").unwrap(), "2026-11-23T00:30:00Z");
        assert_eq!(held(shanghai, "2026-11-23T07:59:59+08:00").unwrap(), "2026-11-23T00:30:00Z");
        assert_eq!(held(shanghai, "2026-11-23T08:00:00+08:00"), None);
    }

    #[test]
    fn follows_the_persons_own_zone() {
        let now = "2026-11-22T20:00:00+08:00";
        assert_eq!(held(chrono_tz::Asia::Shanghai, now), None);
        assert_eq!(held(chrono_tz::America::Los_Angeles, now).unwrap(), "2026-11-22T16:30:00Z");
    }

    #[test]
    fn survives_the_hour_that_daylight_saving_skips() {
        // Berlin, 2026-03-29: 02:00 to 03:00 do not exist.
        let until = NaiveTime::from_hms_opt(2, 30, 0).unwrap();
        let hours = QuietHours { to: until, ..quiet(chrono_tz::Europe::Berlin) };
        let end = hours.hold_until(Time::parse("2026-03-29T01:30:00+01:00").unwrap()).unwrap();
        assert_eq!(end.to_string(), "2026-03-29T01:30:00Z");
    }

    proptest::proptest! {
        #[test]
        fn never_holds_into_quiet_hours_again(secs in 0_i64..4_000_000_000) {
            let hours = quiet(chrono_tz::Europe::Berlin);
            let now = Time::from_secs(secs);
            if let Some(until) = hours.hold_until(now) {
                proptest::prop_assert!(until > now && until.since(now) <= Span::from_hours(13));
                proptest::prop_assert_eq!(hours.hold_until(until), None);
            }
        }
    }
}
