//! estimate: what a folded step means for the parts of a vehicle, and what the estimators say of their future.
//!
//! A step runs only the estimators that something in it wakes: most look at one or two signals of dozens.

use crate::compact::SlotSet;
use crate::entry::signal::Signals;
use crate::estimate::feature::{Features, Latest};
use crate::estimate::given::{Given, Observed};
use crate::estimate::states::States;
use crate::estimate::usage::Usage;
use crate::estimate::{Estimates, State};
use crate::learned::Map;
use crate::learned::date::ShownForecast;
use crate::learned::forecast::Forecast;
use crate::observed::last::Last;
use crate::observed::readings::Readings;
use crate::observed::segment::Turn;
use crate::observed::step::Step;
use crate::rule_set::{EstimatorSet, RuleSet};
use crate::stage::service;
use crate::state::Vehicle;
use crate::vehicle::{Profile, Slot};

/// Runs the estimators on a folded step; features that they emit count as touched.
pub fn update(vehicle: &mut Vehicle, step: &mut Step, turn: Turn, set: &RuleSet) {
    let Vehicle { profile, last, segment, odometer, faults, storm, estimates, .. } = vehicle;
    let Estimates { states, severity, usage } = estimates;
    let observed = Observed {
        at: step.at,
        pause: step.pause,
        turn,
        segment,
        odometer_km: odometer.km,
        faults,
        faults_changed: step.faults,
        storm: storm.is_on(),
    };
    let written = Written { last: &mut *last, touched: &mut step.touched, signals: &set.catalogue.signals };
    run(&set.estimators, states, &observed, &given(profile, usage, set), written);
    severity.update(&observed, last, &step.touched, &set.known);
    service::update(vehicle, step, set);
}

/// Where estimators read and write.
#[derive(Debug)]
pub struct Written<'a> {
    pub last: &'a mut Readings,
    pub touched: &'a mut SlotSet,
    pub signals: &'a Signals,
}

/// Runs those of a set that a step wakes, in their order; what one emits wakes those behind it.
pub fn run(
    estimators: &EstimatorSet,
    states: &mut States,
    observed: &Observed<'_>,
    given: &Given<'_>,
    written: Written<'_>,
) {
    let Written { last, touched, signals } = written;
    let wakes = estimators.by_slot();
    let mut woken = estimators.woken(observed, touched);
    while woken != 0 {
        let number = woken.trailing_zeros() as usize;
        let Some((entry, slots)) = estimators.get(number) else { return };
        let mut features =
            Features { last: &mut *last, touched: &mut *touched, at: observed.at, signals, slots, wakes, woken };
        if let Some(state) = states.get_mut(number) {
            (entry.update)(state, observed, given, &mut features);
        } else {
            let mut made = State::None;
            (entry.update)(&mut made, observed, given, &mut features);
            states.set(number, made);
        }
        // Those before it see what it emitted in the next step.
        woken = features.woken & (u32::MAX << number << 1);
    }
}

fn given<'a>(profile: &'a Profile, usage: &'a Usage, set: &'a RuleSet) -> Given<'a> {
    let catalogue = &*set.catalogue;
    Given {
        profile,
        norms: &catalogue.norms,
        calibrations: &catalogue.learned.calibration,
        models: &catalogue.models,
        usage,
    }
}

/// Writes the features that follow at once from supposed readings over those that are known, and counts them as
/// touched. Gives back what they replace.
pub fn suppose(vehicle: &mut Vehicle, step: &Step, touched: &mut SlotSet, set: &RuleSet) -> Vec<(Slot, Last)> {
    let Vehicle { profile, last, segment, odometer, estimates, .. } = vehicle;
    let observed = Observed {
        at: step.at,
        pause: step.pause,
        turn: Turn::default(),
        segment,
        odometer_km: odometer.km,
        faults: &[],
        faults_changed: false,
        storm: false,
    };
    let given = given(profile, &estimates.usage, set);
    let (signals, wakes) = (&set.catalogue.signals, set.estimators.by_slot());
    let mut replaced = Vec::new();
    let mut woken = set.estimators.instant(touched);
    while woken != 0 {
        let number = woken.trailing_zeros() as usize;
        woken &= woken - 1;
        let Some((entry, slots)) = set.estimators.get(number) else { break };
        let known = |slot: Slot| Some((slot, last.get(slot.index())?));
        let before: Option<Vec<(Slot, Last)>> = slots.outputs().map(known).collect();
        // What was not known before could not be put back.
        let Some(before) = before else { continue };
        replaced.extend(before);
        let mut features =
            Features { last: &mut *last, touched: &mut *touched, at: step.at, signals, slots, wakes, woken };
        (entry.update)(&mut State::None, &observed, &given, &mut features);
    }
    replaced
}

/// What people may read of what the estimators say of a vehicle's parts now, the soonest to fail first. Dates of
/// failure are in it only where they hold.
pub fn forecasts(vehicle: &Vehicle, set: &RuleSet) -> Vec<ShownForecast> {
    let holds = |estimator: &str| set.catalogue.shows_date(estimator, &vehicle.profile.model);
    let shown = |forecast: Forecast| {
        let date_holds = holds(forecast.estimator);
        forecast.shown(date_holds)
    };
    calibrated(vehicle, set).into_iter().map(shown).collect()
}

/// What the estimators say of a vehicle's parts now, calibrated, the soonest to fail first: for judging estimators.
pub fn calibrated(vehicle: &Vehicle, set: &RuleSet) -> Vec<Forecast> {
    let map = |forecast: &Forecast| calibration(vehicle, set, forecast.estimator);
    let mut found: Vec<Forecast> =
        uncalibrated(vehicle, set).into_iter().map(|forecast| map(&forecast).calibrated(forecast)).collect();
    let central = |forecast: &Forecast| forecast.due.map_or(f64::INFINITY, |due| due.central);
    found.sort_by(|a, b| central(a).total_cmp(&central(b)));
    found
}

/// What was learned of an estimator on vehicles like this one.
pub fn calibration(vehicle: &Vehicle, set: &RuleSet, estimator: &str) -> Map {
    set.catalogue.learned.calibration.of(estimator, &vehicle.profile.model)
}

/// The same as the estimators give it: what calibrations are learned from.
pub fn uncalibrated(vehicle: &Vehicle, set: &RuleSet) -> Vec<Forecast> {
    let given = given(&vehicle.profile, &vehicle.estimates.usage, set);
    let mut found = Vec::new();
    for (number, entry, slots) in set.estimators.iter() {
        if let (Some(foresight), Some(state)) = (entry.foresight, vehicle.estimates.states.get(number)) {
            let latest = Latest { last: &vehicle.last, slots, newest: vehicle.newest };
            found.extend((foresight.forecasts)(state, &latest, &given));
        }
    }
    found
}
