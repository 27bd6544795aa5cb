//! Looks at the text of an expression before the parser does, and remembers where its tokens are.
//!
//! The generated parser recurses and was not written for hostile text. Everything it could choke
//! on is refused here with a clear message: length, characters, nesting, long chains, literals that
//! the language does not have. What passes is plain ASCII, so bytes are columns.

use super::error::ExprError;

/// Longest text of an expression, in characters.
pub(super) const MAX_LEN: usize = 4_096;
/// Deepest nesting of brackets.
const MAX_DEPTH: usize = 24;
/// Most arithmetic operators and comparisons; `&&` and `||` are limited by the length alone.
const MAX_OPERATORS: usize = 128;
/// Most `? :` choices.
const MAX_CHOICES: usize = 8;
/// Most names in one path.
const MAX_PATH: usize = 16;
/// Most `!` or `-` in a row.
const MAX_UNARY: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Name,
    Number,
    Text,
    Dot,
    Open,
    Close,
    Choice,
    Operator,
    Unary,
    Logic,
    Comma,
}

/// A token with its place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub token: Token,
    pub start: usize,
    pub end: usize,
}

/// Cuts a text into tokens, or says at which character it cannot be an expression.
pub(super) fn scan(source: &str) -> Result<Vec<Placed>, ExprError> {
    let wrong = |at: usize, message: &str| Err(ExprError::at(source, at, message));
    let length = source.chars().count();
    if length > MAX_LEN {
        return wrong(0, &format!("the expression has {length} characters, at most {MAX_LEN} are allowed"));
    }
    if let Some((at, c)) = source.char_indices().find(|(_, c)| !c.is_ascii()) {
        let error = ExprError::at(source, at, format!("`{c}` cannot stand in an expression"));
        return Err(error.hint("names, numbers and texts are plain ASCII"));
    }
    let mut tokens = Vec::new();
    let bytes = source.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        if source[at..].starts_with("//") {
            at += source[at..].find('\n').unwrap_or(source.len() - at);
            continue;
        }
        let (token, end) = next_token(source, at, tokens.last())?;
        tokens.push(Placed { token, start: at, end });
        at = end;
    }
    if tokens.is_empty() {
        return wrong(0, "the expression is empty");
    }
    check_brackets(source, &tokens)?;
    check_chains(source, &tokens)?;
    Ok(tokens)
}

fn next_token(source: &str, at: usize, before: Option<&Placed>) -> Result<(Token, usize), ExprError> {
    let rest = &source[at..];
    let first = rest.as_bytes().first().copied().unwrap_or_default();
    match first {
        b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let instead = match &rest[..length] {
                "and" | "AND" => "&&",
                "or" | "OR" => "||",
                "not" | "NOT" => "!",
                _ => return Ok((Token::Name, at + length)),
            };
            Err(ExprError::at(source, at, format!("`{}` is not an operator", &rest[..length]))
                .hint(format!("write `{instead}`")))
        }
        b'0'..=b'9' => number(source, at),
        b'"' | b'\'' => text(source, at, before),
        _ => sign(source, at, before),
    }
}

fn number(source: &str, at: usize) -> Result<(Token, usize), ExprError> {
    let bytes = source.as_bytes();
    let digits = |mut i: usize| {
        while bytes.get(i).is_some_and(u8::is_ascii_digit) {
            i += 1;
        }
        i
    };
    let mut end = digits(at);
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        end = digits(end + 1 + sign);
    }
    let ends_in_digit = bytes.get(end - 1).is_some_and(u8::is_ascii_digit);
    let clean = !bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    if !ends_in_digit || !clean {
        let error = ExprError::at(source, at, "not a number");
        return Err(error.hint("write 12, 12.5 or 1.2e3, without a unit; a duration is a text as in \"10s\""));
    }
    Ok((Token::Number, end))
}

fn text(source: &str, at: usize, before: Option<&Placed>) -> Result<(Token, usize), ExprError> {
    let quote = source.as_bytes().get(at).copied().unwrap_or_default();
    if before.is_some_and(|placed| placed.end == at && matches!(placed.token, Token::Name | Token::Text)) {
        return Err(ExprError::at(source, at, "a text cannot start here").hint("there are no prefixes and no \"\"\""));
    }
    let inside = &source[at + 1..];
    let Some(length) = inside.bytes().position(|b| b == quote || b == b'\n' || b == b'\\') else {
        return Err(ExprError::at(source, at, "this text is never closed"));
    };
    match inside.as_bytes().get(length) {
        Some(b'\n') => Err(ExprError::at(source, at, "this text is not closed on its line")),
        Some(b'\\') => Err(ExprError::at(source, at + 1 + length, "texts have no escapes")),
        _ => Ok((Token::Text, at + length + 2)),
    }
}

