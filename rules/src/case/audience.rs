//! For whom a notice is. By which channels it goes out is not decided here: every channel says whom it reaches.

use serde::{Deserialize, Serialize};

/// For whom a notice is, and whom a channel reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Audience {
    /// The owner, or the driver at that moment: consent, quiet hours and the contact budget apply.
    Owner,
    /// The dealer's own people, at work.
    Dealer,
}

impl Audience {
    pub const ALL: [Self; 2] = [Self::Owner, Self::Dealer];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Dealer => "dealer",
        }
    }
}
