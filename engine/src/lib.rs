//! The shell of premend: lanes, store, CRM, outbox, console.

pub mod crm;
pub mod http;
pub mod store;
