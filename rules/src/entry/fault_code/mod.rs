//! Fault codes: what an ECU says is wrong, as compact values, and what it means, as a table.

mod code;
mod pattern;
mod status;
mod table;
mod triage;

pub use code::{FaultCode, FaultCodeError, System};
pub use pattern::{FaultPattern, FaultPatternError};
pub use status::{Shown, UdsStatus};
pub use table::{CodeClass, CodeEntry, Condition, Escalation, FaultCodes, FaultCodesError, Hazard};
pub use triage::{Modifier, Triage, TriageInput, triage};
