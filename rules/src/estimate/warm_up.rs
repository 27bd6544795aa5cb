//! How the coolant warms, DOMAIN 5.6: K/min over the last half minute or more, and how long a cold start takes to
//! 70 degC against what it should, and what the thermostat then holds.

use serde::{Deserialize, Serialize};

use super::State;
use super::entry::{EmitAt, Entry, Occasion, ReadAt};
use super::fall::Fall;
use super::feature::Features;
use super::given::{Given, Observed};
use super::shift::Shift;
use super::stamp::Stamp;
use super::states::read;
use crate::entry::norm::Feature;
use crate::unit::{Span, Time};
use crate::vehicle::Powertrain;

pub const ENTRY: Entry = Entry {
    key: "warm_up",
    what: "how fast the coolant warms, whether cold starts take longer than they should, and what the thermostat holds",
    wakes: &["Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature"],
    occasions: &[Occasion::Segment],
    reads: &[
        "Vehicle.Exterior.AirTemperature",
        "Vehicle.OBD.IntakeTemp",
        "Vehicle.Speed",
        "Vehicle.Powertrain.CombustionEngine.Speed",
    ],
    emits: &[
        "Feature.Powertrain.CombustionEngine.CoolantRate",
        "Feature.Powertrain.CombustionEngine.WarmUpRise",
        "Feature.Powertrain.CombustionEngine.RegulationFall",
    ],
    components: &["engine.cooling"],
    update,
    restart: |state, _| {
        if let State::WarmUp(own) = state {
            **own = WarmUp { rise: own.rise, began: own.began, ..WarmUp::default() };
        }
    },
    move_by: |state, by| {
        if let State::WarmUp(own) = state {
            own.move_by(by);
        }
    },
    read: |bytes| read(bytes).map(State::WarmUp),
    ..Entry::PLAIN
};
const COOLANT: ReadAt = ReadAt(0);
const AMBIENT: ReadAt = ReadAt(1);
const INTAKE_AIR: ReadAt = ReadAt(2);
const SPEED: ReadAt = ReadAt(3);
const RPM: ReadAt = ReadAt(4);
const RATE: EmitAt = EmitAt(0);
const RISE: EmitAt = EmitAt(1);
const REGULATION_FALL: EmitAt = EmitAt(2);

const OVER: Span = Span::from_secs(30);
const AT_MOST: Span = Span::from_mins(3);
/// DOMAIN 5.6: a start is cold within this of ambient, K.
const COLD_WITHIN: f64 = 5.0;
/// Warm, degC; from there the thermostat has its say.
const WARM: f64 = 70.0;
/// Below this a start is worth timing, degC: the last few kelvins say nothing.
const COLD: f64 = 45.0;
/// Norms are those of a start at this temperature, degC.
const MILD: f64 = 25.0;
/// The engine works rather than idles above this, km/h.
const UNDER_LOAD: f64 = 5.0;
/// Heat comes with every revolution: time counts by the engine's speed over this one, rpm, where it is known.
const USUAL_RPM: f64 = 1_800.0;
/// Steps further apart are not time under load.
const GAP: f64 = 60.0;
/// From here on, or after so long under way, s, a sound thermostat regulates; degC.
const REGULATED: f64 = 80.0;
const LONG_ENOUGH: f32 = 900.0;
/// Above this it is as open as it gets, degC.
const HOT: f64 = 92.0;
/// Under way with it before the mean says anything, s.
const HELD: f32 = 300.0;
/// Below this even sound engines lose more than they make, degC outside (DOMAIN 5.6).
const FROST: f64 = -10.0;
/// A trip that ended before it was warm, but after longer than sound engines take with 98 %, was slow for sure.
const SURELY_SLOW: f64 = 2.0;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WarmUp {
    rise: Fall,
    /// Since when the trip lasts whose first temperature is still to come.
    began: Stamp,
    start: Option<Box<Start>>,
    shift: Shift,
    plateau: Plateau,
    regulation: Shift,
}

/// The coolant of a trip, under way, from when the thermostat has its say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Plateau {
    mean: f32,
    secs: f32,
    /// Under way before, seconds; infinite once it is warm.
    before: f32,
    at: Stamp,
}

impl Plateau {
    fn take(&mut self, celsius: f64, secs: f32) {
        let regulates = self.before >= LONG_ENOUGH;
        self.before = if celsius >= REGULATED { f32::INFINITY } else { self.before + secs };
        if regulates {
            self.secs += secs;
            // How hot it gets is the fan's affair.
            self.mean += (celsius.min(HOT) as f32 - self.mean) * (secs / self.secs);
        }
    }
}

/// A cold start that is not warm yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Start {
    from: f32,
    /// Under load so far, seconds.
    secs: f32,
    last: f32,
    at: Time,
}

impl Start {
    /// Expected time to 70 degC, s, DOMAIN 5.6.
    fn expected(&self) -> f64 {
        60.0 * (4.0 + 0.07 * (WARM - f64::from(self.from)))
    }
}

impl WarmUp {
    fn move_by(&mut self, by: Span) {
        self.rise.move_by(by);
        for stamp in [&mut self.began, &mut self.plateau.at] {
            stamp.move_by(by);
        }
        if let Some(start) = &mut self.start {
            start.at = start.at.stepped(by);
        }
    }
}

