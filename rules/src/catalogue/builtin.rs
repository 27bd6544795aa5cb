//! The catalogue the product ships with: every file of `rules/catalogue/`, embedded.
//!
//! ADD A FILE: one line here; a test compares this list with the folder.

/// Path below `rules/catalogue/` and text of every file.
pub const FILES: &[(&str, &str)] = &[
    ("components.toml", include_str!("../../catalogue/components.toml")),
    ("fault_codes.toml", include_str!("../../catalogue/fault_codes.toml")),
    ("models.toml", include_str!("../../catalogue/models.toml")),
    ("operations.toml", include_str!("../../catalogue/operations.toml")),
    ("parts.toml", include_str!("../../catalogue/parts.toml")),
    ("plans/bev.toml", include_str!("../../catalogue/plans/bev.toml")),
    ("plans/hev.toml", include_str!("../../catalogue/plans/hev.toml")),
    ("plans/ice.toml", include_str!("../../catalogue/plans/ice.toml")),
    ("plans/ice_older.toml", include_str!("../../catalogue/plans/ice_older.toml")),
    ("signals.toml", include_str!("../../catalogue/signals.toml")),
    ("templates/en/brakes.toml", include_str!("../../catalogue/templates/en/brakes.toml")),
    ("templates/en/electrics.toml", include_str!("../../catalogue/templates/en/electrics.toml")),
    ("templates/en/engine.toml", include_str!("../../catalogue/templates/en/engine.toml")),
    ("templates/en/faults.toml", include_str!("../../catalogue/templates/en/faults.toml")),
    ("templates/en/high_voltage.toml", include_str!("../../catalogue/templates/en/high_voltage.toml")),
    ("templates/en/service.toml", include_str!("../../catalogue/templates/en/service.toml")),
    ("templates/en/telematics.toml", include_str!("../../catalogue/templates/en/telematics.toml")),
    ("templates/en/tyres.toml", include_str!("../../catalogue/templates/en/tyres.toml")),
    ("templates/zh-CN/brakes.toml", include_str!("../../catalogue/templates/zh-CN/brakes.toml")),
    ("templates/zh-CN/electrics.toml", include_str!("../../catalogue/templates/zh-CN/electrics.toml")),
    ("templates/zh-CN/engine.toml", include_str!("../../catalogue/templates/zh-CN/engine.toml")),
    ("templates/zh-CN/faults.toml", include_str!("../../catalogue/templates/zh-CN/faults.toml")),
    ("templates/zh-CN/high_voltage.toml", include_str!("../../catalogue/templates/zh-CN/high_voltage.toml")),
    ("templates/zh-CN/service.toml", include_str!("../../catalogue/templates/zh-CN/service.toml")),
    ("templates/zh-CN/telematics.toml", include_str!("../../catalogue/templates/zh-CN/telematics.toml")),
    ("templates/zh-CN/tyres.toml", include_str!("../../catalogue/templates/zh-CN/tyres.toml")),
];
