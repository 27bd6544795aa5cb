//! Forecast due dates against the day on which the distance was really driven.

use std::collections::VecDeque;

use rules::rule_set::RuleSet;
use rules::unit::Time;
use serde::Serialize;

use super::figures::{median, quantile, share};
use super::life::Life;

/// Days ahead that are judged.
const AHEAD: [usize; 3] = [14, 30, 60];
/// Half of an 80 % interval, in standard deviations.
const EIGHTY: f64 = 1.281_55;

/// What was forecast of one item, newest last: days left and their standard deviation.
#[derive(Clone, Debug, Default)]
struct Item {
    forecasts: VecDeque<(Time, f64, f64)>,
    is_due: bool,
}

/// Watches the items of one vehicle's plan that are due by distance.
#[derive(Clone, Debug, Default)]
pub struct DueWatch {
    items: Vec<Item>,
    found: Vec<Miss>,
}

/// One forecast, so many days before it came true: how far off, and whether within its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Miss {
    pub ahead: usize,
    pub error: f64,
    pub covered: bool,
}

impl DueWatch {
    /// To be called once a day.
    pub fn look(&mut self, life: &Life<'_>, set: &RuleSet, now: Time) {
        let states = &life.vehicle().estimates.usage.items;
        self.items.resize_with(set.catalogue.item_codes().len(), Item::default);
        for (index, state) in states.iter() {
            let Some(item) = self.items.get_mut(index) else { continue };
            let km = state.km_left();
            if item.is_due || !km.is_finite() {
                continue;
            }
            if km <= 0.0 {
                item.is_due = true;
                self.found.extend(item.judge(now));
            } else {
                item.forecasts.push_back((now, state.days_left(), state.days_sigma()));
                if item.forecasts.len() > 70 {
                    item.forecasts.pop_front();
                }
            }
        }
    }

    pub fn misses(self) -> Vec<Miss> {
        self.found
    }
}

impl Item {
    fn judge(&self, due: Time) -> Vec<Miss> {
        let judged = AHEAD.into_iter().filter_map(|ahead| {
            let left = |at: Time| due.since(at).days_f64();
            let (at, days, sigma) = *self.forecasts.iter().rev().find(|(at, ..)| left(*at) >= ahead as f64)?;
            // Where the calendar decides there is nothing to forecast; where nothing was heard for days, nothing to judge.
            let off = days - left(at);
            let fits = left(at) < ahead as f64 + 5.0 && sigma > 0.6;
            fits.then_some(Miss { ahead, error: off, covered: off.abs() <= EIGHTY * sigma })
        });
        judged.collect()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DueScore {
    pub judged: usize,
    pub median_days_14: Option<f64>,
    pub median_days_30: Option<f64>,
    pub median_days_60: Option<f64>,
    pub p90_days_30: Option<f64>,
    pub coverage80: Option<f64>,
}

pub fn score(misses: &[Miss]) -> DueScore {
    let errors = |ahead: usize| -> Vec<f64> {
        misses.iter().filter(|miss| miss.ahead == ahead).map(|miss| miss.error.abs()).collect()
    };
    DueScore {
        judged: misses.len(),
        median_days_14: median(&errors(14)),
        median_days_30: median(&errors(30)),
        median_days_60: median(&errors(60)),
        p90_days_30: quantile(&errors(30), 0.9),
        coverage80: share(misses.iter().filter(|miss| miss.covered).count(), misses.len()),
    }
}
