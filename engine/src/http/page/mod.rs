//! What every page has: layout, assets, failures, and how values are shown.

pub mod asset;
pub mod failure;
pub mod layout;
pub mod show;
