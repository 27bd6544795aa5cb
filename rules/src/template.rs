//! Message templates: what an owner reads, in one language, with `{variables}`.
//!
//! `[ … ]` marks a part that is left out where one of its variables is unknown (a price, a time
//! slot), so that a message never shows a hole. Every variable is declared, and the languages of
//! one template declare the same: what would fail at night for one person fails at load.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// Longest in-car line, in characters: one glance.
const IN_CAR_CHARS: usize = 80;

/// One `[[template]]` of `templates/<language>/`, as written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateEntry {
    pub key: String,
    pub version: u32,
    /// Shown on lock screens: nothing that reveals who or where.
    pub title: String,
    pub body: String,
    /// One short line for the head unit: only what to do now.
    pub in_car: String,
    /// Every variable the texts use.
    #[serde(default)]
    pub variables: BTreeSet<String>,
    pub source: String,
}

/// A template in one language, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub key: String,
    pub version: u32,
    title: Vec<Piece>,
    body: Vec<Piece>,
    in_car: Vec<Piece>,
    /// Variables without which there is no message.
    required: BTreeSet<String>,
    optional: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Words(String),
    Variable(String),
    /// Left out unless all of its variables are known.
    Optional(Vec<Piece>),
}

/// A message in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub title: String,
    pub body: String,
    pub in_car: String,
}

/// Why an entry is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("`{{` without `}}`, or an empty `{{}}`")]
    Brace,
    #[error("`[` and `]` do not pair, or are nested")]
    Bracket,
    #[error("variable `{0}` is not declared")]
    Undeclared(String),
    #[error("variable `{0}` is declared but not used")]
    Unused(String),
    #[error("title, body and in_car must say something")]
    Empty,
    #[error("the in-car line has {0} characters, more than {IN_CAR_CHARS}")]
    LongInCar(usize),
}

/// A variable that a message needs and nobody gave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template `{template}` needs `{variable}`")]
pub struct MissingVariable {
    pub template: String,
    pub variable: String,
}

impl TryFrom<TemplateEntry> for Template {
    type Error = TemplateError;

    fn try_from(entry: TemplateEntry) -> Result<Self, TemplateError> {
        let texts = [&entry.title, &entry.body, &entry.in_car];
        if texts.iter().any(|text| text.trim().is_empty()) {
            return Err(TemplateError::Empty);
        }
        let chars = entry.in_car.chars().count();
        if chars > IN_CAR_CHARS {
            return Err(TemplateError::LongInCar(chars));
        }
        let (title, body, in_car) = (parse(&entry.title)?, parse(&entry.body)?, parse(&entry.in_car)?);
        let (mut required, mut optional) = (BTreeSet::new(), BTreeSet::new());
        for piece in title.iter().chain(&body).chain(&in_car) {
            piece.collect(&mut required, &mut optional);
        }
        optional.retain(|name| !required.contains(name));
        let used = |name: &&String| required.contains(*name) || optional.contains(*name);
        if let Some(unused) = entry.variables.iter().find(|name| !used(name)) {
            return Err(TemplateError::Unused(unused.clone()));
        }
        if let Some(other) = required.iter().chain(&optional).find(|name| !entry.variables.contains(*name)) {
            return Err(TemplateError::Undeclared(other.clone()));
        }
        Ok(Self { key: entry.key, version: entry.version, title, body, in_car, required, optional })
    }
}

impl Template {
    /// The message with its variables filled in; what nobody needs is ignored.
    pub fn render(&self, variables: &BTreeMap<String, String>) -> Result<Rendered, MissingVariable> {
        if let Some(missing) = self.required.iter().find(|name| !variables.contains_key(*name)) {
            return Err(MissingVariable { template: self.key.clone(), variable: missing.clone() });
        }
        let fill = |pieces: &[Piece]| {
            let mut text = String::new();
            write(pieces, variables, &mut text);
            text.trim().to_owned()
        };
        Ok(Rendered { title: fill(&self.title), body: fill(&self.body), in_car: fill(&self.in_car) })
    }

    /// Variables without which there is no message.
    pub fn required(&self) -> &BTreeSet<String> {
        &self.required
    }

    /// Variables whose part is left out where they are unknown.
    pub fn optional(&self) -> &BTreeSet<String> {
        &self.optional
    }
}

impl Piece {
    fn collect(&self, required: &mut BTreeSet<String>, optional: &mut BTreeSet<String>) {
        match self {
            Self::Words(_) => {}
            Self::Variable(name) => {
                required.insert(name.clone());
            }
            Self::Optional(pieces) => {
                let mut inside = BTreeSet::new();
                for piece in pieces {
                    piece.collect(&mut inside, optional);
                }
                optional.append(&mut inside);
            }
        }
    }
}

