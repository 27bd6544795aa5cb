//! A vehicle, what it sends and what people do to it: identity, profile, components, readings, commands.

mod command;
mod component;
mod life;
mod number;
mod particulars;
mod profile;
mod reading;

pub use self::command::{Command, OrderMove, ReviewAnswer};
pub use self::component::{Component, ComponentEntry, Components};
pub use self::life::Life;
pub use self::number::{SignalNo, Slot};
pub use self::particulars::{Attributes, Contact, Particulars, Powertrain, Purpose, VehicleId, VehicleIdError};
pub use self::profile::{KnownTraits, Profile, Traits};
pub use self::reading::{FaultReport, Input, Message, Reading, Reason, Refused, Sample, Sequence, Told, What};
