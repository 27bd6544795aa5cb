//! A text with `{variables}` and `[parts]` that are left out where one of their variables is not known.
//!
//! A variable stands for words in every language or for a number with its unit. A number is told in the unit that the
//! text writes behind it; where that is not possible it counts as not known, so that no text ever shows a value of
//! another quantity than it speaks of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::unit::figure::{figure, unit_at_start};
use crate::unit::{Locale, Text, Unit};

/// A text that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Phrase(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Words(String),
    Variable(Variable),
    /// Left out unless all of its variables are known.
    Optional(Vec<Piece>),
}

/// A variable at one place of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    pub name: String,
    /// The unit that the text writes behind it.
    pub unit: Option<Unit>,
}

/// A variable with whether the text can do without it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mention<'a> {
    pub variable: &'a Variable,
    pub optional: bool,
}

/// What a variable stands for; nothing personal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Said {
    Number {
        value: f64,
        unit: Unit,
    },
    Words(Text),
    /// The same in every language: a code, a phone number, a name.
    Name(String),
}

/// What variables stand for, by name.
pub type Values = BTreeMap<String, Said>;

/// Why a text is not a phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    #[error("`{{` without `}}`, or an empty `{{}}`")]
    Brace,
    #[error("`[` and `]` do not pair, or are nested")]
    Bracket,
}

impl Said {
    /// As it stands in a text in that language; `None` where it cannot stand there.
    fn at(&self, variable: &Variable, locale: Locale) -> Option<String> {
        match self {
            Self::Number { value, unit } => figure(*value, unit, variable.unit.as_ref(), locale),
            Self::Words(text) => Some(text.in_locale(locale).to_owned()),
            Self::Name(name) => Some(name.clone()),
        }
    }
}

impl Phrase {
    /// Splits a text into words, `{variables}` and `[optional parts]`.
    pub fn parse(text: &str) -> Result<Self, PhraseError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('[') {
            let (before, after) = rest.split_at(open);
            let close = after.find(']').ok_or(PhraseError::Bracket)?;
            let inside = after.get(1..close).unwrap_or_default();
            if inside.contains('[') || before.contains(']') {
                return Err(PhraseError::Bracket);
            }
            variables(before, &mut pieces)?;
            let mut inner = Vec::new();
            variables(inside, &mut inner)?;
            pieces.push(Piece::Optional(inner));
            rest = after.get(close + 1..).unwrap_or_default();
        }
        if rest.contains(']') {
            return Err(PhraseError::Bracket);
        }
        variables(rest, &mut pieces)?;
        Ok(Self(pieces))
    }

    /// Every variable at every place.
    pub fn mentions(&self) -> impl Iterator<Item = Mention<'_>> {
        self.0.iter().flat_map(|piece| {
            let (own, inner, optional) = match piece {
                Piece::Words(_) => (None, &[][..], false),
                Piece::Variable(_) => (Some(piece), &[][..], false),
                Piece::Optional(inner) => (None, inner.as_slice(), true),
            };
            own.into_iter().chain(inner).filter_map(move |piece| match piece {
                Piece::Variable(variable) => Some(Mention { variable, optional }),
                Piece::Words(_) | Piece::Optional(_) => None,
            })
        })
    }

    /// The words of the text itself, without what fills it.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|piece| {
            let (own, inner) = match piece {
                Piece::Optional(inner) => (None, inner.as_slice()),
                other => (Some(other), &[][..]),
            };
            own.into_iter().chain(inner).filter_map(|piece| match piece {
                Piece::Words(words) => Some(words.as_str()),
                Piece::Variable(_) | Piece::Optional(_) => None,
            })
        })
    }

    /// The text with its variables filled in; the error is the name of one that it cannot do without.
    pub fn fill(&self, values: &Values, locale: Locale) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Words(words) => text.push_str(words),
                Piece::Variable(variable) => {
                    text.push_str(&known(variable, values, locale).ok_or_else(|| variable.name.clone())?);
                }
                Piece::Optional(inner) => text.push_str(&optional(inner, values, locale).unwrap_or_default()),
            }
        }
        Ok(text.trim().to_owned())
    }
}

