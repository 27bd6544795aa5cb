//! A rule's own examples: readings in, decision out, under a virtual clock.
//!
//! They run through the very recipe that vehicles run through, so that an example cannot be right
//! where the product is wrong. `premend rules test` and the tests of the shipped catalogue use it.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::author::safety::Road;
use crate::catalogue::Catalogue;
use crate::entry::rule::{Example, Expect, RuleSource};
use crate::entry::signal::Signals;
use crate::entry::story::{ExampleError, numbered, parse, parse_cohorts, sequence};
use crate::learned::{CohortEntry, CohortTable};
use crate::rule_set::RuleSet;
use crate::stage::effect::{Effect, Effects, FindingEffect};
use crate::stage::recipe;
use crate::state::Vehicle;
use crate::state::settle::Bounds;
use crate::unit::{Locale, Severity, Span, Time};
use crate::vehicle::{
    Command, Contact, Message, Particulars, Powertrain, Profile, Purpose, Reason, Refused, Sample, VehicleId, What,
};

/// Every example starts here: a Monday.
pub const START: Time = Time::from_secs(1_772_409_600);
/// The set as if this were usual for vehicles of every model and mileage.
fn cohorts(set: &RuleSet, lines: &[String]) -> Result<RuleSet, ExampleError> {
    let Catalogue { cohort_bands, models, signals, .. } = &*set.catalogue;
    let mut table = CohortTable::default();
    for (signal, quantile, value) in parse_cohorts(lines, signals)? {
        for (model, from_km) in models.keys().flat_map(|model| cohort_bands.from_km.iter().map(move |km| (model, *km)))
        {
            let (signal, model, vehicles) = (signal.clone(), model.clone(), cohort_bands.least_vehicles);
            table.entries.push(CohortEntry { signal, model, from_km, quantile, value, spread: 0.0, vehicles });
        }
    }
    Ok(set.with_cohorts(&table))
}

/// What a sample is to the recipe after a road of admission; a refused one counts as dealt with.
pub fn sent(road: &dyn Road, said: &Signals, profile: &Profile, sample: &Sample, seq: u64) -> What {
    match road.admit(said, profile, sample, seq) {
        Some(message) => What::Message(message),
        None => What::Refused(Refused {
            sequence: sequence(seq),
            received_at: sample.measured_at,
            reason: Reason::NotAllowed,
        }),
    }
}

/// Runs an example of a rule and says what became of it.
pub fn run(set: &RuleSet, rule: &RuleSource, example: &Example) -> Result<Expect, ExampleError> {
    run_through(set, rule, example, &set.catalogue.signals, &Straight).map(|(came, _)| came)
}

/// Past admission: an example is about the rule.
pub struct Straight;

impl Road for Straight {
    fn admit(&self, _: &Signals, _: &Profile, sample: &Sample, seq: u64) -> Option<Message> {
        Some(numbered(sample.clone(), seq))
    }
}

/// The same with readings that are written in the words of `said`, and go through a road of admission; and how severe
/// the worst finding of any rule was.
pub fn run_through(
    set: &RuleSet,
    rule: &RuleSource,
    example: &Example,
    said: &Signals,
    road: &dyn Road,
) -> Result<(Expect, Option<Severity>), ExampleError> {
    let (vehicle, effects) = play_through(set, rule, example, said, road)?;
    let opened = effects
        .written
        .iter()
        .any(|effect| matches!(effect, Effect::Finding(FindingEffect::Open { rule: key, .. }) if *key == rule.key));
    let open = vehicle.watches.open().filter_map(|(key, _)| set.rule(key.rule)).any(|open| open.source.key == rule.key);
    let worst = effects.written.iter().filter_map(|effect| match effect {
        Effect::Finding(FindingEffect::Open { severity, .. }) => Some(*severity),
        _ => None,
    });
    let came = match (opened, open) {
        (true, true) => Expect::Fires,
        (true, false) => Expect::Clears,
        (false, _) => Expect::Silent,
    };
    Ok((came, worst.min()))
}

/// Runs an example of a rule and gives the vehicle as it is then, and all that it led to.
pub fn play(set: &RuleSet, rule: &RuleSource, example: &Example) -> Result<(Vehicle, Effects), ExampleError> {
    play_through(set, rule, example, &set.catalogue.signals, &Straight)
}

fn play_through(
    set: &RuleSet,
    rule: &RuleSource,
    example: &Example,
    said: &Signals,
    road: &dyn Road,
) -> Result<(Vehicle, Effects), ExampleError> {
    let steps = parse(&example.readings, said)?;
    let own = (!example.cohort.is_empty()).then(|| cohorts(set, &example.cohort)).transpose()?;
    let set = own.as_ref().unwrap_or(set);
    let mut vehicle = vehicle(set, example.powertrain.or_else(|| rule.scope.powertrain.first().copied()))?;
    let (bounds, mut effects) = (Bounds::default(), Effects::default());
    let mut last = START;
    for (index, step) in steps.into_iter().enumerate() {
        last = START + step.at;
        let nothing = step.readings.is_empty() && step.fault.is_none();
        let input = match step.act {
            Some(act) => act.command(last),
            None if nothing => What::Timer { at: last + bounds.lateness },
            None => sent(road, said, &vehicle.profile, &step.sample(last), index as u64 + 1),
        };
        recipe::take(&mut vehicle, input, set, &bounds, &mut effects);
    }
    recipe::take(&mut vehicle, What::Timer { at: last + bounds.lateness }, set, &bounds, &mut effects);
    Ok((vehicle, effects))
}

/// A new car of the powertrain, whose owner consents to everything but marketing and positions.
pub fn vehicle(set: &RuleSet, powertrain: Option<Powertrain>) -> Result<Vehicle, ExampleError> {
    let powertrain = powertrain.unwrap_or(Powertrain::Ice);
    let model =
        set.catalogue.models.values().find(|model| model.powertrain == powertrain).ok_or(ExampleError::NoModel)?;
    let attributes: BTreeMap<String, f64> =
        model.attributes().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let profile = Profile::new(Particulars {
        model: model.key.clone(),
        model_year: 2026,
        powertrain,
        region: "CN".to_owned(),
        software: String::new(),
        tier: String::new(),
        dealer: Uuid::nil(),
        owner: Some(Contact { person: Uuid::nil(), locale: Locale::ZhCn }),
        consents: [Purpose::Maintenance, Purpose::Diagnostics].into(),
        allowed: None,
        delivered_at: START - Span::from_days(1),
        attributes: attributes.into(),
    });
    let id = VehicleId::try_new("example").map_err(|_| ExampleError::NoModel)?;
    let mut vehicle = Vehicle::new(id, profile.clone(), set);
    let register = Command::Register(Box::new(profile));
    let input = What::Command { command_id: 1, received_at: START, command: register };
    recipe::take(&mut vehicle, input, set, &Bounds::default(), &mut Effects::default());
    Ok(vehicle)
}
