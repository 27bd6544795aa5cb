//! Whether forecasts hold: of all that were said to fail within thirty days with 30 %, did 30 % do? And what calibration
//! makes of them: it is learned from every other vehicle and judged on the rest.

use std::collections::BTreeMap;

use rules::estimate::WHEELS;
use rules::learned::forecast::FORECASTERS;
use rules::learned::{CalibrationTable, Followed, Held, Outlook, calibrate};
use rules::stage::estimate;
use rules::unit::{Span, Time};

use super::life::Life;
use crate::truth::Truth;
use crate::vehicle::Vehicle;

/// Percent worn at which pads are at their limit, and how much less tells that they are new ones.
const PADS_WORN: f64 = 85.0;
const NEW_PADS: f64 = 5.0;
/// Share of the placard pressure at which a tyre is at its limit, and how much more tells that it was filled, kPa.
const TYRE_LOW: f64 = 0.8;
const FILLED: f64 = 10.0;

/// One forecast.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    estimator: &'static str,
    component: String,
    at: Time,
    raw: Outlook,
}

/// What happened to a part.
#[derive(Clone, Debug, PartialEq)]
struct Turn {
    component: String,
    at: Time,
    /// It came to its limit; else it was renewed.
    failed: bool,
}

/// Writes down once a week what is forecast, and every day how the parts are that owners look after themselves.
#[derive(Clone, Debug, Default)]
pub struct ChanceWatch {
    next: Option<Time>,
    said: Vec<Said>,
    turns: Vec<Turn>,
    /// Wear and cold pressure by wheel when they were looked at last.
    before: Option<[(f64, f64); 4]>,
}

impl ChanceWatch {
    pub fn look(&mut self, life: &Life<'_>, truth: &Vehicle, now: Time) {
        self.look_at_wheels(truth, now);
        if self.next.is_some_and(|next| now < next) {
            return;
        }
        self.next = Some(now + Span::from_days(7));
        for forecast in estimate::uncalibrated(life.vehicle(), life.set()) {
            if !forecast.learning {
                let raw = forecast.outlook();
                self.said.push(Said { estimator: forecast.estimator, component: forecast.component, at: now, raw });
            }
        }
    }

    fn look_at_wheels(&mut self, truth: &Vehicle, now: Time) {
        let seen = truth.body().wheels();
        let low = TYRE_LOW * truth.body().placard_kpa;
        let before = self.before.replace(seen).unwrap_or(seen);
        for ((wheel, (worn, kpa)), (was_worn, was_kpa)) in WHEELS.into_iter().zip(seen).zip(before) {
            let turns = [
                ("chassis.brakes.pads", was_worn < PADS_WORN && worn >= PADS_WORN, worn < was_worn - NEW_PADS),
                ("chassis.tyre", was_kpa >= low && kpa < low, kpa > was_kpa + FILLED),
            ];
            for (part, failed, renewed) in turns {
                if failed || renewed {
                    self.turns.push(Turn { component: format!("{part}.{wheel}"), at: now, failed });
                }
            }
        }
    }

    /// What became of each forecast, for a vehicle that was watched up to `end`.
    pub fn followed(self, model: &str, truths: &[Truth], end: Time) -> Vec<Followed> {
        let Self { said, turns, .. } = self;
        said.into_iter().filter_map(|said| said.followed(model, &turns, truths, end)).collect()
    }
}

