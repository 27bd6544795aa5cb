//! Cohorts, and the cells that they are made of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::rate::Rate;

/// Faults and exposure of a week.
pub type Week = Rate;

/// The vehicles of one model, software and batch: what is counted together. Unknown software or batch is empty.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    pub model: String,
    pub software: String,
    pub batch: String,
    /// Vehicles that were heard within the window.
    pub vehicles: u32,
    /// Vehicle-days, the newest week first.
    pub vehicle_days: Vec<u32>,
    /// Vehicles that had a fault of a component, the newest week first.
    pub faults: BTreeMap<String, Vec<u32>>,
}

impl Cell {
    /// The weeks of a component.
    pub fn week(&self, component: &str, index: usize) -> Week {
        let faults = self.faults.get(component).and_then(|weeks| weeks.get(index)).copied().unwrap_or_default();
        Week { faults, vehicle_days: self.vehicle_days.get(index).copied().unwrap_or_default() }
    }
}

/// What vehicles have in common. What is not named may be anything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cohort {
    pub model: String,
    pub software: Option<String>,
    /// Month of production, such as `2025-04`.
    pub batch: Option<String>,
}

impl Cohort {
    pub fn has(&self, cell: &Cell) -> bool {
        self.model == cell.model
            && self.software.as_ref().is_none_or(|software| *software == cell.software)
            && self.batch.as_ref().is_none_or(|batch| *batch == cell.batch)
    }

    /// Whether it is all of its model.
    pub const fn is_whole(&self) -> bool {
        self.software.is_none() && self.batch.is_none()
    }

    /// Whether every vehicle of `other` belongs to it.
    pub fn contains(&self, other: &Self) -> bool {
        let same = |own: &Option<String>, of: &Option<String>| own.is_none() || own == of;
        self.model == other.model && same(&self.software, &other.software) && same(&self.batch, &other.batch)
    }
}

/// Every cohort of the cells. Where two have the same vehicles, the one that names more of what they share.
pub fn cohorts(cells: &[Cell]) -> Vec<Cohort> {
    let mut by_members: BTreeMap<Vec<usize>, Cohort> = BTreeMap::new();
    for cohort in cells.iter().flat_map(around).collect::<BTreeSet<_>>() {
        let members: Vec<usize> =
            cells.iter().enumerate().filter(|(_, cell)| cohort.has(cell)).map(|(index, _)| index).collect();
        let named = |cohort: &Cohort| usize::from(cohort.software.is_some()) + usize::from(cohort.batch.is_some());
        let kept = by_members.entry(members).or_insert_with(|| cohort.clone());
        if named(&cohort) > named(kept) {
            *kept = cohort;
        }
    }
    by_members.into_values().collect()
}

/// The cohorts that a cell belongs to: what is unknown makes none.
fn around(cell: &Cell) -> Vec<Cohort> {
    let known = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let mut all = Vec::new();
    for software in [None, known(&cell.software)] {
        for batch in [None, known(&cell.batch)] {
            all.push(Cohort { model: cell.model.clone(), software: software.clone(), batch });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(software: &str, batch: &str) -> Cell {
        Cell { model: "m".to_owned(), software: software.to_owned(), batch: batch.to_owned(), ..Cell::default() }
    }

    #[test]
    fn cohorts_are_the_model_and_all_that_part_of_it_shares() {
        let cells = [cell("1", "a"), cell("1", "b"), cell("2", "b"), cell("", "c")];
        let named: Vec<(Option<String>, Option<String>)> =
            cohorts(&cells).into_iter().map(|cohort| (cohort.software, cohort.batch)).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(named.len(), 7, "{named:?}");
        for wanted in [(None, None), (some("1"), None), (None, some("b")), (some("1"), some("b"))] {
            assert!(named.contains(&wanted), "{wanted:?} in {named:?}");
        }
        // Those of one batch with the only software it has: both are named.
        assert!(named.contains(&(some("1"), some("a"))) && !named.contains(&(None, some("a"))));
        assert!(named.contains(&(None, some("c"))));
    }

    #[test]
    fn a_broader_cohort_contains_a_narrower_one() {
        let cohort = |software: Option<&str>| Cohort {
            model: "m".to_owned(),
            software: software.map(str::to_owned),
            batch: Some("a".to_owned()),
        };
        assert!(cohort(None).contains(&cohort(Some("1"))) && cohort(None).contains(&cohort(None)));
        assert!(!cohort(Some("1")).contains(&cohort(None)));
    }
}
