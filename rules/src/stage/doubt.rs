//! What the rules would remember if the readings that wait for a witness were true.
//!
//! A jump that is believed at its third reading counts from the first: durations and evidence of the rules that read it
//! have run meanwhile beside the real ones, on a sketch of the last values in which it is true. They open, clear and pass
//! nothing. If the jump is confirmed they become the real ones, and if it is not they are dropped.

use crate::case::FindingKey;
use crate::compact::{RuleMask, SlotSet};
use crate::entry::rule::RuleNo;
use crate::language::expr::{self, Cell, Tri, View};
use crate::learned::Cohort;
use crate::observed::last::Last;
use crate::observed::step::Step;
use crate::observed::window::Windows;
use crate::rule_set::{Rule, RuleSet};
use crate::stage::estimate;
use crate::state::outcome::take_outcome;
use crate::state::watches::{Doubt, Watch, Watches};
use crate::state::{Vehicle, is_obsolete};
use crate::vehicle::Slot;

/// Lets the rules that read what waits take the step as if it were true. To be called before they take it really.
pub fn consider(vehicle: &mut Vehicle, step: &Step, set: &RuleSet) {
    if vehicle.suspects.is_empty() {
        return;
    }
    if vehicle.suspects.iter().any(|suspect| vehicle.last.get(suspect.slot.index()).is_none()) {
        // A first reading has no last value to change places with: the vehicle is new, and this is rare.
        let real = vehicle.last.clone();
        for suspect in &*vehicle.suspects {
            vehicle.last.set(suspect.slot.index(), suspect.last());
        }
        suppose(vehicle, step, set);
        vehicle.last = real;
    } else {
        exchange(vehicle);
        suppose(vehicle, step, set);
        exchange(vehicle);
    }
}

/// What waits changes places with the last values.
fn exchange(vehicle: &mut Vehicle) {
    let Vehicle { suspects, last, .. } = vehicle;
    for suspect in &mut **suspects {
        let known = last.get(suspect.slot.index()).unwrap_or(Last::NEVER);
        last.set(suspect.slot.index(), suspect.last());
        (suspect.value, suspect.at) = (known.value, known.at);
    }
}

/// Takes the step on last values in which everything that waits is true.
fn suppose(vehicle: &mut Vehicle, step: &Step, set: &RuleSet) {
    let (mut touched, mut waiting) = (step.touched, SlotSet::default());
    for suspect in &*vehicle.suspects {
        waiting.insert(suspect.slot);
        set.estimators.following(suspect.slot).iter().for_each(|feature| waiting.insert(feature));
        if vehicle.last.get(suspect.slot.index()).is_some_and(|last| last.at == step.at) {
            touched.insert(suspect.slot);
        }
    }
    let replaced = estimate::suppose(vehicle, step, &mut touched, set);
    let mut mask = set.touched(&touched, step.faults, step.service);
    let readers = set.touched(&waiting, false, false);
    mask.iter_mut().zip(&readers).for_each(|(word, readers)| *word &= readers);
    let Vehicle { watches, newest, last, faults, estimates, windows, odometer, resets, segment, .. } = vehicle;
    let view = View {
        now: step.at,
        newest: *newest,
        last,
        faults,
        code: None,
        service: &estimates.usage.items,
        windows: Windows { specs: &set.windows, states: windows, segment },
        cohort: Cohort { table: &set.cohorts, model: watches.model(), km: odometer.km },
    };
    for rule in set.in_mask(watches.in_scope(mask)) {
        let Some(component) = &rule.component else { continue };
        let remembers = rule.cells() > 0 || rule.source.evidence.is_some();
        if remembers && !rule.by_code && !is_obsolete(resets, component, step.at) {
            watches.suppose(rule, &view, segment.trip);
        }
    }
    for (slot, last) in replaced {
        vehicle.last.set(slot.index(), last);
    }
}

