//! How fast the coolant warms, K/min over the last half minute or more, DOMAIN 5.6.

use serde::{Deserialize, Serialize};

use crate::estimate::{emit, measured};
use crate::rule_set::Known;
use crate::state::Vehicle;
use crate::state::fold::Step;
use crate::time::{Span, Time};

const OVER: Span = Span::from_secs(30);
const AT_MOST: Span = Span::from_mins(3);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WarmUp {
    anchor: Option<(f32, Time)>,
}

pub fn update(vehicle: &mut Vehicle, step: &mut Step, known: &Known) {
    let Some(celsius) = measured(vehicle, step, known.coolant) else { return };
    let Some((before, since)) = vehicle.estimates.warm_up.anchor else {
        vehicle.estimates.warm_up.anchor = Some((celsius as f32, step.at));
        return;
    };
    let over = step.at.since(since);
    if over < OVER {
        return;
    }
    vehicle.estimates.warm_up.anchor = Some((celsius as f32, step.at));
    if over <= AT_MOST {
        emit(vehicle, step, known.coolant_rate, (celsius - f64::from(before)) / (over.secs_f64() / 60.0));
    }
}
