//! Words of the catalogue for pages: what a component, rule, operation, part, signal or code is called.
//!
//! Rows of the store name catalogue entries of the past too: what the loaded catalogue does not know
//! is shown by its key, made readable.

use std::sync::Arc;

use rules::catalogue::Catalogue;
use rules::signal::{Signal, SignalNo};
use rules::text::Text;
use rules::vehicle::Locale;
use serde_json::Value;

/// Titles of one catalogue in one language.
#[derive(Clone, Debug)]
pub struct Titles {
    catalogue: Arc<Catalogue>,
    locale: Locale,
}

impl Titles {
    pub fn new(catalogue: Arc<Catalogue>, locale: Locale) -> Self {
        Self { catalogue, locale }
    }

    pub fn signal(&self, no: i16) -> Option<&Signal> {
        u16::try_from(no).ok().and_then(|no| self.catalogue.signals.by_no(SignalNo(no)))
    }

    pub fn text<'a>(&self, text: &'a Text) -> &'a str {
        text.in_locale(self.locale)
    }

    pub fn component(&self, key: &str) -> String {
        readable(key)
    }

    pub fn rule(&self, key: &str) -> String {
        readable(key)
    }

    pub fn model(&self, key: &str) -> String {
        readable(key)
    }

    /// A sentence stored in both languages, such as the reason of a finding.
    pub fn stored(&self, sentence: &Value) -> String {
        let tag = self.locale.tag();
        let said = sentence.get(tag).or_else(|| sentence.get(Locale::En.tag())).unwrap_or(sentence);
        said.as_str().map(str::to_owned).unwrap_or_default()
    }
}

/// `engine.oil_pressure` becomes `Engine oil pressure`.
pub fn readable(key: &str) -> String {
    let mut words = key.replace(['.', '_', '-'], " ");
    if let Some(first) = words.get(..1) {
        words = format!("{}{}", first.to_uppercase(), &words[1..]);
    }
    words
}
