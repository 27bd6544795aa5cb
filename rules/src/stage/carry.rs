//! Carries a vehicle from one rule set to another: slots by signal number, rule state by key,
//! version and subject. What has no counterpart starts empty; findings of removed rules are
//! withdrawn, because nothing could ever end them, and so are those of rules whose mode is another one
//! now, because their cases are of the old one. What still holds is found anew, in the new mode.

use crate::case::{FindingChange, FindingKey};
use crate::compact::Sparse;
use crate::entry::rule::{OnChange, RuleNo};
use crate::observed::readings::Readings;
use crate::observed::suspect::Suspect;
use crate::observed::window::WindowSpec;
use crate::rule_set::{Rule, RuleSet};
use crate::stage::decide::decide;
use crate::stage::effect::Effects;
use crate::stage::scope::StepScope;
use crate::state::Vehicle;
use crate::state::ahead::Ahead;
use crate::unit::{Text, Time};
use crate::vehicle::Slot;

/// What becomes of the memory of a rule: all of it goes on while the version is the same.
fn what_of_memory(old: &Rule, new: &Rule) -> OnChange {
    if old.source.version == new.source.version { OnChange::Keep } else { new.source.on_change }
}

/// Why an open finding of a rule cannot go on under another set; `None` if it can.
fn why_withdrawn(old: Option<&Rule>, new: Option<&Rule>) -> Option<Text> {
    let Some(new) = new else { return Some(Text::new("其规则已移除", "its rule was removed")) };
    let mode = new.source.mode;
    if old.is_none_or(|old| old.source.mode == mode) {
        return None;
    }
    Some(match new.demotion() {
        Some(demotion) => {
            let day = &demotion.on;
            Text::new(format!("其规则已于{day}降为影子规则"), format!("its rule is {}", demotion.because()))
        }
        None => Text::new(format!("其规则现为{}模式", mode.word_zh()), format!("its rule is {} now", mode.word())),
    })
}

impl Vehicle {
    /// Switches the state to `to`; withdrawals are appended to `effects`.
    pub fn carry(&mut self, from: &RuleSet, to: &RuleSet, effects: &mut Effects) {
        let counterpart = |no: RuleNo| {
            let old = from.rule(no)?;
            to.find(&old.source.key, &old.subject).map(|rule| (rule.no, what_of_memory(old, rule)))
        };
        let open: Vec<FindingKey> = self.watches.open().map(|(key, _)| key).collect();
        let mut withdrawn = Vec::new();
        for key in open {
            let (old, new) = (from.rule(key.rule), counterpart(key.rule).and_then(|(no, _)| to.rule(no)));
            let Some(because) = why_withdrawn(old, new) else { continue };
            self.watches.end(key);
            withdrawn.push(FindingChange::Withdrawn { key, at: self.newest.max(Time::from_micros(0)), because });
        }
        decide(&mut StepScope::new(self, from, effects), withdrawn);
        self.order.forget_contents();

        let slot_to = |slot: Slot| to.catalogue.signals.slot_of(from.catalogue.signals.get(slot).no);
        let mut last = Readings::default();
        for (slot, signal) in to.catalogue.signals.iter() {
            let old = from.catalogue.signals.slot_of(signal.no);
            if let Some(known) = old.and_then(|old| self.last.get(old.index())) {
                last.set(slot.index(), known);
            }
        }
        self.last = last;
        self.suspects = self
            .suspects
            .iter()
            .filter_map(|suspect| slot_to(suspect.slot).map(|slot| Suspect { slot, ..*suspect }))
            .collect();
        self.former.clear();
        let busy = |slot: &Slot| self.segment.busy(to.catalogue.signals.get(*slot));
        self.unchanged = to.stuck().iter().map(busy).collect();
        self.estimates.usage.carry(from.catalogue.item_codes(), to.catalogue.item_codes());
        self.carry_windows(from, to);
        self.watches.carry(from, to, counterpart);
        for finding in self.cases.iter_mut().flat_map(|case| &mut case.findings) {
            if let Some((no, _)) = counterpart(finding.key.rule) {
                finding.key.rule = no;
            }
        }
        self.ahead = Ahead::default();
        self.take_profile(to);
    }

    /// A window belongs to a signal, not to a rule: it goes on as long as some rule asks for the same.
    fn carry_windows(&mut self, from: &RuleSet, to: &RuleSet) {
        let mut windows = Sparse::new(to.windows.len());
        for (number, spec) in to.windows.iter() {
            let signal = to.catalogue.signals.get(spec.slot).no;
            let same = from.windows.iter().find(|(_, old)| {
                let slot = old.slot;
                from.catalogue.signals.get(slot).no == signal && WindowSpec { slot, ..*spec } == **old
            });
            if let Some(known) = same.and_then(|(old, _)| self.windows.get(old)) {
                windows.set(number, known.clone());
            }
        }
        self.windows = windows;
    }
}
