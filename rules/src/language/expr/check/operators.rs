//! Operators: which types they take, what units make of each other.

use cel::common::ast::{CallExpr, Expr, IdedExpr, operators};

use super::Checker;
use crate::entry::signal;
use crate::language::expr::nearest::nearest;
use crate::language::expr::parse::Place;
use crate::language::expr::probe::Probe;
use crate::language::expr::tree::{Binary, Kind, Node, Type, Unary, Words};
use crate::unit::{Unit, UnitError};

/// Longest list behind `in`.
const MAX_LIST: usize = 32;

fn binary_of(name: &str) -> Option<Binary> {
    Some(match name {
        operators::ADD => Binary::Add,
        operators::SUBSTRACT => Binary::Subtract,
        operators::MULTIPLY => Binary::Multiply,
        operators::DIVIDE => Binary::Divide,
        operators::MODULO => Binary::Remainder,
        operators::LESS => Binary::Less,
        operators::LESS_EQUALS => Binary::LessEqual,
        operators::GREATER => Binary::Greater,
        operators::GREATER_EQUALS => Binary::GreaterEqual,
        operators::EQUALS => Binary::Equal,
        operators::NOT_EQUALS => Binary::NotEqual,
        operators::LOGICAL_AND => Binary::And,
        operators::LOGICAL_OR => Binary::Or,
        _ => return None,
    })
}

