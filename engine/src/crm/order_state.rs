//! The way of a work order: which state follows which, on what condition, and what the vehicle's lane must hear.
//!
//! The table is DOMAIN.md 6.1. `rescheduled` and `rebooked` are the move back to `booked`; a
//! declined line is a line's own state. `merged` is the engine's alone.

use rules::vehicle::{Component, OrderMove};

/// State of a work order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderState {
    Proposed,
    Triaged,
    Contacted,
    Booked,
    PartsPending,
    PartsReady,
    CheckedIn,
    Inspecting,
    Quoted,
    Approved,
    Dispatched,
    InProgress,
    WaitingParts,
    ExtraWork,
    QualityCheck,
    Rework,
    Ready,
    Settled,
    Delivered,
    FollowedUp,
    Closed,
    NoFaultFound,
    NoShow,
    Declined,
    Rejected,
    Cancelled,
    Merged,
    Expired,
    Unreachable,
}

use OrderState::{
    Approved, Booked, Cancelled, CheckedIn, Closed, Contacted, Declined, Delivered, Dispatched, Expired, ExtraWork,
    FollowedUp, InProgress, Inspecting, Merged, NoFaultFound, NoShow, PartsPending, PartsReady, Proposed, QualityCheck,
    Quoted, Ready, Rejected, Rework, Settled, Triaged, Unreachable, WaitingParts,
};

/// The part of its way that an order is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Until the car comes.
    Planning,
    /// The car is with us.
    Workshop,
    /// The car is back with its owner, and the order still asks for something.
    Aftercare,
    Over,
}

/// What is known about the order when someone wants to move it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub odometer_km: Option<f64>,
    pub has_appointment: bool,
    /// Lines that are neither withdrawn nor declined and have no verdict yet.
    pub verdicts_missing: usize,
    /// Components whose lines were done.
    pub done: Vec<Component>,
}

/// A move that may be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub to: OrderState,
    /// What the vehicle's lane must hear of it.
    pub tell: Option<OrderMove>,
}

/// Why an order does not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("an order does not go from `{}` to `{}`", .0.word(), .1.word())]
    NotNext(OrderState, OrderState),
    #[error("a reason is required")]
    ReasonMissing,
    #[error("the odometer is required")]
    OdometerMissing,
    #[error("the appointment is required")]
    AppointmentMissing,
    #[error("{0} lines have no verdict")]
    VerdictsMissing(usize),
}

/// What the person has to fill in to move to a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent questions, each asked by name")]
pub struct Asks {
    pub reason: bool,
    pub odometer: bool,
    pub appointment: bool,
    pub verdicts: bool,
}

impl OrderState {
    pub const ALL: [Self; 29] = [
        Proposed,
        Triaged,
        Contacted,
        Booked,
        PartsPending,
        PartsReady,
        CheckedIn,
        Inspecting,
        Quoted,
        Approved,
        Dispatched,
        InProgress,
        WaitingParts,
        ExtraWork,
        QualityCheck,
        Rework,
        Ready,
        Settled,
        Delivered,
        FollowedUp,
        Closed,
        NoFaultFound,
        NoShow,
        Declined,
        Rejected,
        Cancelled,
        Merged,
        Expired,
        Unreachable,
    ];

    /// The word in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Proposed => "proposed",
            Triaged => "triaged",
            Contacted => "contacted",
            Booked => "booked",
            PartsPending => "parts_pending",
            PartsReady => "parts_ready",
            CheckedIn => "checked_in",
            Inspecting => "inspecting",
            Quoted => "quoted",
            Approved => "approved",
            Dispatched => "dispatched",
            InProgress => "in_progress",
            WaitingParts => "waiting_parts",
            ExtraWork => "extra_work",
            QualityCheck => "quality_check",
            Rework => "rework",
            Ready => "ready",
            Settled => "settled",
            Delivered => "delivered",
            FollowedUp => "followed_up",
            Closed => "closed",
            NoFaultFound => "no_fault_found",
            NoShow => "no_show",
            Declined => "declined",
            Rejected => "rejected",
            Cancelled => "cancelled",
            Merged => "merged",
            Expired => "expired",
            Unreachable => "unreachable",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// What may follow; the usual next step first, the way out last.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Proposed => &[Triaged, Cancelled, Expired],
            Triaged => &[Contacted, Rejected, Cancelled],
            Contacted => &[Booked, Declined, Unreachable, Cancelled],
            Unreachable => &[Contacted, Cancelled, Expired],
            Booked => &[PartsReady, PartsPending, Booked, NoShow, Cancelled],
            PartsPending => &[PartsReady, Booked, Cancelled],
            PartsReady => &[CheckedIn, Booked, NoShow, Cancelled],
            NoShow => &[Contacted, Cancelled],
            CheckedIn => &[Inspecting],
            Inspecting => &[Quoted, NoFaultFound],
            Quoted => &[Approved, Declined],
            Approved => &[Dispatched],
            Dispatched | WaitingParts | Rework => &[InProgress],
            InProgress => &[QualityCheck, WaitingParts, ExtraWork],
            ExtraWork => &[InProgress, Declined],
            QualityCheck => &[Ready, Rework],
            NoFaultFound => &[Ready],
            Ready => &[Settled],
            Settled => &[Delivered],
            Delivered => &[FollowedUp],
            FollowedUp => &[Closed, Rework],
            Closed | Declined | Rejected | Cancelled | Merged | Expired => &[],
        }
    }

    pub const fn phase(self) -> Phase {
        match self {
            Proposed | Triaged | Contacted | Unreachable | Booked | PartsPending | PartsReady | NoShow => {
                Phase::Planning
            }
            CheckedIn | Inspecting | Quoted | Approved | Dispatched | InProgress | WaitingParts | ExtraWork
            | QualityCheck | Rework | NoFaultFound | Ready | Settled => Phase::Workshop,
            Delivered | FollowedUp => Phase::Aftercare,
            Closed | Declined | Rejected | Cancelled | Merged | Expired => Phase::Over,
        }
    }

    /// The words of the states of which something holds: what a query is given instead of a list of its own.
    pub fn words_where(holds: fn(Self) -> bool) -> Vec<String> {
        Self::ALL.into_iter().filter(|state| holds(*state)).map(|state| state.word().to_owned()).collect()
    }

    /// The visit is over, or will not happen.
    pub const fn is_over(self) -> bool {
        matches!(self.phase(), Phase::Aftercare | Phase::Over)
    }

    /// Orders that wait for something, as boards and counts show them.
    pub fn open_words() -> Vec<String> {
        Self::words_where(|state| !state.is_over())
    }

    /// The car is with us and not ready yet: technicians judge lines.
    pub const fn in_workshop(self) -> bool {
        matches!(self.phase(), Phase::Workshop) && !matches!(self, Ready | Settled)
    }

    /// Work is going on or just done: missing verdicts are worth mentioning.
    pub const fn asks_verdicts_soon(self) -> bool {
        matches!(self, InProgress | QualityCheck | Rework | NoFaultFound)
    }

    /// What moving here asks of the person.
    pub const fn asks(self) -> Asks {
        let side =
            matches!(self, Rejected | Declined | Unreachable | NoShow | Cancelled | Expired | Rework | WaitingParts);
        Asks {
            reason: side,
            odometer: matches!(self, CheckedIn),
            appointment: matches!(self, Booked),
            verdicts: matches!(self, Ready),
        }
    }

    fn tell(self, facts: &Facts) -> Option<OrderMove> {
        match self {
            CheckedIn => Some(OrderMove::CheckedIn),
            Cancelled => Some(OrderMove::Cancelled),
            Declined | Rejected => Some(OrderMove::Declined),
            Expired => Some(OrderMove::Expired),
            Delivered => Some(OrderMove::Closed { delivered: facts.done.clone(), odometer_km: facts.odometer_km }),
            _ => None,
        }
    }
}

