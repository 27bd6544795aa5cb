//! What becomes of one line of a work order. The word stands in the store.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineState {
    Open,
    Done,
    Declined,
    /// Its case was withdrawn: the engine's alone.
    Withdrawn,
}

impl LineState {
    pub const ALL: [Self; 4] = [Self::Open, Self::Done, Self::Declined, Self::Withdrawn];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// A technician still has something to say about it.
    pub const fn asks_verdict(self) -> bool {
        matches!(self, Self::Open | Self::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_to_states() {
        for state in LineState::ALL {
            assert_eq!(LineState::from_word(state.word()), Some(state));
        }
    }
}
