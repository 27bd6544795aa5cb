//! A notice in words, in every language of the product.
//!
//! The words come from the catalogue in force. The dealer's name and phone are filled in here, at
//! the last moment. A person's name and plate are not: whoever stands at the car or the desk would
//! read them. A channel that reaches only the person fills them itself, from schema `person`.

use std::collections::BTreeMap;
use std::sync::Arc;

use rules::catalogue::Catalogue;
use rules::template::Rendered;
use rules::text::Text;
use rules::vehicle::Locale;

use crate::store::notice::Notice;

/// What is shown: a headline, the whole of it, and the one line for the head unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    pub title: Text,
    pub body: Text,
    pub in_car: Text,
}

/// Turns notices into words; the error says what is missing.
pub type Render = Arc<dyn Fn(&Notice) -> Result<Rendering, String> + Send + Sync>;

/// Renders with the catalogue that is in force at that moment.
pub fn render_with(in_force: impl Fn() -> Arc<Catalogue> + Send + Sync + 'static) -> Render {
    Arc::new(move |notice| render(&in_force(), notice))
}

fn render(catalogue: &Catalogue, notice: &Notice) -> Result<Rendering, String> {
    let variables = variables(notice);
    let zh_cn = in_locale(catalogue, notice, &variables, Locale::ZhCn)?;
    let en = in_locale(catalogue, notice, &variables, Locale::En)?;
    Ok(Rendering {
        title: Text { zh_cn: zh_cn.title, en: en.title },
        body: Text { zh_cn: zh_cn.body, en: en.body },
        in_car: Text { zh_cn: zh_cn.in_car, en: en.in_car },
    })
}

fn variables(notice: &Notice) -> BTreeMap<String, String> {
    let mut variables = notice.variables.clone();
    variables.insert("dealer".to_owned(), notice.dealer_name.clone());
    if let Some(phone) = &notice.dealer_phone {
        variables.insert("tel".to_owned(), phone.clone());
    }
    variables
}

fn in_locale(
    catalogue: &Catalogue,
    notice: &Notice,
    variables: &BTreeMap<String, String>,
    locale: Locale,
) -> Result<Rendered, String> {
    let template = catalogue
        .template(&notice.template, locale)
        .ok_or_else(|| format!("there is no template `{}` in {}", notice.template, locale.tag()))?;
    template.render(variables).map_err(|missing| missing.to_string())
}
