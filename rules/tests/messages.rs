//! Every text that people read of a finding, in both languages, with the values of the rule's own firing example.
//!
//! The snapshot is there to be read: what it holds is what owners, drivers and advisors are told. The tests beside it
//! say what no text may ever do.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot render a text fails")]

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use rules::author::example::play;
use rules::case::{Evidence, EvidenceFault};
use rules::catalogue::{Catalogue, is_chinese};
use rules::entry::fault_code::FaultCode;
use rules::entry::phrase::{Said, Values};
use rules::entry::rule::{Expect, RuleSource};
use rules::rule_set::{Rule, RuleSet};
use rules::stage::effect::{Effect, FindingEffect};
use rules::stage::variables::values;
use rules::unit::{Locale, Severity, Text};
use rules::vehicle::Powertrain;

static SET: LazyLock<RuleSet> =
    LazyLock::new(|| RuleSet::compile(Arc::new(Catalogue::builtin().unwrap()), [0; 32]).unwrap());

/// One message with what it is about.
struct Told {
    about: String,
    powertrains: Vec<Powertrain>,
    severity: Severity,
    reason: Text,
    values: Values,
    title: Text,
    body: Text,
    in_car: Text,
}

/// What the rule's first firing example leads to: the instance, how urgent it is, the reason and the evidence.
fn fired(source: &RuleSource) -> (&'static Rule, Severity, Text, Evidence) {
    let example = source.examples.iter().find(|example| example.expect == Expect::Fires).unwrap();
    let (_, effects) = play(&SET, source, example).unwrap();
    let opened = effects.written.into_iter().find_map(|effect| match effect {
        Effect::Finding(FindingEffect::Open { rule, severity, subject, evidence, because, .. })
            if rule == source.key =>
        {
            let by_code = SET.find(&rule, "");
            Some((SET.find(&rule, &subject).or(by_code).unwrap(), severity, because, *evidence))
        }
        _ => None,
    });
    opened.unwrap_or_else(|| panic!("{}: the example opens nothing", source.key))
}

/// With what the store adds at delivery: the dealer, its phone and its hours.
fn told(about: String, rule: &Rule, severity: Severity, reason: Text, evidence: &Evidence) -> Told {
    let mut filled = values(rule, severity, evidence, &SET);
    filled.insert("dealer".to_owned(), Said::Name("Dealer 1".to_owned()));
    filled.insert("tel".to_owned(), Said::Name("010-5550100".to_owned()));
    let hours = Text { zh_cn: "周一至周五 08:30–18:00".to_owned(), en: "Mon–Fri 08:30–18:00".to_owned() };
    filled.insert("hours".to_owned(), Said::Words(hours));
    let key = rule.source.template_for(severity);
    let [zh, en] = Locale::ALL.map(|locale| {
        let template = SET.catalogue.template(key, locale).unwrap();
        template.render(&filled, locale).unwrap_or_else(|missing| panic!("{about}: {missing}"))
    });
    Told {
        about,
        powertrains: rule.source.scope.powertrain.clone(),
        severity,
        reason,
        values: filled,
        title: Text { zh_cn: zh.title, en: en.title },
        body: Text { zh_cn: zh.body, en: en.body },
        in_car: Text { zh_cn: zh.in_car, en: en.in_car },
    }
}

/// Every rule by its example.
fn of_rules() -> Vec<Told> {
    let one = |source: &RuleSource| {
        let (rule, severity, reason, evidence) = fired(source);
        let about = format!("{} {severity} template {}", source.key, source.template_for(severity));
        told(about, rule, severity, reason, &evidence)
    };
    SET.catalogue.rules.iter().map(one).collect()
}

/// Every item of every plan: ahead, and due.
fn of_items() -> Vec<Told> {
    let source = SET.catalogue.rules.iter().find(|rule| rule.key == "service.due").unwrap();
    let (_, severity, reason, evidence) = fired(source);
    let of = |item: &String, days_left: f32| {
        let evidence = Evidence { days_left: Some(days_left), km_left: Some(40.0 * days_left), ..evidence.clone() };
        let rule = SET.find(&source.key, item).unwrap();
        told(format!("service item {item}, {days_left} days"), rule, severity, reason.clone(), &evidence)
    };
    source.each.iter().flat_map(|item| [of(item, 14.0), of(item, -2.0)]).collect()
}

/// A code of every entry and of every class, as its severity makes it.
fn of_codes() -> Vec<Told> {
    let codes = &SET.catalogue.fault_codes;
    let of_entries = codes.entries().iter().map(|entry| (entry.codes[0], entry.severity));
    let of_classes = codes.classes().filter_map(|class| {
        let filling = ["99", "9", "77", "1A", "999", "2345", "4321", "777", "0199", "1299", ""];
        let code = filling.iter().find_map(|filling| {
            let code: FaultCode = class.pattern.to_string().replace('*', filling).parse().ok()?;
            (codes.entry(code).is_none() && codes.class(code).pattern == class.pattern).then_some(code)
        })?;
        Some((code, class.severity))
    });
    let one = |(code, severity): (FaultCode, Severity)| {
        let key = match severity {
            Severity::S1 => "fault_code.stop_now",
            Severity::S2 => "fault_code.soon",
            Severity::S3 | Severity::S4 => "fault_code.next_service",
        };
        let rule = SET.find(key, "").unwrap();
        let (.., evidence) = fired(&rule.source);
        let fault = EvidenceFault { code: code.to_string(), ..evidence.faults[0].clone() };
        let evidence = Evidence { faults: vec![fault], ..evidence };
        let reason = rules::stage::evidence::reason_of(rule, severity, &evidence, &SET);
        told(format!("fault code {code} {severity}"), rule, severity, reason, &evidence)
    };
    of_entries.chain(of_classes).map(one).collect()
}

