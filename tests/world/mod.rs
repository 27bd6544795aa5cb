//! What promises are tested with: real processes, real databases, real networks that break on demand.
//!
//! Everything started here ends with its fixture, also when a test fails; then its log is printed.
//! Nothing sleeps: [`eventually`] waits for a condition with a deadline.

#![expect(dead_code, reason = "fixtures are written before the last promise that uses them")]

mod browser;
mod cluster;
mod mosquitto;
mod premend;
mod private_cluster;
mod process;
mod proxy;
mod wait;

pub use browser::{Browser, Screen};
pub use cluster::Database;
pub use mosquitto::Mosquitto;
pub use premend::{Premend, Setup};
pub use private_cluster::PrivateCluster;
pub use process::{Process, free_port};
pub use proxy::Proxy;
pub use wait::eventually;
