//! How often a vehicle measures.

use rules::time::Span;

/// How often a vehicle measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    pub driving: Span,
    /// For signals that change slowly, while driving.
    pub slow: Span,
    pub charging: Span,
    pub parked: Span,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            driving: Span::from_secs(10),
            slow: Span::from_secs(30),
            charging: Span::from_secs(30),
            parked: Span::from_hours(4),
        }
    }
}