fn known(variable: &Variable, values: &Values, locale: Locale) -> Option<String> {
    values.get(&variable.name)?.at(variable, locale)
}

/// The part, or nothing where one of its variables is not known.
fn optional(pieces: &[Piece], values: &Values, locale: Locale) -> Option<String> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Words(words) => text.push_str(words),
            Piece::Variable(variable) => text.push_str(&known(variable, values, locale)?),
            Piece::Optional(_) => {}
        }
    }
    Some(text)
}

fn variables(text: &str, pieces: &mut Vec<Piece>) -> Result<(), PhraseError> {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or(PhraseError::Brace)?;
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || !name.bytes().all(letter) || before.contains('}') {
            return Err(PhraseError::Brace);
        }
        if !before.is_empty() {
            pieces.push(Piece::Words(before.to_owned()));
        }
        pieces.push(Piece::Variable(Variable { name: name.to_owned(), unit: unit_at_start(behind) }));
        rest = behind;
    }
    if rest.contains('}') {
        return Err(PhraseError::Brace);
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

    fn number(value: f64, unit: &str) -> Said {
        Said::Number { value, unit: Unit::parse(unit).unwrap() }
    }

    fn filled(text: &str, values: &[(&str, Said)], locale: Locale) -> Result<String, String> {
        let values = values.iter().map(|(name, said)| ((*name).to_owned(), said.clone())).collect();
        Phrase::parse(text).unwrap().fill(&values, locale)
    }

    #[test]
    fn words_are_those_of_the_reader() {
        let fault = Said::Words(Text { zh_cn: "胎压过低".to_owned(), en: "Tyre pressure low".to_owned() });
        assert_eq!(filled("{fault}!", &[("fault", fault.clone())], Locale::En).unwrap(), "Tyre pressure low!");
        assert_eq!(filled("{fault}!", &[("fault", fault)], Locale::ZhCn).unwrap(), "胎压过低!");
    }

    #[test]
    fn a_number_is_told_in_the_unit_of_the_text() {
        let range = [("range", number(2_400_000.0, "m"))];
        assert_eq!(filled("{range}公里", &range, Locale::ZhCn).unwrap(), "2400公里");
        assert_eq!(filled("for {range} km", &range, Locale::En).unwrap(), "for 2,400 km");
    }

    #[test]
    fn another_quantity_is_not_known() {
        let score = [("v", number(30.0, "sd"))];
        assert_eq!(filled("low[ (last {v} V)].", &score, Locale::En).unwrap(), "low.");
        assert_eq!(filled("low (last {v} V).", &score, Locale::En).unwrap_err(), "v");
        assert_eq!(filled("low[ (last {v} V)].", &[("v", number(118.0, "degC"))], Locale::En).unwrap(), "low.");
    }

    #[test]
    fn tells_where_variables_stand() {
        let phrase = Phrase::parse("{fault}[ ({v} V, {limit} V)]").unwrap();
        let names: Vec<_> = phrase.mentions().map(|mention| (&*mention.variable.name, mention.optional)).collect();
        assert_eq!(names, [("fault", false), ("v", true), ("limit", true)]);
        assert_eq!(phrase.words().collect::<String>(), " ( V,  V)");
    }

    #[test]
    fn values_are_no_phrases() {
        assert_eq!(filled("{item}", &[("item", Said::Name("{x}[y]".to_owned()))], Locale::En).unwrap(), "{x}[y]");
    }

    #[test]
    fn reads_what_was_stored_now_and_by_earlier_versions() {
        let stored = r#"{"fault": {"zh-CN": "热", "en": "hot"}, "v": {"value": 11.9, "unit": "V"}, "wheel": "左前"}"#;
        let values: Values = serde_json::from_str(stored).unwrap();
        assert_eq!(values["v"], number(11.9, "V"));
        assert_eq!(values["wheel"], Said::Name("左前".to_owned()));
        assert!(matches!(&values["fault"], Said::Words(text) if text.en == "hot"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-c{}\\[\\]大 V%]{0,24}") {
            if let Ok(phrase) = Phrase::parse(&text) {
                let _ = phrase.fill(&Values::new(), Locale::En);
                let _ = phrase.mentions().count() + phrase.words().count();
            }
        }
    }
}
