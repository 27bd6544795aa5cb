//! Walks over the rules of a mask.

use crate::compact::RuleMask;
use crate::rule_set::rule::Rule;

/// Iterates over the rules of a mask.
pub struct InMask<'a> {
    rules: &'a [Rule],
    mask: RuleMask,
    word: usize,
    words: usize,
    /// What is left of the present word.
    rest: u64,
}

impl<'a> InMask<'a> {
    pub const fn new(rules: &'a [Rule], mask: RuleMask, words: usize) -> Self {
        Self { rules, rest: mask[0], word: 0, words, mask }
    }
}

impl<'a> Iterator for InMask<'a> {
    type Item = &'a Rule;

    #[inline]
    fn next(&mut self) -> Option<&'a Rule> {
        while self.rest == 0 {
            self.word += 1;
            if self.word >= self.words {
                return None;
            }
            self.rest = self.mask[self.word];
        }
        let bit = self.rest.trailing_zeros() as usize;
        self.rest &= self.rest - 1;
        self.rules.get(self.word * 64 + bit)
    }
}
