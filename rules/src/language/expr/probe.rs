//! The leaves of an expression: everything it can ask of a vehicle, each one number.

use super::view::View;
use crate::entry::fault_code::FaultPattern;
use crate::entry::plan::items::ItemState;
use crate::observed::fault_cycle::{FaultCycle, FaultPhase};
use crate::observed::window::Stat;
use crate::unit::normal::probability_within;
use crate::unit::{Span, Time};
use crate::vehicle::Slot;

/// One question to the view. Indices lead into the program's reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Probe {
    /// The last value of a signal, if it is young enough.
    Value {
        read: u16,
    },
    /// Whether that value is there.
    Known {
        read: u16,
    },
    /// Seconds since the signal was measured.
    Age {
        read: u16,
    },
    Stale {
        read: u16,
        after: Span,
    },
    Silent {
        after: Span,
    },
    Fault {
        pattern: FaultPattern,
        filter: PhaseFilter,
    },
    FaultCount {
        pattern: FaultPattern,
        filter: PhaseFilter,
    },
    Code(CodeField),
    Service {
        item: u16,
        field: ServiceField,
    },
    ServiceProbability {
        item: u16,
        days: f32,
    },
    /// Of the last ten trips those in which a matching code failed.
    FaultTrips {
        pattern: FaultPattern,
    },
    /// `question`: number among the quantiles of the rule set.
    Cohort {
        read: u16,
        question: u16,
    },
    /// `window`: number among those of the rule set.
    Window {
        read: u16,
        window: u16,
        stat: Stat,
    },
}

/// Which phases of a fault code count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PhaseFilter {
    /// Failing, whether matured or not.
    Active,
    Confirmed,
    Pending,
    Stored,
}

impl PhaseFilter {
    pub const ALL: [Self; 4] = [Self::Active, Self::Confirmed, Self::Pending, Self::Stored];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Confirmed => "confirmed",
            Self::Pending => "pending",
            Self::Stored => "stored",
        }
    }

    const fn takes(self, phase: FaultPhase) -> bool {
        match self {
            Self::Active => !matches!(phase, FaultPhase::Stored),
            Self::Confirmed => matches!(phase, FaultPhase::Confirmed),
            Self::Pending => matches!(phase, FaultPhase::Pending),
            Self::Stored => matches!(phase, FaultPhase::Stored),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CodeField {
    Severity,
    Phase(PhaseFilter),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServiceField {
    Phase,
    Days,
    Km,
}

/// A slot that an expression reads, with what makes its value too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub slot: Slot,
    pub max_gap: Span,
}

/// The value of a slot at the view's instant; unknown if never measured or too old.
#[inline]
pub(super) fn value(read: Read, view: &View<'_>) -> f64 {
    match view.last.get(read.slot.index()) {
        Some(last) if view.now.since(last.at) <= read.max_gap => last.value,
        _ => f64::NAN,
    }
}

impl Probe {
    pub fn ask(self, reads: &[Read], view: &View<'_>) -> f64 {
        match self {
            Self::Value { read } => reads.get(usize::from(read)).map_or(f64::NAN, |read| value(*read, view)),
            Self::Known { read } => truth(!Self::Value { read }.ask(reads, view).is_nan()),
            Self::Age { read } => silence(reads, read, view).map_or(f64::NAN, Span::secs_f64),
            Self::Stale { read, after } => {
                silence(reads, read, view).map_or(f64::NAN, |silence| truth(silence >= after))
            }
            Self::Silent { after } => {
                if view.newest == Time::NEVER {
                    f64::NAN
                } else {
                    truth(view.now.since(view.newest) >= after)
                }
            }
            Self::Fault { pattern, filter } => truth(matching(pattern, filter, view).next().is_some()),
            Self::FaultCount { pattern, filter } => matching(pattern, filter, view).count() as f64,
            Self::Code(field) => view.code.map_or(f64::NAN, |cycle| of_code(field, cycle, view)),
            Self::Service { item, field } => applicable(view, item).map_or(f64::NAN, |state| match field {
                ServiceField::Phase => state.phase().map_or(f64::NAN, f64::from),
                ServiceField::Days => state.days_left(),
                ServiceField::Km => state.km_left(),
            }),
            Self::ServiceProbability { item, days } => applicable(view, item)
                .map_or(f64::NAN, |state| probability_within(days.into(), state.days_left(), state.days_sigma())),
            Self::FaultTrips { pattern } => {
                let trips = view.faults.iter().filter(|cycle| pattern.matches(cycle.code)).map(|cycle| cycle.trips);
                trips.fold(0, |all, one| all | one).count_ones().into()
            }
            Self::Cohort { question, .. } => view.cohort.ask(question),
            Self::Window { read, window, stat } => {
                let last = reads.get(usize::from(read)).and_then(|read| view.last.get(read.slot.index()));
                view.windows.ask(window, stat, view.now, last.map_or(f64::NAN, |last| last.value))
            }
        }
    }
}

/// How long a signal has been silent; `None` if it never spoke.
pub(super) fn silence(reads: &[Read], read: u16, view: &View<'_>) -> Option<Span> {
    let read = reads.get(usize::from(read))?;
    let last = view.last.get(read.slot.index())?;
    (last.at != Time::NEVER).then(|| view.now.since(last.at))
}

/// The state of a service item that applies to the vehicle.
pub(super) fn applicable<'a>(view: &View<'a>, item: u16) -> Option<&'a ItemState> {
    view.service.get(usize::from(item)).filter(|state| state.phase().is_some())
}

/// The codes that a query means; those that the storm gate holds back do not count.
fn matching<'a>(
    pattern: FaultPattern,
    filter: PhaseFilter,
    view: &View<'a>,
) -> impl Iterator<Item = &'a FaultCycle> + use<'a> {
    let now = view.now;
    view.faults.iter().filter(move |cycle| {
        pattern.matches(cycle.code) && filter.takes(cycle.phase) && cycle.held_until.is_none_or(|until| until <= now)
    })
}

/// A cycle that the storm gate holds back is neither there nor gone.
fn of_code(field: CodeField, cycle: &FaultCycle, view: &View<'_>) -> f64 {
    if cycle.held_until.is_some_and(|until| until > view.now) {
        return f64::NAN;
    }
    match field {
        CodeField::Severity => cycle.severity.number().into(),
        CodeField::Phase(filter) => truth(filter.takes(cycle.phase)),
    }
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}
