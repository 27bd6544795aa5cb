//! What is usual for vehicles of a model and mileage.

use super::{Job, Period};

pub const JOB: Job = Job {
    key: "cohorts",
    description: "Learns what is usual for vehicles of a model and mileage.",
    period: Period::LEARNING,
    run: |supplies| Box::pin(supplies.learning.cohorts()),
};
