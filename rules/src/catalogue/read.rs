//! Reading catalogue files entry by entry, so that one load names every fault of every file.

use std::fmt;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use crate::unit::nearest;

/// One thing wrong with a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub file: String,
    /// Counted from 1; `None` for what no single line causes.
    pub line: Option<usize>,
    /// Counted from 1, in characters; known inside expressions.
    pub column: Option<usize>,
    pub what: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        write!(f, ": {}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Where an entry of a file begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: usize,
}

impl Place {
    pub fn fault(&self, what: impl Into<String>) -> Fault {
        Fault { file: self.file.clone(), line: Some(self.line), column: None, what: what.into(), hint: None }
    }

    /// A fault about a name that is not in the catalogue, with the nearest one that is.
    pub fn unknown<'a>(&self, kind: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Fault {
        let hint = nearest(name, known).map(|near| format!("did you mean `{near}`?"));
        Fault { hint, ..self.fault(format!("unknown {kind} `{name}`")) }
    }
}

/// A value with its place, for checks that come after reading.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    pub place: Place,
    pub value: T,
}

/// One file of the catalogue, parsed but not yet understood.
pub struct Document<'a> {
    file: &'a str,
    text: &'a str,
    root: DeTable<'a>,
}

impl<'a> Document<'a> {
    /// Parses a file; a syntax error is a fault and gives nothing.
    pub fn parse(file: &'a str, text: &'a str, faults: &mut Vec<Fault>) -> Option<Self> {
        match DeTable::parse(text) {
            Ok(root) => Some(Self { file, text, root: root.into_inner() }),
            Err(error) => {
                faults.push(fault(file, text, &error, 0));
                None
            }
        }
    }

    /// Takes out every `[[name]]` entry.
    pub fn entries<T: DeserializeOwned>(&mut self, name: &str, faults: &mut Vec<Fault>) -> Vec<Placed<T>> {
        let Some(value) = self.root.remove(name) else { return Vec::new() };
        let at = value.span().start;
        let DeValue::Array(array) = value.into_inner() else {
            let what = format!("`{name}` is written as `[[{name}]]`");
            faults.push(Place { file: self.file.to_owned(), line: line_of(self.text, at) }.fault(what));
            return Vec::new();
        };
        array.into_iter().filter_map(|entry| self.entry(entry, faults)).collect()
    }

    /// Reads what is left as one value and reports keys it does not know.
    pub fn rest<T: DeserializeOwned>(self, faults: &mut Vec<Fault>) -> Option<Placed<T>> {
        let root = Spanned::new(0..self.text.len(), DeValue::Table(self.root.clone()));
        self.entry(root, faults)
    }

    /// Reports keys that nobody took out.
    pub fn finish(self, known: &[&str], faults: &mut Vec<Fault>) {
        for key in self.root.keys() {
            let place = Place { file: self.file.to_owned(), line: line_of(self.text, key.span().start) };
            faults.push(place.unknown("table", key.get_ref(), known.iter().copied()));
        }
    }

    fn entry<T: DeserializeOwned>(&self, entry: Spanned<DeValue<'a>>, faults: &mut Vec<Fault>) -> Option<Placed<T>> {
        let start = entry.span().start;
        match T::deserialize(ValueDeserializer::from(entry)) {
            Ok(value) => {
                let place = Place { file: self.file.to_owned(), line: line_of(self.text, start) };
                Some(Placed { place, value })
            }
            Err(error) => {
                faults.push(fault(self.file, self.text, &error, start));
                None
            }
        }
    }
}

fn fault(file: &str, text: &str, error: &Error, start: usize) -> Fault {
    let at = error.span().map_or(start, |span| span.start);
    let (what, hint) = split_hint(error.message());
    Fault { file: file.to_owned(), line: Some(line_of(text, at)), column: None, what, hint }
}

/// Serde says "unknown field `x`, expected one of `a`, `b`": keeps the nearest of them as the hint.
fn split_hint(message: &str) -> (String, Option<String>) {
    let Some((what, expected)) = message.split_once(", expected ") else { return (message.to_owned(), None) };
    let wrong = what.split('`').nth(1).unwrap_or_default();
    let near = nearest(wrong, expected.split('`').skip(1).step_by(2));
    let hint = near.map_or_else(|| format!("expected {expected}"), |near| format!("did you mean `{near}`?"));
    (what.to_owned(), Some(hint))
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        #[expect(dead_code, reason = "only read")]
        key: String,
        #[expect(dead_code, reason = "only read")]
        count: u32,
    }

    #[test]
    fn names_every_fault_with_its_line() {
        let text = "[[item]]\nkey = \"a\"\ncuont = 1\n\n[[item]]\nkey = \"b\"\ncount = \"x\"\n\n[[item]]\nkey = \"c\"\ncount = 3\n\n[other]\n";
        let mut faults = Vec::new();
        let mut document = Document::parse("items.toml", text, &mut faults).unwrap();
        let items: Vec<Placed<Item>> = document.entries("item", &mut faults);
        document.finish(&["item"], &mut faults);
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].place.line, 9);
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(said[0], "items.toml:3: unknown field `cuont` (did you mean `count`?)");
        assert!(said[1].starts_with("items.toml:7: invalid type"), "{said:?}");
        assert_eq!(said[2], "items.toml:13: unknown table `other`");
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        let mut faults = Vec::new();
        assert!(Document::parse("x.toml", "a = 1\nb = = 2\n", &mut faults).is_none());
        assert_eq!(faults[0].line, Some(2));
    }
}
