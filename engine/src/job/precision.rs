//! How often rules are right, from technicians' verdicts.

use super::{Job, Period};

pub const JOB: Job = Job {
    key: "precision",
    description: "Learns how often rules are right from technicians' verdicts.",
    period: Period::LEARNING,
    run: |supplies| Box::pin(supplies.learning.precision()),
};
