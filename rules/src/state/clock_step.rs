//! A step of our own clock: the state moves with it, so that nothing waits for an hour that is not coming, and no
//! hour that did not pass is taken for silence (DESIGN.md, "Part 2: clocks").
//!
//! Times of reception are ours and always move. Times of measurement were brought into ours by the vehicle's
//! [`super::clock`], which says whether they move. What is measured next follows without a gap either way. Calendars
//! move by whole days, buckets of windows by whole buckets; dates that people gave stay.

use super::Vehicle;
use super::settle::Bounds;
use crate::rule_set::RuleSet;
use crate::state::ahead::Ahead;
use crate::unit::{Span, Time};

impl Vehicle {
    /// Moves everything by a step of our clock; a vehicle that was never heard has nothing to move.
    pub fn follow_clock(&mut self, by: Span, total: Span, set: &RuleSet, bounds: &Bounds) {
        self.corrected = total;
        if by == Span::ZERO {
            return;
        }
        self.received = self.received.stepped(by);
        self.judged = self.judged.stepped(by);
        self.backfill_until = self.backfill_until.map(|until| until.stepped(by));
        self.order.move_by(by);
        for (_, until) in &mut self.snoozed {
            *until = until.stepped(by);
        }
        for (_, since) in &mut self.resets {
            *since = since.stepped(by);
        }
        if self.newest != Time::NEVER {
            let measured = self.clock.move_by(by, self.received, bounds.skew);
            self.move_measured(measured, set);
        }
        self.ahead = Ahead::default();
    }

    fn move_measured(&mut self, by: Span, set: &RuleSet) {
        if by == Span::ZERO {
            return;
        }
        self.newest = self.newest.stepped(by);
        self.last.move_by(by);
        for suspect in &mut self.suspects {
            suspect.at = suspect.at.stepped(by);
            suspect.before.at = suspect.before.at.stepped(by);
        }
        for former in &mut self.former {
            former.last.at = former.last.at.stepped(by);
        }
        self.segment.since = self.segment.since.stepped(by);
        self.segment.running_at = self.segment.running_at.stepped(by);
        self.odometer.move_by(by);
        for cycle in &mut self.faults {
            (cycle.first_at, cycle.last_at) = (cycle.first_at.stepped(by), cycle.last_at.stepped(by));
            cycle.held_until = cycle.held_until.map(|until| until.stepped(by));
        }
        self.storm.move_by(by);
        self.estimates.move_by(by);
        self.watches.move_by(by, set);
        for (number, window) in self.windows.iter_mut() {
            if let Some(spec) = u16::try_from(number).ok().and_then(|number| set.windows.get(number)) {
                window.move_by(spec, by);
            }
        }
        for case in &mut self.cases {
            case.opened_at = case.opened_at.stepped(by);
            for finding in &mut case.findings {
                finding.opened_at = finding.opened_at.stepped(by);
            }
        }
        for past in &mut self.past {
            past.closed_at = past.closed_at.map(|at| at.stepped(by));
        }
    }
}
