//! Sets of rule instances as bits.

/// Words of a rule mask: a set holds at most 64 times this many rule instances.
pub const MASK_WORDS: usize = 16;

/// A set of rule instances without allocation.
pub type RuleMask = [u64; MASK_WORDS];
