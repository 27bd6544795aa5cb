//! Healthy fleets: nothing is found where nothing is wrong, and nothing they send is odd.

use rules::unit::{Span, Time};
use rules::vehicle::Reason;
use simulator::fleet::FleetPlan;
use simulator::model::{MODELS, VAN_DIESEL};
use simulator::signal;
use simulator::vehicle::Sampling;

use crate::judge::{SET, live_all};

const SEASONS: [&str; 2] = ["2026-01-11T16:00:00Z", "2026-07-05T16:00:00Z"];

#[test]
fn healthy_fleets_open_no_case_in_winter_or_summer() {
    for season in SEASONS {
        let plan = FleetPlan::new(31, 30, Time::parse(season).expect("a time"));
        let verdict = live_all(plan.build().expect("a fleet"), plan.start + Span::from_days(21));
        assert_eq!(verdict.cases(), [], "{season}");
        assert_eq!(verdict.refused, 0, "{season}");
        // The supply dips at every start, and is not believed at once, nor is what a night has changed;
        // hardly anything else should be.
        let volts = SET.catalogue.signals.by_path(signal::VOLTAGE_12).map(|signal| signal.no);
        let odd =
            verdict.unused.iter().filter(|((reason, signal), _)| *reason != Reason::Unwitnessed && *signal != volts);
        assert!(odd.clone().map(|(_, count)| count).sum::<u64>() < 400, "{season} {:?}", odd.collect::<Vec<_>>());
    }
}

/// Holidays, idle weeks, hills, seasons and age: a year of healthy life.
#[test]
fn a_healthy_year_opens_no_case() {
    let mut plan = FleetPlan::new(101, 14, Time::parse(SEASONS[0]).expect("a time"));
    plan.sampling = Sampling::coarse();
    let verdict = live_all(plan.build().expect("a fleet"), plan.start + Span::from_days(365));
    assert_eq!((verdict.cases(), verdict.refused), (Vec::new(), 0));
}

/// A mixed fleet has few vans, hybrids and large electric cars.
#[test]
fn vehicles_of_every_model_open_no_case() {
    for season in SEASONS {
        for (model, _) in MODELS {
            let mut plan =
                FleetPlan::new(77, if *model == VAN_DIESEL { 12 } else { 5 }, Time::parse(season).expect("a time"));
            plan.model = Some(*model);
            let verdict = live_all(plan.build().expect("a fleet"), plan.start + Span::from_days(21));
            assert_eq!((verdict.cases(), verdict.refused), (Vec::new(), 0), "{} {season}", model.key);
        }
    }
}
