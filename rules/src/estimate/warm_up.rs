//! How the coolant warms, DOMAIN 5.6: K/min over the last half minute or more, and how long a cold start takes to
//! 70 degC against what it should, and what the thermostat then holds.

use serde::{Deserialize, Serialize};

use super::fall::Fall;
use super::shift::Shift;
use super::{Stamp, Turn, emit, measured, recent};
use crate::entry::norm::Feature;
use crate::observed::known::Known;
use crate::observed::step::Step;
use crate::rule_set::RuleSet;
use crate::state::Vehicle;
use crate::unit::{Span, Time};

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
    /// Moves what is remembered by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        self.rise.move_by(by);
        for stamp in [&mut self.began, &mut self.plateau.at] {
            stamp.move_by(by);
        }
        if let Some(start) = &mut self.start {
            start.at = start.at.stepped(by);
        }
    }

    pub fn restart(&mut self) {
        *self = Self { rise: self.rise, began: self.began, ..Self::default() };
    }

    pub const fn shift(&self) -> &Shift {
        &self.shift
    }
}

pub fn update(vehicle: &mut Vehicle, step: &mut Step, turn: Turn, set: &RuleSet) {
    if turn.ended {
        give_up(vehicle, step, set);
        end_plateau(vehicle, step, set);
    }
    if turn.began {
        let own = &mut vehicle.estimates.warm_up;
        (own.began, own.plateau) = (Stamp::at(step.at), Plateau::default());
    }
    let Some(celsius) = measured(vehicle, step, set.known.coolant) else { return };
    take_rate(vehicle, step, celsius, set);
    let began = std::mem::take(&mut vehicle.estimates.warm_up.began);
    if began.is_set() {
        let is_cold = is_cold(vehicle, step, celsius, &set.known);
        let start = Start { from: celsius as f32, secs: 0.0, last: celsius as f32, at: step.at };
        let soon = began.until(step.at) <= AT_MOST;
        vehicle.estimates.warm_up.start = (is_cold && soon).then(|| Box::new(start));
    }
    hold(vehicle, step, celsius, set);
    warm(vehicle, step, celsius, set);
}

/// Whether an engine stood until it was as warm as the air, by the first temperature of a trip.
pub(super) fn is_cold(vehicle: &Vehicle, step: &Step, celsius: f64, known: &Known) -> bool {
    // A cold engine's intake air is the air outside.
    let outside =
        recent(vehicle, step.at, known.ambient, 3_600).or_else(|| recent(vehicle, step.at, known.intake_air, 60));
    celsius < COLD && outside.is_some_and(|outside| (celsius - outside).abs() <= COLD_WITHIN)
}

/// Takes what the coolant is under way, for the time since it was last told.
fn hold(vehicle: &mut Vehicle, step: &Step, celsius: f64, set: &RuleSet) {
    let works = recent(vehicle, step.at, set.known.speed, 60).is_some_and(|speed| speed > UNDER_LOAD);
    let runs = recent(vehicle, step.at, set.known.rpm, 60).is_none_or(|rpm| rpm > 0.0);
    let plateau = &mut vehicle.estimates.warm_up.plateau;
    let secs = plateau.at.pass(step.at).secs_f64();
    if works && runs && secs > 0.0 && secs <= GAP {
        plateau.take(celsius, secs as f32);
    }
}

/// What a whole trip was held at.
fn end_plateau(vehicle: &mut Vehicle, step: &mut Step, set: &RuleSet) {
    let plateau = vehicle.estimates.warm_up.plateau;
    let frost = recent(vehicle, step.at, set.known.ambient, 3_600).is_some_and(|ambient| ambient < FROST);
    let norm = set.catalogue.norms.of(Feature::Regulation, &vehicle.profile.model);
    let Some(norm) = norm.filter(|_| plateau.secs >= HELD && !frost) else { return };
    let regulation = &mut vehicle.estimates.warm_up.regulation;
    regulation.take(f64::from(plateau.mean), &norm);
    let fall = regulation.down();
    emit(vehicle, step, set.known.regulation_fall, fall);
}

fn warm(vehicle: &mut Vehicle, step: &mut Step, celsius: f64, set: &RuleSet) {
    let works = recent(vehicle, step.at, set.known.speed, 60).is_some_and(|speed| speed > UNDER_LOAD);
    let pace = recent(vehicle, step.at, set.known.rpm, 60).map_or(1.0, |rpm| rpm / USUAL_RPM);
    let Some(start) = &mut vehicle.estimates.warm_up.start else { return };
    let gap = step.at.since(start.at).secs_f64();
    if gap > GAP {
        // Nothing is known of what happened meanwhile.
        vehicle.estimates.warm_up.start = None;
        return;
    }
    let before = f64::from(start.last);
    let reached = celsius >= WARM;
    // Between two readings it warms evenly: without this a sampling of 30 s would be the scatter.
    let share = if reached && celsius > before { (WARM - before) / (celsius - before) } else { 1.0 };
    if works {
        start.secs += (gap * share * pace) as f32;
    }
    (start.last, start.at) = (celsius as f32, step.at);
    if reached {
        let (ratio, from) = (f64::from(start.secs) / start.expected(), f64::from(start.from));
        vehicle.estimates.warm_up.start = None;
        if ratio > 0.05 {
            take(vehicle, step, ratio, from, set);
        }
    }
}

/// A trip ended before the engine was warm: if that took longer than it may, so much is known.
fn give_up(vehicle: &mut Vehicle, step: &mut Step, set: &RuleSet) {
    let Some(start) = vehicle.estimates.warm_up.start.take() else { return };
    let Some(norm) = set.catalogue.norms.of(Feature::WarmUp, &vehicle.profile.model) else { return };
    let ratio = f64::from(start.secs) / start.expected();
    let from = f64::from(start.from);
    let spread = (norm.between.powi(2) + norm.within.powi(2)).sqrt();
    if ratio > 0.0 && ratio.ln() - norm.per_k * (from - MILD) > norm.mean + SURELY_SLOW * spread {
        take(vehicle, step, ratio, from, set);
    }
}

/// One cold start: its time over the expected one, and from what temperature.
fn take(vehicle: &mut Vehicle, step: &mut Step, ratio: f64, from: f64, set: &RuleSet) {
    let Some(norm) = set.catalogue.norms.of(Feature::WarmUp, &vehicle.profile.model) else { return };
    let shift = &mut vehicle.estimates.warm_up.shift;
    shift.take(ratio.ln() - norm.per_k * (from - MILD), &norm);
    let rise = shift.up();
    emit(vehicle, step, set.known.warm_up_rise, rise);
}

fn take_rate(vehicle: &mut Vehicle, step: &mut Step, celsius: f64, set: &RuleSet) {
    // A rise is a fall of what is missing.
    if let Some(rate) = vehicle.estimates.warm_up.rise.take(-celsius, step.at, OVER, AT_MOST) {
        emit(vehicle, step, set.known.coolant_rate, rate);
    }
}
