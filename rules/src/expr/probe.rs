//! The leaves of an expression: everything it can ask of a vehicle, each one number.

use super::normal;
use super::view::{FaultCycle, FaultPhase, ItemState, View};
use crate::signal::Slot;
use crate::time::Span;

/// One question to the view. Indices lead into the program's [`Tables`].
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
    Code(CodeField),
    Service {
        item: u16,
        field: ServiceField,
    },
    ServiceProbability {
        item: u16,
        days: f32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CodeField {
    Severity,
    Active,
    Confirmed,
    Pending,
    Stored,
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

/// What probes point into.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub reads: Vec<Read>,
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
    pub fn ask(self, tables: &Tables, view: &View<'_>) -> f64 {
        match self {
            Self::Value { read } => tables.reads.get(usize::from(read)).map_or(f64::NAN, |read| value(*read, view)),
            Self::Known { read } => truth(!Self::Value { read }.ask(tables, view).is_nan()),
            Self::Age { read } => silence(tables, read, view).map_or(f64::NAN, Span::secs_f64),
            Self::Stale { read, after } => {
                silence(tables, read, view).map_or(f64::NAN, |silence| truth(silence >= after))
            }
            Self::Silent { after } => {
                if view.newest == crate::time::Time::NEVER {
                    f64::NAN
                } else {
                    truth(view.now.since(view.newest) >= after)
                }
            }
            Self::Code(field) => view.code.map_or(f64::NAN, |cycle| of_code(field, cycle, view)),
            Self::Service { item, field } => applicable(view, item).map_or(f64::NAN, |state| match field {
                ServiceField::Phase => state.phase.map_or(f64::NAN, f64::from),
                ServiceField::Days => state.days_left.into(),
                ServiceField::Km => state.km_left.into(),
            }),
            Self::ServiceProbability { item, days } => applicable(view, item).map_or(f64::NAN, |state| {
                normal::probability_within(days.into(), state.days_left.into(), state.days_sigma.into())
            }),
        }
    }
}

/// How long a signal has been silent; `None` if it never spoke.
pub(super) fn silence(tables: &Tables, read: u16, view: &View<'_>) -> Option<Span> {
    let read = tables.reads.get(usize::from(read))?;
    let last = view.last.get(read.slot.index())?;
    (last.at != crate::time::Time::NEVER).then(|| view.now.since(last.at))
}

/// The state of a service item that applies to the vehicle.
pub(super) fn applicable<'a>(view: &View<'a>, item: u16) -> Option<&'a ItemState> {
    view.service.get(usize::from(item)).filter(|state| state.phase.is_some())
}

/// A cycle that the storm gate holds back is neither there nor gone.
fn of_code(field: CodeField, cycle: &FaultCycle, view: &View<'_>) -> f64 {
    if cycle.held_until.is_some_and(|until| until > view.now) {
        return f64::NAN;
    }
    match field {
        CodeField::Severity => cycle.severity.number().into(),
        CodeField::Active => truth(cycle.phase != FaultPhase::Stored),
        CodeField::Confirmed => truth(cycle.phase == FaultPhase::Confirmed),
        CodeField::Pending => truth(cycle.phase == FaultPhase::Pending),
        CodeField::Stored => truth(cycle.phase == FaultPhase::Stored),
    }
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}
