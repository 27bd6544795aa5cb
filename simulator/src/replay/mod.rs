//! Replay of recorded logs, as if they came from a vehicle on the road.
//!
//! A [`Mapping`] says which column is which signal; a [`Plan`] opens logs (CSV files, folders and
//! tar.gz archives of them), lays their trips one after the other, and yields frames. Planted
//! faults are laid over them. Every row is accounted for in the [`Tally`].

mod log;
mod mapping;
mod plan;
mod times;
mod trip;

pub use log::{Log, LogError};
pub use mapping::{Column, Mapping, MappingError, TimeUnit};
pub use plan::{Plan, PlanError, Replay};
pub use trip::{Counts, Tally};
