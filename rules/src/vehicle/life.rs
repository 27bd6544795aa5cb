//! The life of a vehicle's state: what was learned before an erasure or a loss is another life's.

use serde::{Deserialize, Serialize};

/// A vehicle's time from a registration to the next erasure or loss of its state: what is counted begins again with it.
///
/// Ids of two lives never meet. The first one is 0 and leaves no trace in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Life(pub u32);

impl Life {
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