/// Whether an order goes from here to there, knowing this; the one place that decides it.
pub fn step(from: OrderState, to: OrderState, facts: &Facts, because: &str) -> Result<Step, Refusal> {
    if !from.next().contains(&to) {
        return Err(Refusal::NotNext(from, to));
    }
    let asks = to.asks();
    if asks.reason && because.trim().is_empty() {
        return Err(Refusal::ReasonMissing);
    }
    if asks.odometer && facts.odometer_km.is_none() {
        return Err(Refusal::OdometerMissing);
    }
    if asks.appointment && !facts.has_appointment {
        return Err(Refusal::AppointmentMissing);
    }
    if asks.verdicts && facts.verdicts_missing > 0 {
        return Err(Refusal::VerdictsMissing(facts.verdicts_missing));
    }
    Ok(Step { to, tell: to.tell(facts) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_state_can_be_reached_and_left_unless_over() {
        let mut reached = BTreeSet::from([Proposed, Merged]);
        for state in OrderState::ALL {
            reached.extend(state.next());
            let last = matches!(state, Closed | Declined | Rejected | Cancelled | Merged | Expired);
            assert_eq!(state.next().is_empty(), last, "{state:?}");
            assert_eq!(OrderState::from_word(state.word()), Some(state));
        }
        assert_eq!(reached.len(), OrderState::ALL.len());
    }

    #[test]
    fn a_visit_that_is_over_never_comes_back_to_planning() {
        let over = OrderState::ALL.into_iter().filter(|state| state.is_over());
        for (state, next) in over.flat_map(|state| state.next().iter().map(move |next| (state, *next))) {
            assert_ne!(next.phase(), Phase::Planning, "{state:?} to {next:?}");
        }
    }

    #[test]
    fn refuses_what_is_not_next() {
        assert_eq!(step(Proposed, Delivered, &Facts::default(), ""), Err(Refusal::NotNext(Proposed, Delivered)));
    }

    #[test]
    fn checks_in_only_with_the_odometer() {
        let mut facts = Facts::default();
        assert_eq!(step(PartsReady, CheckedIn, &facts, ""), Err(Refusal::OdometerMissing));
        facts.odometer_km = Some(48_211.0);
        assert_eq!(step(PartsReady, CheckedIn, &facts, "").unwrap().tell, Some(OrderMove::CheckedIn));
    }

    #[test]
    fn becomes_ready_only_with_every_verdict() {
        let facts = Facts { verdicts_missing: 2, ..Facts::default() };
        assert_eq!(step(QualityCheck, Ready, &facts, ""), Err(Refusal::VerdictsMissing(2)));
        assert_eq!(step(NoFaultFound, Ready, &facts, ""), Err(Refusal::VerdictsMissing(2)));
    }

    #[test]
    fn gives_up_only_with_a_reason() {
        assert_eq!(step(Contacted, Declined, &Facts::default(), "  "), Err(Refusal::ReasonMissing));
        assert_eq!(
            step(Contacted, Declined, &Facts::default(), "goes elsewhere").unwrap().tell,
            Some(OrderMove::Declined)
        );
    }

    #[test]
    fn tells_the_lane_what_was_done_when_the_keys_are_handed_over() {
        let facts = Facts { done: vec![Component::new("service.oil")], odometer_km: Some(9.0), ..Facts::default() };
        let told = step(Settled, Delivered, &facts, "").unwrap().tell;
        assert_eq!(
            told,
            Some(OrderMove::Closed { delivered: vec![Component::new("service.oil")], odometer_km: Some(9.0) })
        );
    }
}
