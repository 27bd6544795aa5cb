//! What an operator may set: built-in values, then a TOML file, then `PREMEND_*` of the environment.
//!
//! Reading opens nothing but the files it names. Unknown keys are errors, secrets come by file or
//! environment and never print, and `validate` says which key is wrong and what to write instead.
//! Thresholds and service intervals are catalogue data and not found here. One file per section;
//! every field is explained in `deploy/premend.example.toml`, which a test loads.

mod catalogue;
mod clock;
mod database;
mod demo;
mod environment;
#[cfg(test)]
mod example;
mod http;
mod ingest;
mod lanes;
mod load;
mod log;
mod mqtt;
mod person;
mod relay;
mod retention;
mod secret;
mod store;

pub use catalogue::Catalogue;
pub use clock::{Clock, ClockMode};
pub use database::{Database, LISTENERS, SPARE_OF_LANES};
pub use demo::Demo;
pub use http::Http;
pub use ingest::{Ingest, TopicDialect};
pub use lanes::Lanes;
pub use load::{Config, ConfigError};
pub use log::{Log, LogFormat};
pub use mqtt::{External, Mqtt, SourceKind};
pub use person::{Person, PersonKey, PersonKeys, RetiredKey};
pub use relay::Relay;
pub use retention::Retention;
pub use secret::Secret;
pub use store::{Store, WantedTier};
