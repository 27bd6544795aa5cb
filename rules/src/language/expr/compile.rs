//! From text to program: parse, check, fold, emit.

use std::cell::RefCell;

use super::check::Checker;
use super::error::ExprError;
use super::fold::fold;
use super::function::hold;
use super::memory::Memory;
use super::parse::{Parsed, parse};
use super::program::{Program, emit};
use super::tree::{Kind, Node};
use crate::entry::signal::Signals;
use crate::learned::CohortSpecs;
use crate::observed::window::WindowSpecs;
use crate::unit::Span;

/// What the names of an expression can mean.
pub struct Context<'a> {
    pub signals: &'a Signals,
    /// Keys of the service items, by the index of [`super::View::service`].
    pub items: &'a [String],
    /// The windows of the rule set; what an expression asks for is added.
    pub windows: &'a RefCell<WindowSpecs>,
    /// The quantiles of the rule set, likewise.
    pub cohorts: &'a RefCell<CohortSpecs>,
    /// The rule is asked about one fault code at a time and may use `code`.
    pub by_code: bool,
}

/// Compiles an expression, or says everything that is wrong with it.
pub fn compile(text: &str, context: &Context<'_>) -> Result<Program, Vec<ExprError>> {
    build(text, None, context, fold)
}

/// Compiles an expression that must hold for a span, as if it stood inside `held`; positions of
/// errors are those of the text as the author wrote it.
pub fn compile_held(text: &str, span: Span, context: &Context<'_>) -> Result<Program, Vec<ExprError>> {
    build(text, Some(span).filter(|span| *span > Span::ZERO), context, fold)
}

pub(super) fn build(
    text: &str,
    span: Option<Span>,
    context: &Context<'_>,
    simplify: fn(Node) -> Node,
) -> Result<Program, Vec<ExprError>> {
    let parsed = parse(text)?;
    let mut checker = Checker::new(&parsed, context);
    let tree = checker.condition(&parsed.root);
    let tree = match span {
        Some(span) => tree.and_then(|tree| hold::held(&mut checker, tree, span)),
        None => tree,
    };
    let (reads, cells, mut errors) = (checker.reads, checker.cells, checker.errors);
    if context.by_code && cells > 0 {
        errors.push(parsed.error(0, "a rule by fault code cannot hold for a time: its codes would share one memory"));
    }
    let Some(tree) = tree.filter(|_| errors.is_empty()) else {
        errors.sort_by_key(|error| (error.line, error.column));
        return Err(errors);
    };
    let tree = simplify(tree);
    refuse_constants(&parsed, &tree)?;
    let mut texts = Vec::new();
    tree.walk(&mut |node| texts.push(parsed.text(node.place).to_owned()));
    if let (Some(span), Some(whole)) = (span, texts.first_mut()) {
        *whole = format!("held({whole}, \"{span}\")");
    }
    emit(tree, texts, reads, cells, text).ok_or_else(|| {
        vec![parsed.error(0, "the expression needs too many intermediate values").hint("split the rule")]
    })
}

/// A rule that looks at nothing, or computes something that is no number, is a mistake.
fn refuse_constants(parsed: &Parsed<'_>, tree: &Node) -> Result<(), Vec<ExprError>> {
    let mut errors = Vec::new();
    // Where `given` says that nothing is known.
    let mut meant = Vec::new();
    tree.walk(&mut |node| {
        if let Kind::Choose(three) = &node.kind {
            meant.push(std::ptr::from_ref(&three[2]));
        }
        let is_nan = matches!(node.kind, Kind::Const(value) if value.is_nan());
        if is_nan && !meant.contains(&std::ptr::from_ref(node)) {
            errors.push(parsed.error(node.place.first, "this is not a number"));
        }
    });
    let whole = match &tree.kind {
        Kind::Remember(Memory::Held(_), of) => of.first().unwrap_or(tree),
        _ => tree,
    };
    if let (Kind::Const(value), true) = (&whole.kind, errors.is_empty()) {
        let always = if *value == 0.0 { "never" } else { "always" };
        let error = parsed.error(tree.place.first, format!("the expression is {always} true"));
        errors.push(error.hint("it looks at nothing that the vehicle says"));
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
