//! Ways to reach other systems. To add one: a file here that implements [`Connector`], and a line in
//! `engine/src/app/services.rs`, where it takes its place among the channels (`ByConnector`).
//!
//! A connector carries facts and says what became of them. Claims, leases, waits between attempts and the end of
//! trying are the relay's, the same as for people.

mod outcome;
mod seam;

pub use self::outcome::{Outcome, Pending};
pub use self::seam::{Connector, OrderFacts};
