//! A text in every language the product speaks.

use serde::{Deserialize, Serialize};

use crate::unit::Locale;

/// The same sentence in zh-CN and in English; a missing language is an error at load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Text {
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
    pub en: String,
}

impl Text {
    pub fn new(zh_cn: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh_cn: zh_cn.into(), en: en.into() }
    }

    pub fn in_locale(&self, locale: Locale) -> &str {
        match locale {
            Locale::ZhCn => &self.zh_cn,
            Locale::En => &self.en,
        }
    }
}
