//! Back-test: what rules would have done with what vehicles have said.
//!
//! The same admission, recipe and Timers as in a lane, under a virtual clock, with every core a shard
//! of the vehicles. Modes are not applied: a shadow rule is tried as if it were live. Nobody repairs
//! anything: a case lasts as long as its condition. Where what a rule needs was hardly ever there,
//! the report says so instead of a zero.

#[cfg(feature = "parquet")]
mod columnar;
mod feed;
mod html;
mod lines;
mod report;
mod run;
mod shard;
mod stored;
mod table;
mod tally;

pub use html::page;
pub use report::{Report, draw_up};
pub use run::{Finished, Plan, run, run_stored};
pub use shard::{Common, Profiles};
pub use stored::Stored;
pub use table::Columns;
pub use tally::CaseRow;
