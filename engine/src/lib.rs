//! The shell of premend: lanes, store, CRM, outbox, console. It executes what `rules` decides.
//!
//! The folders are floors, top first; each imports only those below it (`tests/architecture.rs`).

pub mod command;

pub mod app;

pub mod http;

pub mod job;

pub mod outbox;

pub mod connector;

pub mod act;

pub mod lane;

pub mod backtest;

pub mod rules_in_force;

pub mod history;

pub mod seed;

pub mod store;

pub mod crypto;

pub mod crm;

pub mod metrics;

pub mod clock;

pub mod config;
