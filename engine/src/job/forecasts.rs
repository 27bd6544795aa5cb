//! Forecasts, what becomes of them, and how far estimators can be taken at their word.

use super::{Job, Period};

pub const JOB: Job = Job {
    key: "forecasts",
    description: "Writes forecasts down, follows what becomes of them, and calibrates estimators.",
    period: Period::LEARNING,
    run: |supplies| Box::pin(supplies.learning.forecasts()),
};
