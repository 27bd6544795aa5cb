//! From CEL's syntax tree to ours: names are found, types and units agree, words become numbers.
//!
//! Every mistake is collected, not only the first; a part that is wrong makes no second mistake of
//! what contains it.

mod arguments;
mod names;
mod operators;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};

use super::error::ExprError;
use super::nearest::nearest;
use super::parse::{Parsed, Place};
use super::probe::{Probe, Read};
use super::tree::{Kind, Node, Type};
use super::{Context, function};
use crate::vehicle::Slot;

pub(super) use arguments::Call;
pub(super) use names::phases;

/// What checking has found so far.
pub(super) struct Checker<'a> {
    pub parsed: &'a Parsed<'a>,
    pub context: &'a Context<'a>,
    /// Slots whose values it takes, each once.
    pub reads: Vec<Read>,
    /// State cells given out.
    pub cells: u16,
    pub errors: Vec<ExprError>,
}

impl<'a> Checker<'a> {
    pub fn new(parsed: &'a Parsed<'a>, context: &'a Context<'a>) -> Self {
        Self { parsed, context, reads: Vec::new(), cells: 0, errors: Vec::new() }
    }

    /// Checks one sub-expression; `None` if it is wrong and the errors say why.
    pub fn expr(&mut self, expr: &IdedExpr) -> Option<Node> {
        match &expr.expr {
            Expr::Literal(literal) => self.literal(expr, literal),
            Expr::Ident(_) => self.name(expr),
            Expr::Select(select) if !select.test => self.name(expr),
            Expr::Select(select) => self.known(expr.id, &select.operand, &select.field),
            Expr::Call(call) => self.call(expr.id, call),
            _ => self.unsupported(expr.id),
        }
    }

    /// Checks a sub-expression that must be a condition.
    pub fn condition(&mut self, expr: &IdedExpr) -> Option<Node> {
        let node = self.expr(expr)?;
        let hint = match &node.is {
            Type::Flag => return Some(node),
            Type::Number(_) => "compare it, as in `x > 5`",
            Type::Words(_) => "compare it with one of its words",
            Type::Text => "compare a signal with it",
        };
        let text = self.parsed.text(node.place).to_owned();
        self.wrong(node.place.first, format!("`{text}` is not a condition"), hint)
    }

    /// Records a mistake; always `None`, so that callers can return it.
    pub fn wrong<T>(&mut self, token: usize, message: impl Into<String>, hint: impl Into<String>) -> Option<T> {
        let hint = hint.into();
        let error = self.parsed.error(token, message);
        self.errors.push(if hint.is_empty() { error } else { error.hint(hint) });
        None
    }

    /// Records an unknown name together with the valid one that looks most like it.
    pub fn unknown<T>(&mut self, token: usize, what: &str, name: &str, valid: &[&str]) -> Option<T> {
        let near = nearest(name, valid);
        let hint = if near.is_none() && valid.len() <= 12 && !valid.is_empty() {
            Some(format!("there are {}", valid.join(", ")))
        } else {
            None
        };
        let mut error = self.parsed.error(token, format!("unknown {what} `{name}`")).nearest(near);
        error.hint = hint;
        self.errors.push(error);
        None
    }

    /// The index of a slot among those the expression reads.
    pub fn read(&mut self, slot: Slot) -> u16 {
        let reads = &mut self.reads;
        let index = reads.iter().position(|read| read.slot == slot).unwrap_or_else(|| {
            reads.push(Read { slot, max_gap: self.context.signals.get(slot).max_gap });
            reads.len() - 1
        });
        index as u16
    }

    /// A cell that no other function of the expression has.
    pub fn cell(&mut self) -> Option<u16> {
        let cell = self.cells;
        self.cells = cell.checked_add(1)?;
        Some(cell)
    }

    fn literal(&mut self, expr: &IdedExpr, literal: &LiteralValue) -> Option<Node> {
        let place = self.parsed.leaf(expr);
        let number = |value: f64| Some(Node::constant(value, Type::Number(None), place));
        match literal {
            LiteralValue::Int(value) => number(*value.inner() as f64),
            LiteralValue::Double(value) => number(*value.inner()),
            LiteralValue::Boolean(value) => {
                Some(Node::constant(f64::from(u8::from(*value.inner())), Type::Flag, place))
            }
            LiteralValue::String(text) => {
                Some(Node { kind: Kind::Text(text.inner().to_owned()), is: Type::Text, place })
            }
            _ => self.wrong(place.first, "there is no such literal", "numbers, true, false and texts only"),
        }
    }

    /// `has(signal)`: whether there is a value that is young enough. The parser turns the call into
    /// a selection with a mark.
    fn known(&mut self, id: u64, operand: &IdedExpr, field: &str) -> Option<Node> {
        let token = self.parsed.token_of(id);
        let first = self.parsed.leaf(operand).first;
        let path = names::path_of(operand).map(|path| format!("{path}.{field}"));
        let Some(path) = path else { return self.wrong(token, "`has` takes a signal", "") };
        let slot = self.signal(first, &path)?;
        let read = self.read(slot);
        let place = self.parsed.balanced(Place { first: first.saturating_sub(2), last: first });
        Some(Node { kind: Kind::Probe(Probe::Known { read }), is: Type::Flag, place })
    }

    fn call(&mut self, id: u64, call: &CallExpr) -> Option<Node> {
        if call.target.is_some() {
            let hint = format!("write {}(…)", call.func_name);
            return self.wrong(self.parsed.token_of(id), "a function is not called on a value", hint);
        }
        // The parser names operators `_+_`, `!_`, `@in`: no function can be called like that.
        if !call.func_name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return self.operator(id, call);
        }
        let place = self.parsed.call(id);
        let Some(found) = function::find(&call.func_name) else {
            let names: Vec<&str> = function::FUNCTIONS.iter().map(|function| function.name).collect();
            return self.unknown(place.first, "function", &call.func_name, &names);
        };
        let (fewest, most) = found.arguments;
        if !(fewest..=most).contains(&call.args.len()) {
            let message = format!("wrong number of arguments for `{}`: {}", found.name, call.args.len());
            return self.wrong(place.first, message, format!("it is {}", found.signature));
        }
        (found.check)(self, &Call { function: found, args: &call.args, place })
    }

    fn unsupported<T>(&mut self, id: u64) -> Option<T> {
        let token = self.parsed.token_of(id);
        self.wrong(token, "this is CEL, but not part of the rule language", "rules have no lists, maps or loops")
    }
}
