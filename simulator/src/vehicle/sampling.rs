//! How often a vehicle measures.

use rules::unit::Span;

/// How often a vehicle measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    pub driving: Span,
    /// For signals that change slowly, while driving.
    pub slow: Span,
    pub charging: Span,
    pub parked: Span,
}

impl Sampling {
    /// Seldom enough to simulate years of a thousand vehicles in minutes; trips, charges and nights still show all
    /// that is judged by trip or day.
    pub const fn coarse() -> Self {
        Self {
            driving: Span::from_secs(30),
            slow: Span::from_secs(60),
            charging: Span::from_secs(60),
            parked: Span::from_hours(6),
        }
    }
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
