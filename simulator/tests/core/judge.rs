//! What the core makes of a simulated vehicle: from its bytes through admission and recipe to cases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::thread;

use ingest::admit::{Admission, Envelope};
use ingest::topic;
use rules::author::trial::Trial;
use rules::catalogue::Catalogue;
use rules::learned::{COHORTS_FILE, CohortEntry, CohortHead, CohortTable};
use rules::rule_set::RuleSet;
use rules::stage::effect::{CaseEffect, Effect, Effects, FindingEffect};
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::unit::{Span, Time};
use rules::vehicle::SignalNo;
use rules::vehicle::{Reason, What};
use simulator::delivery::Message;
use simulator::fleet::{FleetPlan, WINDOW};
use simulator::model::Specification;
use simulator::score::life::profile;
use simulator::signal;
use simulator::vehicle::Vehicle as Simulated;

/// Health of a traction battery that a twentieth of its like has less than; no sound simulated one does, %.
const USUAL_HEALTH: f64 = 79.0;

/// The rules that ship, with a table of what is usual, as a job would have learned it by now.
pub static SET: LazyLock<RuleSet> = LazyLock::new(|| {
    let catalogue = Catalogue::builtin().expect("the catalogue that ships");
    let table = CohortTable { head: CohortHead::default(), entries: usual(&catalogue) };
    let catalogue = catalogue.with_learned_file(COHORTS_FILE, table.to_toml()).expect("a table of cohorts");
    RuleSet::compile(Arc::new(catalogue), [0; 32]).expect("the rules that ship compile")
});

fn usual(catalogue: &Catalogue) -> Vec<CohortEntry> {
    let entry = |model: &String, from_km: f64| CohortEntry {
        signal: signal::SOH.to_owned(),
        model: model.clone(),
        from_km,
        quantile: 0.05,
        value: USUAL_HEALTH,
        spread: 4.0,
        vehicles: 200,
    };
    let bands = &catalogue.cohort_bands.from_km;
    catalogue.models.keys().flat_map(|model| bands.iter().map(move |from_km| entry(model, *from_km))).collect()
}

/// A Monday, in winter.
pub fn start() -> Time {
    Time::parse("2026-01-11T16:00:00Z").expect("a time")
}

/// A case as an advisor would list it.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub vehicle: String,
    pub component: String,
    pub rule: String,
    pub opened_at: Time,
}

/// How often a rule was asked, and how often it knew.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    pub verdicts: u64,
    pub unknown: u64,
    pub days_in_scope: u64,
    pub days_with_verdict: u64,
}

/// Everything the core makes of some vehicles.
#[derive(Default)]
pub struct Verdict {
    cases: BTreeMap<uuid::Uuid, Case>,
    /// When each rule fired first.
    pub fired: BTreeMap<String, Time>,
    pub asked: BTreeMap<String, Asked>,
    pub unused: BTreeMap<(Reason, Option<SignalNo>), u64>,
    pub refused: u64,
}

impl Verdict {
    /// Cases; service that falls due is no fault and left out.
    pub fn cases(&self) -> Vec<Case> {
        self.cases.values().filter(|case| !case.component.starts_with("service")).cloned().collect()
    }

    fn merge(&mut self, other: Self) {
        self.cases.extend(other.cases);
        for (rule, at) in other.fired {
            self.fired.entry(rule).and_modify(|first| *first = at.min(*first)).or_insert(at);
        }
        for (rule, more) in other.asked {
            let asked = self.asked.entry(rule).or_default();
            asked.verdicts += more.verdicts;
            asked.unknown += more.unknown;
            asked.days_in_scope += more.days_in_scope;
            asked.days_with_verdict += more.days_with_verdict;
        }
        for (what, count) in other.unused {
            *self.unused.entry(what).or_default() += count;
        }
        self.refused += other.refused;
    }
}

/// One vehicle before the core.
pub struct Judge {
    trial: Trial,
    admission: Admission,
    effects: Effects,
    bounds: Bounds,
    day: i64,
    verdict: Verdict,
}

impl Judge {
    pub fn new(spec: &Specification) -> Self {
        let bounds = Bounds::default();
        let vehicle = Vehicle::new(spec.id.clone(), profile(spec), &SET);
        Self {
            trial: Trial::new(vehicle, &SET, &bounds),
            admission: Admission::new(&SET.catalogue.signals),
            effects: Effects::default(),
            bounds,
            day: i64::MIN,
            verdict: Verdict::default(),
        }
    }

    /// Takes what the vehicle published.
    pub fn hear(&mut self, payload: &[u8], received_at: Time) {
        self.pass_day(received_at);
        let vehicle = &self.trial.vehicle;
        let topic = topic::telemetry(vehicle.id.as_str());
        let envelope = Envelope { topic: &topic, client: None, vehicle: None, payload, received_at };
        match self.admission.admit(&envelope, Some(&vehicle.profile), &mut self.effects.shelf) {
            Ok(admitted) => {
                self.verdict.refused += admitted.refused.iter().map(|refused| u64::from(refused.count)).sum::<u64>();
                self.trial.take(What::Message(admitted.message), &SET, &self.bounds, &mut self.effects);
            }
            Err(_) => self.verdict.refused += 1,
        }
        for (reason, signal) in self.effects.unused.drain(..) {
            *self.verdict.unused.entry((reason, signal)).or_default() += 1;
        }
        self.collect();
    }

