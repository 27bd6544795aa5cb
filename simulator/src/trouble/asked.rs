//! Which troubles are asked for, and how much of each: `late=0.05:10m,doubled=0.05`.

use rules::time::Span;

/// Which troubles, and how much of each. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Troubles {
    pub late: f64,
    pub late_by: Span,
    pub doubled: f64,
    pub shuffled: Span,
    pub skewed: Span,
    pub corrupt: f64,
    pub backlog: Span,
    pub spikes: f64,
    pub lost_store: f64,
    pub hole: f64,
}

/// Why a text does not describe troubles.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TroublesError {
    #[error("`{0}` is not key=amount")]
    Form(String),
    #[error(
        "there is no trouble `{0}`; there are late, doubled, shuffled, skewed, corrupt, backlog, spikes, lost-store, hole"
    )]
    Unknown(String),
    #[error("`{0}` is not an amount of {1}")]
    Amount(String, &'static str),
}

impl Troubles {
    /// Reads `late=0.05:10m,doubled=0.05,shuffled=120s`.
    pub fn parse(text: &str) -> Result<Self, TroublesError> {
        let mut troubles = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, amount) = part.split_once('=').ok_or_else(|| TroublesError::Form(part.to_owned()))?;
            match key {
                "late" => {
                    let (portion, longest) = amount.split_once(':').unwrap_or((amount, "10m"));
                    troubles.late = share(portion)?;
                    troubles.late_by = span(longest)?;
                }
                "doubled" => troubles.doubled = share(amount)?,
                "shuffled" => troubles.shuffled = span(amount)?,
                "skewed" => troubles.skewed = span(amount)?,
                "corrupt" => troubles.corrupt = share(amount)?,
                "backlog" => troubles.backlog = span(amount)?,
                "spikes" => troubles.spikes = share(amount)?,
                "lost-store" => troubles.lost_store = share(amount)?,
                "hole" => troubles.hole = share(amount)?,
                other => return Err(TroublesError::Unknown(other.to_owned())),
            }
        }
        Ok(troubles)
    }

    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

fn share(text: &str) -> Result<f64, TroublesError> {
    let wrong = || TroublesError::Amount(text.to_owned(), "a share from 0 to 1");
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(wrong)
}

fn span(text: &str) -> Result<Span, TroublesError> {
    Span::parse(text).map_err(|_| TroublesError::Amount(text.to_owned(), "time, as in \"10m\""))
}
