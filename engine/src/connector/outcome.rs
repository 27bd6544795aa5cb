//! What an outward call comes to: the decision about the next attempt is in the type.

use std::pin::Pin;

use rules::unit::Span;

/// An answer that takes its time.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What became of an attempt; the decision about the next one is in the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// Try again; `after` only if the other side named a time.
    Retry {
        after: Option<Span>,
        why: String,
    },
    /// Trying again is pointless.
    Park {
        why: String,
    },
}
