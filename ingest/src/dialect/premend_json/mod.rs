//! The wire of premend itself, in JSON: one sample in the envelope, or many under `samples`.
//!
//! ```json
//! {"stream":1,"seq":1234,"oldest":1230,"ts":"2026-11-22T01:20:00.123Z",
//!  "signals":{"Vehicle.TraveledDistance":48211300},"faults":[{"code":"P0301","ecu":"7E8","status":47,"count":2}],
//!  "seen":["6f9619ff-8b86-5011-b42d-00cf4fc964ff"]}
//! ```
//!
//! Unknown keys of the envelope are passed over, so that vehicles may be newer than we are; the
//! same key twice, and both forms at once, are not readable. Numbering begins at 1.
//!
//! `envelope` reads the message, `sample` its samples and readings, `fault` their fault reports; `keys`
//! finds what is given twice. `numbering` finds the number of a payload that is not kept.

mod envelope;
mod fault;
mod keys;
mod numbering;
mod sample;
#[cfg(test)]
mod tests;

pub use envelope::PremendJson;
pub use numbering::Numbering;
