//! Where values and times lie in a drawing, and where their ticks go.

use chrono::{DateTime, Offset, TimeDelta, Timelike, Utc};

use crate::http::page::show::Times;
use crate::store::vehicle::Window;

/// The inner frame of a drawing and what it stands for.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub window: Window,
    pub range: (f64, f64),
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Scale {
    pub fn x(&self, at: DateTime<Utc>) -> f64 {
        let whole = (self.window.to - self.window.from).num_milliseconds().max(1) as f64;
        let share = (at - self.window.from).num_milliseconds() as f64 / whole;
        self.left + share.clamp(0.0, 1.0) * (self.right - self.left)
    }

    pub fn y(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        let share = (value - low) / (high - low).max(f64::MIN_POSITIVE);
        self.bottom - share.clamp(0.0, 1.0) * (self.bottom - self.top)
    }
}

/// Three to eight round values within a range, as few as there may be.
pub fn value_ticks((low, high): (f64, f64)) -> Vec<f64> {
    let rough = ((high - low) / 4.0).max(f64::MIN_POSITIVE);
    let magnitude = 10_f64.powf(rough.log10().floor());
    let within = |step: f64| ((low / step).ceil() as i64, (high / step).floor() as i64);
    let steps = [10.0, 5.0, 2.5, 2.0, 1.0].map(|multiple| multiple * magnitude);
    let enough = |step: &f64| within(*step).1 - within(*step).0 >= 2;
    let step = steps.into_iter().find(enough).unwrap_or(magnitude);
    let (first, last) = within(step);
    (first..=last).take(8).map(|index| index as f64 * step).collect()
}

const STEPS_S: [i64; 17] =
    [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600];

/// At most `most` round local times within a window, with what to call them.
pub fn time_ticks(window: Window, times: &Times<'_>, most: usize) -> Vec<(DateTime<Utc>, String)> {
    let length = (window.to - window.from).num_seconds().max(1);
    let fits = |step: &i64| length / step < most as i64;
    let step = STEPS_S.into_iter().find(fits).unwrap_or(2_419_200);
    let offset = i64::from(window.from.with_timezone(&times.zone).offset().fix().local_minus_utc());
    let local = window.from.timestamp() + offset;
    let mut at = (local + step - 1).div_euclid(step) * step - offset;
    let mut ticks = Vec::new();
    while at <= window.to.timestamp() && ticks.len() <= most {
        if let Some(moment) = DateTime::from_timestamp(at, 0) {
            ticks.push((moment, label(moment, step, times)));
        }
        at += step;
    }
    ticks
}

fn label(at: DateTime<Utc>, step_s: i64, times: &Times<'_>) -> String {
    let local = at.with_timezone(&times.zone);
    if step_s >= 86_400 || local.num_seconds_from_midnight() == 0 {
        local.format(&times.words.day_month).to_string()
    } else if step_s < 60 {
        local.format("%H:%M:%S").to_string()
    } else {
        local.format("%H:%M").to_string()
    }
}

/// The step in seconds that gives some 300 points over a window.
pub fn series_step(window: Window) -> f64 {
    let span: TimeDelta = window.to - window.from;
    (span.num_milliseconds() as f64 / 300_000.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use rules::unit::Locale;

    use super::*;
    use crate::http::words::Dictionary;

    #[test]
    fn ticks_are_round() {
        assert_eq!(value_ticks((88.0, 121.0)), [90.0, 100.0, 110.0, 120.0]);
        assert_eq!(value_ticks((0.31, 0.44)).len(), 5);
    }

    #[test]
    fn days_begin_at_local_midnight() {
        let words = Dictionary::load().unwrap().of(Locale::En);
        let from = "2026-11-20T03:00:00Z".parse().unwrap();
        let to = "2026-11-25T03:00:00Z".parse().unwrap();
        let times = Times { words: &words.time, zone: Tz::Asia__Shanghai, now: to };
        let ticks = time_ticks(Window { from, to }, &times, 7);
        assert_eq!(ticks[0].1, "21 Nov");
        assert_eq!(ticks[0].0.to_rfc3339(), "2026-11-20T16:00:00+00:00");
        assert_eq!(ticks.len(), 5);
    }
}
