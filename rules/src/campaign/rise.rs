//! What a look at the cohorts goes by, and what it finds.

use super::cohort::{Cohort, Week};
use super::rate::Rate;

/// What a rise must be to be proposed.
#[derive(Clone, Copy, Debug)]
pub struct Criteria {
    /// The share of false discoveries that a look may have.
    pub q: f64,
    pub least_faults: u32,
    pub least_vehicles: u32,
    /// The lower bound of the ratio: less is ageing, mileage and chance, and worth no campaign.
    pub least_ratio: f64,
    /// The chance at which a cohort is as bad as it was, where its siblings speak against it already.
    pub past_chance: f64,
}

impl Default for Criteria {
    fn default() -> Self {
        Self { q: 0.05, least_faults: 5, least_vehicles: 30, least_ratio: 1.5, past_chance: 0.01 }
    }
}

/// A rise that people were told of.
#[derive(Clone, Debug)]
pub struct Known {
    pub cohort: Cohort,
    pub component: String,
    /// The ratio when it was accepted or dismissed; none while it waits for an answer.
    pub decided_at_ratio: Option<f64>,
}

/// A cohort that has a fault more often than it should.
#[derive(Clone, Debug, PartialEq)]
pub struct Rise {
    pub cohort: Cohort,
    pub component: String,
    /// The newest weeks in which it shows.
    pub window_weeks: usize,
    pub observed: Rate,
    pub expected: f64,
    pub ratio: f64,
    pub lower: f64,
    pub upper: Option<f64>,
    pub q: f64,
    /// Vehicles heard within the longest window.
    pub vehicles: u32,
    /// How many of the newest weeks have the higher rate.
    pub since_weeks: usize,
    /// The newest first, as far as rules were the same.
    pub weeks: Vec<Week>,
}
