//! When to ask again although nothing was measured.

use super::cell::Cell;
use super::probe::{Probe, Read, applicable};
use super::program::{Alarm, Program};
use super::view::View;
use crate::unit::{Span, Time};

/// The earliest measured time after `view.now` at which silence or the calendar could change the
/// program's outcome, given its cells. The engine sets a Timer for it and judges absence at that instant.
pub fn next_change(program: &Program, view: &View<'_>, cell: impl Fn(usize) -> Option<Cell>) -> Option<Time> {
    let at = program.cold.alarms.iter().filter_map(|alarm| match alarm {
        Alarm::Sequence(sequence) => cell(sequence.cell.into()).and_then(|cell| sequence.deadline(&cell)),
        Alarm::Probe(probe) => when(*probe, &program.reads, view),
    });
    at.filter(|at| *at > view.now).min()
}

fn when(probe: Probe, reads: &[Read], view: &View<'_>) -> Option<Time> {
    match probe {
        Probe::Stale { read, after } => {
            let read = reads.get(usize::from(read));
            read.and_then(|read| view.last.get(read.slot.index())).and_then(|last| later(last.at, after))
        }
        Probe::Silent { after } => later(view.newest, after),
        Probe::Service { item, .. } | Probe::ServiceProbability { item, .. } => {
            applicable(view, item).map(|_| next_day(view.now))
        }
        _ => None,
    }
}

fn later(from: Time, after: Span) -> Option<Time> {
    (from != Time::NEVER).then(|| from + after)
}

fn next_day(now: Time) -> Time {
    Time::from_secs((i64::from(now.day()) + 1) * 86_400)
}
