//! Reading the arguments of a function call.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};

use super::{Checker, names};
use crate::language::expr::function::Function;
use crate::language::expr::parse::Place;
use crate::unit::Span;
use crate::vehicle::Slot;

/// One call of a function; the number of its arguments is right.
pub(in crate::language::expr) struct Call<'a> {
    pub function: &'static Function,
    pub args: &'a [IdedExpr],
    pub place: Place,
}

impl Checker<'_> {
    /// An argument that must be the path of a signal.
    pub fn signal_argument(&mut self, call: &Call<'_>, at: usize) -> Option<Slot> {
        let arg = call.args.get(at)?;
        let token = self.parsed.leaf(arg).first;
        let Some(path) = names::path_of(arg) else {
            let message = format!("`{}` takes the path of a signal here", call.function.name);
            return self.wrong(token, message, format!("it is {}", call.function.signature));
        };
        self.signal(token, &path)
    }

    /// An argument that must be a text in quotes, with its token.
    pub fn text_argument<'e>(&mut self, call: &Call<'e>, at: usize) -> Option<(&'e str, usize)> {
        let arg = call.args.get(at)?;
        let token = self.parsed.leaf(arg).first;
        let Expr::Literal(LiteralValue::String(text)) = &arg.expr else {
            let message = format!("`{}` takes a text in quotes here", call.function.name);
            return self.wrong(token, message, format!("it is {}", call.function.signature));
        };
        Some((text.inner(), token))
    }

    /// An argument that must be a duration in quotes, longer than nothing.
    pub fn span_argument(&mut self, call: &Call<'_>, at: usize) -> Option<Span> {
        let (text, token) = self.text_argument(call, at)?;
        match Span::parse(text) {
            Ok(span) if span > Span::from_days(36_500) => {
                self.wrong(token, format!("\"{text}\" is longer than a hundred years"), "")
            }
            Ok(span) if span > Span::ZERO => Some(span),
            Ok(_) => self.wrong(token, "the duration is zero", "leave the function out, or give it a duration"),
            Err(error) => self.wrong(token, error.to_string(), ""),
        }
    }

    /// An argument that must be a number from 0 to 1, written out.
    pub fn share_argument(&mut self, call: &Call<'_>, at: usize) -> Option<f64> {
        let arg = call.args.get(at)?;
        let token = self.parsed.leaf(arg).first;
        let share = match &arg.expr {
            Expr::Literal(LiteralValue::Double(value)) => Some(*value.inner()),
            Expr::Literal(LiteralValue::Int(value)) => Some(*value.inner() as f64),
            _ => None,
        };
        let share = share.filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            let message = format!("`{}` takes a number from 0 to 1 here", call.function.name);
            let hint = format!("it is {}: the value that 95 % of the vehicles stay below", call.function.signature);
            return self.wrong(token, message, hint);
        }
        share
    }

    /// An argument that must be one of some words in quotes; its place among them.
    pub fn word_argument(&mut self, call: &Call<'_>, at: usize, what: &str, words: &[&str]) -> Option<usize> {
        let (text, token) = self.text_argument(call, at)?;
        match words.iter().position(|word| *word == text) {
            Some(index) => Some(index),
            None => self.unknown(token, what, text, words),
        }
    }
}
