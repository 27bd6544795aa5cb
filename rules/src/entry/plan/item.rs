//! A plan and its items, as written in the catalogue.

use chrono::Months;
use serde::{Deserialize, Serialize};

use super::interval::{Anchor, Combinator, Due, Interval, Meters};
use super::phase::Margins;
use crate::unit::{Span, Text, Time};
use crate::vehicle::Powertrain;

/// Who pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Free {
    #[default]
    Never,
    /// Only the first one (首保).
    First,
    Always,
}

/// Vehicles of a plan that an item is for; empty means all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Applies {
    pub powertrain: Vec<Powertrain>,
    pub model: Vec<String>,
}

/// One `[[item]]` of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The same thing has the same code in every plan; its component is `service.` and the code.
    pub code: String,
    pub names: Text,
    pub km: Option<u32>,
    pub months: Option<u16>,
    pub engine_h: Option<u32>,
    /// Distance and time of the first service, where they differ.
    pub first_km: Option<u32>,
    pub first_months: Option<u16>,
    /// Lowest share of the interval that severe use may shorten it to; the maker's minimum.
    #[serde(default = "never_shortened")]
    pub severe_factor: f64,
    #[serde(default)]
    pub applies: Applies,
    #[serde(default)]
    pub free: Free,
    #[serde(default)]
    pub parts: Vec<String>,
    #[serde(default)]
    pub operations: Vec<String>,
    pub labour_h: f64,
    #[serde(default)]
    pub combinator: Combinator,
    /// Due at multiples of the distance whenever it was last done (cam belts).
    #[serde(default)]
    pub fixed_grid: bool,
    /// Place in the catalogue's list of item codes, given at load.
    #[serde(skip)]
    pub index: usize,
    #[serde(skip)]
    margins: Margins,
}

fn never_shortened() -> f64 {
    1.0
}

/// One service plan: a file of `plans/`.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub key: String,
    pub title: Text,
    pub source: String,
    items: Vec<Item>,
}

/// What a plan file says besides its items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanHead {
    pub key: String,
    pub title: Text,
    pub source: String,
    #[serde(default)]
    pub margins: Margins,
}

impl Plan {
    /// A plan with its items placed in the catalogue's list of codes.
    pub fn new(head: PlanHead, items: Vec<Item>, codes: &[String]) -> Self {
        let place = |code: &String| codes.binary_search(code).unwrap_or(usize::MAX);
        let placed = items.into_iter().map(|item| Item { index: place(&item.code), margins: head.margins, ..item });
        Self { items: placed.collect(), key: head.key, title: head.title, source: head.source }
    }

    /// This plan as it is for one model.
    #[must_use]
    pub fn for_model(&self, model: &str) -> Self {
        let mut plan = self.clone();
        plan.items.retain(|item| item.applies.model.is_empty() || item.applies.model.iter().any(|key| key == model));
        plan
    }

    /// The items for a powertrain, each with its index in the catalogue's list of codes.
    pub fn items(&self, powertrain: Powertrain) -> impl Iterator<Item = (usize, &Item)> {
        let applies =
            move |item: &&Item| item.applies.powertrain.is_empty() || item.applies.powertrain.contains(&powertrain);
        self.items.iter().filter(applies).map(|item| (item.index, item))
    }

    pub fn item(&self, code: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.code == code)
    }
}

impl Item {
    /// The interval to the first service, counted from delivery.
    pub fn first(&self) -> Interval {
        let mut margins = self.margins;
        if self.first_km.is_some() || self.first_months.is_some() {
            margins.km.soon = margins.first_km;
            margins.days.soon = margins.first_days;
        }
        let km = self.first_km.or(self.km);
        Interval { km, months: self.first_months.or(self.months), margins, ..self.interval(true) }
    }

    /// The interval after it was done, or the first one.
    pub fn interval(&self, done: bool) -> Interval {
        if !done {
            return self.first();
        }
        Interval {
            km: self.km,
            months: self.months,
            engine_h: self.engine_h,
            combinator: self.combinator,
            margins: self.margins,
        }
    }

