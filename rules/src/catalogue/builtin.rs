//! The catalogue the product ships with: every file of `rules/catalogue/`, embedded.
//!
//! ADD A FILE: one line here; a test compares this list with the folder.

/// Path below `rules/catalogue/` and text of every file.
pub const FILES: &[(&str, &str)] = &[
    ("components.toml", include_str!("../../catalogue/components.toml")),
    ("fault_codes.toml", include_str!("../../catalogue/fault_codes.toml")),
    ("operations.toml", include_str!("../../catalogue/operations.toml")),
    ("parts.toml", include_str!("../../catalogue/parts.toml")),
    ("signals.toml", include_str!("../../catalogue/signals.toml")),
];
