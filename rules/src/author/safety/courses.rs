//! The standing S1 drill: recorded courses that no set may miss.
//!
//! Judged by what comes of it and not by which rule did it, so that a manufacturer may replace a rule by its own:
//! nothing stops the car while it drives soundly, and then an S1 case is open and the car is told to stop, in a text
//! that tells to stop in every language.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;
use uuid::Uuid;

use super::{Loss, Road, Roads};
use crate::author::example;
use crate::author::rule_change::RuleChange;
use crate::case::NoticeStage;
use crate::catalogue::EntryKind;
use crate::entry::rule::{Mode, RuleSource, Scope, about};
use crate::entry::story::{StoryLine, parse};
use crate::rule_set::RuleSet;
use crate::stage::effect::{Effect, Effects, Notice, NoticeEffect};
use crate::stage::recipe;
use crate::state::Vehicle;
use crate::state::settle::Bounds;
use crate::unit::{Locale, Severity, Span, Time};
use crate::vehicle::{Attributes, Command, Contact, Particulars, Powertrain, Profile, Purpose, VehicleId, What};

/// Far enough in the future for model years that no scope can have left out by chance: 2100-01-04.
const START: Time = Time::from_secs(4_102_704_000);
/// The first and the last model year that is driven: a range of years that has both has all of them.
const YEARS: [u16; 2] = [1900, 2100];
/// Scopes of changed rules that are driven too; a proposal with more of them is driven in these.
const MOST_SCOPES: usize = 12;
/// A text that tells to stop has one of these words, in the language it is in.
const STOP: [(Locale, &[&str]); 2] = [(Locale::ZhCn, &["停车"]), (Locale::En, &["stop", "pull over"])];

/// A car that drives soundly and then has a fault.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// The rule of the product that it is for.
    pub rule: String,
    pub name: String,
    /// Those of the rule's scope, if left out.
    #[serde(default)]
    pub powertrain: Vec<Powertrain>,
    pub sound: Vec<String>,
    pub fault: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Courses {
    course: Vec<Course>,
}

/// All courses; a test reads them.
pub fn courses() -> &'static [Course] {
    static ALL: LazyLock<Vec<Course>> = LazyLock::new(|| {
        toml::from_str::<Courses>(include_str!("courses.toml")).map(|all| all.course).unwrap_or_default()
    });
    &ALL
}

/// How many drives there were, and what they lost; each rule once.
pub fn losses(shipped: &RuleSet, set: &RuleSet, changes: &[RuleChange], roads: Roads<'_>) -> (usize, Vec<Loss>) {
    let road = roads(set);
    let scopes = scopes(set, changes);
    let (mut count, mut losses) = (0, Vec::new());
    for course in courses() {
        let Some(rule) = shipped.catalogue.rules.iter().find(|rule| rule.key == course.rule) else { continue };
        let mut drives = 0;
        let lost = cars(course, rule, shipped, set, &scopes).find_map(|(subject, car)| {
            drives += 1;
            drive(course, subject, car, shipped, set, &*road).err()
        });
        count += drives;
        if let Some(lost) = lost {
            let rule = rule.key.clone();
            losses.push(Loss { severity: Severity::S1, rule, lost, cause: String::new() });
        }
    }
    (count, losses)
}

/// Whether one rule's courses still give what they should, for looking for the cause.
pub fn holds(rule: &str, shipped: &RuleSet, set: &RuleSet, changes: &[RuleChange], roads: Roads<'_>) -> bool {
    let road = roads(set);
    let scopes = scopes(set, changes);
    let Some(source) = shipped.catalogue.rules.iter().find(|one| one.key == rule) else { return true };
    courses().iter().filter(|course| course.rule == rule).all(|course| {
        cars(course, source, shipped, set, &scopes)
            .all(|(subject, car)| drive(course, subject, car, shipped, set, &*road).is_ok())
    })
}

/// Scopes of the rules that were changed: a rule for few vehicles is driven in one of those.
fn scopes<'a>(set: &'a RuleSet, changes: &[RuleChange]) -> Vec<&'a RuleSource> {
    let changed: BTreeSet<&str> =
        changes.iter().filter(|change| change.kind == EntryKind::Rule).map(|change| change.key.as_str()).collect();
    let rules = set.catalogue.rules.iter().filter(|rule| changed.contains(rule.key.as_str()));
    rules.filter(|rule| rule.scope != Scope::default()).take(MOST_SCOPES).collect()
}

/// The cars that a course is driven with: every model, old and new, and one in the scope of each changed rule.
fn cars<'a>(
    course: &'a Course,
    rule: &'a RuleSource,
    shipped: &'a RuleSet,
    set: &'a RuleSet,
    scopes: &'a [&RuleSource],
) -> impl Iterator<Item = (&'a str, Particulars)> {
    let wanted = if course.powertrain.is_empty() { &rule.scope.powertrain } else { &course.powertrain };
    let models = set.catalogue.models.values().filter(move |model| {
        // A shipped model is what it was shipped as: with another powertrain it would leave the scope.
        let powertrain = shipped.catalogue.model(&model.key).map_or(model.powertrain, |own| own.powertrain);
        wanted.is_empty() || wanted.contains(&powertrain)
    });
    models.flat_map(move |model| {
        let plain = YEARS.into_iter().map(move |year| particulars(&model.key, model.powertrain, year, None));
        let scoped = scopes.iter().filter(move |rule| {
            let scope = &rule.scope;
            (scope.model.is_empty() || scope.model.contains(&model.key))
                && (scope.powertrain.is_empty() || scope.powertrain.contains(&model.powertrain))
        });
        let scoped = scoped.map(move |rule| particulars(&model.key, model.powertrain, 2026, Some(rule)));
        plain.chain(scoped).flat_map(move |car| rule.subjects().map(move |subject| (subject, car.clone())))
    })
}

