//! The cohorts of one model and their faults of one component: tests, and what explains those that fire.
//!
//! A cohort has risen if it has more faults than its siblings, the rest of its model, have in the same weeks, *and*
//! more than its own past lets one expect. Season, a rule that came into force and a cold week raise all siblings;
//! a batch that is older and always was worse has not risen.

use std::ops::Range;

use super::change::change_point;
use super::cohort::{Cell, Cohort, Week};
use super::rate::{Comparison, Rate};
use super::rise::{Criteria, Known, Rise};
use super::{LOOK_BACK_WEEKS, WINDOWS};

/// The test of a cohort over a window.
#[derive(Clone, Debug)]
pub struct Test {
    pub cohort: Cohort,
    window: usize,
    comparison: Comparison,
    pub chance: f64,
}

/// The weeks of a cell, added up from the newest: the sum of any of them is one difference.
struct Sums(Vec<Rate>);

impl Sums {
    fn of(week: impl Fn(usize) -> Week) -> Self {
        let mut sums = vec![Rate::default()];
        let mut sum = Rate::default();
        for index in 0..LOOK_BACK_WEEKS {
            sum += week(index);
            sums.push(sum);
        }
        Self(sums)
    }

    fn sum(&self, weeks: &Range<usize>) -> Rate {
        let to = |week: usize| self.0.get(week.min(LOOK_BACK_WEEKS)).copied().unwrap_or_default();
        if weeks.start >= weeks.end { Rate::default() } else { to(weeks.end) - to(weeks.start) }
    }
}

pub struct Group<'a> {
    component: &'a str,
    model: &'a str,
    cells: Vec<(&'a Cell, Sums)>,
    /// All other models together.
    others: Sums,
    /// Weeks for which the rules are the same.
    past: usize,
    known: Vec<&'a Known>,
    criteria: &'a Criteria,
}

