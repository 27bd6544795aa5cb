//! The shell of premend: lanes, store, CRM, outbox, console. It executes what `rules` decides.

pub mod clock;
pub mod command;
pub mod config;
pub mod crm;
pub mod http;
pub mod store;
pub mod telemetry;