    /// Lets time pass to `until`; says what came of everything.
    pub fn finish(mut self, until: Time) -> Verdict {
        self.trial.pass_time(until + Span::from_micros(1), &SET, &self.bounds, &mut self.effects);
        self.collect();
        self.pass_day(Time::from_micros(i64::MAX));
        let counts = |of: &[u32], rule: usize| of.get(rule).copied().map_or(0, u64::from);
        for rule in SET.in_mask(SET.scope_of(&self.trial.vehicle.id, &self.trial.vehicle.profile)) {
            let asked = self.verdict.asked.entry(rule.source.key.clone()).or_default();
            asked.verdicts += counts(&self.effects.ready, usize::from(rule.no.0));
            asked.unknown += counts(&self.effects.not_ready, usize::from(rule.no.0));
        }
        self.verdict
    }

    fn pass_day(&mut self, now: Time) {
        let day = now.micros().div_euclid(86_400_000_000);
        if day == self.day {
            return;
        }
        let verdicts = std::mem::take(&mut self.effects.verdicts);
        if self.day != i64::MIN {
            let vehicle = &self.trial.vehicle;
            let mut counted = BTreeSet::new();
            for rule in SET.in_mask(SET.scope_of(&vehicle.id, &vehicle.profile)) {
                let knew = verdicts[usize::from(rule.no.0) / 64] >> (rule.no.0 % 64) & 1;
                let asked = self.verdict.asked.entry(rule.source.key.clone()).or_default();
                asked.days_in_scope += u64::from(counted.insert((&rule.source.key, 0)));
                asked.days_with_verdict += u64::from(knew == 1 && counted.insert((&rule.source.key, 1)));
            }
        }
        self.day = day;
    }

    fn collect(&mut self) {
        for effect in self.effects.written.drain(..) {
            match effect {
                Effect::Case(CaseEffect::Open { case, component, rule, opened_at, .. }) => {
                    let vehicle = self.trial.vehicle.id.to_string();
                    let component = component.to_string();
                    self.verdict.cases.insert(case, Case { vehicle, component, rule, opened_at });
                }
                Effect::Case(CaseEffect::End { case, withdrawn: true, .. }) => {
                    self.verdict.cases.remove(&case);
                }
                Effect::Finding(FindingEffect::Open { rule, at, .. }) => {
                    self.verdict.fired.entry(rule).or_insert(at);
                }
                _ => {}
            }
        }
        self.effects.clear();
    }
}

/// What a fleet's messages come to, delivered as the plan says.
pub fn judge(plan: &FleetPlan) -> Verdict {
    let fleet = plan.build().expect("a fleet");
    let mut judges: Vec<Judge> = fleet.iter().map(|vehicle| Judge::new(&vehicle.spec)).collect();
    for delivery in plan.deliveries().expect("deliveries") {
        judges[delivery.number as usize].hear(&delivery.encode(), delivery.due);
    }
    let mut all = Verdict::default();
    for judge in judges {
        all.merge(judge.finish(plan.end.expect("an end")));
    }
    all
}

/// What one vehicle's life up to `end` comes to.
pub fn live(vehicle: &mut Simulated, end: Time) -> Verdict {
    let mut judge = Judge::new(&vehicle.spec);
    let frames = vehicle.by_ref().take_while(|frame| frame.at < end);
    for (seq, frame) in (1_u64..).zip(frames) {
        let due = frame.at;
        let oldest = seq.saturating_sub(WINDOW - 1).max(1);
        let message = Message { stream: 1, seq, oldest, frames: vec![frame], seen: Vec::new() };
        judge.hear(&message.encode(), due);
    }
    judge.finish(end)
}

/// What a fleet's healthy lives come to, on both cores.
pub fn live_all(vehicles: Vec<Simulated>, end: Time) -> Verdict {
    let mut all = Verdict::default();
    for verdict in in_parallel(vehicles, |mut vehicle| live(&mut vehicle, end)) {
        all.merge(verdict);
    }
    all
}

/// Applies `work` to every item, on as many threads as there are cores; keeps their order.
pub fn in_parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let count = items.len();
    let queue = std::sync::Mutex::new(items.into_iter().enumerate());
    let mut done: Vec<(usize, R)> = Vec::with_capacity(count);
    thread::scope(|scope| {
        let worker = || {
            let mut own = Vec::new();
            loop {
                let next = queue.lock().expect("no worker panicked with the lock").next();
                let Some((place, item)) = next else { return own };
                own.push((place, work(item)));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        done.extend(workers.into_iter().flat_map(|worker| worker.join().expect("a worker")));
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}
