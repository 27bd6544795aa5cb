//! One function for each thing that a person, a link or another system may do, whatever door it comes through.
//!
//! Each takes the [`Acting`] (who, now, the open transaction) and its input, checks rights and state, writes rows,
//! transition and the lane's command, and returns an outcome or a refusal with its reason. Doors (pages, the API, the
//! command line) parse, call one function, commit, and say the answer in their own words; they write nothing.
//!
//! To add an act: a function in the file of its subject, between [`Acting::earlier`] and [`Acting::write_down`]. The
//! name in the log is the path of the function below this folder.

pub mod account;
mod acting;
pub mod campaign;
pub mod inbox;
pub mod order;
pub mod review;
pub mod rule;
#[cfg(test)]
mod tests;
pub mod vehicle;

pub use self::acting::{ActError, ActRefusal, Acting, Actor};
