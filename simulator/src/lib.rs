//! Vehicles that break on purpose.
//!
//! Seeded drivers use vehicles with plausible physics; faults are planted with their ground truth
//! written down; telematics units store and forward over MQTT until the engine has committed;
//! deliveries go wrong in every known way; recorded logs are replayed as if they came from the
//! road. Everything is reproducible from a seed.

pub mod body;
pub mod climate;
pub mod delivery;
pub mod driver;
pub mod fault;
pub mod fleet;
pub mod frame;
pub mod load;
pub mod model;
pub mod outbox;
pub mod physics;
pub mod publisher;
pub mod random;
pub mod replay;
pub mod report;
pub mod road;
pub mod score;
pub mod signal;
pub mod status;
pub mod trouble;
pub mod truth;
pub mod vehicle;
