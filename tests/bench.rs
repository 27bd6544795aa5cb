//! The benchmarks in their short form: every figure comes about, and nothing is lost on the way.

use std::time::Duration;

use crate::figures::Figures;
use crate::journey::{self, Effort, Part};

const FIGURES: [&str; 8] = [
    "bare_broker_msgs_per_s",
    "committed_msgs_per_s",
    "committed_over_bare",
    "publish_to_commit_ms_p50",
    "publish_to_commit_ms_p99",
    "publish_to_commit_ms_p999",
    "committed_readings_per_s_batched",
    "rumqttc_committed_msgs_per_s",
];

#[test]
fn benchmarks_give_their_figures_and_lose_nothing() {
    let server = std::env::var("PREMEND_TEST_DATABASE_URL").expect("`make test` names a database");
    let effort = Effort { duration: Duration::from_secs(1), connections: 20, snapshots: 200 };
    let mut figures = Figures::default();
    journey::measure(&Part::ALL, &effort, &server, &mut figures).unwrap();
    for name in FIGURES.into_iter().chain(["ready_s_100k_vehicles"]) {
        assert!(figures.value(name).is_some_and(|value| value > 0.0), "{name}");
    }
}
