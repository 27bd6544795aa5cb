//! Names: signals by path, fields of the fault code a rule is asked about, phases of a service item.

use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr};

use super::Checker;
use crate::entry::signal;
use crate::language::expr::function;
use crate::language::expr::parse::Place;
use crate::language::expr::probe::{CodeField, PhaseFilter, Probe};
use crate::language::expr::tree::{Kind, Node, Type, Words};
use crate::vehicle::Slot;

/// The phases of a service item in the order of [`crate::entry::plan::items::ItemState::phase`].
pub(in crate::language::expr) const PHASES: [&str; 5] = ["ok", "due_soon", "due", "overdue", "lapsed"];

const CODE_FIELDS: [(&str, CodeField); 5] = [
    ("code.severity", CodeField::Severity),
    ("code.active", CodeField::Phase(PhaseFilter::Active)),
    ("code.confirmed", CodeField::Phase(PhaseFilter::Confirmed)),
    ("code.pending", CodeField::Phase(PhaseFilter::Pending)),
    ("code.stored", CodeField::Phase(PhaseFilter::Stored)),
];

/// The dotted path that an expression spells, if it is one.
pub(in crate::language::expr) fn path_of(expr: &IdedExpr) -> Option<String> {
    match &expr.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => Some(format!("{}.{}", path_of(&select.operand)?, select.field)),
        _ => None,
    }
}

/// The words of a service item's phase.
pub(in crate::language::expr) fn phases() -> Words {
    Words { list: PHASES.iter().map(|phase| (*phase).to_owned()).collect(), ordered: true }
}

impl Checker<'_> {
    /// A name on its own: signal, code field or phase.
    pub(super) fn name(&mut self, expr: &IdedExpr) -> Option<Node> {
        let place = self.parsed.leaf(expr);
        let Some(path) = path_of(expr) else {
            return self.wrong(place.first, "a field can only be taken of a path", "");
        };
        if let Some(phase) = PHASES.iter().position(|phase| *phase == path) {
            return Some(Node::constant(phase as f64, Type::Words(phases()), place));
        }
        if path.starts_with("code.") || path == "code" {
            return self.code(&path, place);
        }
        let slot = self.signal(place.first, &path)?;
        let is = match &self.context.signals.get(slot).kind {
            signal::Kind::Number => Type::Number(Some(self.context.signals.get(slot).unit.clone())),
            signal::Kind::Flag => Type::Flag,
            signal::Kind::Words(words) => Type::Words(Words { list: Arc::from(words.as_slice()), ordered: false }),
        };
        let read = self.read(slot);
        Some(Node { kind: Kind::Probe(Probe::Value { read }), is, place })
    }

    /// The slot of a signal, or an error that names the nearest one.
    pub(super) fn signal(&mut self, token: usize, path: &str) -> Option<Slot> {
        if let Some(slot) = self.context.signals.slot_of_path(path) {
            return Some(slot);
        }
        if let Some(function) = function::find(path) {
            return self.wrong(token, format!("`{path}` is a function"), format!("it is {}", function.signature));
        }
        let signals = self.context.signals;
        let mut names: Vec<&str> = signals.iter().map(|(_, signal)| signal.path.as_str()).collect();
        names.extend(CODE_FIELDS.iter().map(|(name, _)| *name));
        names.extend(PHASES);
        self.unknown(token, "signal", path, &names)
    }

    fn code(&mut self, path: &str, place: Place) -> Option<Node> {
        let Some((_, field)) = CODE_FIELDS.iter().find(|(name, _)| *name == path) else {
            return self.unknown(place.first, "field", path, &CODE_FIELDS.map(|(name, _)| name));
        };
        if !self.context.by_code {
            let message = format!("`{path}` has no meaning here");
            let hint = "only rules by fault code look at one code at a time; others use fault(\"P0301\")";
            return self.wrong(place.first, message, hint);
        }
        let is = if *field == CodeField::Severity { Type::Number(None) } else { Type::Flag };
        Some(Node { kind: Kind::Probe(Probe::Code(*field)), is, place })
    }
}