impl Said {
    /// `None` if the part was at its limit already: there was nothing left to forecast.
    fn followed(self, model: &str, turns: &[Turn], truths: &[Truth], end: Time) -> Option<Followed> {
        let own = turns.iter().filter(|turn| turn.component == self.component);
        let before = own.clone().rfind(|turn| turn.at <= self.at);
        let planted =
            truths.iter().filter(|truth| truth.component == self.component).filter_map(|truth| truth.failure).min();
        if before.is_some_and(|turn| turn.failed) || planted.is_some_and(|failure| failure <= self.at) {
            return None;
        }
        let next = own.clone().find(|turn| turn.at > self.at);
        let renewed = next.filter(|turn| !turn.failed).map_or(end, |turn| turn.at);
        let failed = next.filter(|turn| turn.failed).map(|turn| turn.at);
        let failed = [failed, planted].into_iter().flatten().min().filter(|failure| *failure <= renewed.min(end));
        Some(Followed {
            estimator: self.estimator.to_owned(),
            model: model.to_owned(),
            raw: self.raw,
            told: self.raw,
            failed_after: failed.map(|failure| failure.since(self.at).days_f64()),
            refuted: false,
            heard_for: renewed.since(self.at).days_f64(),
            age: end.since(self.at).days_f64(),
        })
    }
}

/// How the forecasts of each estimator held, as given and as calibrated. `by_vehicle`: those of each vehicle.
///
/// The map is learned from every other vehicle, as a fleet learns it from other vehicles' past, and all figures are
/// those of the rest.
pub fn score(by_vehicle: &[Vec<Followed>]) -> BTreeMap<String, Held> {
    let half = |rest: usize| by_vehicle.iter().enumerate().filter(move |(place, _)| place % 2 == rest);
    let learned: Vec<Followed> = half(0).flat_map(|(_, own)| own.iter().cloned()).collect();
    let table: CalibrationTable = calibrate(&learned);
    let told = |one: &Followed| {
        let told = table.of(&one.estimator, &one.model).outlook(one.raw);
        Followed { told, ..one.clone() }
    };
    let judged: Vec<Followed> = half(1).flat_map(|(_, own)| own.iter().map(told)).collect();
    let of = |estimator: &str| Held::of(judged.iter().filter(|one| one.estimator == estimator));
    FORECASTERS.into_iter().map(|estimator| (estimator.to_owned(), of(estimator))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: fn(i64) -> Time = |day| Time::from_secs(1_780_000_000) + Span::from_days(day);

    fn said(component: &str) -> Said {
        let raw = Outlook { within: Some([0.2, 0.4, 0.9]), due: None };
        Said { estimator: "brake_pads", component: component.to_owned(), at: DAY(10), raw }
    }

    fn turn(component: &str, day: i64, failed: bool) -> Turn {
        Turn { component: component.to_owned(), at: DAY(day), failed }
    }

    #[test]
    fn what_comes_first_is_what_became_of_a_part() {
        let judged = |turns: &[Turn]| {
            said("pads").followed("suv", turns, &[], DAY(60)).map(|one| (one.failed_after, one.heard_for))
        };
        assert_eq!(judged(&[]), Some((None, 50.0)));
        assert_eq!(judged(&[turn("pads", 25, true), turn("pads", 30, false)]), Some((Some(15.0), 50.0)));
        assert_eq!(judged(&[turn("pads", 20, false), turn("pads", 25, true)]), Some((None, 10.0)));
        assert_eq!(judged(&[turn("other", 25, true)]), Some((None, 50.0)));
        // At its limit, or made new since it was.
        assert_eq!(judged(&[turn("pads", 5, true)]), None);
        assert_eq!(judged(&[turn("pads", 5, true), turn("pads", 8, false)]), Some((None, 50.0)));
    }

    #[test]
    fn calibration_is_learned_from_other_vehicles_than_it_is_judged_on() {
        // It says 90 % and one in five fails.
        let vehicle = |failed: Option<f64>| {
            let one = said("pads").followed("suv", &[], &[], DAY(60)).unwrap();
            vec![Followed { failed_after: failed, ..one }; 8]
        };
        let fleet: Vec<Vec<Followed>> = (0..400).map(|place| vehicle((place % 5 == 0).then_some(12.0))).collect();
        let held = &score(&fleet)["brake_pads"];
        assert_eq!(held.raw.judged, 200 * 8);
        assert!(held.raw.calibration_error.unwrap() > 0.65, "{held:?}");
        assert!(held.told.calibration_error.unwrap() < 0.03, "{held:?}");
        assert!(held.told.brier < held.raw.brier);
    }
}
