//! Admission: one message at a time becomes readings that may be used, or a refusal with its reason.
//!
//! It remembers nothing: the result depends on the message, the vehicle's profile and the arguments
//! only. Whatever needs earlier readings happens in fold. A refused message keeps its number where
//! it could be read, so that it counts as dealt with; one without is answered by its SHA-256.
//!
//! In the order of a message's way: [`crate::dialect`] decodes the bytes, `admission` judges the whole
//! message and then its samples, `terms` each of their readings, `content` hashes what is left, and
//! `refusal` writes down what was not used.

mod admission;
mod content;
mod refusal;
mod terms;
#[cfg(test)]
mod tests;

pub use admission::{Admission, Admitted, Envelope, MAX_PAYLOAD, UnknownVehicle};
pub use refusal::Refusal;
