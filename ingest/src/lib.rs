//! From broker to admitted messages.
//!
//! A source (`broker` embedded, or `subscriber` to an external one) puts deliveries into the
//! byte-bounded queue of the lane that owns the vehicle. The lane lets `admit` look at one message
//! at a time: a dialect decodes it, admission refuses what must not be used, each with a reason.
//! Everything a vehicle sends is taken as hostile until it is a [`rules::vehicle::Message`].

pub mod admit;
pub mod broker;
pub mod dialect;
pub mod down;
pub mod hostile;
pub mod metrics;
pub mod queue;
pub mod redact;
pub mod refused;
pub mod secret;
pub mod signal_index;
pub mod skim;
pub mod source;
pub mod subscriber;
pub mod topic;
pub mod topics;
pub mod wire;
