//! What promises are tested with: real processes, real databases, real networks that break on demand.
//!
//! Everything started here ends with its fixture, also when a test fails; then its log is printed.
//! Nothing sleeps: [`eventually`] waits for a condition with a deadline.

#![expect(dead_code, reason = "fixtures are written before the last promise that uses them")]

mod advisor;
mod browser;
mod car;
mod cluster;
mod fleet;
mod garage;
mod ledger;
mod mosquitto;
mod premend;
mod private_cluster;
mod process;
mod proxy;
pub mod road;
mod scene;
mod wait;
mod wall;

pub use advisor::{Advisor, Filled};
pub use browser::{Browser, Screen};
pub use car::Car;
pub use cluster::Database;
pub use fleet::{Fleet, Script};
pub use garage::{Garage, NewCar, owner_of};
pub use ledger::{CaseRow, Ledger, OrderRow, RejectionRow, SOON};
pub use mosquitto::Mosquitto;
pub use premend::{Premend, Setup, program, run};
pub use private_cluster::PrivateCluster;
pub use process::{Process, free_port};
pub use proxy::Proxy;
pub use scene::{MORNING, Scene, morning};
pub use wait::eventually;
pub use wall::Wall;
