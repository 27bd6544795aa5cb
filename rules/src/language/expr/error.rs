//! What is wrong with an expression, where, and what was probably meant.

use std::fmt;

/// One mistake in an expression, in words for the author of a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ExprError {
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The valid name that looks most like the wrong one.
    pub nearest: Option<String>,
}

impl ExprError {
    /// A mistake at byte `offset` of `source`.
    pub(super) fn at(source: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = source.get(..offset).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        let message = message.into();
        Self { line: line as u32, column: column as u32, message, hint: None, nearest: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn nearest(mut self, nearest: Option<String>) -> Self {
        self.nearest = nearest;
        self
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_columns_from_one() {
        let error = ExprError::at("ab\ncd", 4, "no");
        assert_eq!((error.line, error.column), (2, 2));
        assert_eq!(ExprError::at("ab", 99, "no").column, 3);
        let full = error.nearest(Some("cat".to_owned())).hint("look it up");
        assert_eq!(full.to_string(), "2:2: no; did you mean `cat`?; look it up");
    }
}
