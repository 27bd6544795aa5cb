//! Cohorts that have a fault more often than they should.

use super::{Job, Period};

pub const JOB: Job = Job {
    key: "campaigns",
    description: "Looks for cohorts that have a fault more often than they should.",
    period: Period::LEARNING,
    run: |supplies| Box::pin(supplies.learning.campaigns()),
};