/// What waited on a slot was true: so is what was remembered of it, unless something else waits still.
pub(crate) fn confirm(vehicle: &mut Vehicle, slot: Slot, set: &RuleSet) {
    if vehicle.watches.doubts.is_empty() {
        return;
    }
    let waiting = vehicle.suspects.iter().map(|suspect| suspect.slot);
    let (confirmed, waiting) = (readers([slot], set), readers(waiting, set));
    let mut settled = Vec::new();
    vehicle.watches.doubts.retain_mut(|doubt| {
        let is_settled = has(&confirmed, doubt.rule) && !has(&waiting, doubt.rule);
        if is_settled {
            settled.push(Doubt { cells: std::mem::take(&mut doubt.cells), ..*doubt });
        }
        !is_settled
    });
    for doubt in settled {
        if let Some(rule) = set.rule(doubt.rule) {
            vehicle.watches.adopt_doubt(doubt, rule);
        }
    }
}

/// What waited on a slot was false.
pub(crate) fn refute(vehicle: &mut Vehicle, slot: Slot, set: &RuleSet) {
    if !vehicle.watches.doubts.is_empty() {
        let refuted = readers([slot], set);
        vehicle.watches.doubts.retain(|doubt| !has(&refuted, doubt.rule));
    }
}

impl Watches {
    fn suppose(&mut self, rule: &Rule, view: &View<'_>, trip: u32) {
        let place = self.doubts.iter().position(|doubt| doubt.rule == rule.no);
        let mut doubt = match place {
            Some(place) => self.doubts.swap_remove(place),
            None => self.doubt(rule),
        };
        let Some((when, clear)) = doubt.cells.split_at_mut_checked(rule.when.cells()) else { return };
        let held = expr::run(&rule.when, view, when);
        if let Some(program) = rule.clear.as_ref().filter(|_| doubt.watch.open_at().is_some()) {
            expr::run(program, view, clear);
        }
        let counts = rule.source.evidence.is_some_and(|evidence| {
            take_outcome(&mut doubt.watch, evidence, held, trip, view.now);
            held == Tri::True
        });
        // Most readings that wait make nothing hold: there is nothing to remember of them.
        if place.is_some() || counts || doubt.cells.iter().any(|cell| cell.holds_since().is_some()) {
            self.doubts.push(doubt);
        }
    }

    fn doubt(&self, rule: &Rule) -> Doubt {
        let cell = |place| self.cell(rule.when_cell + place).unwrap_or(Cell::EMPTY);
        let key = FindingKey { rule: rule.no, code: None };
        let watch = self.find(key).copied().unwrap_or_else(|| Watch::new(key));
        Doubt { rule: rule.no, cells: (0..rule.cells()).map(cell).collect(), watch }
    }

    fn adopt_doubt(&mut self, doubt: Doubt, rule: &Rule) {
        let key = doubt.watch.key;
        if self.find(key).and_then(Watch::open_at) != doubt.watch.open_at() {
            return;
        }
        for (place, cell) in doubt.cells.iter().enumerate() {
            self.cells.set(rule.when_cell + place, *cell);
        }
        if rule.source.evidence.is_some() {
            let Watch { outcomes, judged, period, .. } = doubt.watch;
            let watch = self.entry(key);
            (watch.outcomes, watch.judged, watch.period) = (outcomes, judged, period);
        }
    }
}

/// The rules that read slots, or features that follow from them.
fn readers(slots: impl IntoIterator<Item = Slot>, set: &RuleSet) -> RuleMask {
    let mut all = SlotSet::default();
    for slot in slots {
        all.insert(slot);
        set.estimators.following(slot).iter().for_each(|feature| all.insert(feature));
    }
    set.touched(&all, false, false)
}

fn has(mask: &RuleMask, rule: RuleNo) -> bool {
    mask.get(usize::from(rule.0) / 64).is_some_and(|word| word >> (rule.0 % 64) & 1 == 1)
}