impl<'a> Group<'a> {
    pub fn new(
        component: &'a str,
        model: &'a str,
        cells: &'a [Cell],
        past: Option<usize>,
        known: &[&'a Known],
        criteria: &'a Criteria,
    ) -> Self {
        let (own, others): (Vec<&Cell>, Vec<&Cell>) = cells.iter().partition(|cell| cell.model == model);
        let of =
            |cells: &[&Cell], index| cells.iter().fold(Rate::default(), |sum, cell| sum + cell.week(component, index));
        Self {
            component,
            model,
            cells: own.into_iter().map(|cell| (cell, Sums::of(|index| cell.week(component, index)))).collect(),
            others: Sums::of(|index| of(&others, index)),
            past: past.unwrap_or(LOOK_BACK_WEEKS).min(LOOK_BACK_WEEKS),
            known: known.to_vec(),
            criteria,
        }
    }

    /// Tests the group's cohorts as of so many weeks ago.
    pub fn tests(&self, cohorts: &[Cohort], ago: usize) -> Vec<Test> {
        // Chosen by what all of the model have, never by a cohort's own faults: that would spoil the chances.
        if self.sum(ago..self.past, |_| true).faults < self.criteria.least_faults {
            return Vec::new();
        }
        let mut tests = Vec::new();
        for cohort in cohorts.iter().filter(|cohort| cohort.model == self.model) {
            let without = self.told_beside(cohort);
            tests.extend(WINDOWS.iter().filter_map(|window| self.test(cohort, ago..ago + window, &without)));
        }
        tests
    }

    /// Compares a cohort, without the vehicles of others, with its siblings and with its own past.
    fn test(&self, cohort: &Cohort, window: Range<usize>, without: &[&Cohort]) -> Option<Test> {
        let left = |cell: &Cell| !without.iter().any(|other| other.has(cell));
        let own = |cell: &Cell| cohort.has(cell) && left(cell);
        let observed = self.sum(window.clone(), own);
        let siblings = Comparison::new(observed, self.sum(window.clone(), |cell| !cohort.has(cell) && left(cell)));
        let usual = if cohort.is_whole() { self.usual(&window) } else { 1.0 };
        let past = Comparison { usual, ..Comparison::new(observed, self.sum(window.end..self.past, own)) };
        // A reference that is much smaller than what it is compared with can refute nothing.
        let usable =
            |of: &Comparison| observed.vehicle_days > 0 && 2 * of.reference.vehicle_days >= observed.vehicle_days;
        let (siblings, past) = (Some(siblings).filter(usable), Some(past).filter(usable));
        let comparison = siblings.or(past)?;
        let worth = observed.faults >= self.criteria.least_faults
            && past.is_none_or(|past| past.chance() <= self.criteria.past_chance)
            && comparison.bounds().0 >= self.criteria.least_ratio;
        let chance = if worth { comparison.chance() } else { 1.0 };
        Some(Test { cohort: cohort.clone(), window: window.len(), comparison, chance })
    }

    /// How much more often all other models have the fault now than before, at least 1: a whole model has no
    /// siblings that would know of the season. One fault more is spread over both, so that none at all is no change.
    fn usual(&self, window: &Range<usize>) -> f64 {
        let (now, before) = (self.others.sum(window), self.others.sum(&(window.end..self.past)));
        if now.vehicle_days == 0 || before.vehicle_days == 0 {
            return 1.0;
        }
        let days = f64::from(now.vehicle_days + before.vehicle_days);
        let rate = |of: Rate| f64::from(of.faults) / f64::from(of.vehicle_days) + 1.0 / days;
        (rate(now) / rate(before)).max(1.0)
    }

    fn sum(&self, weeks: Range<usize>, of: impl Fn(&Cell) -> bool) -> Rate {
        let own = self.cells.iter().filter(|(cell, _)| of(cell));
        own.fold(Rate::default(), |sum, (_, sums)| sum + sums.sum(&weeks))
    }

    /// What people know of beside a cohort: its vehicles count for nothing else.
    fn told_beside(&self, cohort: &Cohort) -> Vec<&Cohort> {
        self.known.iter().map(|known| &known.cohort).filter(|known| !known.contains(cohort)).collect()
    }

    /// The rises behind what fired: the one with the highest lower bound, and then what is as unlikely as the least
    /// unlikely discovery without its vehicles, until nothing is left to explain. `lasting` says what fired before.
    pub fn explain(&self, mut fired: Vec<(&Test, f64)>, lasting: impl Fn(&Test) -> bool, limit: f64) -> Vec<Rise> {
        fired.retain(|(test, _)| self.is_news(test));
        let mut picked: Vec<Cohort> = Vec::new();
        let mut rises = Vec::new();
        loop {
            let mut left: Vec<(Test, f64)> = Vec::new();
            for (test, q) in fired.iter().filter(|(test, _)| !picked.iter().any(|told| told.contains(&test.cohort))) {
                let again = self.test(&test.cohort, 0..test.window, &self.beside(&test.cohort, &picked));
                left.extend(again.filter(|again| again.chance <= limit).map(|again| (again, *q)));
            }
            let lower = |test: &Test| test.comparison.bounds().0;
            let best = left.iter().filter(|(test, _)| lasting(test));
            let Some(best) = best.max_by(|one, other| lower(&one.0).total_cmp(&lower(&other.0))) else {
                return rises;
            };
            let (test, q) = self.widest(best, &left, &picked);
            rises.push(self.rise(test, *q, &self.beside(&test.cohort, &picked)));
            picked.push(test.cohort.clone());
        }
    }

    /// The widest cohort that fired and is no better off than `best`, which is part of it: the part that had bad luck
    /// is not the cause.
    fn widest<'t>(&self, best: &'t (Test, f64), fired: &'t [(Test, f64)], picked: &[Cohort]) -> &'t (Test, f64) {
        let (narrow, _) = best;
        let as_bad = |wide: &Test| {
            let without = self.beside(&wide.cohort, picked);
            let left = |cell: &Cell| !without.iter().any(|other| other.has(cell));
            let rest = |cell: &Cell| wide.cohort.has(cell) && !narrow.cohort.has(cell) && left(cell);
            let rest = self.sum(0..narrow.window, rest);
            Comparison::new(narrow.comparison.observed, rest).chance() > self.criteria.past_chance
        };
        let wider = fired.iter().filter(|(wide, _)| wide.cohort.contains(&narrow.cohort) && as_bad(wide));
        wider.max_by_key(|(wide, _)| wide.comparison.observed.vehicle_days).unwrap_or(best)
    }

    /// What counts for nothing when a cohort is looked at: what people know of, and what was found before it.
    fn beside<'c>(&'c self, cohort: &Cohort, picked: &'c [Cohort]) -> Vec<&'c Cohort> {
        let mut beside = self.told_beside(cohort);
        beside.extend(picked);
        beside
    }

    /// Whether nobody has been told, or what they were told of has grown beyond what it was thought to be.
    fn is_news(&self, test: &Test) -> bool {
        self.known.iter().filter(|known| known.cohort.contains(&test.cohort)).all(|known| {
            match known.decided_at_ratio {
                None => known.cohort == test.cohort,
                Some(ratio) => test.comparison.bounds().0 > ratio,
            }
        })
    }

    fn rise(&self, test: &Test, q: f64, without: &[&Cohort]) -> Rise {
        let Test { cohort, comparison, window, .. } = test;
        let own = |cell: &Cell| cohort.has(cell) && !without.iter().any(|other| other.has(cell));
        let mut weeks: Vec<Week> = (0..self.past).map(|week| self.sum(week..week + 1, own)).collect();
        while weeks.last().is_some_and(|week| week.vehicle_days == 0) {
            weeks.pop();
        }
        let (lower, upper) = comparison.bounds();
        Rise {
            cohort: cohort.clone(),
            component: self.component.to_owned(),
            window_weeks: *window,
            observed: comparison.observed,
            expected: comparison.expected(),
            ratio: comparison.ratio(),
            lower,
            upper,
            q,
            vehicles: self.cells.iter().filter(|(cell, _)| own(cell)).map(|(cell, _)| cell.vehicles).sum(),
            since_weeks: change_point(&weeks).unwrap_or(weeks.len()),
            weeks,
        }
    }
}
