//! Telematics units: vehicles on the air, with store-and-forward until the engine has committed.
//!
//! Each vehicle has one MQTT connection and one task; thousands share a runtime. A unit pulls
//! frames from its vehicle as virtual time reaches them and its outbox has room, sends what may be
//! sent, and forgets a message only when the engine says that it is committed. Because vehicles are
//! generators, a unit that is held back loses nothing: its vehicle simply waits to be asked.

mod air;
mod clock;
mod file;
mod link;
mod notices;
mod source;
mod unit;

pub use air::{AirError, run};
pub use clock::{Pace, VirtualClock};
pub use file::{OutboxFile, OutboxFileError};
pub use link::{Link, Traffic};
pub use notices::Notices;
pub use source::Source;
pub use unit::{Unit, UnitReport};
