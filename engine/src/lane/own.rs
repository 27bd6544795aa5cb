//! What a lane is made of: what it owns, and what it has in common with the others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;

use ingest::admit::{Admission, UnknownVehicle};
use ingest::source::Source;
use rules::rule_set::RuleSet;
use rules::stage::effect::Effects;
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::unit::{Span, Time};
use rules::vehicle::{Life, Profile, VehicleId};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config;
use crate::crm::notice::Routes;
use crate::history::journal::{Position, Restored};
use crate::lane::answer::Told;
use crate::lane::dirty::Dirty;
use crate::lane::restraint::Restraint;
use crate::lane::skipped::SkippedNumbers;
use crate::metrics::LaneMetrics;
use crate::store::open::Store;

/// What all lanes of an engine have in common.
pub struct Common {
    pub store: Arc<Store>,
    pub clock: Clock,
    pub bounds: Bounds,
    /// How much at once, and how often.
    pub limits: config::Lanes,
    pub unknown: UnknownVehicle,
    /// Profile of vehicles that register themselves by their first message.
    pub stranger: Profile,
    pub incarnation: i32,
    /// Lives of vehicles as they were at the start, wherever it is not the first.
    pub lives: HashMap<VehicleId, Life>,
    pub lanes: usize,
    pub source: Arc<dyn Source>,
    /// By which channels notices go out.
    pub routes: Routes,
    /// A vehicle listens again: its unseen notices are repeated.
    pub listening: Arc<dyn Fn(&VehicleId) + Send + Sync>,
    /// Refusals of one vehicle written down per hour.
    pub rejections_per_hour: u32,
    pub metrics: LaneMetrics,
    pub ingest: ingest::metrics::Metrics,
    /// Set while the store is away: sources stop, `/readyz` says why.
    pub store_away: Arc<dyn Fn(bool) + Send + Sync>,
    /// Told when a lane begins a batch and when it has ended it.
    pub at_work: Arc<dyn Fn(i16, bool) + Send + Sync>,
}

/// A vehicle with what the lane keeps about it.
pub(super) struct Held {
    pub(super) vehicle: Vehicle,
    /// The rules its state belongs to; it follows the lane's at its next input.
    pub(super) set: Arc<RuleSet>,
    pub(super) position: Position,
    pub(super) told: Told,
    /// Time of the timer in the heap.
    pub(super) timer: Option<Time>,
}

/// One lane.
pub struct Lane {
    pub(super) no: i16,
    pub(super) common: Arc<Common>,
    pub(super) set: Arc<RuleSet>,
    /// Rules in force, which the lane follows between batches.
    pub(super) sets: watch::Receiver<Arc<RuleSet>>,
    pub(super) admission: Admission,
    /// Boxed: a map keeps room for more entries than it has.
    pub(super) vehicles: HashMap<VehicleId, Box<Held>>,
    pub(super) timers: BinaryHeap<Reverse<(Time, VehicleId)>>,
    pub(super) dirty: Dirty,
    pub(super) restraint: Restraint,
    /// What vehicles without a state have become since the start: the life they have should they come back.
    pub(super) lives: HashMap<VehicleId, Life>,
    /// Vehicles of the batch that begin another life before it is taken again.
    pub(super) reborn: BTreeMap<VehicleId, Life>,
    /// Steps of the clock that this lane has followed, added up; `None` under a clock that makes none.
    pub(super) corrected: Option<Span>,
    pub(super) skipped: SkippedNumbers,
    /// Number of the last committed batch.
    pub(super) n: i64,
    pub(super) effects: Effects,
    /// While a batch is taken apart, with nothing in it but what arrived.
    pub(super) apart: bool,
}

impl Lane {
    pub fn new(
        no: i16,
        common: Arc<Common>,
        mut sets: watch::Receiver<Arc<RuleSet>>,
        vehicles: impl Iterator<Item = Restored>,
    ) -> Self {
        let set = Arc::clone(&sets.borrow_and_update());
        let restraint = Restraint::new(common.rejections_per_hour);
        let mut lane = Self {
            no,
            admission: admission(&set),
            common,
            set,
            sets,
            vehicles: HashMap::new(),
            timers: BinaryHeap::new(),
            dirty: Dirty::default(),
            restraint,
            lives: HashMap::new(),
            reborn: BTreeMap::new(),
            corrected: None,
            skipped: SkippedNumbers::default(),
            n: 0,
            effects: Effects::default(),
            apart: false,
        };
        (_, lane.corrected) = lane.common.clock.reading();
        lane.hold(vehicles);
        let waiting: usize = lane.vehicles.values().map(|held| held.vehicle.order.waiting_count()).sum();
        lane.common.metrics.vehicles.add(lane.vehicles.len() as i64);
        lane.common.metrics.waiting_messages.add(waiting as i64);
        lane
    }
}

/// Admission under a set's catalogue.
pub(super) fn admission(set: &RuleSet) -> Admission {
    Admission::new(&set.catalogue.signals)
}
