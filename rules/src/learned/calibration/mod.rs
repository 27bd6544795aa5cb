//! Calibration: what estimators said against what came, so that thirty percent comes to mean thirty percent and an
//! 80 % interval contains eight of ten (DOMAIN 5.0).
//!
//! By estimator, and by model where a model has forecasts enough: a logistic map of probabilities that begins as
//! the identity, held by ten forecasts' worth of belief that the estimator is right, and three places of an
//! interval, taken from where in it the limit really came (conformal scaling).

mod held;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::held::Held;
use super::{Coverage, HALF_LIFE_DAYS};
use crate::learned::forecast::{Due, EIGHTY, Forecast, HORIZONS, Outlook};

/// Forecasts of one part come once a week and look a month ahead: so much of each is news.
const NEWS: f64 = 0.25;
/// A model whose own forecasts weigh less goes by those of all models.
const ENOUGH: f64 = 20.0;
/// Probabilities nearer to 0 or 1 are taken as this near: what no fleet can tell apart.
const NEAREST: f64 = 0.002;
/// A limit further off than this, days, is followed no longer.
pub const FOLLOWED_DAYS: f64 = 180.0;
/// A width of an interval below which it is measured as this wide, days: a forecast is made once a day.
const NARROWEST: f64 = 0.5;
/// An interval grows to at most so many of its own widths.
const WIDEST: f64 = 5.0;
/// Probabilities that moved less than this change no decision worth an activation.
const NOTICEABLE: f64 = 0.03;
/// Nor do ends of an interval that moved by less of its width.
const NOTICEABLE_WIDTH: f64 = 0.1;

/// A forecast of the past and what is known of it since.
#[derive(Clone, Debug, PartialEq)]
pub struct Followed {
    pub estimator: String,
    pub model: String,
    /// As the estimator gave it.
    pub raw: Outlook,
    /// As people and rules were told: after the calibration of its day.
    pub told: Outlook,
    /// Days from the forecast until the part came to its limit: a rule that detects found it there, or a technician.
    pub failed_after: Option<f64>,
    /// A technician looked for it before it failed and found nothing.
    pub refuted: bool,
    /// Days for which the part was heard of and nobody replaced it.
    pub heard_for: f64,
    /// Days since the forecast.
    pub age: f64,
}

impl Followed {
    /// Whether the part failed within so many days; `None` where nobody knows (yet).
    pub fn failed_within(&self, days: f64) -> Option<bool> {
        match self.failed_after {
            Some(after) => Some(after <= days),
            None if self.refuted => Some(false),
            None => (self.heard_for >= days).then_some(false),
        }
    }

    /// Where in an interval the limit came: -1 its early end, 0 its middle, 1 its late end. `None` before as much
    /// time has passed as the interval takes: those that fail soon would be heard of first.
    fn place(&self, due: Due) -> Option<f64> {
        let late = due.late.min(FOLLOWED_DAYS);
        if self.age < late || due.central > FOLLOWED_DAYS {
            return None;
        }
        let after = match self.failed_after {
            Some(after) => after,
            None if !self.refuted && self.heard_for >= late => self.heard_for.max(late),
            None => return None,
        };
        let side = if after < due.central { due.central - due.early } else { late - due.central };
        Some((after - due.central) / side.max(NARROWEST))
    }

    fn weight(&self) -> f64 {
        NEWS * (-self.age.max(0.0) / HALF_LIFE_DAYS).exp2()
    }
}

/// What turns an estimator's figures into those that hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// Log-odds are taken `slope` times and `intercept` more.
    pub intercept: f64,
    pub slope: f64,
    /// Where in the estimator's own interval the calibrated one begins, has its middle and ends; -1, 0, 1 as it is.
    pub early: f64,
    pub middle: f64,
    pub late: f64,
}

impl Map {
    /// The estimator is right.
    pub const IDENTITY: Self = Self { intercept: 0.0, slope: 1.0, early: -1.0, middle: 0.0, late: 1.0 };

    /// The probability that holds.
    pub fn chance(&self, raw: f64) -> f64 {
        if (self.intercept, self.slope) == (0.0, 1.0) { raw } else { sigmoid(self.intercept + self.slope * logit(raw)) }
    }

    /// The interval that holds.
    pub fn due(&self, raw: Due) -> Due {
        let at = |place: f64| {
            let side = if place < 0.0 { raw.central - raw.early } else { raw.late - raw.central };
            let moved = if place == 0.0 { 0.0 } else { place * side };
            (raw.central + moved).max(0.0)
        };
        Due { early: at(self.early), central: at(self.middle), late: at(self.late) }
    }

    pub fn outlook(&self, raw: Outlook) -> Outlook {
        Outlook {
            within: raw.within.map(|within| within.map(|p| self.chance(p))),
            due: raw.due.map(|due| self.due(due)),
        }
    }

