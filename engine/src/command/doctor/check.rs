//! One thing looked at: what was found, and what to do.

use std::fmt::Write as _;

use serde::Serialize;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Good,
    /// Could not be looked at, or says nothing alone.
    Unknown,
    /// Works, and will hurt one day.
    Doubtful,
    Wrong,
}

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Area and thing, as in `database.role`.
    pub name: &'static str,
    pub verdict: Verdict,
    pub found: String,
    /// What to do; empty when good.
    #[serde(rename = "do", skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl Check {
    pub fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Good, found: found.into(), remedy: String::new() }
    }

    pub fn unknown(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Unknown, found: found.into(), remedy: remedy.into() }
    }

    pub fn doubtful(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Doubtful, found: found.into(), remedy: remedy.into() }
    }

    pub fn wrong(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Wrong, found: found.into(), remedy: remedy.into() }
    }

    /// A look that the database failed.
    pub fn failed(name: &'static str, error: &sqlx::Error) -> Self {
        Self::wrong(name, format!("cannot be read: {error}"), "see the database's log")
    }
}

/// For people: one line each, the remedy below it.
pub fn render(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for check in checks {
        let word = match check.verdict {
            Verdict::Good => "ok",
            Verdict::Unknown => "?",
            Verdict::Doubtful => "hm",
            Verdict::Wrong => "WRONG",
        };
        let _ = writeln!(text, "{word:<6} {:<width$}  {}", check.name, check.found);
        if !check.remedy.is_empty() {
            let _ = writeln!(text, "{:6} {:width$}  -> {}", "", "", check.remedy);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_to_do_below_what_is_wrong() {
        let checks = [Check::good("a.b", "fine"), Check::wrong("database.role", "superuser", "alter role")];
        let text = render(&checks);
        assert_eq!(
            text,
            "ok     a.b            fine\nWRONG  database.role  superuser\n                      -> alter role\n"
        );
    }

    #[test]
    fn wrong_is_the_worst() {
        assert!(
            Verdict::Wrong > Verdict::Doubtful
                && Verdict::Doubtful > Verdict::Unknown
                && Verdict::Unknown > Verdict::Good
        );
    }
}
