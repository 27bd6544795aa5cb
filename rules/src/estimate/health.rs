//! State of health of a traction battery, DOMAIN 5.2: every long enough charge weighs the battery (charge moved over
//! change of the gauge), a Kalman level follows, and the fade's line takes it by its weight.

use crate::learned::forecast::{EIGHTY, within};
use serde::{Deserialize, Serialize};

use super::fade::{Fade, FadeLine};
use super::{Stamp, emit, measured, recent};
use crate::learned::forecast::{Due, Forecast};
use crate::observed::segment::SegmentKind;
use crate::observed::step::Step;
use crate::rule_set::RuleSet;
use crate::state::Vehicle;
use crate::unit::{Span, Time};
use crate::vehicle::Profile;

/// What a forecast is about.
pub(super) const COMPONENT: &str = "traction.battery";
/// A charge weighs from this change of the gauge on, percent. DOMAIN 5.2 has 30; below 20 the bias shows, and many
/// owners never charge by 30.
const LEAST_CHANGE: f64 = 25.0;
/// Standard deviation of one weighing: this over the change of the gauge, percent.
const SINGLE_SD: f64 = 150.0;
/// DOMAIN 5.0: nothing is integrated over a longer gap.
const GAP: Span = Span::from_secs(60);
const COVERAGE: f64 = 0.98;
/// The gauge moves at most so much a minute up, and down by no more than a step of its display, percent.
const MOST_RISE: f64 = 4.0;
const MOST_FALL: f64 = -1.1;
const WARM: std::ops::RangeInclusive<f64> = 10.0..=40.0;
/// Of the time: a cold battery is warmed at the beginning.
const WARM_SHARE: f64 = 0.8;
/// Slower than this, as a multiple of the capacity an hour.
const MOST_RATE: f64 = 1.0;
/// The capacity of a young battery is weighed itself, as the mean of so many charges, within this of the nominal one.
const REFERENCE: u16 = 20;
const REFERENCE_WITHIN: f64 = 0.05;
/// Weighings that the nominal capacity is worth: new batteries differ by 1 %, a weighing by 4 %.
const NOMINAL_WEIGHS: f32 = 16.0;
const YOUNG: Span = Span::from_days(60);
/// A weighing further off is not believed, unless so many in a row are.
const GATE: f64 = 3.0;
const STUBBORN: u8 = 4;
/// Variance that the level gains a day, percent squared: a quarter of a percent a month.
const DRIFT: f64 = 0.06 / 30.0;
const YEAR: f64 = 365.25;
/// DOMAIN 5.2: the fast loss of the first months bends the line, years.
const SETTLED: f64 = 0.5;
/// That loss, which a young battery's own capacity has to be freed of.
const EARLY_LOSS: f64 = 0.015;
/// Warranty: percent, until years.
pub const WARRANTY: (f64, f64) = (70.0, 8.0);
/// DOMAIN 5.2: before the second year no date is named; weighings, and years between them.
const DATED: u16 = 12;
const DATED_AFTER: f32 = 0.5;

/// A charge that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Session {
    ah: f32,
    from_soc: f32,
    soc: f32,
    amperes: f32,
    at: Time,
    secs: f32,
    covered: f32,
    warm: f32,
    sound: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Health {
    session: Option<Session>,
    /// Capacity that is 100 %, Ah, and from how many charges.
    reference: f32,
    weighed: u16,
    /// Kalman level and its variance, percent.
    level: f32,
    variance: f32,
    astray: u8,
    seen: Stamp,
    fade: Fade,
    /// Ages at the line's first and last weighing, years.
    since: Option<f32>,
    age: f32,
}

impl Health {
    fn new() -> Self {
        Self {
            session: None,
            reference: 0.0,
            weighed: 0,
            level: f32::NAN,
            variance: 9.0,
            astray: 0,
            seen: Stamp::default(),
            fade: Fade::default(),
            since: None,
            age: 0.0,
        }
    }

