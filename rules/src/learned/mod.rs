//! What is learned across vehicles: how often each rule is right, what is usual for a car like this one,
//! and how far what estimators say of the future can be taken at its word.
//!
//! A learned table is a file of the catalogue. So it is hashed with the rules, stored whole, named by the
//! journal, replayed, activated between two batches and explained like everything else. A job of the engine
//! computes it; nobody writes it by hand, and no directory of rules may contain one.

mod calibration;
mod cohort;
pub mod date;
pub mod forecast;
mod precision;
mod reliability;
mod task;

pub use calibration::{CalibrationEntry, CalibrationTable, FOLLOWED_DAYS, Followed, Held, Map, calibrate};
pub use cohort::{Bands, Cohort, CohortEntry, CohortHead, CohortSpec, CohortSpecs, CohortTable, Cohorts, NO_MODEL};
pub use forecast::Outlook;
pub use precision::{
    Demotion, ENOUGH, HALF_LIFE_DAYS, Judged, PRIOR_PRECISION, Precision, PrecisionTable, Tally, learn,
};
pub use reliability::{BINS, Coverage, Reliability};
pub use task::{Task, What, tasks};

/// Folder of the learned tables among the catalogue's files.
pub const FOLDER: &str = "learned/";
/// The file of [`PrecisionTable`].
pub const PRECISION_FILE: &str = "learned/precision.toml";
/// The file of [`CohortTable`].
pub const COHORTS_FILE: &str = "learned/cohorts.toml";

/// The file of [`CalibrationTable`].
pub const CALIBRATION_FILE: &str = "learned/calibration.toml";

/// The tables of a catalogue; empty until a job has learned something.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learned {
    pub precision: PrecisionTable,
    pub cohorts: CohortTable,
    pub calibration: CalibrationTable,
}
