//! Containers that are small because every vehicle has them: lists, sparse arrays, sets of slots and rules.

mod list;
mod rule_mask;
mod slot_set;
mod sparse;

pub use self::list::{List, Queue, insert_one};
pub use self::rule_mask::{MASK_WORDS, RuleMask};
pub use self::slot_set::SlotSet;
pub use self::sparse::Sparse;
