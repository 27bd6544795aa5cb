//! What a technician says of a case (DOMAIN 6.5). The word stands in the store and on pages.

/// What a technician said of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    Confirmed,
    /// There was a fault and the visit was worth it; the rule had another one in mind.
    ConfirmedOtherCause,
    /// Replaced without having failed: neither proves nor disproves the rule.
    PrecautionaryReplaced,
    NoFaultFound,
    NotInspected,
}

impl Verdict {
    pub const ALL: [Self; 5] = [
        Self::Confirmed,
        Self::ConfirmedOtherCause,
        Self::PrecautionaryReplaced,
        Self::NoFaultFound,
        Self::NotInspected,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::ConfirmedOtherCause => "confirmed_other_cause",
            Self::PrecautionaryReplaced => "precautionary_replaced",
            Self::NoFaultFound => "no_fault_found",
            Self::NotInspected => "not_inspected",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word)
    }
}