    /// Its state: a pure function of what was done, now, the meters, and the share of its interval that the use of
    /// the vehicle leaves, 0.5 to 1; never below the maker's minimum.
    pub fn due(&self, anchor: &Anchor, now: Time, meters: Meters, share: f64) -> Due {
        let whole = self.interval(anchor.done);
        let share = share.max(self.severe_factor);
        let interval = if share < 1.0 { whole.shortened(share) } else { whole };
        let from_km = self.grid(anchor, interval);
        let left = |every: Option<u32>, from: Option<f64>, meter: Option<f64>| Some(from? + f64::from(every?) - meter?);
        let km_left = left(interval.km, Some(from_km), meters.odometer_km);
        let hours_left = left(interval.engine_h, anchor.engine_h, meters.engine_h);
        let due_at = interval.months.map(|months| months_after(anchor.at, months));
        let days_left = due_at.map(|due| due.since(now).days_f64());
        Due { phase: interval.phase(km_left, days_left, hours_left), km_left, days_left, hours_left }
    }

    /// An item on a fixed grid is counted from the multiple of its distance nearest to the last time.
    fn grid(&self, anchor: &Anchor, interval: Interval) -> f64 {
        match interval.km.filter(|every| self.fixed_grid && *every > 0) {
            Some(every) => (anchor.km / f64::from(every)).round() * f64::from(every),
            None => anchor.km,
        }
    }
}

