//! State of health of a traction battery, DOMAIN 5.2: every long enough charge weighs the battery (charge moved over
//! change of the gauge), a Kalman level follows, and the fade's line takes it by its weight.

use crate::learned::forecast::{EIGHTY, within};
use serde::{Deserialize, Serialize};

use super::State;
use super::entry::{EmitAt, Entry, Foresight, Occasion, ReadAt};
use super::fade::{Fade, FadeLine};
use super::feature::{Features, Latest};
use super::given::{Given, Observed};
use super::stamp::Stamp;
use super::states::read;
use crate::learned::forecast::{Due, Forecast};
use crate::observed::segment::SegmentKind;
use crate::unit::{Span, Time};

pub const ENTRY: Entry = Entry {
    key: "health",
    what: "state of health of a traction battery, and when it comes to the limit of its warranty",
    wakes: &[
        "Vehicle.Powertrain.TractionBattery.CurrentCurrent",
        "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current",
    ],
    occasions: &[Occasion::Segment],
    reads: &[
        "Vehicle.Powertrain.TractionBattery.Temperature.Max",
        "Vehicle.Powertrain.TractionBattery.Temperature.Min",
    ],
    emits: &[
        "Feature.Powertrain.TractionBattery.StateOfHealth",
        "Feature.Powertrain.TractionBattery.HealthDaysLeft",
        "Feature.Powertrain.TractionBattery.WarrantyRisk",
    ],
    components: &[COMPONENT],
    update,
    foresight: Some(Foresight { estimator: ESTIMATOR, forecasts }),
    restart: |state, component| {
        // Another module or sensor does not make another battery.
        if component.as_str() == COMPONENT {
            *state = State::None;
        }
    },
    move_by: |state, by| {
        if let State::Health(health) = state {
            health.move_by(by);
        }
    },
    read: |bytes| read(bytes).map(State::Health),
    ..Entry::PLAIN
};
const AMPERES: ReadAt = ReadAt(0);
const GAUGE: ReadAt = ReadAt(1);
const HOTTEST: ReadAt = ReadAt(2);
const COLDEST: ReadAt = ReadAt(3);
const HEALTH: EmitAt = EmitAt(0);
const DAYS_LEFT: EmitAt = EmitAt(1);
const RISK: EmitAt = EmitAt(2);

/// Its name among the calibrations, and what a forecast is about.
const ESTIMATOR: &str = "state_of_health";
const COMPONENT: &str = "traction.battery";
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

impl Session {
    fn begin(amperes: f64, soc: f64, at: Time) -> Self {
        Self {
            ah: 0.0,
            from_soc: soc as f32,
            soc: soc as f32,
            amperes: amperes as f32,
            at,
            secs: 0.0,
            covered: 0.0,
            warm: 0.0,
            sound: true,
        }
    }

    fn take(&mut self, amperes: f64, soc: f64, is_warm: bool, at: Time) {
        let gap = at.since(self.at);
        let secs = gap.secs_f64();
        let rise = soc - f64::from(self.soc);
        self.secs += secs as f32;
        if gap <= GAP {
            self.covered += secs as f32;
            self.ah += (f64::midpoint(amperes, f64::from(self.amperes)) * secs / 3_600.0) as f32;
        }
        self.warm += if is_warm { secs as f32 } else { 0.0 };
        self.sound &= (MOST_FALL..=MOST_RISE * (secs / 60.0).max(1.0)).contains(&rise);
        (self.soc, self.amperes, self.at) = (soc as f32, amperes as f32, at);
    }

    /// Of the gauge, percent.
    fn change(&self) -> f64 {
        f64::from(self.soc - self.from_soc)
    }

    /// Whether it weighs a battery of this capacity, Ah: long, whole, warm and slow enough.
    fn weighs(&self, nominal: f64) -> bool {
        let (ah, secs) = (f64::from(self.ah), f64::from(self.secs));
        let whole = f64::from(self.covered) >= COVERAGE * secs;
        let warm = f64::from(self.warm) >= WARM_SHARE * secs;
        let slow = ah / (secs / 3_600.0).max(1e-3) < MOST_RATE * nominal;
        // A meter that counts the other way round weighs nothing.
        let charged = ah > 0.0;
        self.change() >= LEAST_CHANGE && charged && whole && warm && self.sound && slow
    }
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

    fn move_by(&mut self, by: Span) {
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

    fn forecast(&self, age_years: f64) -> Option<Forecast> {
        let (level, sd) = self.level()?;
        let line = self.line();
        let dated = self.is_dated();
        let days = |age: f64| (age - age_years).max(0.0) * YEAR;
        let due = dated.then(|| {
            let [early, central, late] = line.reaches(WARRANTY.0, age_years).map(days);
            Due { early, central, late }
        });
        Some(Forecast {
            estimator: ESTIMATOR,
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

fn update(state: &mut State, observed: &Observed<'_>, given: &Given<'_>, features: &mut Features<'_>) {
    if observed.segment.kind != SegmentKind::Charge {
        if let State::Health(health) = state
            && let Some(session) = health.session.take()
        {
            end_session(health, session, observed, given, features);
        }
        return;
    }
    let (Some(amperes), Some(soc)) = (features.measured(AMPERES), features.measured(GAUGE)) else { return };
    let is_warm =
        [HOTTEST, COLDEST].into_iter().all(|place| features.recent(place, 120).is_some_and(|own| WARM.contains(&own)));
    let State::Health(health) = state.or(|| State::Health(Box::new(Health::new()))) else { return };
    match &mut health.session {
        Some(session) => session.take(amperes, soc, is_warm, observed.at),
        None => health.session = Some(Session::begin(amperes, soc, observed.at)),
    }
}

fn end_session(
    health: &mut Health,
    session: Session,
    observed: &Observed<'_>,
    given: &Given<'_>,
    features: &mut Features<'_>,
) {
    let Some(nominal) = given.pack_ah() else { return };
    if !session.weighs(nominal) {
        return;
    }
    let (age_days, is_young) = (given.age_days(observed.at), observed.at.since(given.profile.delivered_at) < YOUNG);
    let change = session.change();
    let since = health.seen.pass(session.at).days_f64();
    if !health.weigh(100.0 * f64::from(session.ah) / change, change, nominal, age_days, is_young, since) {
        return;
    }
    if let Some((level, _)) = health.level() {
        features.emit(HEALTH, level);
    }
    if health.is_dated() {
        let (line, age) = (health.line(), age_days / YEAR);
        let [_, central, _] = line.reaches(WARRANTY.0, age);
        features.emit(DAYS_LEFT, (central - age).max(0.0) * YEAR);
        if age < WARRANTY.1 {
            features.emit(RISK, 100.0 * line.below(WARRANTY.0, WARRANTY.1));
        }
    }
}

fn forecasts(state: &State, latest: &Latest<'_>, given: &Given<'_>) -> Vec<Forecast> {
    let State::Health(health) = state else { return Vec::new() };
    health.forecast(given.age_days(latest.newest) / YEAR).into_iter().collect()
}
