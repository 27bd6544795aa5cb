//! Everything the console says, in each language: one TOML file per language, read into one type.
//!
//! A word that a page uses and a language lacks does not load, and a test loads both. Pages say
//! `words.board.title`; what the store names by a word (states, verdicts, reasons) is looked up.

mod pages;

use std::collections::BTreeMap;
use std::sync::Arc;

use rules::unit::Locale;
use serde::Deserialize;

pub use self::pages::*;

/// The words of both languages.
#[derive(Clone, Debug)]
pub struct Dictionary {
    zh_cn: Arc<Words>,
    en: Arc<Words>,
}

/// A language's file is not complete.
#[derive(Debug, thiserror::Error)]
#[error("read the console's words in {language}")]
pub struct WordsError {
    language: &'static str,
    #[source]
    source: toml::de::Error,
}

impl Dictionary {
    /// Reads the files the console ships with.
    pub fn load() -> Result<Self, WordsError> {
        Ok(Self {
            zh_cn: read("zh-CN", include_str!("../../../assets/words/zh-CN.toml"))?,
            en: read("en", include_str!("../../../assets/words/en.toml"))?,
        })
    }

    pub fn of(&self, locale: Locale) -> Arc<Words> {
        match locale {
            Locale::ZhCn => Arc::clone(&self.zh_cn),
            Locale::En => Arc::clone(&self.en),
        }
    }
}

fn read(language: &'static str, text: &str) -> Result<Arc<Words>, WordsError> {
    toml::from_str(text).map(Arc::new).map_err(|source| WordsError { language, source })
}

/// Puts values into `{name}` places of a sentence.
pub fn fill(sentence: &str, name: &str, value: impl std::fmt::Display) -> String {
    sentence.replace(&format!("{{{name}}}"), &value.to_string())
}

/// What the store names by a word.
pub type Named = BTreeMap<String, String>;

/// The name of a stored word; the word itself where nobody named it yet.
pub fn named<'a>(names: &'a Named, word: &'a str) -> &'a str {
    names.get(word).map_or(word, String::as_str)
}

/// One language.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub nav: NavWords,
    pub login: LoginWords,
    pub severity: SeverityWords,
    pub board: BoardWords,
    pub review: ReviewWords,
    pub forecast: ForecastWords,
    pub rules: RulesWords,
    pub campaigns: CampaignWords,
    pub order: OrderWords,
    pub vehicle: VehicleWords,
    pub inbox: InboxWords,
    pub status: StatusWords,
    pub time: TimeWords,
    pub state: Named,
    pub act: Named,
    pub verdict: Named,
    pub change: Named,
    pub role: Named,
    pub purpose: Named,
    pub powertrain: Named,
    pub registered: Named,
    pub stage: Named,
    pub channel: Named,
    pub delivery: Named,
    pub dtc: Named,
    pub phase: Named,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::order_state::OrderState;
    use crate::crm::role::Role;

    #[test]
    fn both_languages_have_every_word() {
        let dictionary = Dictionary::load().unwrap();
        let (zh_cn, en) = (dictionary.of(Locale::ZhCn), dictionary.of(Locale::En));
        for (one, other) in [
            (&zh_cn.state, &en.state),
            (&zh_cn.act, &en.act),
            (&zh_cn.verdict, &en.verdict),
            (&zh_cn.change, &en.change),
            (&zh_cn.role, &en.role),
            (&zh_cn.purpose, &en.purpose),
            (&zh_cn.powertrain, &en.powertrain),
            (&zh_cn.stage, &en.stage),
            (&zh_cn.channel, &en.channel),
            (&zh_cn.delivery, &en.delivery),
            (&zh_cn.dtc, &en.dtc),
            (&zh_cn.registered, &en.registered),
            (&zh_cn.phase, &en.phase),
        ] {
            assert!(one.keys().eq(other.keys()), "{one:?} {other:?}");
        }
        assert_eq!(zh_cn.vehicle.reasons.len(), en.vehicle.reasons.len());
    }

    #[test]
    fn names_every_word_of_the_store() {
        let words = Dictionary::load().unwrap().of(Locale::En);
        for state in OrderState::ALL {
            assert!(words.state.contains_key(state.word()) && words.act.contains_key(state.word()), "{state:?}");
        }
        for role in Role::ALL {
            assert!(words.role.contains_key(role.word()));
        }
        for kind in ["open", "update", "escalate", "ease", "withdraw", "close"] {
            assert!(words.change.contains_key(kind), "{kind}");
        }
        for stage in ["stop_now", "opened", "resolved"] {
            assert!(words.stage.contains_key(stage), "{stage}");
        }
    }

    #[test]
    fn a_missing_word_does_not_load() {
        let without = include_str!("../../../assets/words/en.toml").replace("skip = ", "skipp = ");
        assert!(read("en", &without).is_err());
    }
}