/// A car that consents to what the product's safety rules ask and to nothing else.
fn particulars(model: &str, powertrain: Powertrain, year: u16, scope: Option<&RuleSource>) -> Particulars {
    let first = |list: &[String]| list.first().cloned().unwrap_or_default();
    let scope = scope.map(|rule| &rule.scope);
    let mut consents = BTreeSet::from([Purpose::Diagnostics]);
    if scope.is_some() {
        consents.insert(Purpose::Maintenance);
    }
    let software = scope.and_then(|scope| scope.software.as_ref()).map(|range| range.from.clone());
    Particulars {
        model: model.to_owned(),
        model_year: scope.and_then(|scope| scope.year).map_or(year, |(first, _)| first),
        powertrain,
        region: scope.map(|scope| first(&scope.region)).unwrap_or_default(),
        software: software.map(|from| from.unwrap_or_else(|| "0.0".to_owned())).unwrap_or_default(),
        tier: scope.map(|scope| first(&scope.tier)).unwrap_or_default(),
        dealer: scope.and_then(|scope| scope.dealer.first().copied()).unwrap_or(Uuid::nil()),
        owner: Some(Contact { person: Uuid::nil(), locale: Locale::ZhCn }),
        consents,
        allowed: None,
        delivered_at: START - Span::from_days(1),
        attributes: Attributes::default(),
    }
}

/// Drives a course under a set; the error says what did not come of it.
fn drive(
    course: &Course,
    subject: &str,
    car: Particulars,
    shipped: &RuleSet,
    set: &RuleSet,
    road: &dyn Road,
) -> Result<(), String> {
    let signals = &shipped.catalogue.signals;
    let profile = Profile::new(Particulars {
        // As a vehicle with a list of its own: numbers of signals are for ever.
        allowed: Some(signals.iter().map(|(_, signal)| signal.no).collect()),
        ..car
    });
    let words = format!("{} of {} ({})", course.name, profile.model, profile.model_year);
    let mut drive = Drive::new(profile, set, road)?;
    let lines = |lines: &[String]| {
        let lines: Vec<String> = lines.iter().map(|line| about(line, subject)).collect();
        parse(&lines, signals).map_err(|error| format!("has a course that cannot be read: {error}"))
    };
    let end = drive.along(lines(&course.sound)?, START, shipped);
    if drive.stop_notice().is_some() || drive.urgent_case().is_some() {
        return Err(format!("cannot be told any more, because a sound car is stopped: {words}"));
    }
    drive.effects.written.clear();
    drive.along(lines(&course.fault)?, end + Span::from_secs(1), shipped);
    let Some(case) = drive.urgent_case() else { return Err(format!("no longer fires: {words}")) };
    let Some(notice) = drive.stop_notice().filter(|notice| notice.case == case) else {
        return Err(format!("no longer tells the car to stop: {words}"));
    };
    says_stop(set, notice)
}

/// One car on the road.
struct Drive<'a> {
    vehicle: Vehicle,
    effects: Effects,
    set: &'a RuleSet,
    road: &'a dyn Road,
    seq: u64,
}

impl<'a> Drive<'a> {
    fn new(profile: Profile, set: &'a RuleSet, road: &'a dyn Road) -> Result<Self, String> {
        let id = VehicleId::try_new("drill").map_err(|error| error.to_string())?;
        let mut vehicle = Vehicle::new(id, profile.clone(), set);
        let command = Command::Register(Box::new(profile));
        let input = What::Command { command_id: 1, received_at: START, command };
        let mut effects = Effects::default();
        recipe::take(&mut vehicle, input, set, &Bounds::default(), &mut effects);
        Ok(Self { vehicle, effects, set, road, seq: 0 })
    }

    /// Sends what was measured and gives the time of the last of it.
    fn along(&mut self, steps: Vec<StoryLine>, from: Time, shipped: &RuleSet) -> Time {
        let mut last = from;
        for step in steps {
            last = from + step.at;
            self.seq += 1;
            let (said, profile) = (&shipped.catalogue.signals, &self.vehicle.profile);
            let input = example::sent(self.road, said, profile, &step.sample(last), self.seq);
            recipe::take(&mut self.vehicle, input, self.set, &Bounds::default(), &mut self.effects);
        }
        last
    }

    fn urgent_case(&self) -> Option<Uuid> {
        let urgent = |case: &&crate::case::Case| case.mode == Mode::Live && case.severity == Severity::S1;
        self.vehicle.cases.iter().find(urgent).map(|case| case.id)
    }

    fn stop_notice(&self) -> Option<&Notice> {
        self.effects.written.iter().find_map(|effect| match effect {
            Effect::Notice(NoticeEffect::Enqueue(notice)) if notice.stage == NoticeStage::StopNow => Some(&**notice),
            _ => None,
        })
    }
}

/// Whether the text of a stop-now notice tells to stop, in the car and in the message, in every language.
fn says_stop(set: &RuleSet, notice: &Notice) -> Result<(), String> {
    let key = &notice.template;
    for (locale, words) in STOP {
        let tag = locale.tag();
        let Some(template) = set.catalogue.template(key, locale) else {
            return Err(format!("has no text `{key}` in {tag}"));
        };
        let text =
            template.render(&notice.variables, locale).map_err(|missing| format!("has no text in {tag}: {missing}"))?;
        for (place, text) in [("message", &text.body), ("in-car line", &text.in_car)] {
            let text = text.to_lowercase();
            if !words.iter().any(|word| text.contains(word)) {
                return Err(format!(
                    "no longer tells to stop: the {place} of template `{key}` in {tag} does not say it"
                ));
            }
        }
    }
    Ok(())
}
