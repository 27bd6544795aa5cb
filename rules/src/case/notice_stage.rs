//! What a notice is for. The word stands in the store, in metrics and in the notice's id.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoticeStage {
    StopNow,
    Opened,
    /// The case is over: sent only to people who heard of it.
    Resolved,
}

impl NoticeStage {
    pub const ALL: [Self; 3] = [Self::StopNow, Self::Opened, Self::Resolved];

    pub const fn word(self) -> &'static str {
        match self {
            Self::StopNow => "stop_now",
            Self::Opened => "opened",
            Self::Resolved => "resolved",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.word() == word)
    }
}