impl Checker<'_> {
    /// Checks a call that the parser made of an operator.
    pub(super) fn operator(&mut self, id: u64, call: &CallExpr) -> Option<Node> {
        let token = self.parsed.token_of(id);
        let name = call.func_name.as_str();
        match (name, call.args.as_slice()) {
            (operators::LOGICAL_NOT, [of]) => self.not(token, of),
            (operators::NEGATE, [of]) => self.negate(token, of),
            (operators::CONDITIONAL, [condition, a, b]) => self.choice(token, condition, a, b),
            (operators::IN, [of, list]) => self.membership(token, of, list),
            (_, [left, right]) => match binary_of(name) {
                Some(op) => self.binary(op, token, left, right),
                None => self.unsupported(id),
            },
            _ => self.unsupported(id),
        }
    }

    fn not(&mut self, token: usize, of: &IdedExpr) -> Option<Node> {
        let of = self.condition(of)?;
        let place = self.around(token, [of.place]);
        Some(Node::unary(Unary::Not, of, Type::Flag, place))
    }

    fn negate(&mut self, token: usize, of: &IdedExpr) -> Option<Node> {
        let of = self.number(of)?;
        let place = self.around(token, [of.place]);
        let is = of.is.clone();
        if let Type::Number(Some(unit)) = &is
            && unit.is_point()
        {
            return self.wrong(token, UnitError::Point(unit.to_string()).to_string(), "");
        }
        Some(Node::unary(Unary::Negate, of, is, place))
    }

    /// Checks a sub-expression that must be a number.
    pub fn number(&mut self, expr: &IdedExpr) -> Option<Node> {
        let node = self.expr(expr)?;
        if matches!(node.is, Type::Number(_)) {
            return Some(node);
        }
        let text = self.parsed.text(node.place).to_owned();
        self.wrong(node.place.first, format!("`{text}` is not a number"), "")
    }

    fn binary(&mut self, op: Binary, token: usize, left: &IdedExpr, right: &IdedExpr) -> Option<Node> {
        let is_logic = matches!(op, Binary::And | Binary::Or);
        let (left, right) = if is_logic {
            (self.condition(left), self.condition(right))
        } else if op.is_comparison() {
            (self.expr(left), self.expr(right))
        } else {
            (self.number(left), self.number(right))
        };
        let (left, right) = (left?, right?);
        let place = self.around(token, [left.place, right.place]);
        if is_logic {
            Some(Node::binary(op, left, right, Type::Flag, place))
        } else if op.is_comparison() {
            self.comparison(op, token, left, right, place)
        } else {
            self.arithmetic(op, token, left, right, place)
        }
    }

    /// A sum, product or the like of two numbers; also behind `min` and `max`.
    pub fn arithmetic(&mut self, op: Binary, token: usize, left: Node, right: Node, place: Place) -> Option<Node> {
        let (Type::Number(mine), Type::Number(yours)) = (&left.is, &right.is) else { return None };
        if matches!(op, Binary::Divide | Binary::Remainder) && matches!(right.kind, Kind::Const(0.0)) {
            return self.wrong(right.place.first, "division by zero", "");
        }
        match unit_of(op, mine.as_ref(), yours.as_ref()) {
            Ok(unit) => Some(Node::binary(op, left, right, Type::Number(unit), place)),
            Err(error) => self.unit_error(token, &error),
        }
    }

    fn comparison(&mut self, op: Binary, token: usize, left: Node, right: Node, place: Place) -> Option<Node> {
        let (left, right) = match (&left.is, &right.is) {
            (Type::Words(words), Type::Text) => {
                let right = self.word(words, &right)?;
                (left, right)
            }
            (Type::Text, Type::Words(words)) => {
                let left = self.word(words, &left)?;
                (left, right)
            }
            _ => (left, right),
        };
        let equality = matches!(op, Binary::Equal | Binary::NotEqual);
        match (&left.is, &right.is) {
            (Type::Number(Some(mine)), Type::Number(Some(yours))) => {
                if let Err(error) = mine.agree(yours) {
                    return self.unit_error(token, &error);
                }
            }
            (Type::Number(_), Type::Number(_)) => {}
            (Type::Flag, Type::Flag) if equality => {}
            (Type::Words(mine), Type::Words(yours)) if mine.list == yours.list => {
                if !(equality || mine.ordered) {
                    return self.wrong(token, "these words have no order", "compare with == or !=");
                }
            }
            (mine, yours) => return self.incomparable(token, mine, yours),
        }
        self.within_range(op, token, &left, &right)?;
        self.within_range(op.mirrored(), token, &right, &left)?;
        Some(Node::binary(op, left, right, Type::Flag, place))
    }

    fn incomparable<T>(&mut self, token: usize, mine: &Type, yours: &Type) -> Option<T> {
        let hint = match (mine, yours) {
            (Type::Flag, Type::Number(_)) | (Type::Number(_), Type::Flag) => {
                "a flag is compared with true or false; for a range write a < x && x < b"
            }
            (Type::Flag, Type::Flag) => "flags are only equal or not",
            _ => "",
        };
        let message = format!("{} and {} cannot be compared", describe(mine), describe(yours));
        self.wrong(token, message, hint)
    }

    /// Refuses a limit that no reading of the signal can cross: the rule would be dead.
    fn within_range(&mut self, op: Binary, token: usize, signal: &Node, limit: &Node) -> Option<()> {
        let (Kind::Probe(Probe::Value { read }), Kind::Const(limit)) = (&signal.kind, &limit.kind) else {
            return Some(());
        };
        let slot = self.reads.get(usize::from(*read))?.slot;
        let found = self.context.signals.get(slot);
        let (low, high) = found.range;
        if found.kind != signal::Kind::Number || low >= high {
            return Some(());
        }
        let (at_low, at_high) = (op.apply(low, *limit), op.apply(high, *limit));
        let limit_inside = (low..=high).contains(limit);
        if at_low != at_high || limit_inside {
            return Some(());
        }
        let always = if at_low == 1.0 { "always" } else { "never" };
        let message = format!("this is {always} true: `{}` lies in {low} to {high} {}", found.path, found.unit);
        self.wrong(token, message, "check the unit of the limit")
    }

    /// `x in [a, b]` is `x == a || x == b`.
    fn membership(&mut self, token: usize, of: &IdedExpr, list: &IdedExpr) -> Option<Node> {
        let Expr::List(list) = &list.expr else {
            return self.wrong(token, "`in` takes a list", "write x in [\"ON\", \"START\"]");
        };
        if list.elements.len() > MAX_LIST {
            return self.wrong(token, format!("the list has more than {MAX_LIST} values"), "compare with a range");
        }
        let of = self.expr(of)?;
        if of.keeps_state() || of.is == Type::Text {
            return self.wrong(of.place.first, "`in` asks for a signal or a number", "");
        }
        let mut all: Option<Node> = None;
        for element in &list.elements {
            let element = self.expr(element)?;
            let place = self.around(token, [of.place, element.place]);
            let equal = self.comparison(Binary::Equal, token, of.clone(), element, place)?;
            all = Some(match all {
                Some(before) => Node::binary(Binary::Or, before, equal, Type::Flag, place),
                None => equal,
            });
        }
        match all {
            Some(node) => Some(node),
            None => self.wrong(token, "nothing is in an empty list", ""),
        }
    }

    fn choice(&mut self, token: usize, condition: &IdedExpr, a: &IdedExpr, b: &IdedExpr) -> Option<Node> {
        let (condition, a, b) = (self.condition(condition), self.expr(a), self.expr(b));
        let (condition, a, b) = (condition?, a?, b?);
        let place = self.around(token, [condition.place, a.place, b.place]);
        let is = match (&a.is, &b.is) {
            (Type::Number(mine), Type::Number(yours)) => match unit_of(Binary::Min, mine.as_ref(), yours.as_ref()) {
                Ok(unit) => Type::Number(unit),
                Err(error) => return self.unit_error(token, &error),
            },
            (mine, yours) if mine == yours && *mine != Type::Text => mine.clone(),
            (mine, yours) => {
                let message = format!("one side is {}, the other {}", describe(mine), describe(yours));
                return self.wrong(token, message, "both sides of `:` must be alike");
            }
        };
        Some(Node { kind: Kind::Choose(Box::new([condition, a, b])), is, place })
    }

    /// A word in quotes as its number.
    fn word(&mut self, words: &Words, text: &Node) -> Option<Node> {
        let Kind::Text(word) = &text.kind else { return None };
        if let Some(index) = words.list.iter().position(|known| known == word) {
            return Some(Node::constant(index as f64, Type::Words(words.clone()), text.place));
        }
        let names: Vec<&str> = words.list.iter().map(String::as_str).collect();
        self.unknown(text.place.first, "word", word, &names)
    }

    pub fn unit_error<T>(&mut self, token: usize, error: &UnitError) -> Option<T> {
        let hint = match error {
            UnitError::Scale(mine, _) => format!("convert one side with to(x, \"{mine}\")"),
            UnitError::Unknown(name) => {
                let near = nearest(name, &Unit::symbols().collect::<Vec<_>>());
                near.map_or_else(String::new, |near| format!("did you mean `{near}`?"))
            }
            _ => String::new(),
        };
        self.wrong(token, error.to_string(), hint)
    }

    fn around<const N: usize>(&self, token: usize, parts: [Place; N]) -> Place {
        let own = Place { first: token, last: token };
        self.parsed.balanced(parts.into_iter().fold(own, Place::join))
    }
}