fn sign(source: &str, at: usize, before: Option<&Placed>) -> Result<(Token, usize), ExprError> {
    let rest = &source[at..];
    for two in ["&&", "||", "==", "!=", "<=", ">="] {
        if rest.starts_with(two) {
            return Ok((if matches!(two, "&&" | "||") { Token::Logic } else { Token::Operator }, at + 2));
        }
    }
    let operand_before = before.is_some_and(|placed| {
        matches!(placed.token, Token::Name | Token::Number | Token::Text) || source[..placed.end].ends_with([')', ']'])
    });
    let first = rest.chars().next().unwrap_or_default();
    let token = match first {
        '(' | '[' => Token::Open,
        ')' | ']' => Token::Close,
        '.' => Token::Dot,
        ',' => Token::Comma,
        '?' | ':' => Token::Choice,
        '!' => Token::Unary,
        '-' if !operand_before => Token::Unary,
        '+' | '-' | '*' | '/' | '%' | '<' | '>' => Token::Operator,
        _ => {
            let error = ExprError::at(source, at, format!("`{}` cannot stand here", first.escape_default()));
            return Err(match first {
                '=' => error.hint("equality is `==`"),
                '&' => error.hint("\"and\" is `&&`"),
                '|' => error.hint("\"or\" is `||`"),
                _ => error,
            });
        }
    };
    Ok((token, at + 1))
}

fn check_brackets(source: &str, tokens: &[Placed]) -> Result<(), ExprError> {
    let mut open: Vec<&Placed> = Vec::new();
    for placed in tokens {
        match placed.token {
            Token::Open => open.push(placed),
            Token::Close => {
                let wanted = if source[placed.start..placed.end] == *")" { "(" } else { "[" };
                if open.pop().is_none_or(|opened| source[opened.start..opened.end] != *wanted) {
                    return Err(ExprError::at(source, placed.start, format!("no `{wanted}` belongs to this bracket")));
                }
            }
            _ => {}
        }
        if open.len() > MAX_DEPTH {
            let message = format!("brackets are nested deeper than {MAX_DEPTH}");
            return Err(ExprError::at(source, placed.start, message).hint("split the rule"));
        }
    }
    match open.last() {
        Some(opened) => Err(ExprError::at(source, opened.start, "this bracket is never closed")),
        None => Ok(()),
    }
}

fn check_chains(source: &str, tokens: &[Placed]) -> Result<(), ExprError> {
    let (mut operators, mut choices, mut unary, mut dots) = (0, 0, 0, 0);
    for placed in tokens {
        let is_in = &source[placed.start..placed.end] == "in";
        operators += usize::from(placed.token == Token::Operator || is_in);
        choices += usize::from(placed.token == Token::Choice);
        unary = if placed.token == Token::Unary { unary + 1 } else { 0 };
        dots = match placed.token {
            Token::Dot => dots + 1,
            Token::Name => dots,
            _ => 0,
        };
        let limits = [
            (operators, MAX_OPERATORS, "operators"),
            (choices, 2 * MAX_CHOICES, "`?` and `:`"),
            (unary, MAX_UNARY, "signs in a row"),
            (dots, MAX_PATH, "names in a path"),
        ];
        for (count, limit, what) in limits {
            if count > limit {
                let message = format!("more than {limit} {what}");
                return Err(ExprError::at(source, placed.start, message).hint("split the rule"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(source: &str) -> String {
        scan(source).unwrap_err().to_string()
    }

    #[test]
    fn cuts_a_rule_into_tokens() {
        let tokens = scan("held(Vehicle.Speed >= -1.5e3, '10s') // fast\n&& !x").unwrap();
        assert_eq!(tokens.len(), 14);
        assert_eq!(tokens.iter().filter(|placed| placed.token == Token::Unary).count(), 2);
    }

    #[test]
    fn refuses_what_the_parser_should_not_see() {
        assert!(refusal("").contains("empty"));
        assert!(refusal("// only a remark").contains("empty"));
        assert!(refusal("a = 1").contains("equality is `==`"));
        assert!(refusal("a & b").contains("`&&`"));
        assert!(refusal("温度 > 1").contains("ASCII"));
        assert!(refusal("\"10s").contains("never closed"));
        assert!(refusal("r\"10s\"").contains("cannot start"));
        assert!(refusal("\"\"\"10s\"\"\"").contains("cannot start"));
        assert!(refusal("\"a\\n\"").contains("escapes"));
        assert!(refusal("0x10").contains("not a number"));
        assert!(refusal("10u").contains("not a number"));
        assert!(refusal("10kPa").contains("without a unit"));
        assert!(refusal("(a").contains("never closed"));
        assert!(refusal("a)").contains("belongs"));
        assert!(refusal("{a}").contains("cannot stand"));
    }

    #[test]
    fn bounds_length_depth_and_chains() {
        assert!(refusal(&"a".repeat(MAX_LEN + 1)).contains("characters"));
        assert!(refusal(&"(".repeat(100)).contains("nested"));
        assert!(refusal(&"1+".repeat(200)).contains("operators"));
        assert!(refusal(&"a?b:".repeat(20)).contains("`?`"));
        assert!(refusal(&"!".repeat(20)).contains("in a row"));
        assert!(refusal(&"a.".repeat(40)).contains("path"));
    }
}
