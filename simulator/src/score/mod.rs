//! The score card: what the product makes of vehicles whose truth is known.
//!
//! Everything goes the way of real messages: bytes of the wire, admission, the core's recipe. What is scored was
//! simulated with seeds that nobody tuned on.

pub mod bad;
pub mod batteries;
pub mod battery;
pub mod due;
pub mod faults;
pub mod figures;
pub mod life;
pub mod lives;
pub mod pads;
pub mod page;
pub mod plan;
pub mod reliability;
pub mod stop;
pub mod trips;

use std::collections::BTreeMap;

use rules::learned::{Followed, Held};
use rules::rule_set::RuleSet;
use rules::unit::Span;
use serde::Serialize;

use self::lives::{Lived, in_parallel, live};
use self::plan::{Case, Plan};

/// All figures of a score.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Score {
    pub seed: u64,
    pub faults: BTreeMap<&'static str, faults::FaultScore>,
    pub false_orders_per_1000_vehicle_months: f64,
    pub notices_per_1000_vehicle_months: f64,
    pub sound: faults::Soundness,
    pub due_date: due::DueScore,
    pub pads: pads::PadScore,
    pub soh: batteries::HealthScore,
    /// How forecasts held, as given and as calibrated, by estimator.
    pub reliability: BTreeMap<String, Held>,
    /// Simulated days of all vehicles but the new batteries, and their messages.
    pub vehicle_days: f64,
    pub messages: u64,
}

/// A score with what is measured on real data and on bad data.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Whole {
    #[serde(flatten)]
    pub score: Score,
    /// Faults for which one must stop now.
    pub s1: stop::StopScore,
    pub bad_data_cases: u64,
    pub bad: bad::BadScore,
    /// `None` where the recorded trips are not there.
    pub carobd: Option<trips::TripScore>,
    /// By data set.
    pub battery: BTreeMap<String, battery::DatasetScore>,
}

/// One life with what was watched.
struct Watched {
    lived: Lived,
    misses: Vec<due::Miss>,
    pads: Vec<f64>,
    followed: Vec<Followed>,
}

/// Scores a plan; `told` hears of every finished life.
pub fn score(plan: &Plan, set: &RuleSet, told: impl Fn(usize, usize) + Sync) -> Score {
    let cases = plan::cases(plan);
    let all = cases.len();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let watched = in_parallel(cases, |case| {
        let watched = watch(&case, plan.seed, set);
        told(1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed), all);
        watched
    });
    let (sound, planted): (Vec<Watched>, Vec<Watched>) =
        watched.into_iter().partition(|watched| watched.lived.truths.is_empty());
    let followed: Vec<_> = sound.iter().chain(&planted).map(|watched| watched.followed.clone()).collect();
    let misses: Vec<due::Miss> = sound.iter().flat_map(|watched| watched.misses.clone()).collect();
    let pads: Vec<f64> = sound.iter().chain(&planted).flat_map(|watched| watched.pads.clone()).collect();
    let sound: Vec<Lived> = sound.into_iter().map(|watched| watched.lived).collect();
    let planted: Vec<Lived> = planted.into_iter().map(|watched| watched.lived).collect();
    let soundness = faults::soundness(&sound);
    Score {
        seed: plan.seed,
        faults: faults::score(&sound, &planted),
        false_orders_per_1000_vehicle_months: soundness.false_orders_per_1000_vehicle_months,
        notices_per_1000_vehicle_months: soundness.notices_per_1000_vehicle_months,
        sound: soundness,
        due_date: due::score(&misses),
        pads: pads::score(&pads),
        soh: batteries::score(plan, set),
        reliability: reliability::score(&followed),
        vehicle_days: sound.iter().chain(&planted).map(|lived| lived.days).sum(),
        messages: sound.iter().chain(&planted).map(|lived| lived.log.messages).sum(),
    }
}

fn watch(case: &Case, seed: u64, set: &RuleSet) -> Watched {
    let start = plan::start(case.number);
    let (mut due, mut pads) = (due::DueWatch::default(), pads::PadWatch::default());
    let mut said = reliability::ChanceWatch::default();
    let mut probe = |life: &life::Life<'_>, truth: &crate::vehicle::Vehicle, now| {
        due.look(life, set, now);
        pads.look(life, truth);
        said.look(life, truth, now);
        true
    };
    let lived = live(case.build(seed), set, start, start + Span::from_days(case.days), &mut probe);
    let pads = pads.errors().collect();
    let end = lived.start + Span::from_micros((lived.days * 86.4e9) as i64);
    let followed = said.followed(lived.spec.model.key, &lived.truths, end);
    Watched { lived, misses: due.misses(), pads, followed }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rules::catalogue::Catalogue;
    use rules::learned::date::{DateEntry, Dates, LEAST_COVERAGE};
    use rules::learned::forecast::FORECASTERS;

    type Floors = BTreeMap<String, BTreeMap<String, f64>>;

    fn floors() -> Floors {
        toml::from_str(include_str!("../../catalogue/score_floors.toml")).unwrap()
    }

    /// Estimators whose dates of failure are shown although no floor keeps how well they hold.
    fn unkept(dates: &Dates, floors: &Floors) -> Vec<String> {
        let kept = |entry: &DateEntry| {
            let least = floors.get(&entry.measured_by).and_then(|floor| floor.get("least"));
            least.is_some_and(|least| *least >= LEAST_COVERAGE)
        };
        let shown = dates.iter().filter(|entry| dates.hold(&entry.estimator));
        shown.filter(|entry| !kept(entry)).map(|entry| entry.estimator.clone()).collect()
    }

    #[test]
    fn a_date_that_is_shown_has_a_floor_that_keeps_it() {
        let dates = Catalogue::builtin().unwrap().dates;
        assert_eq!(unkept(&dates, &floors()), [""; 0]);
        // One that somebody shows without a floor, or with one below what is asked of it, fails.
        let entry = |least: Option<f64>| {
            let measured_by = "reliability.tyre.interval.covered".to_owned();
            let mut floors = floors();
            floors.extend(least.map(|least| (measured_by.clone(), BTreeMap::from([("least".to_owned(), least)]))));
            let entry =
                DateEntry { estimator: "tyre".to_owned(), coverage: Some(0.8), measured_by, source: "test".to_owned() };
            unkept(&Dates::new([entry]), &floors)
        };
        assert_eq!(
            (entry(None), entry(Some(0.5)), entry(Some(0.7))),
            (vec!["tyre".to_owned()], vec!["tyre".to_owned()], vec![])
        );
    }

    #[test]
    fn every_estimator_says_how_well_its_dates_hold_and_its_probabilities_have_a_floor() {
        let catalogue = Catalogue::builtin().unwrap();
        let floors = floors();
        for estimator in FORECASTERS {
            let own = catalogue.dates.iter().find(|entry| entry.estimator == estimator);
            let measured_by = &own.unwrap_or_else(|| panic!("{estimator} has no [[date]]")).measured_by;
            assert_eq!(*measured_by, format!("reliability.{estimator}.interval.covered"));
        }
        for estimator in FORECASTERS {
            let figure = format!("reliability.{estimator}.told.calibration_error");
            assert!(floors.get(&figure).is_some_and(|floor| floor.contains_key("most")), "{figure}");
        }
    }
}