fn all() -> Vec<Told> {
    of_rules().into_iter().chain(of_items()).chain(of_codes()).collect()
}

impl Told {
    /// A remark (S4) is read in the workshop only.
    fn texts(&self) -> Vec<(&'static str, &Text)> {
        let all = [("reason", &self.reason), ("title", &self.title), ("body", &self.body), ("in car", &self.in_car)];
        let read = if self.severity == Severity::S4 { 1 } else { all.len() };
        all.into_iter().take(read).collect()
    }
}

#[test]
fn every_message_as_people_read_it() {
    let mut page = String::new();
    for told in all() {
        writeln!(page, "## {}", told.about).unwrap();
        for (what, text) in told.texts() {
            writeln!(page, "{what:<6} {}\n       {}", text.zh_cn, text.en).unwrap();
        }
        writeln!(page).unwrap();
    }
    insta::assert_snapshot!(page);
}

#[test]
fn every_cause_and_advice_of_a_fault_code_as_people_read_it() {
    let mut page = String::new();
    for entry in SET.catalogue.fault_codes.entries() {
        writeln!(page, "## {} {} {}", entry.codes[0], entry.severity, entry.component).unwrap();
        for (what, text) in [("means", &entry.meaning), ("cause", &entry.cause), ("action", &entry.action)] {
            writeln!(page, "{what:<6} {}\n       {}", text.zh_cn, text.en).unwrap();
        }
    }
    insta::assert_snapshot!(page);
}

#[test]
fn no_text_has_a_hole_or_speaks_the_other_language() {
    let chinese = |text: &str| text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
    for told in all() {
        for (what, Text { zh_cn, en }) in told.texts() {
            for text in [zh_cn, en] {
                assert!(!text.contains(['{', '}', '[', ']']), "{} {what}: {text}", told.about);
                assert!(!text.contains("  ") && !text.contains("NaN"), "{} {what}: {text}", told.about);
            }
            assert!(!is_chinese(en), "{} {what}: {en}", told.about);
            assert!(chinese(zh_cn), "{} {what}: {zh_cn}", told.about);
        }
        for (name, said) in &told.values {
            if let Said::Words(text) = said {
                assert!(!is_chinese(&text.en), "{} {name}: {}", told.about, text.en);
            }
        }
        for text in [&told.in_car.zh_cn, &told.in_car.en] {
            assert!(text.chars().count() <= 100, "{}: too long for a glance: {text}", told.about);
        }
    }
}

#[test]
fn nothing_is_promised_that_nobody_does() {
    let promises = [
        "standing by",
        "calling you",
        "will call",
        "at any time",
        "free of charge",
        "free test",
        "free check",
        "reply",
        "待命",
        "致电您",
        "随时",
        "免费",
        "回复",
        "一键",
    ];
    for told in all() {
        for (what, text) in told.texts() {
            for said in [text.en.to_lowercase(), text.zh_cn.clone()] {
                assert!(!promises.iter().any(|promise| said.contains(promise)), "{} {what}: {said}", told.about);
            }
        }
    }
}

#[test]
fn a_date_is_that_of_a_service_item_and_of_nothing_else() {
    for told in all() {
        let dated = told.values.keys().any(|name| ["date", "km", "due"].contains(&name.as_str()));
        let is_service = told.about.starts_with("service");
        assert_eq!(dated, is_service, "{}", told.about);
        let days = |text: &str| text.contains(" days") || text.contains('天');
        let limit = match told.severity {
            Severity::S1 => continue,
            Severity::S2 => "3",
            Severity::S3 | Severity::S4 => "30",
        };
        if !is_service && days(&told.body.en) && told.body.en.contains("within") {
            assert!(told.body.en.contains(&format!("within {limit} days")), "{}: {}", told.about, told.body.en);
            assert!(told.body.zh_cn.contains(&format!("{limit}天内")), "{}: {}", told.about, told.body.zh_cn);
        }
    }
}

#[test]
fn an_electric_car_is_told_nothing_of_an_engine() {
    let words = ["engine", "oil", "radiator", "exhaust", "spark", "发动机", "机油", "散热器", "排气", "火花塞"];
    for told in of_rules() {
        let has_engine = !told.powertrains.is_empty() && !told.powertrains.contains(&Powertrain::Bev);
        if has_engine || told.about.starts_with("service") || told.about.starts_with("fault_code") {
            continue;
        }
        for (what, text) in told.texts() {
            for said in [text.en.to_lowercase(), text.zh_cn.clone()] {
                let found = words.iter().find(|word| said.contains(*word));
                assert_eq!(found, None, "{} {what}: {said}", told.about);
            }
        }
    }
}

#[test]
fn what_lies_outside_of_its_signal_is_not_told() {
    let source = SET.catalogue.rules.iter().find(|rule| rule.key == "battery12v.rest_low").unwrap();
    let (rule, severity, _, evidence) = fired(source);
    assert!(values(rule, severity, &evidence, &SET).contains_key("v"));
    for value in [250.0, -3.0, f64::NAN, f64::INFINITY] {
        let evidence = Evidence { value: Some(value), ..evidence.clone() };
        assert!(!values(rule, severity, &evidence, &SET).contains_key("v"), "{value}");
    }
}