fn update(state: &mut State, observed: &Observed<'_>, given: &Given<'_>, features: &mut Features<'_>) {
    let coolant = features.measured(COOLANT);
    // Every vehicle makes trips; those that cannot have an engine's coolant need no memory of when they began.
    if matches!(state, State::None) && coolant.is_none() && given.profile.powertrain == Powertrain::Bev {
        return;
    }
    let State::WarmUp(own) = state.or(|| State::WarmUp(Box::default())) else { return };
    if observed.turn.ended {
        give_up(own, given, features);
        end_plateau(own, given, features);
    }
    if observed.turn.began {
        (own.began, own.plateau) = (Stamp::at(observed.at), Plateau::default());
    }
    let Some(celsius) = coolant else { return };
    take_rate(own, celsius, observed.at, features);
    begin(own, celsius, observed.at, features);
    hold(own, celsius, observed.at, features);
    warm(own, celsius, observed.at, given, features);
}

/// The first temperature of a trip says whether its start is a cold one.
fn begin(own: &mut WarmUp, celsius: f64, at: Time, features: &Features<'_>) {
    let began = std::mem::take(&mut own.began);
    if !began.is_set() {
        return;
    }
    let outside = features.recent(AMBIENT, 3_600).or_else(|| features.recent(INTAKE_AIR, 60));
    let start = Start { from: celsius as f32, secs: 0.0, last: celsius as f32, at };
    let soon = began.until(at) <= AT_MOST;
    own.start = (is_cold(celsius, outside) && soon).then(|| Box::new(start));
}

/// Whether an engine stood until it was as warm as the air, by the first temperature of a trip. A cold engine's intake
/// air is the air outside.
pub(super) fn is_cold(celsius: f64, outside: Option<f64>) -> bool {
    celsius < COLD && outside.is_some_and(|outside| (celsius - outside).abs() <= COLD_WITHIN)
}

/// Takes what the coolant is under way, for the time since it was last told.
fn hold(own: &mut WarmUp, celsius: f64, at: Time, features: &Features<'_>) {
    let works = features.recent(SPEED, 60).is_some_and(|speed| speed > UNDER_LOAD);
    let runs = features.recent(RPM, 60).is_none_or(|rpm| rpm > 0.0);
    let secs = own.plateau.at.pass(at).secs_f64();
    if works && runs && secs > 0.0 && secs <= GAP {
        own.plateau.take(celsius, secs as f32);
    }
}

/// What a whole trip was held at.
fn end_plateau(own: &mut WarmUp, given: &Given<'_>, features: &mut Features<'_>) {
    let frost = features.recent(AMBIENT, 3_600).is_some_and(|ambient| ambient < FROST);
    if own.plateau.secs < HELD || frost {
        return;
    }
    let Some(norm) = given.norm(Feature::Regulation) else { return };
    own.regulation.take(f64::from(own.plateau.mean), &norm);
    features.emit(REGULATION_FALL, own.regulation.down());
}

fn warm(own: &mut WarmUp, celsius: f64, at: Time, given: &Given<'_>, features: &mut Features<'_>) {
    let Some(start) = &mut own.start else { return };
    let gap = at.since(start.at).secs_f64();
    if gap > GAP {
        // Nothing is known of what happened meanwhile.
        own.start = None;
        return;
    }
    let works = features.recent(SPEED, 60).is_some_and(|speed| speed > UNDER_LOAD);
    let pace = features.recent(RPM, 60).map_or(1.0, |rpm| rpm / USUAL_RPM);
    let before = f64::from(start.last);
    let reached = celsius >= WARM;
    // Between two readings it warms evenly: without this a sampling of 30 s would be the scatter.
    let share = if reached && celsius > before { (WARM - before) / (celsius - before) } else { 1.0 };
    if works {
        start.secs += (gap * share * pace) as f32;
    }
    (start.last, start.at) = (celsius as f32, at);
    if reached {
        let (ratio, from) = (f64::from(start.secs) / start.expected(), f64::from(start.from));
        own.start = None;
        if ratio > 0.05 {
            take(own, ratio, from, given, features);
        }
    }
}

/// A trip ended before the engine was warm: if that took longer than it may, so much is known.
fn give_up(own: &mut WarmUp, given: &Given<'_>, features: &mut Features<'_>) {
    let Some(start) = own.start.take() else { return };
    let Some(norm) = given.norm(Feature::WarmUp) else { return };
    let ratio = f64::from(start.secs) / start.expected();
    let from = f64::from(start.from);
    let spread = (norm.between.powi(2) + norm.within.powi(2)).sqrt();
    if ratio > 0.0 && ratio.ln() - norm.per_k * (from - MILD) > norm.mean + SURELY_SLOW * spread {
        take(own, ratio, from, given, features);
    }
}

/// One cold start: its time over the expected one, and from what temperature.
fn take(own: &mut WarmUp, ratio: f64, from: f64, given: &Given<'_>, features: &mut Features<'_>) {
    let Some(norm) = given.norm(Feature::WarmUp) else { return };
    own.shift.take(ratio.ln() - norm.per_k * (from - MILD), &norm);
    features.emit(RISE, own.shift.up());
}

fn take_rate(own: &mut WarmUp, celsius: f64, at: Time, features: &mut Features<'_>) {
    // A rise is a fall of what is missing.
    if let Some(rate) = own.rise.take(-celsius, at, OVER, AT_MOST) {
        features.emit(RATE, rate);
    }
}
