//! A notice in words, in every language of the product.
//!
//! The words come from the catalogue in force, and each language is filled with its own: what a notice holds says it in
//! both. The dealer's name, phone and opening hours are filled in here, at the last moment. A person's name and plate are not: anybody who stands at the car or the desk would
//! read them. A channel that reaches only the person fills them itself, from schema `person`.

use std::sync::Arc;

use rules::catalogue::Catalogue;
use rules::entry::phrase::{Said, Values};
use rules::entry::template::Rendered;
use rules::unit::{Locale, Text};

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

fn variables(notice: &Notice) -> Values {
    let mut variables = notice.variables.clone();
    variables.insert("dealer".to_owned(), Said::Name(notice.dealer_name.clone()));
    if let Some(phone) = &notice.dealer_phone {
        variables.insert("tel".to_owned(), Said::Name(phone.clone()));
    }
    if let Some(hours) = &notice.dealer_hours {
        variables.insert("hours".to_owned(), Said::Words(hours.clone()));
    }
    variables
}

fn in_locale(catalogue: &Catalogue, notice: &Notice, variables: &Values, locale: Locale) -> Result<Rendered, String> {
    let template = catalogue
        .template(&notice.template, locale)
        .ok_or_else(|| format!("there is no template `{}` in {}", notice.template, locale.tag()))?;
    template.render(variables, locale).map_err(|missing| missing.to_string())
}

#[cfg(test)]
mod tests {
    use rules::catalogue::is_chinese;
    use rules::unit::{Severity, Time, Unit};
    use rules::vehicle::VehicleId;
    use uuid::Uuid;

    use super::*;
    use rules::case::NoticeStage;

    /// A notice in the owner's language, with what the core says of its finding.
    fn notice(template: &str, locale: Locale, variables: Values) -> Notice {
        Notice {
            notification: Uuid::nil(),
            vehicle: VehicleId::try_new("car-1").unwrap(),
            dealer: Uuid::nil(),
            person: None,
            case: Uuid::nil(),
            order: None,
            stage: NoticeStage::Opened,
            severity: Severity::S2,
            template: template.to_owned(),
            locale,
            variables,
            dealer_name: "Dealer 1".to_owned(),
            dealer_phone: Some("010-5550100".to_owned()),
            dealer_hours: None,
            created_at: Time::from_secs(0),
            valid_until: Time::from_secs(1),
        }
    }

    fn of(values: &[(&str, Said)]) -> Values {
        values.iter().map(|(name, said)| ((*name).to_owned(), said.clone())).collect()
    }

    fn number(value: f64, unit: &str) -> Said {
        Said::Number { value, unit: Unit::parse(unit).unwrap() }
    }

    #[test]
    fn each_language_is_filled_with_its_own_words_whatever_the_owner_speaks() {
        let catalogue = Catalogue::builtin().unwrap();
        let fault = Said::Words(Text::new("12V蓄电池静置电压低", "12 V battery low at rest"));
        let values = of(&[("fault", fault), ("v", number(11.94, "V")), ("days", number(3.0, "d"))]);
        for locale in Locale::ALL {
            let said = render(&catalogue, &notice("battery_12v_weak", locale, values.clone())).unwrap();
            for text in [&said.title, &said.body, &said.in_car] {
                assert!(!is_chinese(&text.en) && is_chinese(&text.zh_cn), "{text:?}");
            }
            assert!(said.body.en.contains("low at rest (last 11.9 V)"), "{}", said.body.en);
            assert!(said.body.zh_cn.contains("静置电压低(最近11.9V)"), "{}", said.body.zh_cn);
        }
    }

    #[test]
    fn standard_deviations_never_stand_where_volts_are_meant() {
        let catalogue = Catalogue::builtin().unwrap();
        let fault = Said::Words(Text::new("启动能力下降", "Cranking voltage keeps falling"));
        for stray in [number(30.0, "sd"), number(30.0, "degC"), number(30.0, "")] {
            let values = of(&[("fault", fault.clone()), ("v", stray), ("days", number(30.0, "d"))]);
            let said = render(&catalogue, &notice("battery_12v_weak", Locale::En, values)).unwrap();
            assert!(!said.body.en.contains("30.0 V") && !said.body.en.contains("last"), "{}", said.body.en);
        }
    }

    #[test]
    fn a_number_to_call_comes_with_the_hours_at_which_somebody_answers() {
        let catalogue = Catalogue::builtin().unwrap();
        let values = of(&[("fault", Said::Words(Text::new("机油压力过低", "Oil pressure too low")))]);
        let closed = notice("stop_now", Locale::En, values);
        let said = render(&catalogue, &closed).unwrap().body.en;
        assert!(said.contains("010-5550100, answered during opening hours only."), "{said}");
        assert!(!said.contains("Opening hours:"), "{said}");
        let hours = Some(Text::new("周一至周五 08:30–18:00", "Mon–Fri 08:30–18:00"));
        let told = render(&catalogue, &Notice { dealer_hours: hours, ..closed.clone() }).unwrap().body;
        assert!(told.en.contains("Opening hours: Mon–Fri 08:30–18:00."), "{}", told.en);
        assert!(told.zh_cn.contains("营业时间:周一至周五 08:30–18:00。"), "{}", told.zh_cn);
        let nobody = Notice { dealer_phone: None, ..closed };
        assert!(!render(&catalogue, &nobody).unwrap().body.en.contains("answered"));
    }

    #[test]
    fn a_notice_of_an_earlier_version_is_still_said() {
        let catalogue = Catalogue::builtin().unwrap();
        let values: Values = serde_json::from_str(r#"{"fault": "胎压过低", "days": "3", "code": "C0750"}"#).unwrap();
        let said = render(&catalogue, &notice("fault_soon", Locale::ZhCn, values)).unwrap();
        assert!(said.body.zh_cn.contains("胎压过低(故障码C0750)。建议3天内"), "{}", said.body.zh_cn);
    }
}