    /// Moves what is remembered by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        self.seen.move_by(by);
        if let Some(session) = &mut self.session {
            session.at = session.at.stepped(by);
        }
    }

    /// Level and standard deviation, percent; `None` before the first weighing.
    pub fn level(&self) -> Option<(f64, f64)> {
        (!self.level.is_nan()).then(|| (f64::from(self.level), f64::from(self.variance).sqrt()))
    }

    pub fn line(&self) -> FadeLine {
        self.fade.line()
    }

    /// Whether enough was seen for long enough to name a date.
    pub fn is_dated(&self) -> bool {
        let observed = self.since.map_or(0.0, |since| self.age - since);
        self.fade.count() >= DATED && observed >= DATED_AFTER
    }

    /// Takes the capacity of one charge, Ah, over a change of the gauge, percent. False if it was not believed.
    fn weigh(&mut self, capacity: f64, change: f64, nominal: f64, age_days: f64, is_young: bool, since: f64) -> bool {
        self.refer(capacity, nominal, is_young, age_days);
        let health = 100.0 * capacity / f64::from(self.reference);
        let sd = SINGLE_SD / change;
        if self.level.is_nan() {
            self.level = health.clamp(60.0, 105.0) as f32;
        }
        let level = f64::from(self.level) + self.fade.line().slope / YEAR * since;
        let variance = f64::from(self.variance) + DRIFT * since;
        let off = health - level;
        let total = variance + sd * sd;
        if off.abs() > GATE * total.sqrt() {
            self.astray += 1;
            if self.astray < STUBBORN {
                return false;
            }
            // It really is another one: a module was replaced, or the level was wrong.
            self.variance = 25.0;
        }
        self.astray = 0;
        let gain = variance / total;
        self.level = (level + gain * off) as f32;
        self.variance = ((1.0 - gain) * variance) as f32;
        let age = age_days / YEAR;
        if age >= SETTLED {
            self.since.get_or_insert(age as f32);
            self.age = age as f32;
            self.fade.take(age, health, sd);
        }
        true
    }

    /// The capacity that counts as whole: a young battery's own, or the nominal one.
    fn refer(&mut self, capacity: f64, nominal: f64, is_young: bool, age_days: f64) {
        if self.reference == 0.0 {
            self.reference = nominal as f32;
            // Whoever is heard of late has lost something already: of what, only the nominal value says.
            self.weighed = if is_young { 0 } else { REFERENCE };
        }
        if self.weighed < REFERENCE {
            self.weighed += 1;
            let new = capacity / (1.0 - EARLY_LOSS * (age_days / YEAR / SETTLED).min(1.0));
            let within = new.clamp(nominal * (1.0 - REFERENCE_WITHIN), nominal * (1.0 + REFERENCE_WITHIN));
            // Twenty weighings still err by a percent, for good: the nominal capacity counts as some of them.
            self.reference += (within as f32 - self.reference) / (f32::from(self.weighed) + NOMINAL_WEIGHS);
        }
    }

    pub fn forecast(&self, age_years: f64) -> Option<Forecast> {
        let (level, sd) = self.level()?;
        let line = self.line();
        let dated = self.is_dated();
        let days = |age: f64| (age - age_years).max(0.0) * YEAR;
        let due = dated.then(|| {
            let [early, central, late] = line.reaches(WARRANTY.0, age_years).map(days);
            Due { early, central, late }
        });
        Some(Forecast {
            estimator: "state_of_health",
            component: COMPONENT.to_owned(),
            what: "state of health",
            value: level,
            unit: "%",
            low: level - EIGHTY * sd,
            high: level + EIGHTY * sd,
            due,
            within: dated.then(|| within(|days| line.below(WARRANTY.0, age_years + days / YEAR))),
            evidence: self.weighed.into(),
            learning: !dated,
        })
    }
}

