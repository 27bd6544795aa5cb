//! The shell of premend: lanes, store, CRM, outbox, console. It executes what `rules` decides.

pub mod answer;
pub mod app;
pub mod channel;
pub mod clock;
pub mod command;
pub mod config;
pub mod crm;
pub mod dirty;
pub mod dispatch;
pub mod draft;
pub mod http;
pub mod inbox;
pub mod journal;
pub mod lane;
pub mod metrics;
pub mod outbox;
pub mod overlay;
pub mod restraint;
pub mod services;
pub mod start;
pub mod store;
pub mod sweep;
pub mod telemetry;
pub mod wake;
