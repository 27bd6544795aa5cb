//! Lives of many vehicles, simulated straight into the core, and what was known of each day by day.

use std::sync::Mutex;
use std::thread;

use rules::rule_set::RuleSet;
use rules::unit::{Span, Time};

use super::life::{Life, Log};
use crate::model::Specification;
use crate::truth::Truth;
use crate::vehicle::Vehicle;

/// Frames that a vehicle sends together.
const BATCH: usize = 10;

/// What is looked at once a day: the core's vehicle beside the true one.
pub type Probe<'p> = dyn FnMut(&Life<'_>, &Vehicle, Time) -> bool + 'p;

/// What came of one vehicle.
#[derive(Clone, Debug)]
pub struct Lived {
    pub spec: Specification,
    pub log: Log,
    pub truths: Vec<Truth>,
    pub start: Time,
    pub days: f64,
}

/// Lives a vehicle up to `end`, or until the probe says that enough was seen.
pub fn live(mut vehicle: Vehicle, set: &RuleSet, start: Time, end: Time, probe: &mut Probe<'_>) -> Lived {
    let mut life = Life::new(&vehicle.spec, set);
    let mut batch = Vec::with_capacity(BATCH);
    let mut next_day = start + Span::from_days(1);
    let mut now = start;
    while let Some(frame) = vehicle.next() {
        if frame.at >= end {
            break;
        }
        // A unit sends what it has when the ignition goes off, or after so many frames.
        let pause = batch.last().is_some_and(|last: &crate::frame::Frame| frame.at.since(last.at) > Span::from_mins(2));
        if batch.len() == BATCH || pause {
            life.hear(std::mem::take(&mut batch));
        }
        now = frame.at;
        batch.push(frame);
        if now >= next_day {
            next_day = now + Span::from_days(1);
            life.hear(std::mem::take(&mut batch));
            if !probe(&life, &vehicle, now) {
                break;
            }
        }
    }
    life.hear(batch);
    let days = now.since(start).days_f64();
    Lived { truths: vehicle.truths(), spec: vehicle.spec, log: life.log, start, days }
}

/// Applies `work` to every item, on as many threads as there are cores; keeps their order.
pub fn in_parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let worker = || std::iter::from_fn(next).map(|(place, item)| (place, work(item))).collect::<Vec<_>>();
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        // A worker that panicked takes the whole score with it, as it should.
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}
