//! The catalogue the product ships with: every file of `rules/catalogue/`, embedded.
//!
//! ADD A FILE: one line here; a test compares this list with the folder.

/// Path below `rules/catalogue/` and text of every file.
pub const FILES: &[(&str, &str)] = &[("signals.toml", include_str!("../../catalogue/signals.toml"))];
