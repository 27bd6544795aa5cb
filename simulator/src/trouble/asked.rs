//! Which troubles are asked for, and how much of each: `late=0.05:10m,doubled=0.05`.

use rules::unit::Span;

/// Which troubles, and how much of each. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Troubles {
    pub late: f64,
    pub late_by: Span,
    pub doubled: f64,
    pub contradicting: f64,
    pub shuffled: Span,
    pub skewed: Span,
    pub reset_clock: f64,
    pub corrupt: f64,
    pub backlog: Span,
    pub spikes: f64,
    pub stuck: Span,
    pub sentinel: f64,
    pub missing: f64,
    pub start_dip: f64,
    pub odometer_zero: f64,
    pub odometer_drop: f64,
    pub odometer_jump: f64,
    pub odometer_miles: Span,
    pub rollback_km: f64,
    pub lost_store: f64,
    pub hole: f64,
}

/// Why a text does not describe troubles.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TroublesError {
    #[error("`{0}` is not key=amount")]
    Form(String),
    #[error("there is no trouble `{0}`; there are {KEYS}")]
    Unknown(String),
    #[error("`{0}` is not an amount of {1}")]
    Amount(String, &'static str),
}

const KEYS: &str = "late, doubled, contradicting, shuffled, skewed, reset-clock, corrupt, backlog, spikes, stuck, \
    sentinel, missing, start-dip, odometer-zero, odometer-drop, odometer-jump, odometer-miles, odometer-rollback, \
    lost-store, hole";

/// Every row of DOMAIN 5.0 "Data quality", with what a bad day of it looks like.
const SUITE: &[(&str, &str)] = &[
    ("duplicate", "doubled=0.05"),
    ("same time, different content", "contradicting=0.02"),
    ("late or out of order", "late=0.05:30m,shuffled=120s"),
    ("clock skew", "skewed=4m"),
    ("clock far off", "skewed=12h"),
    ("clock reset", "reset-clock=0.01"),
    ("back-fill", "backlog=3d"),
    ("odometer zero", "odometer-zero=0.03"),
    ("odometer drop", "odometer-drop=0.02"),
    ("unit swap", "odometer-miles=1d"),
    ("odometer jump up", "odometer-jump=0.01"),
    ("rollback", "odometer-rollback=2000"),
    ("stuck sensor", "stuck=6h"),
    ("spike", "spikes=0.01"),
    ("sentinel", "sentinel=0.01"),
    ("missing", "missing=0.1,hole=0.01,corrupt=0.01,lost-store=0.0005"),
    ("12 V dip at start", "start-dip=0.5"),
];

impl Troubles {
    /// Reads `late=0.05:10m,doubled=0.05,shuffled=120s`.
    pub fn parse(text: &str) -> Result<Self, TroublesError> {
        let mut troubles = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, amount) = part.split_once('=').ok_or_else(|| TroublesError::Form(part.to_owned()))?;
            troubles.set(key, amount)?;
        }
        Ok(troubles)
    }

    /// One entry for every row of DOMAIN 5.0 "Data quality", by the row's name: none of them may open a case.
    pub fn suite() -> Vec<(&'static str, Self)> {
        SUITE.iter().filter_map(|(row, text)| Some((*row, Self::parse(text).ok()?))).collect()
    }

    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn set(&mut self, key: &str, amount: &str) -> Result<(), TroublesError> {
        if key == "late" {
            let (portion, longest) = amount.split_once(':').unwrap_or((amount, "10m"));
            self.late = share(portion)?;
            self.late_by = span(longest)?;
        } else if key == "odometer-rollback" {
            self.rollback_km = kilometres(amount)?;
        } else if let Some(field) = self.share_of(key) {
            *field = share(amount)?;
        } else if let Some(field) = self.span_of(key) {
            *field = span(amount)?;
        } else {
            return Err(TroublesError::Unknown(key.to_owned()));
        }
        Ok(())
    }

    fn share_of(&mut self, key: &str) -> Option<&mut f64> {
        Some(match key {
            "doubled" => &mut self.doubled,
            "contradicting" => &mut self.contradicting,
            "reset-clock" => &mut self.reset_clock,
            "corrupt" => &mut self.corrupt,
            "spikes" => &mut self.spikes,
            "sentinel" => &mut self.sentinel,
            "missing" => &mut self.missing,
            "start-dip" => &mut self.start_dip,
            "odometer-zero" => &mut self.odometer_zero,
            "odometer-drop" => &mut self.odometer_drop,
            "odometer-jump" => &mut self.odometer_jump,
            "lost-store" => &mut self.lost_store,
            "hole" => &mut self.hole,
            _ => return None,
        })
    }

    fn span_of(&mut self, key: &str) -> Option<&mut Span> {
        Some(match key {
            "shuffled" => &mut self.shuffled,
            "skewed" => &mut self.skewed,
            "backlog" => &mut self.backlog,
            "stuck" => &mut self.stuck,
            "odometer-miles" => &mut self.odometer_miles,
            _ => return None,
        })
    }
}

fn share(text: &str) -> Result<f64, TroublesError> {
    let wrong = || TroublesError::Amount(text.to_owned(), "a share from 0 to 1");
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(wrong)
}

fn kilometres(text: &str) -> Result<f64, TroublesError> {
    let wrong = || TroublesError::Amount(text.to_owned(), "kilometres");
    text.parse().ok().filter(|km: &f64| *km >= 0.0).ok_or_else(wrong)
}

fn span(text: &str) -> Result<Span, TroublesError> {
    Span::parse(text).map_err(|_| TroublesError::Amount(text.to_owned(), "time, as in \"10m\""))
}
