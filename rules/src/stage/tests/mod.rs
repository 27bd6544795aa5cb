//! The stages, one at a time: what each leaves in the vehicle and in the effects.

mod applying;
mod deciding;
mod evaluating;
mod looking_ahead;
mod responding;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use uuid::Uuid;

use crate::case::{Case, Evidence, FindingChange, FindingKey, Opened, Proposal};
use crate::catalogue::Catalogue;
use crate::rule_set::RuleSet;
use crate::stage::effect::{Effect, Effects};
use crate::stage::evidence::evidence_of;
use crate::stage::scope::StepScope;
use crate::state::Vehicle;
use crate::unit::{Locale, Severity, Span, Text, Time};
use crate::vehicle::{Attributes, Component, Contact, Particulars, Powertrain, Profile, Purpose, VehicleId};

const START: Time = Time::from_secs(1_772_409_600);
const COOLANT: &str = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature";
/// Rules that read what they like; who opens what is up to each test.
const CLUTCH: &str = "own.clutch";
const CLUTCH_TOO: &str = "own.clutch_too";
const GEARBOX: &str = "own.gearbox";
const DRIVETRAIN: &str = "own.drivetrain";
const UNSURE: &str = "own.unsure";
const STEERING: &str = "own.steering";
const NOTE: &str = "own.note";
const SHADOW: &str = "own.shadow";
const TRIPS: &str = "own.trips";
/// S1 of the product.
const OIL_PRESSURE: &str = "engine.oil_pressure_status";

static SET: LazyLock<Arc<RuleSet>> = LazyLock::new(|| {
    let rule = |key: &str, severity: &str, component: &str, limit: u32, more: &str| {
        format!(
            r#"[[rule]]
key = "{key}"
version = 1
component = "{component}"
title = {{ zh-CN = "水温", en = "Warm" }}
reason = {{ zh-CN = "水温", en = "Warm" }}
when = "{COOLANT} > {limit}"
severity = "{severity}"
purpose = "diagnostics"
source = "test"
{more}
"#
        )
    };
    let sure = "probability = 0.9";
    let rules = [
        rule(CLUTCH, "S2", "drivetrain.clutch", 60, sure),
        rule(CLUTCH_TOO, "S3", "drivetrain.clutch", 50, sure),
        rule(GEARBOX, "S3", "drivetrain.transmission", 50, sure),
        rule(DRIVETRAIN, "S2", "drivetrain", 70, sure),
        rule(UNSURE, "S2", "chassis.other", 60, "probability = 0.5"),
        rule(STEERING, "S3", "chassis.steering", 50, "probability = 0.9\nrefractory = \"10d\""),
        rule(NOTE, "S4", "body.other", 40, sure),
        rule(SHADOW, "S2", "drivetrain.clutch", 60, "probability = 0.9\nmode = \"shadow\""),
        rule(TRIPS, "S3", "traction.other", 55, "probability = 0.9\nevidence = { n = 2, of = 3, per = \"trip\" }"),
    ];
    let catalogue = Catalogue::builtin().unwrap().overlay(&[("rules/own.toml", rules.concat())]).unwrap();
    Arc::new(RuleSet::compile(Arc::new(catalogue), [0; 32]).unwrap())
});

/// A car whose owner consents, and all that was written about it.
struct Scene {
    car: Vehicle,
    effects: Effects,
}

impl Scene {
    fn new() -> Self {
        let profile = Profile::new(Particulars {
            model: "compact-ice".to_owned(),
            model_year: 2024,
            powertrain: Powertrain::Ice,
            region: String::new(),
            software: String::new(),
            tier: String::new(),
            dealer: Uuid::nil(),
            owner: Some(Contact { person: Uuid::from_u128(7), locale: Locale::En }),
            consents: BTreeSet::from([Purpose::Diagnostics, Purpose::Maintenance]),
            allowed: None,
            delivered_at: START - Span::from_days(1),
            attributes: Attributes::default(),
        });
        let mut car = Vehicle::new(VehicleId::try_new("v").unwrap(), profile, &SET);
        (car.received, car.newest) = (START, START);
        Self { car, effects: Effects::default() }
    }

    fn scope(&mut self) -> StepScope<'_> {
        StepScope::new(&mut self.car, &SET, &mut self.effects)
    }

    /// What a rule found, now.
    fn found(&self, key: &str) -> Opened {
        let rule = SET.find(key, "").unwrap();
        Opened {
            key: key_of(key),
            component: rule.component.clone().unwrap(),
            severity: rule.source.severity.unwrap(),
            at: self.car.newest,
            evidence: evidence(&self.car, key),
            because: Text::new("找到", "found"),
        }
    }

    /// Decides on findings, without planning for them.
    fn open(&mut self, keys: &[&str]) {
        let found = keys.iter().map(|key| FindingChange::Opened(Box::new(self.found(key)))).collect();
        self.decide(found);
    }

    fn decide(&mut self, changes: Vec<FindingChange>) {
        super::decide::decide(&mut self.scope(), changes);
    }

    fn closed(&mut self, key: &str) {
        let (key, at) = (key_of(key), self.car.newest);
        self.decide(vec![FindingChange::Closed { key, at, because: Text::new("好了", "over") }]);
    }

    fn withdrawn(&mut self, key: &str) {
        let (key, at) = (key_of(key), self.car.newest);
        self.decide(vec![FindingChange::Withdrawn { key, at, because: Text::new("没有", "never was") }]);
    }

    fn respond(&mut self) -> Vec<(Uuid, super::respond::Plan)> {
        super::respond::respond(&mut self.scope())
    }

    fn pass(&mut self, span: Span) {
        (self.car.received, self.car.newest) = (self.car.received + span, self.car.newest + span);
    }

    /// The open case on a component.
    fn case(&self, component: &str) -> &Case {
        self.car.cases.iter().find(|case| case.component == Component::new(component)).unwrap()
    }

    fn proposal(&self, component: &str) -> Proposal {
        self.case(component).proposal
    }

    /// What was written since the last look.
    fn written(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects.written)
    }

    fn count(&self, wanted: impl Fn(&Effect) -> bool) -> usize {
        self.effects.written.iter().filter(|effect| wanted(effect)).count()
    }
}

fn key_of(rule: &str) -> FindingKey {
    FindingKey { rule: SET.find(rule, "").unwrap().no, code: None }
}

fn evidence(car: &Vehicle, rule: &str) -> Evidence {
    evidence_of(car, SET.find(rule, "").unwrap(), None, car.newest, &SET)
}
