//! Which rules are in force: read, proposed, proved, activated, and what is learned for them.

pub mod activation;
pub mod learning;
pub mod overlay;
pub mod proposal;
pub mod safety;