fn write(pieces: &[Piece], variables: &BTreeMap<String, String>, text: &mut String) {
    for piece in pieces {
        match piece {
            Piece::Words(words) => text.push_str(words),
            Piece::Variable(name) => text.push_str(variables.get(name).map_or("", String::as_str)),
            Piece::Optional(inner) => {
                let known = |piece: &Piece| !matches!(piece, Piece::Variable(name) if !variables.contains_key(name));
                if inner.iter().all(known) {
                    write(inner, variables, text);
                }
            }
        }
    }
}

/// Splits a text into words, `{variables}` and `[optional parts]`.
fn parse(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let (before, after) = rest.split_at(open);
        let close = after.find(']').ok_or(TemplateError::Bracket)?;
        let inside = after.get(1..close).unwrap_or_default();
        if inside.contains('[') || before.contains(']') {
            return Err(TemplateError::Bracket);
        }
        variables(before, &mut pieces)?;
        let mut inner = Vec::new();
        variables(inside, &mut inner)?;
        pieces.push(Piece::Optional(inner));
        rest = after.get(close + 1..).unwrap_or_default();
    }
    if rest.contains(']') {
        return Err(TemplateError::Bracket);
    }
    variables(rest, &mut pieces)?;
    Ok(pieces)
}

fn variables(text: &str, pieces: &mut Vec<Piece>) -> Result<(), TemplateError> {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or(TemplateError::Brace)?;
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        {
            return Err(TemplateError::Brace);
        }
        if before.contains('}') {
            return Err(TemplateError::Brace);
        }
        if !before.is_empty() {
            pieces.push(Piece::Words(before.to_owned()));
        }
        pieces.push(Piece::Variable(name.to_owned()));
        rest = behind;
    }
    if rest.contains('}') {
        return Err(TemplateError::Brace);
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words(rest.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(body: &str, variables: &[&str]) -> TemplateEntry {
        TemplateEntry {
            key: "service_due".to_owned(),
            version: 1,
            title: "Service".to_owned(),
            body: body.to_owned(),
            in_car: "Service due".to_owned(),
            variables: variables.iter().map(|name| (*name).to_owned()).collect(),
            source: String::new(),
        }
    }

    fn render(body: &str, declared: &[&str], given: &[(&str, &str)]) -> Result<String, MissingVariable> {
        let template = Template::try_from(entry(body, declared)).unwrap();
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        template.render(&given).map(|rendered| rendered.body)
    }

    #[test]
    fn fills_variables_and_leaves_out_unknown_parts() {
        let body = "{item} is due[ around {date}][, about {price} CNY].";
        let declared = ["item", "date", "price"];
        let known = [("item", "Oil"), ("price", "300")];
        assert_eq!(render(body, &declared, &known).unwrap(), "Oil is due, about 300 CNY.");
        assert_eq!(render(body, &declared, &[("item", "Oil")]).unwrap(), "Oil is due.");
    }

    #[test]
    fn a_missing_required_variable_is_an_error() {
        let error = render("{item} is due", &["item"], &[]).unwrap_err();
        assert_eq!(error.variable, "item");
    }

    #[test]
    fn values_are_not_templates() {
        assert_eq!(render("{item}", &["item"], &[("item", "{x}[y]")]).unwrap(), "{x}[y]");
    }

    #[test]
    fn refuses_what_would_fail_later() {
        let refused = |body: &str, declared: &[&str]| Template::try_from(entry(body, declared)).unwrap_err();
        assert_eq!(refused("{item}", &[]), TemplateError::Undeclared("item".to_owned()));
        assert_eq!(refused("x", &["item"]), TemplateError::Unused("item".to_owned()));
        assert_eq!(refused(" ", &[]), TemplateError::Empty);
        for body in ["{item", "item}", "{}", "{Item}", "{a{b}"] {
            assert_eq!(refused(body, &["item"]), TemplateError::Brace, "{body}");
        }
        for body in ["[a", "a]", "[a[b]]", "]a["] {
            assert_eq!(refused(body, &[]), TemplateError::Bracket, "{body}");
        }
        let long = TemplateEntry { in_car: "x".repeat(81), ..entry("x", &[]) };
        assert_eq!(Template::try_from(long).unwrap_err(), TemplateError::LongInCar(81));
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-c{}\\[\\]大 ]{0,24}") {
            let _ = parse(&text);
        }
    }
}
