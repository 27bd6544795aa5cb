//! The rules in force: their page, standing, entries, proposals of campaigns.

pub mod campaign_page;
pub mod entry;
pub mod page;
pub mod standing;
