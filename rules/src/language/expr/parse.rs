//! The one place that talks to the CEL parser: text in, syntax tree and token places out.

use cel::common::ast::{Expr, IdedExpr, SourceInfo};
use cel::parser::Parser;

use super::error::ExprError;
use super::scan::{Placed, Token, scan};

/// A range of tokens, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub first: usize,
    pub last: usize,
}

impl Place {
    pub fn join(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// An expression that is CEL by grammar; not yet one of ours.
pub(super) struct Parsed<'a> {
    pub source: &'a str,
    pub root: IdedExpr,
    tokens: Vec<Placed>,
    offsets: SourceInfo,
}

/// Parses a text that [`scan`] has found harmless.
pub(super) fn parse(source: &str) -> Result<Parsed<'_>, Vec<ExprError>> {
    let tokens = scan(source).map_err(|error| vec![error])?;
    match Parser::new().parse_with_source_info(source) {
        Ok((root, offsets)) => Ok(Parsed { source, root, tokens, offsets }),
        Err(errors) => Err(errors.errors.iter().take(3).map(|error| plain_error(source, error)).collect()),
    }
}

/// The parser's error in fewer words, at its own place.
fn plain_error(source: &str, error: &cel::ParseError) -> ExprError {
    let (line, column) = (error.pos.0.max(1), error.pos.1.max(1));
    let line_start: usize = source.split_inclusive('\n').take(line as usize - 1).map(str::len).sum();
    let offset = (line_start + column as usize - 1).min(source.len());
    let message = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg);
    let expected = message.find(" expecting").unwrap_or(message.len());
    let place = match message.get(..expected) {
        Some(found) if found.contains("<EOF>") || found.starts_with("Incomplete") || found.starts_with("No `") => {
            "the expression ends too early".to_owned()
        }
        Some(found) => found.to_owned(),
        None => message.to_owned(),
    };
    ExprError::at(source, offset, place)
}

impl Parsed<'_> {
    /// The token that the parser remembers for a node.
    pub fn token_of(&self, id: u64) -> usize {
        let start = self.offsets.offset_for(id).map_or(0, |(start, _)| start as usize);
        self.tokens.partition_point(|placed| placed.end <= start).min(self.tokens.len() - 1)
    }

    /// Where a leaf stands: a literal with its sign, or a whole path.
    pub fn leaf(&self, expr: &IdedExpr) -> Place {
        let own = self.token_of(expr.id);
        match &expr.expr {
            Expr::Select(select) => Place { first: self.leaf(&select.operand).first, last: self.clamp(own + 1) },
            Expr::Literal(_) if own > 0 && self.kind(own - 1) == Some(Token::Unary) && self.text_at(own - 1) == "-" => {
                Place { first: own - 1, last: own }
            }
            _ => Place { first: own, last: own },
        }
    }

    /// Where a call stands, from its name to its closing bracket.
    pub fn call(&self, id: u64) -> Place {
        let open = self.token_of(id);
        self.balanced(Place { first: open.saturating_sub(1), last: open })
    }

    /// Widens a range until every bracket in it has its partner.
    pub fn balanced(&self, place: Place) -> Place {
        let Place { mut first, mut last } = place;
        let mut open = 0_usize;
        for at in place.first..=place.last {
            match self.kind(at) {
                Some(Token::Open) => open += 1,
                Some(Token::Close) if open == 0 => first = self.partner_before(first),
                Some(Token::Close) => open -= 1,
                _ => {}
            }
        }
        while open > 0 && last + 1 < self.tokens.len() {
            last += 1;
            match self.kind(last) {
                Some(Token::Open) => open += 1,
                Some(Token::Close) => open -= 1,
                _ => {}
            }
        }
        Place { first, last }
    }

    fn partner_before(&self, mut first: usize) -> usize {
        let mut closed = 1_usize;
        while closed > 0 && first > 0 {
            first -= 1;
            match self.kind(first) {
                Some(Token::Close) => closed += 1,
                Some(Token::Open) => closed -= 1,
                _ => {}
            }
        }
        first
    }

    /// The source between both ends of a range.
    pub fn text(&self, place: Place) -> &str {
        let start = self.tokens.get(place.first).map_or(0, |placed| placed.start);
        let end = self.tokens.get(place.last).map_or(self.source.len(), |placed| placed.end);
        self.source.get(start..end).unwrap_or_default()
    }

    pub fn error(&self, token: usize, message: impl Into<String>) -> ExprError {
        let start = self.tokens.get(token).map_or(self.source.len(), |placed| placed.start);
        ExprError::at(self.source, start, message)
    }

    fn text_at(&self, token: usize) -> &str {
        self.text(Place { first: token, last: token })
    }

    fn kind(&self, token: usize) -> Option<Token> {
        self.tokens.get(token).map(|placed| placed.token)
    }

    fn clamp(&self, token: usize) -> usize {
        token.min(self.tokens.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(source: &str) -> String {
        parse(source).err().unwrap()[0].to_string()
    }

    #[test]
    fn says_where_the_grammar_is_broken() {
        assert_eq!(refusal("a > "), "1:5: the expression ends too early");
        assert!(refusal("a >\n > b").starts_with("2:2: "), "{}", refusal("a >\n > b"));
        assert!(refusal("a b").starts_with("1:3: "), "{}", refusal("a b"));
    }

    #[test]
    fn finds_the_text_of_calls_and_brackets() {
        let parsed = parse("(held(a.b > -1, '10s')) && (c || d)").unwrap();
        let Expr::Call(and) = &parsed.root.expr else { panic!("{:?}", parsed.root) };
        assert_eq!(parsed.text(parsed.call(and.args[0].id)), "held(a.b > -1, '10s')");
        let or = parsed.token_of(and.args[1].id);
        assert_eq!(parsed.text(Place { first: or - 1, last: or + 1 }), "c || d");
        let wide = parsed.balanced(Place { first: 3, last: or });
        assert_eq!(parsed.text(wide), "(held(a.b > -1, '10s')) && (c || d)");
    }

    #[test]
    fn survives_the_deepest_texts_it_lets_through_on_a_small_stack() {
        let sum = vec!["1"; 120].join(" + ");
        let logic = vec!["a"; 800].join(" || ");
        let deep = format!("{}a{}", "(-".repeat(24), ")".repeat(24));
        let choices = format!("{}b", "a ? b : ".repeat(8));
        let calls = format!("{}a{}", "f(1 + ".repeat(24), ")".repeat(24));
        for text in [sum, logic, deep, choices, calls] {
            let thread = std::thread::Builder::new().stack_size(1 << 20);
            thread.spawn(move || assert!(parse(&text).is_ok(), "{text}")).unwrap().join().unwrap();
        }
    }
}
