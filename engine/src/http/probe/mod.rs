//! What machines ask: liveness, readiness, metrics, and the status page.

pub mod readiness;
pub mod scrape;
pub mod status;
