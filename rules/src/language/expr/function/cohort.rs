//! What is usual for vehicles like this one.

use super::absence::leaf;
use super::{Behaviour, Function, LATE};
use crate::entry::signal::Kind;
use crate::language::expr::check::{Call, Checker};
use crate::language::expr::probe::Probe;
use crate::language::expr::tree::{Node, Type};

pub(super) const COHORT: Function = Function {
    name: "cohort",
    signature: "cohort(signal, 0.95)",
    description: "The quantile of the signal's last values over vehicles of the same model and band of mileage, in the \
                  unit of the signal. A job learns it once a day from vehicles that consent to diagnostics and spoke \
                  within 90 days.",
    example: "Vehicle.Speed > cohort(Vehicle.Speed, 0.95)",
    behaviour: Behaviour {
        gap: "does not mind: other vehicles were asked",
        missing: "unknown if fewer than 30 vehicles are alike, or its own model or odometer is not known",
        late: LATE,
        tick: "not asked: another table counts from the vehicle's next message on",
    },
    arguments: (2, 2),
    check: |checker, call| check(checker, call),
};

fn check(checker: &mut Checker<'_>, call: &Call<'_>) -> Option<Node> {
    let slot = checker.signal_argument(call, 0);
    let quantile = checker.share_argument(call, 1);
    let (slot, quantile) = (slot?, quantile?);
    let signal = checker.context.signals.get(slot);
    if signal.kind != Kind::Number {
        let message = format!("`{}` is no number, and `cohort` wants numbers", signal.path);
        return checker.wrong(call.place.first, message, "a share of flags or words is no quantile");
    }
    let is = Type::Number(Some(signal.unit.clone()));
    let question = checker.context.cohorts.borrow_mut().ask_for(slot, quantile);
    let read = checker.read(slot);
    Some(leaf(Probe::Cohort { read, question }, is, call))
}
