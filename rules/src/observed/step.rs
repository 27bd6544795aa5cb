//! One settled sample, as the stages after fold see it.

use crate::compact::SlotSet;
use crate::unit::{Span, Time};

/// What one settled sample changed.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub at: Time,
    pub touched: SlotSet,
    /// Since the step before; longer than anything before the first.
    pub pause: Span,
    pub faults: bool,
    /// Service states were computed again.
    pub service: bool,
}
