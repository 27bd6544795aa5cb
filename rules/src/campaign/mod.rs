//! Early warning: which cohort of vehicles has a fault more often than it used to, and than its siblings.
//!
//! A cohort is a model, or what of it shares a software version, a production batch, or both. [`look`] tests all of
//! them at once, exactly and with false discoveries under control, and names for each rise the one cohort that
//! explains it best. It proposes; whether a campaign is opened, people decide.

mod chance;
mod change;
mod cohort;
mod group;
mod look;
mod rate;
mod rise;

pub use chance::{at_least, q_values};
pub use change::change_point;
pub use cohort::{Cell, Cohort, Week};
pub use look::{Look, look};
pub use rate::{Comparison, Rate};
pub use rise::{Criteria, Known, Rise};

/// A rise is looked for in so many of the newest weeks: a steep one shows in the few, a slow one in the many.
pub const WINDOWS: [usize; 2] = [4, LONGEST_WINDOW];
/// The longest of them. A vehicle counts once in it.
pub const LONGEST_WINDOW: usize = 8;
/// They are compared with what is known of so many weeks, themselves included.
pub const LOOK_BACK_WEEKS: usize = 26;
