//! The state of one vehicle: everything that decides about it, in constant size.
//!
//! Nothing outside changes it but the four kinds of input of its lane. It is kept small because it
//! lives in memory for every vehicle: dense slots for last values, sparse lists for what few have.

mod adopt;
pub mod ahead;
pub mod clock;
mod clock_step;
pub mod faults;
pub(crate) mod outcome;
pub(crate) mod plausible;
pub mod settle;
pub mod watches;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::adopt::Committed;
use self::settle::Bounds;
use crate::case::{Case, PastCase};
use crate::compact::{List, Sparse};
use crate::estimate::Estimates;
use crate::language::expr::View;
use crate::learned::Cohort;
use crate::observed::fault_cycle::FaultCycle;
use crate::observed::last::Last;
use crate::observed::readings::Readings;
use crate::observed::suspect::{Former, Suspect};
use crate::observed::window::{Window, Windows};
use crate::observed::{odometer, segment};
use crate::rule_set::RuleSet;
use crate::state::ahead::Ahead;
use crate::state::watches::Watches;
use crate::unit::{Severity, Span, Time};
use crate::vehicle::{Component, Life, Message, Profile, Slot, Told, VehicleId};

/// One vehicle, from its numbering to its open visits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vehicle {
    pub id: VehicleId,
    pub life: Life,
    pub profile: Profile,
    pub order: settle::Order,
    pub clock: clock::Clock,
    /// Newest measured time folded; `NEVER` before the first reading.
    pub newest: Time,
    /// Newest time of reception; never decreases.
    pub received: Time,
    /// Up to when absence has been judged.
    pub judged: Time,
    /// While a backlog is folded nothing is proposed and nobody is contacted; ends at this time of
    /// reception at the latest.
    pub backfill_until: Option<Time>,
    /// By slot.
    pub last: Readings,
    pub suspects: List<Suspect>,
    /// Where signals were before a big change that was believed at once, until their next reading.
    pub former: List<Former>,
    /// [`segment::Segment::busy`] at the last change, by index of the signals that can be stuck.
    pub unchanged: Box<[u32]>,
    pub segment: segment::Segment,
    pub odometer: odometer::Odometer,
    pub faults: List<FaultCycle>,
    /// Codes that are gone, for as long as their coming back would be a recurrence.
    pub healed: List<faults::Healed>,
    pub storm: faults::Storm,
    pub estimates: Estimates,
    pub watches: Watches,
    /// By number among the windows of the set.
    pub windows: Sparse<Window>,
    pub cases: Vec<Case>,
    pub past: List<PastCase>,
    pub visits: List<Visit>,
    /// Visits so far; the next one's ordinal.
    pub visit_count: u32,
    pub warned: List<Warned>,
    /// Physical acts: readings of the component measured before the time no longer count.
    pub resets: List<(Component, Time)>,
    pub snoozed: List<(Uuid, Time)>,
    /// Steps of our own clock that this state has followed, added up.
    pub corrected: Span,
    #[serde(skip)]
    pub ahead: Ahead,
}

/// An order of this vehicle that is not over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    pub order: Uuid,
    pub severity: Severity,
    /// S1 never joins a bundle.
    pub alone: bool,
    pub checked_in: bool,
    pub cases: Vec<Uuid>,
}

/// A stop-now notice that went out before its case could be settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warned {
    pub component: Component,
    /// Id the case gets if it opens.
    pub case: Uuid,
}

impl Vehicle {
    /// A vehicle of which nothing is known but its profile.
    pub fn new(id: VehicleId, profile: Profile, set: &RuleSet) -> Self {
        let mut vehicle = Self {
            id,
            life: Life::default(),
            order: settle::Order::default(),
            clock: clock::Clock::default(),
            newest: Time::NEVER,
            received: Time::NEVER,
            judged: Time::NEVER,
            backfill_until: None,
            last: Readings::default(),
            suspects: List::new(),
            former: List::new(),
            unchanged: vec![0; set.stuck().len()].into(),
            segment: segment::Segment::default(),
            odometer: odometer::Odometer::default(),
            faults: List::new(),
            healed: List::new(),
            storm: faults::Storm::default(),
            estimates: Estimates::new(&profile, set.catalogue.item_codes().len()),
            watches: Watches::new(set),
            windows: Sparse::new(set.windows.len()),
            cases: Vec::new(),
            past: List::new(),
            visits: List::new(),
            visit_count: 0,
            warned: List::new(),
            resets: List::new(),
            snoozed: List::new(),
            corrected: Span::ZERO,
            ahead: Ahead::default(),
            profile,
        };
        vehicle.take_profile(set);
        vehicle
    }

    /// Makes the profile's attributes readable by rules, and the rules' scope current.
    pub fn take_profile(&mut self, set: &RuleSet) {
        set.traits.share(&mut self.profile);
        for (slot, value) in set.attributes_of(&self.profile) {
            self.last.set(slot.index(), Last { value, at: Time::from_micros(0) });
        }
        self.estimates.usage.take_profile(&self.profile);
        self.watches.rescope(&self.id, &self.profile, set);
    }

    pub fn last(&self, slot: Option<Slot>) -> Last {
        self.last.last(slot)
    }

    /// What an expression sees at `now`.
    pub fn view<'a>(&'a self, now: Time, set: &'a RuleSet) -> View<'a> {
        View {
            now,
            newest: self.newest,
            last: &self.last,
            faults: &self.faults,
            code: None,
            service: &self.estimates.usage.items,
            windows: Windows { specs: &set.windows, states: &self.windows, segment: &self.segment },
            cohort: Cohort { table: &set.cohorts, model: self.watches.model(), km: self.odometer.km },
        }
    }

    /// Brings the times of a message into ours.
    pub fn read_clock(&mut self, message: &mut Message, in_turn: bool, bounds: &Bounds) -> Told {
        let known = clock::Known { first_year: self.profile.built_from(), newest: self.newest, skew: bounds.skew };
        self.clock.read(message, in_turn, known)
    }

    pub fn case(&self, id: Uuid) -> Option<&Case> {
        self.cases.iter().find(|case| case.id == id)
    }

    pub fn case_mut(&mut self, id: Uuid) -> Option<&mut Case> {
        self.cases.iter_mut().find(|case| case.id == id)
    }

    /// Whether a reading measured at `at` was made obsolete by a physical act on the component.
    pub fn is_obsolete(&self, component: &Component, at: Time) -> bool {
        is_obsolete(&self.resets, component, at)
    }
}

/// The same, by the acts alone.
pub(crate) fn is_obsolete(resets: &[(Component, Time)], component: &Component, at: Time) -> bool {
    resets.iter().any(|(reset, since)| at < *since && component.same_branch(reset))
}
