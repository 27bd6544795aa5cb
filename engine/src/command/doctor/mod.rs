//! `premend doctor`: what is wrong with a set-up, and what to do about it.
//!
//! Looks only; starts, changes and creates nothing. One file per area; each pushes [`Check`]s in the
//! order in which a person would look. Ends with 1 if anything is wrong.

mod broker;
mod check;
mod database;
mod machine;
mod people;
mod run;
mod work;

pub use check::{Check, Verdict};
pub use run::{Args, run};
