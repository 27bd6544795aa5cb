//! Message templates: what an owner reads, in one language, with `{variables}`.
//!
//! `[ … ]` marks a part that is left out where one of its variables is unknown (a price, a time
//! slot), so that a message never shows a hole. Every variable is declared, and the languages of
//! one template declare the same: what would fail at night for one person fails at load.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::entry::phrase::{Mention, Phrase, PhraseError, Values};
use crate::unit::Locale;

/// The version of the shipped template `resolved`, whose notices the store writes without a catalogue at hand.
pub const RESOLVED_VERSION: u32 = 2;

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
    title: Phrase,
    body: Phrase,
    in_car: Phrase,
    /// Variables without which there is no message.
    required: BTreeSet<String>,
    optional: BTreeSet<String>,
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
    #[error(transparent)]
    Phrase(#[from] PhraseError),
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
        let [title, body, in_car] = texts.map(|text| Phrase::parse(text));
        let (title, body, in_car) = (title?, body?, in_car?);
        let (mut required, mut optional) = (BTreeSet::new(), BTreeSet::new());
        for mention in [&title, &body, &in_car].into_iter().flat_map(Phrase::mentions) {
            let names = if mention.optional { &mut optional } else { &mut required };
            names.insert(mention.variable.name.clone());
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
    /// The message with its variables filled in, in the language of the template; what nobody needs is ignored.
    pub fn render(&self, values: &Values, locale: Locale) -> Result<Rendered, MissingVariable> {
        let fill = |phrase: &Phrase| {
            let missing = |variable| MissingVariable { template: self.key.clone(), variable };
            phrase.fill(values, locale).map(|text| capital(&text)).map_err(missing)
        };
        Ok(Rendered { title: fill(&self.title)?, body: fill(&self.body)?, in_car: fill(&self.in_car)? })
    }

    /// Title, body and in-car line.
    pub const fn phrases(&self) -> [(&'static str, &Phrase); 3] {
        [("title", &self.title), ("body", &self.body), ("in_car", &self.in_car)]
    }

    /// Every variable at every place.
    pub fn mentions(&self) -> impl Iterator<Item = Mention<'_>> {
        self.phrases().into_iter().flat_map(|(_, phrase)| phrase.mentions())
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

/// A text begins with a capital, whatever name or left-out part it began with.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::phrase::Said;

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
        let said = |value: &str| Said::Name(value.to_owned());
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), said(value))).collect();
        template.render(&given, Locale::En).map(|rendered| rendered.body)
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
    fn notices_that_something_is_over_name_the_version_that_is_shipped() {
        let catalogue = crate::catalogue::Catalogue::builtin().unwrap();
        assert_eq!(catalogue.template_version("resolved"), Some(RESOLVED_VERSION));
    }

    #[test]
    fn a_missing_required_variable_is_an_error() {
        let error = render("{item} is due", &["item"], &[]).unwrap_err();
        assert_eq!(error.variable, "item");
    }

    #[test]
    fn refuses_what_would_fail_later() {
        let refused = |body: &str, declared: &[&str]| Template::try_from(entry(body, declared)).unwrap_err();
        assert_eq!(refused("{item}", &[]), TemplateError::Undeclared("item".to_owned()));
        assert_eq!(refused("x", &["item"]), TemplateError::Unused("item".to_owned()));
        assert_eq!(refused(" ", &[]), TemplateError::Empty);
        for body in ["{item", "item}", "{}", "{Item}", "{a{b}"] {
            assert_eq!(refused(body, &["item"]), TemplateError::Phrase(PhraseError::Brace), "{body}");
        }
        for body in ["[a", "a]", "[a[b]]", "]a["] {
            assert_eq!(refused(body, &[]), TemplateError::Phrase(PhraseError::Bracket), "{body}");
        }
        let long = TemplateEntry { in_car: "x".repeat(81), ..entry("x", &[]) };
        assert_eq!(Template::try_from(long).unwrap_err(), TemplateError::LongInCar(81));
    }
}
