//! Holds texts to what is measured: every variable of every reason and template, for every rule and language.
//!
//! A message is written once and filled by rules that its author never saw. So each rule is asked, before it takes
//! effect, whether it has what the text speaks of: the number, in that quantity, from a signal that people read.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::check_rules::{Scope, field_of};
use super::draft::Draft;
use super::read::{Fault, Place, Placed};
use crate::expr::{self, compile_held};
use crate::figure::conversion;
use crate::phrase::{Mention, Phrase};
use crate::rule::{RuleKind, RuleSource, about};
use crate::severity::Severity;
use crate::signal::Signal;
use crate::text::Text;
use crate::time::Span;
use crate::unit::Unit;
use crate::variable::{DECIDING, LIMIT, Name, Source, source, unfit, wheel};
use crate::vehicle::Locale;

/// Names of numbers that some rule gives: any other is a slip of the pen.
pub fn numbers<'a>(rules: impl Iterator<Item = &'a RuleSource>) -> BTreeSet<&'a str> {
    rules.flat_map(|rule| rule.says.keys().map(String::as_str)).chain(DECIDING).chain(LIMIT).collect()
}

/// Checks the reason and the template of a rule; of what is wrong with a variable in both languages it names one.
pub fn rule(place: &Place, rule: &RuleSource, known: &BTreeSet<&str>, scope: &Scope<'_>, faults: &mut Vec<Fault>) {
    if scope.signals.is_empty() {
        return;
    }
    let asked = Asked { rule, known, scope, deciding: deciding(rule, scope) };
    let mut wrong = |field: &str, what: String, hint: Option<String>| {
        let found = place.fault(format!("rule `{}`: {field}: {what}", rule.key));
        let line = field_of(place, field, scope).map_or(found.line, |(index, ..)| Some(index + 1));
        faults.push(Fault { line, hint, ..found });
    };
    for (name, path) in &rule.says {
        if Name::of(name) != Name::Number {
            wrong("says", format!("`{{{name}}}` has a meaning of its own and is no number of the rule's"), None);
        }
        if let Some(path) = rule.subjects().map(|subject| about(path, subject)).find(|path| asked.is_unknown(path)) {
            let paths = scope.signals.iter().map(|(_, signal)| signal.path.as_str());
            let near = super::nearest(&path, paths).map(|near| format!("did you mean `{near}`?"));
            wrong("says", format!("unknown signal `{path}`"), near);
            return;
        }
    }
    if let (Some(limit), Some(signal)) = (rule.limit, asked.deciding)
        && !(signal.range.0..=signal.range.1).contains(&limit)
    {
        wrong("limit", format!("{limit} lies outside of what `{}` can be", signal.path), None);
    }
    let mut named = BTreeSet::new();
    for (locale, text) in texts(&rule.reason) {
        match Phrase::parse(text) {
            Ok(phrase) => {
                for mention in phrase.mentions() {
                    if let Some((what, hint)) = asked.problem(mention, false)
                        && named.insert(mention.variable.name.clone())
                    {
                        wrong("reason", format!("{}: {what}", locale.tag()), hint);
                    }
                }
            }
            Err(error) => wrong("reason", format!("{}: {error}", locale.tag()), None),
        }
    }
    if texts(&rule.title).into_iter().any(|(_, text)| text.contains(['{', '}', '[', ']'])) {
        wrong("title", "a title is shown as it is: no variables, no [ ]".to_owned(), None);
    }
    for (what, text) in [("title", &rule.title), ("reason", &rule.reason)] {
        if is_chinese(&text.en) {
            wrong(what, "the English text holds Chinese".to_owned(), None);
        }
    }
    named.clear();
    let key = rule.template_for(rule.severity.unwrap_or(Severity::S2));
    for (locale, template) in Locale::ALL.into_iter().zip(scope.templates.get(key).into_iter().flatten()) {
        for mention in template.mentions() {
            if let Some((what, hint)) = asked.problem(mention, true)
                && named.insert(mention.variable.name.clone())
            {
                wrong("template", format!("`{key}` in {}: {what}", locale.tag()), hint);
            }
        }
    }
}

/// What a rule is asked for its texts.
struct Asked<'a> {
    rule: &'a RuleSource,
    known: &'a BTreeSet<&'a str>,
    scope: &'a Scope<'a>,
    deciding: Option<&'a Signal>,
}

type Problem = (String, Option<String>);

impl<'a> Asked<'a> {
    fn is_unknown(&self, path: &str) -> bool {
        !path.is_empty() && self.scope.signals.by_path(path).is_none()
    }

    /// Why a variable cannot be filled where it stands.
    fn problem(&self, mention: Mention<'_>, at_delivery: bool) -> Option<Problem> {
        let rule = self.rule;
        let name = mention.variable.name.as_str();
        let is_due = rule.kind == RuleKind::Due && rule.each.iter().all(|item| self.scope.items.contains(item));
        let told = |known: bool, what: &str| (!known).then(|| (format!("`{{{name}}}` {what}"), None));
        let or_left_out = "is not always known: put its part of the text into [ ]";
        match Name::of(name) {
            Name::Fault | Name::Item | Name::Since => None,
            Name::Caution => told(mention.optional, or_left_out),
            Name::Wheel => told(rule.subjects().all(|subject| wheel(subject).is_some()), "wants a rule of wheels"),
            Name::Each => told(!rule.each.is_empty(), "wants a rule with `each`"),
            Name::Code if !rule.is_by_code() => told(mention.optional, or_left_out),
            Name::Code => None,
            Name::Days => told(rule.severity != Some(Severity::S1), "is no time limit of S1: one stops now"),
            Name::Due => told(is_due, "is for service items of the plan: nobody knows when a part fails"),
            Name::Date | Name::Km if !is_due => {
                told(false, "is for service items of the plan: nobody knows when a part fails")
            }
            Name::Date | Name::Km => told(mention.optional, or_left_out),
            Name::AtDelivery if !at_delivery => told(false, "is known when a notice is delivered, not in a reason"),
            Name::AtDelivery => told(mention.optional || name == "dealer", or_left_out),
            Name::Number => self.number(mention),
        }
    }

