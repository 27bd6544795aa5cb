//! Numbers of signals: the one that stands on the wire and in the store, and the place in a running set.

use serde::{Deserialize, Serialize};

/// The permanent number of a signal: 1 to 9,999 ours, from 10,000 for overlays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignalNo(pub u16);

/// The dense index of a signal in one loaded catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(pub u16);

impl Slot {
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
