//! What the engine counts and measures, on a registry that is passed in.
//!
//! Names are `premend_<stage>_<noun>_<unit>[_total]`; labels come from closed sets and exist at zero
//! from the start, so that "none" and "not measured" look different. No vehicle, dealer or person is
//! ever a label. Everything is counted per batch. Depths of queues that live in the database are read
//! when Prometheus asks (`scrape`).

mod console;
mod histogram;
mod labelled;
mod lane;
pub mod scrape;

pub use console::{ConsoleMetrics, HeavyOutcome, HeavyPage, LogIn};
pub use histogram::{Histogram, HistogramFamily};
pub use labelled::Labelled;
pub use lane::{CommitOutcome, CommittedBatch, EffectCounts, LaneMetrics, ReplayCounts, Stage};