/// Age of the vehicle at `at`, days.
pub fn age_days(profile: &Profile, at: Time) -> f64 {
    at.since(profile.delivered_at).days_f64()
}

pub fn update(vehicle: &mut Vehicle, step: &mut Step, set: &RuleSet) {
    let charging = vehicle.segment.kind == SegmentKind::Charge;
    let open = vehicle.estimates.health.as_ref().is_some_and(|health| health.session.is_some());
    if !charging {
        if open {
            end_session(vehicle, step, set);
        }
        return;
    }
    let (Some(amperes), Some(soc)) =
        (measured(vehicle, step, set.known.pack_amperes), measured(vehicle, step, set.known.soc))
    else {
        return;
    };
    let is_warm = [set.known.cell_temp_max, set.known.cell_temp_min]
        .into_iter()
        .all(|slot| recent(vehicle, step.at, slot, 120).is_some_and(|celsius| WARM.contains(&celsius)));
    let health = vehicle.estimates.health.get_or_insert_with(|| Box::new(Health::new()));
    let fresh = Session {
        ah: 0.0,
        from_soc: soc as f32,
        soc: soc as f32,
        amperes: amperes as f32,
        at: step.at,
        secs: 0.0,
        covered: 0.0,
        warm: 0.0,
        sound: true,
    };
    let Some(session) = &mut health.session else {
        health.session = Some(fresh);
        return;
    };
    let gap = step.at.since(session.at);
    let secs = gap.secs_f64();
    let rise = soc - f64::from(session.soc);
    session.secs += secs as f32;
    if gap <= GAP {
        session.covered += secs as f32;
        session.ah += (f64::midpoint(amperes, f64::from(session.amperes)) * secs / 3_600.0) as f32;
    }
    session.warm += if is_warm { secs as f32 } else { 0.0 };
    session.sound &= (MOST_FALL..=MOST_RISE * (secs / 60.0).max(1.0)).contains(&rise);
    (session.soc, session.amperes, session.at) = (soc as f32, amperes as f32, step.at);
}

fn end_session(vehicle: &mut Vehicle, step: &mut Step, set: &RuleSet) {
    let nominal = set.catalogue.model(&vehicle.profile.model).and_then(|model| model.nominal.pack_ah);
    let (age_days, is_young) =
        (age_days(&vehicle.profile, step.at), step.at.since(vehicle.profile.delivered_at) < YOUNG);
    let Some(health) = &mut vehicle.estimates.health else { return };
    let (Some(session), Some(nominal)) = (health.session.take(), nominal) else { return };
    let change = f64::from(session.soc - session.from_soc);
    let ah = f64::from(session.ah);
    let whole = f64::from(session.covered) >= COVERAGE * f64::from(session.secs);
    let warm = f64::from(session.warm) >= WARM_SHARE * f64::from(session.secs);
    let slow = ah / (f64::from(session.secs) / 3_600.0).max(1e-3) < MOST_RATE * nominal;
    // A meter that counts the other way round weighs nothing.
    let charged = ah > 0.0;
    if change < LEAST_CHANGE || !charged || !whole || !warm || !session.sound || !slow {
        return;
    }
    let since = health.seen.pass(session.at).days_f64();
    if !health.weigh(100.0 * ah / change, change, nominal, age_days, is_young, since) {
        return;
    }
    let (level, dated, line) = (health.level(), health.is_dated(), health.line());
    if let Some((level, _)) = level {
        emit(vehicle, step, set.known.health, level);
    }
    if dated {
        let age = age_days / YEAR;
        let [_, central, _] = line.reaches(WARRANTY.0, age);
        emit(vehicle, step, set.known.health_days, (central - age).max(0.0) * YEAR);
        if age < WARRANTY.1 {
            emit(vehicle, step, set.known.health_risk, 100.0 * line.below(WARRANTY.0, WARRANTY.1));
        }
    }
}
