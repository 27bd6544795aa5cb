//! One look at all cohorts: every one is tested, and for each rise the cohort that explains it best is named.

use std::collections::{BTreeMap, BTreeSet};

use super::chance::q_values;
use super::cohort::{Cell, Cohort, cohorts};
use super::group::{Group, Test};
use super::rise::{Criteria, Known, Rise};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// How many tests there were: cohorts by component and window.
    pub tested: usize,
    /// What is to be proposed, or is and still holds.
    pub rises: Vec<Rise>,
}

/// Looks at all cohorts. `same_rules` says for how many weeks the rules of a component have been what they are, where
/// that is less than is looked back.
///
/// What fires must have fired a week ago too: looks are repeated every day, and what chance alone brought goes again.
pub fn look(cells: &[Cell], same_rules: &BTreeMap<String, usize>, known: &[Known], criteria: &Criteria) -> Look {
    let large = |cohort: &Cohort| {
        let own = cells.iter().filter(|cell| cohort.has(cell));
        own.map(|cell| cell.vehicles).sum::<u32>() >= criteria.least_vehicles
    };
    let cohorts: Vec<Cohort> = cohorts(cells).into_iter().filter(large).collect();
    let components: BTreeSet<&String> = cells.iter().flat_map(|cell| cell.faults.keys()).collect();
    let models: BTreeSet<&String> = cells.iter().map(|cell| &cell.model).collect();
    let mut groups = Vec::new();
    for component in components {
        let past = same_rules.get(component).copied();
        let known: Vec<&Known> = known.iter().filter(|known| known.component == *component).collect();
        groups.extend(models.iter().map(|model| Group::new(component, model, cells, past, &known, criteria)));
    }
    let (tested, now) = fired(&groups, &cohorts, 0, criteria);
    let (_, before) = fired(&groups, &cohorts, 1, criteria);
    let limit = now.iter().map(|(_, test, _)| test.chance).fold(0.0, f64::max);
    let mut rises = Vec::new();
    for (place, group) in groups.iter().enumerate() {
        let lasting = |test: &Test| before.iter().any(|(at, old, _)| *at == place && old.cohort == test.cohort);
        let own = now.iter().filter(|(at, ..)| *at == place).map(|(_, test, q)| (test, *q));
        rises.extend(group.explain(own.collect(), lasting, limit));
    }
    Look { tested, rises }
}

/// How many tests there are as of so many weeks ago, and those that are discoveries, each with its group and share.
fn fired(
    groups: &[Group<'_>],
    cohorts: &[Cohort],
    ago: usize,
    criteria: &Criteria,
) -> (usize, Vec<(usize, Test, f64)>) {
    let of =
        |(place, group): (usize, &Group<'_>)| group.tests(cohorts, ago).into_iter().map(|test| (place, test)).collect();
    let tests: Vec<(usize, Test)> =
        groups.iter().enumerate().flat_map(|group| -> Vec<(usize, Test)> { of(group) }).collect();
    let q = q_values(&tests.iter().map(|(_, test)| test.chance).collect::<Vec<_>>());
    let found = tests.iter().zip(q).filter(|(_, q)| *q <= criteria.q);
    (tests.len(), found.map(|((place, test), q)| (*place, test.clone(), q)).collect())
}