    /// A forecast as it holds.
    #[must_use]
    pub fn calibrated(&self, mut forecast: Forecast) -> Forecast {
        let told = self.outlook(forecast.outlook());
        (forecast.within, forecast.due) = (told.within, told.due);
        forecast
    }

    /// Whether anybody would decide otherwise by the other one.
    fn differs_from(&self, other: &Self) -> bool {
        let moved = |raw: f64| (self.chance(raw) - other.chance(raw)).abs() >= NOTICEABLE;
        let ends = [(self.early, other.early), (self.middle, other.middle), (self.late, other.late)];
        [0.05, 0.2, 0.5, 0.8, 0.95].into_iter().any(moved)
            || ends.into_iter().any(|(own, its)| (own - its).abs() >= NOTICEABLE_WIDTH)
    }

    pub fn is_sound(&self) -> bool {
        let figures = [self.intercept, self.slope, self.early, self.middle, self.late];
        figures.iter().all(|figure| figure.is_finite())
            && self.slope >= 0.0
            && self.early <= self.middle
            && self.middle <= self.late
    }
}

/// One map of the table, `[[calibration]]` of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationEntry {
    pub estimator: String,
    /// `None`: for models without a map of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Forecasts behind it, by weight.
    pub weight: f64,
    pub map: Map,
    /// How the intervals that were told held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Coverage>,
}

/// Maps by estimator and model, in that order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CalibrationTable(Vec<CalibrationEntry>);

#[derive(Serialize)]
struct File<'a> {
    calibration: &'a [CalibrationEntry],
}

impl CalibrationTable {
    pub fn new(mut entries: Vec<CalibrationEntry>) -> Self {
        entries.sort_by(|a, b| (&a.estimator, &a.model).cmp(&(&b.estimator, &b.model)));
        Self(entries)
    }

    pub fn iter(&self) -> impl Iterator<Item = &CalibrationEntry> {
        self.0.iter()
    }

    /// The map of an estimator for a model.
    pub fn of(&self, estimator: &str, model: &str) -> Map {
        let find = |model: Option<&str>| {
            self.0.iter().find(|entry| entry.estimator == estimator && entry.model.as_deref() == model)
        };
        find(Some(model)).or_else(|| find(None)).map_or(Map::IDENTITY, |entry| entry.map)
    }

    /// The file of the table.
    pub fn to_toml(&self) -> String {
        // A list of plain tables can always be written.
        let body = toml::to_string(&File { calibration: &self.0 }).unwrap_or_default();
        format!("# Learned from what became of forecasts; the engine writes it, nobody else.\n\n{body}")
    }

    pub fn decides_otherwise(&self, other: &Self) -> bool {
        !self.differences(other).is_empty()
    }

    /// What another table changes, as estimator with model and sentence.
    pub fn differences(&self, other: &Self) -> Vec<(String, String)> {
        let mut keys: Vec<_> = self.0.iter().chain(&other.0).map(|entry| (&entry.estimator, &entry.model)).collect();
        keys.sort_unstable();
        keys.dedup();
        let sentence = |(estimator, model): (&String, &Option<String>)| {
            let model = model.as_deref().unwrap_or_default();
            let (old, new) = (self.of(estimator, model), other.of(estimator, model));
            let name = if model.is_empty() { estimator.clone() } else { format!("{estimator} of {model}") };
            let said = format!(
                "50 % means {:.0} % instead of {:.0} %; the interval is {:.1} times as wide as the estimator's, before {:.1}",
                100.0 * new.chance(0.5),
                100.0 * old.chance(0.5),
                (new.late - new.early) / 2.0,
                (old.late - old.early) / 2.0
            );
            let dates = (self.date_holds(estimator, model), other.date_holds(estimator, model));
            let said = if dates.0 == dates.1 { said } else { format!("{said}; {}", held::sentence(dates.1)) };
            (old.differs_from(&new) || dates.0 != dates.1).then_some((name, said))
        };
        keys.into_iter().filter_map(sentence).collect()
    }
}

/// Learns the maps from forecasts of the past: one for each estimator, and one for each model that has enough.
pub fn calibrate(followed: &[Followed]) -> CalibrationTable {
    let mut by_estimator: BTreeMap<&str, Vec<&Followed>> = BTreeMap::new();
    for one in followed {
        by_estimator.entry(&one.estimator).or_default().push(one);
    }
    let mut entries = Vec::new();
    for (estimator, of_all) in by_estimator {
        let (map, weight) = learn(&of_all, &Map::IDENTITY);
        if weight == 0.0 {
            continue;
        }
        let entry = |model: Option<&str>, own: &[&Followed], map, weight| CalibrationEntry {
            estimator: estimator.to_owned(),
            model: model.map(str::to_owned),
            map,
            weight,
            intervals: Some(Held::of(own.iter().copied()).interval).filter(|interval| interval.judged > 0),
        };
        entries.push(entry(None, &of_all, map, weight));
        let mut by_model: BTreeMap<&str, Vec<&Followed>> = BTreeMap::new();
        for one in of_all {
            by_model.entry(&one.model).or_default().push(one);
        }
        for (model, own) in by_model {
            let (own_map, weight) = learn(&own, &map);
            if weight >= ENOUGH {
                entries.push(entry(Some(model), &own, own_map, weight));
            }
        }
    }
    CalibrationTable::new(entries)
}