/// The same day of a later month, in UTC; the end of shorter months.
fn months_after(at: Time, months: u16) -> Time {
    let later = at.to_utc().checked_add_months(Months::new(u32::from(months)));
    later.map_or(at + Span::from_days(i64::from(months) * 30), Time::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::phase::Phase;
    use super::*;

    const DELIVERED: Time = Time::from_secs(1_700_000_000);

    fn oil() -> Item {
        Item {
            code: "oil".to_owned(),
            names: Text::default(),
            km: Some(10_000),
            months: Some(12),
            engine_h: None,
            first_km: Some(5_000),
            first_months: Some(6),
            severe_factor: 0.5,
            applies: Applies::default(),
            free: Free::First,
            parts: Vec::new(),
            operations: Vec::new(),
            labour_h: 0.6,
            combinator: Combinator::First,
            fixed_grid: false,
            index: 0,
            margins: Margins::default(),
        }
    }

    fn phase(item: &Item, anchor: &Anchor, days: i64, km: f64) -> Option<Phase> {
        let meters = Meters { odometer_km: Some(km), engine_h: None };
        item.due(anchor, anchor.at + Span::from_days(days), meters, 1.0).phase
    }

    #[test]
    fn walks_through_the_phases_by_distance() {
        let done = Anchor::service(20_000.0, DELIVERED);
        for (km, expected) in [
            (28_499.0, Phase::Ok),
            (28_500.0, Phase::DueSoon),
            (29_999.0, Phase::DueSoon),
            (30_000.0, Phase::Due),
            (30_999.0, Phase::Due),
            (31_000.0, Phase::Overdue),
            (35_000.0, Phase::Lapsed),
        ] {
            assert_eq!(phase(&oil(), &done, 1, km), Some(expected), "{km}");
        }
    }

    #[test]
    fn walks_through_the_phases_by_date() {
        let done = Anchor::service(20_000.0, DELIVERED);
        for (days, expected) in [
            (334, Phase::Ok),
            (337, Phase::DueSoon),
            (366, Phase::Due),
            (395, Phase::Due),
            (397, Phase::Overdue),
            (547, Phase::Lapsed),
        ] {
            assert_eq!(phase(&oil(), &done, days, 20_000.0), Some(expected), "{days}");
        }
    }

    #[test]
    fn the_first_service_comes_sooner_and_is_announced_later() {
        let new = Anchor::delivery(DELIVERED);
        assert_eq!(phase(&oil(), &new, 1, 3_999.0), Some(Phase::Ok));
        assert_eq!(phase(&oil(), &new, 1, 4_000.0), Some(Phase::DueSoon));
        assert_eq!(phase(&oil(), &new, 1, 5_000.0), Some(Phase::Due));
        assert_eq!(phase(&oil(), &new, 182, 100.0), Some(Phase::Due));
        assert_eq!(phase(&oil(), &new, 160, 100.0), Some(Phase::Ok));
    }

    #[test]
    fn counts_from_when_it_was_done_not_from_when_it_was_planned() {
        let late = Anchor::service(23_000.0, DELIVERED);
        assert_eq!(phase(&oil(), &late, 1, 31_000.0), Some(Phase::Ok));
        let grid = Item { fixed_grid: true, ..oil() };
        assert_eq!(phase(&grid, &late, 1, 31_000.0), Some(Phase::Overdue));
    }

    #[test]
    fn an_unknown_odometer_leaves_the_calendar() {
        let done = Anchor::service(20_000.0, DELIVERED);
        let at = DELIVERED + Span::from_days(400);
        assert_eq!(oil().due(&done, at, Meters::default(), 1.0).phase, Some(Phase::Overdue));
        let by_distance = Item { months: None, ..oil() };
        assert_eq!(by_distance.due(&done, at, Meters::default(), 1.0).phase, None);
    }

    #[test]
    fn last_waits_for_both() {
        let both = Item { combinator: Combinator::Last, ..oil() };
        let done = Anchor::service(20_000.0, DELIVERED);
        assert_eq!(phase(&both, &done, 400, 20_000.0), Some(Phase::Ok));
        assert_eq!(phase(&both, &done, 370, 30_000.0), Some(Phase::Due));
        assert_eq!(both.due(&done, DELIVERED, Meters::default(), 1.0).phase, None);
    }

    #[test]
    fn running_hours_count_too() {
        let truck = Item { engine_h: Some(500), ..oil() };
        let anchor = Anchor { engine_h: Some(1_000.0), ..Anchor::service(20_000.0, DELIVERED) };
        let meters = Meters { odometer_km: Some(20_500.0), engine_h: Some(1_480.0) };
        assert_eq!(truck.due(&anchor, DELIVERED, meters, 1.0).phase, Some(Phase::DueSoon));
    }

    #[test]
    fn a_month_later_is_the_same_day_or_the_last() {
        let end_of_january = Time::parse("2026-01-31T08:00:00Z").unwrap();
        assert_eq!(months_after(end_of_january, 1).to_string(), "2026-02-28T08:00:00Z");
        assert_eq!(months_after(end_of_january, 12).to_string(), "2027-01-31T08:00:00Z");
    }

    proptest! {
        #[test]
        fn time_and_distance_only_make_it_more_urgent(
            days in 0_i64..1_500, more_days in 0_i64..500, km in 0.0_f64..80_000.0, more_km in 0.0_f64..30_000.0,
            done in any::<bool>(),
        ) {
            let anchor = if done { Anchor::service(0.0, DELIVERED) } else { Anchor::delivery(DELIVERED) };
            let (now, later) = (phase(&oil(), &anchor, days, km), phase(&oil(), &anchor, days + more_days, km + more_km));
            prop_assert!(now <= later);
        }

        #[test]
        fn whichever_comes_first_decides(days in 0_i64..1_500, km in 0.0_f64..80_000.0) {
            let anchor = Anchor::service(0.0, DELIVERED);
            let by_date = phase(&Item { km: None, ..oil() }, &anchor, days, km);
            let by_distance = phase(&Item { months: None, ..oil() }, &anchor, days, km);
            prop_assert_eq!(phase(&oil(), &anchor, days, km), by_date.max(by_distance));
            let last = Item { combinator: Combinator::Last, ..oil() };
            prop_assert_eq!(phase(&last, &anchor, days, km), by_date.min(by_distance));
        }

        #[test]
        fn severe_use_never_lengthens(factor in 0.5_f64..=1.0) {
            let shorter = oil().interval(true).shortened(factor);
            prop_assert!(shorter.km <= oil().km && shorter.months <= oil().months);
        }
    }
}