    fn number(&self, mention: Mention<'_>) -> Option<Problem> {
        let name = mention.variable.name.as_str();
        let hint = || Some(format!("name a signal of that quantity, `says = {{ {name} = \"…\" }}`, or none, `\"\"`"));
        let signal = match source(self.rule, name) {
            Some(Source::Signal(path)) => self.rule.subjects().find_map(|subject| self.signal(&about(path, subject))),
            Some(Source::Deciding | Source::Limit) => self.deciding,
            None if mention.optional && self.known.contains(name) => return None,
            None if self.known.contains(name) => {
                return Some((format!("the rule gives no number for `{{{name}}}`"), hint()));
            }
            None => {
                let near = super::nearest(name, self.known.iter().copied());
                return Some((
                    format!("unknown variable `{{{name}}}`"),
                    near.map(|near| format!("did you mean `{near}`?")),
                ));
            }
        };
        let Some(signal) = signal else {
            let nothing = format!("`{{{name}}}` is the deciding signal, and the rule has none");
            return (!mention.optional).then(|| (nothing, hint()));
        };
        if let Some(why) = unfit(signal) {
            return Some((format!("`{{{name}}}` is `{}`, which {why}", signal.path), hint()));
        }
        let written = mention.variable.unit.as_ref();
        if conversion(&signal.unit, written).is_some() {
            return None;
        }
        let unit =
            |unit: &Unit| if unit.as_str().is_empty() { "plain numbers".to_owned() } else { format!("`{unit}`") };
        let written = written.map_or_else(|| "without a unit".to_owned(), |written| format!("in {}", unit(written)));
        let what = format!("`{{{name}}}` is written {written}, and `{}` is in {}", signal.path, unit(&signal.unit));
        Some((what, hint()))
    }

    fn signal(&self, path: &str) -> Option<&'a Signal> {
        self.scope.signals.by_path(path)
    }
}

/// The signal that decides, by the first instance: the first that is shown, else the first that the condition reads.
fn deciding<'a>(rule: &RuleSource, scope: &Scope<'a>) -> Option<&'a Signal> {
    let subject = rule.subjects().next().unwrap_or_default();
    if let Some(path) = rule.shows.first() {
        return scope.signals.by_path(&about(path, subject));
    }
    let (windows, cohorts) = (RefCell::default(), RefCell::default());
    let context = expr::Context {
        signals: scope.signals,
        items: scope.items,
        windows: &windows,
        cohorts: &cohorts,
        by_code: rule.is_by_code(),
    };
    let program = compile_held(&about(&rule.when, subject), rule.for_.unwrap_or(Span::ZERO), &context).ok()?;
    program.evidence_slots().first().map(|slot| scope.signals.get(*slot))
}

const fn texts(text: &Text) -> [(Locale, &String); 2] {
    [(Locale::ZhCn, &text.zh_cn), (Locale::En, &text.en)]
}

/// Whether a text holds Chinese characters or their punctuation.
pub fn is_chinese(text: &str) -> bool {
    text.chars()
        .any(|letter| matches!(letter, '\u{3000}'..='\u{303f}' | '\u{3400}'..='\u{9fff}' | '\u{ff00}'..='\u{ff65}'))
}

/// No English name holds Chinese: names fill messages.
pub fn languages(draft: &Draft, faults: &mut Vec<Fault>) {
    let mut check = |place: &Place, what: &str, text: &Text| {
        if is_chinese(&text.en) {
            faults.push(place.fault(format!("{what}: the English text `{}` holds Chinese", text.en)));
        }
    };
    for Placed { place, value } in &draft.components {
        check(place, "title", &value.title);
        value.caution.iter().for_each(|caution| check(place, "caution", caution));
    }
    for Placed { place, value } in &draft.codes {
        [("meaning", &value.meaning), ("cause", &value.cause), ("action", &value.action)]
            .into_iter()
            .for_each(|(what, text)| check(place, what, text));
    }
    draft.classes.iter().for_each(|class| check(&class.place, "title", &class.value.title));
    draft.signals.iter().for_each(|signal| check(&signal.place, "title", &signal.value.title));
    draft.operations.iter().for_each(|operation| check(&operation.place, "title", &operation.value.title));
    draft.parts.iter().for_each(|part| check(&part.place, "title", &part.value.title));
    draft.models.iter().for_each(|model| check(&model.place, "title", &model.value.title));
    for item in draft.plans.iter().flat_map(|plan| &plan.value.items) {
        check(&item.place, "names", &item.value.names);
    }
    for Placed { place, value } in draft.templates.iter().filter(|template| template.value.locale == Locale::En) {
        let entry = &value.entry;
        if [&entry.title, &entry.body, &entry.in_car].into_iter().any(|text| is_chinese(text)) {
            faults.push(place.fault(format!("template `{}`: the English text holds Chinese", entry.key)));
        }
    }
}