/// The map of some forecasts, and how much they weigh; `prior` is what is believed without them.
fn learn(followed: &[&Followed], prior: &Map) -> (Map, f64) {
    let mut outcomes = Vec::new();
    let mut places = Vec::new();
    for one in followed {
        for (chance, days) in one.raw.within.iter().flat_map(|within| within.iter().zip(HORIZONS)) {
            if let Some(failed) = one.failed_within(days) {
                let weight = one.weight() / HORIZONS.len() as f64;
                outcomes.push(Outcome { x: logit(*chance), y: f64::from(u8::from(failed)), weight });
            }
        }
        if let Some(place) = one.raw.due.and_then(|due| one.place(due)) {
            places.push((place.clamp(-WIDEST, WIDEST), one.weight()));
        }
    }
    let weight = outcomes.iter().map(|outcome| outcome.weight).sum::<f64>();
    let weight = weight.max(places.iter().map(|(_, weight)| weight).sum());
    let (intercept, slope) = logistic(outcomes, prior);
    let [early, middle, late] = ends(places, prior);
    (Map { intercept, slope, early, middle, late }, weight)
}

/// A probability that was said, as log-odds, and what came: 0 or 1.
#[derive(Clone, Copy)]
struct Outcome {
    x: f64,
    y: f64,
    weight: f64,
}

/// Logistic regression by Newton's method. The prior is ten forecasts, one in each tenth, that came true as often as
/// it says: a Beta prior of weight ten.
fn logistic(mut outcomes: Vec<Outcome>, prior: &Map) -> (f64, f64) {
    outcomes.extend((0..10).map(|tenth| {
        let said = (f64::from(tenth) + 0.5) / 10.0;
        Outcome { x: logit(said), y: prior.chance(said), weight: 1.0 }
    }));
    let (mut a, mut b) = (prior.intercept, prior.slope);
    for _ in 0..50 {
        let [mut ga, mut gb, mut aa, mut ab, mut bb] = [0.0; 5];
        for Outcome { x, y, weight } in &outcomes {
            let p = sigmoid(a + b * x);
            let (error, curve) = (weight * (y - p), weight * (p * (1.0 - p)).max(1e-6));
            ga += error;
            gb += error * x;
            aa += curve;
            ab += curve * x;
            bb += curve * x * x;
        }
        let determinant = (aa * bb - ab * ab).max(1e-12);
        // A step of at most one in log-odds: far from the end Newton's own overshoots.
        let da = ((bb * ga - ab * gb) / determinant).clamp(-1.0, 1.0);
        let db = ((aa * gb - ab * ga) / determinant).clamp(-1.0, 1.0);
        a += da;
        // Saying more must never come to mean less.
        b = (b + db).max(0.0);
        if da.abs().max(db.abs()) < 1e-9 {
            break;
        }
    }
    (a, b)
}

/// The 10 %, 50 % and 90 % quantiles of where the limit came. The prior is ten limits where the interval of `prior`
/// has them.
fn ends(mut places: Vec<(f64, f64)>, prior: &Map) -> [f64; 3] {
    if places.is_empty() {
        return [prior.early, prior.middle, prior.late];
    }
    const DECILES: [f64; 5] = [0.125_661, 0.385_320, 0.674_490, 1.036_433, 1.644_854];
    for z in DECILES {
        let (low, high) = (prior.early - prior.middle, prior.late - prior.middle);
        places.push((prior.middle + low * z / EIGHTY, 1.0));
        places.push((prior.middle + high * z / EIGHTY, 1.0));
    }
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    [0.1, 0.5, 0.9].map(|share| quantile(&places, share))
}

/// The quantile of sorted values with weights, each at the middle of its weight.
fn quantile(sorted: &[(f64, f64)], share: f64) -> f64 {
    let whole: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let (mut below, mut before) = (0.0, None::<(f64, f64)>);
    for (value, weight) in sorted {
        let at = (below + weight / 2.0) / whole;
        if at >= share {
            return before.map_or(*value, |(other, from)| other + (value - other) * (share - from) / (at - from));
        }
        below += weight;
        before = Some((*value, at));
    }
    before.map_or(0.0, |(value, _)| value)
}

fn logit(p: f64) -> f64 {
    let p = p.clamp(NEAREST, 1.0 - NEAREST);
    (p / (1.0 - p)).ln()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests;
