//! A control unit's fault memory: codes that mature and heal by ISO 14229-1 status bits.
//!
//! First failing driving cycle: pending. The same failure in as many in a row as the code takes to
//! mature, two as a rule: confirmed, lamp on. Three good cycles: lamp off. Forty: erased.

use std::collections::BTreeMap;

use crate::frame::{CodeReport, Name};

const FAILED: u8 = 0x01;
const FAILED_THIS_CYCLE: u8 = 0x02;
const PENDING: u8 = 0x04;
const CONFIRMED: u8 = 0x08;
const FAILED_SINCE_CLEAR: u8 = 0x20;
const NOT_RUN_THIS_CYCLE: u8 = 0x40;
const LAMP: u8 = 0x80;

/// Cycles without the fault until the lamp goes off and until the code is erased.
const LAMP_OFF_AFTER: u8 = 3;
const ERASED_AFTER: u8 = 40;

#[derive(Clone, Debug)]
struct Entry {
    ecu: Name,
    status: u8,
    count: u16,
    /// Failing cycles in a row.
    bad_cycles: u8,
    good_cycles: u8,
    told: Option<u8>,
}

/// All codes of one vehicle.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    entries: BTreeMap<Name, Entry>,
}

impl Memory {
    /// A driving cycle begins.
    pub fn begin_cycle(&mut self) {
        for entry in self.entries.values_mut() {
            entry.status = (entry.status | NOT_RUN_THIS_CYCLE) & !FAILED_THIS_CYCLE;
        }
    }

    /// A test failed; the code is confirmed once it `matures`, after so many failing cycles in a row.
    pub fn failed(&mut self, code: &Name, ecu: &Name, matures: u8, lamp: bool) {
        let entry = self.entries.entry(code.clone()).or_insert_with(|| Entry {
            ecu: ecu.clone(),
            status: 0,
            count: 0,
            bad_cycles: 0,
            good_cycles: 0,
            told: None,
        });
        if entry.status & FAILED_THIS_CYCLE == 0 {
            entry.bad_cycles = entry.bad_cycles.saturating_add(1);
        }
        if entry.status & FAILED == 0 {
            entry.count = entry.count.saturating_add(1);
        }
        entry.good_cycles = 0;
        entry.status |= FAILED | FAILED_THIS_CYCLE | PENDING | FAILED_SINCE_CLEAR;
        entry.status &= !NOT_RUN_THIS_CYCLE;
        if entry.bad_cycles >= matures {
            entry.status |= CONFIRMED | if lamp { LAMP } else { 0 };
        }
    }

    /// A test that failed before has passed.
    pub fn passed(&mut self, code: &str) {
        if let Some(entry) = self.entries.get_mut(code) {
            entry.status &= !(FAILED | NOT_RUN_THIS_CYCLE);
        }
    }

    /// A driving cycle ends; codes age.
    pub fn end_cycle(&mut self) {
        for entry in self.entries.values_mut() {
            if entry.status & (FAILED_THIS_CYCLE | NOT_RUN_THIS_CYCLE) != 0 {
                continue;
            }
            entry.bad_cycles = 0;
            entry.good_cycles = entry.good_cycles.saturating_add(1);
            entry.status &= !PENDING;
            if entry.good_cycles >= LAMP_OFF_AFTER {
                entry.status &= !LAMP;
            }
            if entry.good_cycles >= ERASED_AFTER {
                entry.status &= !(CONFIRMED | FAILED_SINCE_CLEAR);
            }
        }
    }

    /// Everything remembered, as told once per trip.
    pub fn snapshot(&mut self) -> Vec<CodeReport> {
        self.entries.iter_mut().map(|(code, entry)| entry.tell(code)).collect()
    }

    /// What changed since it was told last.
    pub fn changes(&mut self) -> Vec<CodeReport> {
        let changed = |entry: &Entry| entry.told != Some(entry.status & !NOT_RUN_THIS_CYCLE);
        self.entries.iter_mut().filter(|(_, entry)| changed(entry)).map(|(code, entry)| entry.tell(code)).collect()
    }

    pub fn count(&self) -> usize {
        self.entries.values().filter(|entry| entry.status & (CONFIRMED | PENDING) != 0).count()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn lamp(&self) -> bool {
        self.entries.values().any(|entry| entry.status & LAMP != 0)
    }
}

impl Entry {
    fn tell(&mut self, code: &Name) -> CodeReport {
        self.told = Some(self.status & !NOT_RUN_THIS_CYCLE);
        CodeReport { code: code.clone(), ecu: self.ecu.clone(), status: self.status, count: Some(self.count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: Name = Name::Borrowed("P0301");
    const ECU: Name = Name::Borrowed("7E8");

    fn cycle(memory: &mut Memory, fails: bool) -> u8 {
        memory.begin_cycle();
        if fails {
            memory.failed(&CODE, &ECU, 2, true);
        } else {
            memory.passed(&CODE);
        }
        memory.end_cycle();
        memory.snapshot()[0].status
    }

    #[test]
    fn matures_from_pending_to_confirmed_in_two_cycles() {
        let mut memory = Memory::default();
        assert_eq!(cycle(&mut memory, true), 0x27);
        assert_eq!(cycle(&mut memory, true), 0xAF);
        assert!(memory.lamp());
    }

    #[test]
    fn a_good_cycle_between_starts_again() {
        let mut memory = Memory::default();
        cycle(&mut memory, true);
        assert_eq!(cycle(&mut memory, false), 0x20);
        assert_eq!(cycle(&mut memory, true), 0x27);
    }

    #[test]
    fn heals_lamp_first_then_for_good() {
        let mut memory = Memory::default();
        cycle(&mut memory, true);
        cycle(&mut memory, true);
        for _ in 0..3 {
            cycle(&mut memory, false);
        }
        assert!(!memory.lamp());
        let mut status = 0xFF;
        for _ in 0..40 {
            status = cycle(&mut memory, false);
        }
        assert_eq!(status, 0);
        assert_eq!(memory.count(), 0);
    }

    #[test]
    fn tells_a_change_once() {
        let mut memory = Memory::default();
        memory.begin_cycle();
        memory.failed(&CODE, &ECU, 1, true);
        assert_eq!(memory.changes().len(), 1);
        memory.failed(&CODE, &ECU, 1, true);
        assert!(memory.changes().is_empty());
    }
}