/// The unit of a result; a bare literal takes that of its partner.
fn unit_of(op: Binary, mine: Option<&Unit>, yours: Option<&Unit>) -> Result<Option<Unit>, UnitError> {
    let (mine, yours) = match (mine, yours) {
        (Some(mine), Some(yours)) => (mine, yours),
        (None, None) => return Ok(None),
        _ => return with_literal(op, mine, yours),
    };
    match op {
        Binary::Add => mine.plus(yours),
        Binary::Subtract => mine.minus(yours),
        Binary::Multiply => mine.times(yours).and_then(|unit| unmixed(unit, mine, yours)),
        Binary::Divide => mine.per(yours).and_then(|unit| unmixed(unit, mine, yours)),
        _ => mine.agree(yours).map(|()| mine.clone()),
    }
    .map(Some)
}

/// A literal beside a unit: of the same unit in sums, a plain number in products. `100 - degC` is a
/// difference of temperatures, `degC - 5` is a temperature.
fn with_literal(op: Binary, mine: Option<&Unit>, yours: Option<&Unit>) -> Result<Option<Unit>, UnitError> {
    let plain = Unit::default();
    match (op, mine, yours) {
        (Binary::Multiply, ..) => mine.unwrap_or(&plain).times(yours.unwrap_or(&plain)),
        (Binary::Divide, ..) => mine.unwrap_or(&plain).per(yours.unwrap_or(&plain)),
        (Binary::Subtract, None, Some(unit)) => Ok(unit.step()),
        (_, Some(unit), _) | (_, None, Some(unit)) => Ok(unit.clone()),
        (_, None, None) => return Ok(None),
    }
    .map(Some)
}

/// A quotient without a dimension must not hide a factor, as `km / m` would.
fn unmixed(unit: Unit, mine: &Unit, yours: &Unit) -> Result<Unit, UnitError> {
    let hides_a_factor = unit.is_ratio() && !unit.is_plain() && !mine.is_ratio() && !yours.is_ratio();
    if hides_a_factor { Err(UnitError::Scale(yours.to_string(), mine.to_string())) } else { Ok(unit) }
}

fn describe(is: &Type) -> String {
    match is {
        Type::Flag => "a condition".to_owned(),
        Type::Number(Some(unit)) if !unit.as_str().is_empty() => format!("a number in {unit}"),
        Type::Number(_) => "a number".to_owned(),
        Type::Words(_) => "a word".to_owned(),
        Type::Text => "a text".to_owned(),
    }
}
