//! Use of the vehicle and when each service item falls due, DOMAIN 4.1 and 4.3.
//!
//! Kilometres per local day, apart for working days and weekends, with a half-life of 28 days,
//! project the distance intervals; calendar intervals are exact; whichever comes first counts.
//! Days without a reading are not days without driving: what the odometer moved over a silent gap
//! is spread evenly over it.

use serde::{Deserialize, Serialize};

use crate::entry::plan::items::{Anchor, ItemState, Items};
use crate::entry::plan::{self, Combinator, Item, Meters, Phase, Plan};
use crate::unit::{Span, Time};
use crate::vehicle::Profile;

/// Weight of a new day: half-life 28 days of its class.
const WEIGHT: f64 = 0.024_45;
/// Prior of an unknown driver, km a day and its standard deviation, as strong as this many days.
const PRIOR_KM: f64 = 35.0;
const PRIOR_SD: f64 = 20.0;
const PRIOR_DAYS: f64 = 14.0;
/// Share of the horizon added for changes of habit.
const HABIT: f64 = 0.19;
/// Uncertainty of a calendar date, days: shop hours.
const CALENDAR_SD: f64 = 0.5;
/// Days passed one by one after a long silence; the rest cannot change a calendar date.
const MOST_DAYS: i32 = 400;
const NO_DAY: i32 = i32::MIN;
/// Intervals are thousands of kilometres: what is due is judged anew after this many.
const PACE_KM: f64 = 1.0;
/// A vehicle whose first odometer is beyond this share of the first interval was serviced somewhere.
const USED: f64 = 1.2;

/// Mean, variance and count of one class of days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Class {
    mean: f32,
    variance: f32,
    days: u16,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Local day that is running, counted from 1970; `NO_DAY` before the first reading.
    day: i32,
    /// Odometer at its start, km.
    day_km: f32,
    /// Odometer when the items' states were computed last, km; NaN before.
    judged_km: f32,
    /// Engine hours, h; NaN while the vehicle does not tell them.
    engine_h: f32,
    /// Days passed without any reading.
    silent_days: u16,
    utc_offset_h: i8,
    workday: Class,
    weekend: Class,
    /// As far as the vehicle's plan has them.
    pub items: Items,
}

impl Usage {
    /// `items`: service items of the catalogue.
    pub fn new(profile: &Profile, items: usize) -> Self {
        let mut usage = Self {
            day: NO_DAY,
            day_km: f32::NAN,
            judged_km: f32::NAN,
            engine_h: f32::NAN,
            silent_days: 0,
            utc_offset_h: 8,
            workday: Class::default(),
            weekend: Class::default(),
            items: Items::new(items),
        };
        usage.take_profile(profile);
        usage
    }

    pub fn take_profile(&mut self, profile: &Profile) {
        self.utc_offset_h = profile.attributes.get("UtcOffset").map_or(8, |hours| hours as i8);
    }

    /// Moves the running day by a step of the clock; a step of hours leaves it.
    pub fn move_by(&mut self, by: Span) {
        if self.day != NO_DAY {
            self.day = self.day.saturating_add(by.whole_days());
        }
    }

    /// A new owner drives differently.
    pub fn restart(&mut self, _at: Time) {
        self.workday = Class::default();
        self.weekend = Class::default();
    }

    /// An item was done at this odometer and time; `codes` are those of the catalogue.
    pub fn anchor(&mut self, item: &str, km: f64, at: Time, codes: &[String]) {
        let index = codes.iter().position(|code| code == item);
        let Some(index) = index else { return };
        // A record of an older service must not undo a newer one.
        if self.items.anchor(index).is_none_or(|known| !known.done || known.at() <= at) {
            self.items.set_anchor(index, Anchor::new(km, self.engine_h, at, true));
        }
    }

    /// Takes over what the items of another catalogue know, by code.
    pub fn carry(&mut self, old: &[String], new: &[String]) {
        let place = |code: &String| old.iter().position(|known| known == code);
        let mut items = Items::new(new.len());
        for (index, old) in new.iter().map(place).enumerate().filter_map(|(index, old)| Some((index, old?))) {
            if let (Some(anchor), Some(state)) = (self.items.anchor(old), self.items.get(old)) {
                items.set_anchor(index, anchor);
                items.set(index, *state);
            }
        }
        self.items = items;
    }

    fn local_day(&self, at: Time) -> i32 {
        (at + Span::from_hours(i64::from(self.utc_offset_h))).day()
    }

    fn start_of(&self, day: i32) -> Time {
        Time::from_secs(i64::from(day) * 86_400) - Span::from_hours(i64::from(self.utc_offset_h))
    }

    /// Ends the running day with the odometer at `km`.
    fn end_day(&mut self, day: i32, km: f64, had_reading: bool) {
        let driven = km - f64::from(self.day_km);
        if !had_reading || !driven.is_finite() {
            self.silent_days = self.silent_days.saturating_add(1);
            return;
        }
        let days = i32::from(self.silent_days) + 1;
        for past in (day - days + 1)..=day {
            // 1970-01-01 was a Thursday.
            let class = if (past + 3).rem_euclid(7) >= 5 { &mut self.weekend } else { &mut self.workday };
            class.take(driven.max(0.0) / f64::from(days));
        }
        self.silent_days = 0;
        self.day_km = km as f32;
    }

