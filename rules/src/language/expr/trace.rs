//! Why an expression came out as it did: every sub-expression with its value, for `explain`.

use super::cell::Cell;
use super::parse::Place;
use super::probe::{Probe, Read};
use super::program::Program;
use super::tree::{Kind, Node, Type, choose};
use super::tri::Tri;
use super::view::View;
use crate::unit::Time;
use crate::vehicle::Slot;

/// One sub-expression at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// 0 for the whole expression.
    pub depth: usize,
    /// As the author wrote it.
    pub text: String,
    pub value: Value,
    pub state: State,
}

/// What a sub-expression came out as.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Truth(Tri),
    /// With its unit; `None`: unknown.
    Number(Option<f64>, String),
    Word(Option<String>),
}

/// What stands behind a value.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Only its parts.
    Derived,
    /// A signal: when it was measured, and whether that is recent enough to be used.
    Measured { slot: Slot, at: Option<Time>, usable: bool },
    /// A function that remembers: since when its condition holds, or when its first event came.
    Held { since: Option<Time> },
    /// What is usual: of how many vehicles; `None` where nothing is known of its like.
    Cohort { vehicles: Option<u32> },
}

/// Takes a program apart at one step, from the outermost expression inwards. Cells may be those
/// from before or after the step; they are not changed.
pub fn trace(program: &Program, view: &View<'_>, cells: &[Cell]) -> Vec<Step> {
    let mut tracer = Tracer {
        reads: &program.reads,
        texts: program.cold.texts.iter(),
        view,
        cells: cells.to_vec(),
        steps: Vec::new(),
    };
    tracer.node(&program.cold.tree, 0, None);
    tracer.steps
}

struct Tracer<'a> {
    reads: &'a [Read],
    /// In the order of [`Node::walk`].
    texts: std::slice::Iter<'a, String>,
    view: &'a View<'a>,
    cells: Vec<Cell>,
    steps: Vec<Step>,
}

impl Tracer<'_> {
    /// The value of a node, with its step and those of its parts. A part that stands at the same
    /// place as the whole is one the author did not write, as the factor behind `to`: it has no step.
    fn node(&mut self, node: &Node, depth: usize, above: Option<Place>) -> f64 {
        let text = self.texts.next().cloned().unwrap_or_default();
        let written = above != Some(node.place);
        let place = self.steps.len();
        if written {
            self.steps.push(Step { depth, text, value: Value::Truth(Tri::Unknown), state: State::Derived });
        }
        let below = depth + usize::from(written);
        let own = Some(node.place).filter(|_| !matches!(node.kind, Kind::Remember(..)));
        let parts: Vec<f64> = node.children().iter().map(|child| self.node(child, below, own)).collect();
        let part = |at: usize| parts.get(at).copied().unwrap_or(f64::NAN);
        let (value, state) = match &node.kind {
            Kind::Const(value) => (*value, State::Derived),
            Kind::Text(_) => (f64::NAN, State::Derived),
            Kind::Probe(probe) => (probe.ask(self.reads, self.view), self.measured(*probe)),
            Kind::Unary(op, _) => (op.apply(part(0)), State::Derived),
            Kind::Binary(op, _) => (op.apply(part(0), part(1)), State::Derived),
            Kind::Choose(_) => (choose(part(0), part(1), part(2)), State::Derived),
            Kind::Remember(memory, _) => {
                let value = memory.apply([part(0), part(1)], self.view, &mut self.cells);
                let since = self.cells.get(usize::from(memory.cell())).and_then(Cell::holds_since);
                (value, State::Held { since })
            }
        };
        if let Some(step) = self.steps.get_mut(place).filter(|_| written) {
            step.value = shown(&node.is, value);
            step.state = state;
        }
        value
    }

    fn measured(&self, probe: Probe) -> State {
        if let Probe::Cohort { question, .. } = probe {
            return State::Cohort { vehicles: self.view.cohort.vehicles(question) };
        }
        let (Probe::Value { read }
        | Probe::Known { read }
        | Probe::Age { read }
        | Probe::Stale { read, .. }
        | Probe::Window { read, .. }) = probe
        else {
            return State::Derived;
        };
        let Some(read) = self.reads.get(usize::from(read)) else { return State::Derived };
        let last = self.view.last.get(read.slot.index());
        let at = last.map(|last| last.at).filter(|at| *at != Time::NEVER);
        let usable = at.is_some_and(|at| self.view.now.since(at) <= read.max_gap);
        State::Measured { slot: read.slot, at, usable }
    }
}

fn shown(is: &Type, value: f64) -> Value {
    match is {
        Type::Flag => Value::Truth(Tri::of_number(value)),
        Type::Number(unit) => {
            let unit = unit.as_ref().map_or_else(String::new, ToString::to_string);
            Value::Number(Some(value).filter(|value| !value.is_nan()), unit)
        }
        Type::Words(words) => {
            let index = (!value.is_nan()).then_some(value as usize);
            Value::Word(index.and_then(|index| words.list.get(index).cloned()))
        }
        Type::Text => Value::Word(None),
    }
}
