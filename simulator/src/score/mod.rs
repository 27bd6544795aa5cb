//! How good the estimators are, in figures.

pub mod battery;
pub mod figures;