    /// The item's phase, and when its date or distance comes; hours have no projection.
    fn state_of(&self, item: &Item, anchor: Anchor, km: f64, now: Time, severity: f64) -> ItemState {
        let from = plan::Anchor {
            km: f64::from(anchor.km),
            at: anchor.at(),
            engine_h: known(f64::from(anchor.engine_h)),
            // Where an older service is assumed the later intervals hold.
            done: anchor.done || anchor.km > 0.0,
        };
        let meters = Meters { odometer_km: known(km), engine_h: known(f64::from(self.engine_h)) };
        let due = item.due(&from, now, meters, severity);
        let by_distance = due.km_left.map(|km| self.project(km));
        let by_date = due.days_left.map(|days| (days, CALENDAR_SD));
        let projected = match (by_distance, by_date) {
            (Some(distance), Some(date)) => {
                let distance_decides = (distance.0 <= date.0) == (item.combinator == Combinator::First);
                Some(if distance_decides { distance } else { date })
            }
            (one, other) => one.or(other),
        };
        let (days, sigma) = projected.unwrap_or((f64::NAN, f64::NAN));
        let km_left = due.km_left.unwrap_or(f64::NAN);
        ItemState::new(due.phase.map(Phase::number), days, sigma.max(CALENDAR_SD), km_left)
    }

    /// Mean distance and variance of a day.
    fn day_of_driving(&self) -> (f64, f64) {
        let days = f64::from(self.workday.days) + f64::from(self.weekend.days);
        let trust = days / (days + PRIOR_DAYS);
        let mix =
            |of: fn(&Class) -> f32| (5.0 * f64::from(of(&self.workday)) + 2.0 * f64::from(of(&self.weekend))) / 7.0;
        let mean = trust * mix(|class| class.mean) + (1.0 - trust) * PRIOR_KM;
        let variance = trust * mix(|class| class.variance) + (1.0 - trust) * PRIOR_SD * PRIOR_SD;
        (mean.max(0.5), variance)
    }

    /// What is driven a day, km.
    pub fn km_a_day(&self) -> f64 {
        self.day_of_driving().0
    }

    /// Whether days of driving were seen, and the projection is not that of any vehicle.
    pub const fn is_known(&self) -> bool {
        self.workday.days > 0
    }

    /// Days until `km` are driven, and the standard deviation of that.
    pub fn project(&self, km: f64) -> (f64, f64) {
        let (per_day, variance) = self.day_of_driving();
        let n = km / per_day;
        let sigma = (variance * n.abs() / (per_day * per_day) + (HABIT * n).powi(2)).sqrt();
        (n, sigma)
    }

    /// The start of the next local day up to `to` that has not been passed.
    pub fn next_day(&mut self, to: Time) -> Option<Time> {
        let today = self.local_day(to);
        if self.day == NO_DAY {
            self.day = today;
        }
        self.day = self.day.max(today - MOST_DAYS);
        (today > self.day).then(|| self.start_of(self.day + 1))
    }

    /// Passes the start of a day: closes the day before, in which `newest` may have been measured. Says whether there
    /// was one; the items are then to be judged again.
    pub fn begin_day(&mut self, km: f64, newest: Time) -> bool {
        if self.day == NO_DAY {
            return false;
        }
        let had_reading = newest >= self.start_of(self.day);
        self.end_day(self.day, km, had_reading);
        self.day += 1;
        true
    }

    /// When the next day starts, in measured time.
    pub fn wake(&self) -> Option<Time> {
        (self.day != NO_DAY).then(|| self.start_of(self.day + 1))
    }

    pub fn take_engine_hours(&mut self, hours: f64) {
        self.engine_h = hours as f32;
    }

    /// The odometer moved. Says whether far enough for what is due to be judged again.
    pub fn take_odometer(&mut self, km: f64) -> bool {
        if self.day_km.is_nan() {
            self.day_km = km as f32;
        }
        // NaN is not near.
        let is_near = (km - f64::from(self.judged_km)).abs() < PACE_KM;
        !is_near
    }

    /// Computes every item's state as of `now`.
    pub fn judge(&mut self, driven: &Driven<'_>, plan: &Plan, now: Time) {
        let km = driven.km;
        self.judged_km = km as f32;
        for (index, item) in plan.items(driven.profile.powertrain) {
            if self.items.anchor(index).is_none() && km.is_finite() {
                // A used car without records: its intervals start at what is known, the present odometer.
                let used = item.first().km.is_some_and(|first| km > f64::from(first) * USED);
                let anchor = if used {
                    Anchor::new(km, self.engine_h, now, false)
                } else {
                    Anchor::new(0.0, 0.0, driven.profile.delivered_at, false)
                };
                self.items.set_anchor(index, anchor);
            }
            if let Some(anchor) = self.items.anchor(index) {
                let state = self.state_of(item, anchor, km, now, driven.severity);
                self.items.set(index, state);
            }
        }
    }
}

/// What service items are judged by besides the plan.
#[derive(Clone, Copy, Debug)]
pub struct Driven<'a> {
    pub profile: &'a Profile,
    /// Odometer, km; NaN before the first reading that was believed.
    pub km: f64,
    /// [`Severity::factor`](super::severity::Severity::factor): the share of an interval that is left of it.
    pub severity: f64,
}

impl Class {
    /// DOMAIN 4.3: exponential weights, faster while young; outliers are drawn in.
    fn take(&mut self, km: f64) {
        let (mean, variance) = (f64::from(self.mean), f64::from(self.variance));
        let km = if self.days >= 10 { km.min(mean + 4.0 * variance.sqrt()) } else { km };
        self.days = self.days.saturating_add(1);
        let weight = WEIGHT.max(1.0 / f64::from(self.days));
        let mean = mean + weight * (km - mean);
        self.mean = mean as f32;
        self.variance = ((1.0 - weight) * (variance + weight * (km - mean).powi(2))) as f32;
    }
}

fn known(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
