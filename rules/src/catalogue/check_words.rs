//! Holds texts to what is measured: every variable of every reason and template, for every rule and language.
//!
//! A message is written once and filled by rules that its author never saw. So each rule is asked, before it takes
//! effect, whether it has what the text speaks of: the number, in that quantity, from a signal that people read.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::check_rules::{Scope, field_of};
use super::draft::Draft;
use super::read::{Fault, Place, Placed};
use crate::entry::phrase::{Mention, Phrase};
use crate::entry::rule::{RuleKind, RuleSource, about};
use crate::entry::signal::Signal;
use crate::entry::variable::{DECIDING, LIMIT, Name, Source, source, unfit, wheel};
use crate::language::expr::{self, compile_held};
use crate::unit::figure::conversion;
use crate::unit::{Locale, Severity, Span, Text, Unit, nearest};

/// Names of numbers that some rule gives: any other is a slip of the pen.
pub fn numbers<'a>(rules: impl Iterator<Item = &'a RuleSource>) -> BTreeSet<&'a str> {
    rules.flat_map(|rule| rule.says.keys().map(String::as_str)).chain(DECIDING).chain(LIMIT).collect()
}

/// Checks the texts of a rule; of what is wrong with a variable in both languages it names one.
pub fn rule(place: &Place, rule: &RuleSource, known: &BTreeSet<&str>, scope: &Scope<'_>, faults: &mut Vec<Fault>) {
    if scope.signals.is_empty() {
        return;
    }
    let asked = Asked { rule, known, scope, deciding: deciding(rule, scope) };
    let unknown = asked.says();
    // What is said of a signal that there is not was named already.
    let rest = if unknown.is_empty() { [asked.plain(), asked.reason(), asked.template()].concat() } else { Vec::new() };
    for Wrong { field, what, hint } in unknown.into_iter().chain(rest) {
        let found = place.fault(format!("rule `{}`: {field}: {what}", rule.key));
        let line = field_of(place, field, scope).map_or(found.line, |(index, ..)| Some(index + 1));
        faults.push(Fault { line, hint, ..found });
    }
}

/// What is wrong with a field of a rule, and what to write instead.
#[derive(Clone)]
struct Wrong {
    field: &'static str,
    what: String,
    hint: Option<String>,
}

impl Wrong {
    fn new(field: &'static str, what: impl Into<String>) -> Self {
        Self { field, what: what.into(), hint: None }
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

    /// Names of numbers, and the signals they stand for.
    fn says(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        for (name, path) in &self.rule.says {
            if Name::of(name) != Name::Number {
                let what = format!("`{{{name}}}` has a meaning of its own and is no number of the rule's");
                wrong.push(Wrong::new("says", what));
            }
            let mut paths = self.rule.subjects().map(|subject| about(path, subject));
            if let Some(path) = paths.find(|path| self.is_unknown(path)) {
                let known = self.scope.signals.iter().map(|(_, signal)| signal.path.as_str());
                let hint = nearest(&path, known).map(|near| format!("did you mean `{near}`?"));
                wrong.push(Wrong { hint, ..Wrong::new("says", format!("unknown signal `{path}`")) });
            }
        }
        wrong
    }

    /// What needs no variable to be wrong.
    fn plain(&self) -> Vec<Wrong> {
        let rule = self.rule;
        let mut wrong = Vec::new();
        if let (Some(limit), Some(signal)) = (rule.limit, self.deciding)
            && !(signal.range.0..=signal.range.1).contains(&limit)
        {
            wrong.push(Wrong::new("limit", format!("{limit} lies outside of what `{}` can be", signal.path)));
        }
        if texts(&rule.title).into_iter().any(|(_, text)| text.contains(['{', '}', '[', ']'])) {
            wrong.push(Wrong::new("title", "a title is shown as it is: no variables, no [ ]"));
        }
        let english = [("title", &rule.title.en), ("reason", &rule.reason.en)];
        let chinese = english.into_iter().filter(|(_, text)| is_chinese(text));
        wrong.extend(chinese.map(|(field, _)| Wrong::new(field, "the English text holds Chinese")));
        wrong
    }

    fn reason(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut named = BTreeSet::new();
        for (locale, text) in texts(&self.rule.reason) {
            let phrase = match Phrase::parse(text) {
                Ok(phrase) => phrase,
                Err(error) => {
                    wrong.push(Wrong::new("reason", format!("{}: {error}", locale.tag())));
                    continue;
                }
            };
            for mention in phrase.mentions() {
                if let Some((what, hint)) = self.problem(mention, false)
                    && named.insert(mention.variable.name.clone())
                {
                    wrong.push(Wrong { hint, ..Wrong::new("reason", format!("{}: {what}", locale.tag())) });
                }
            }
        }
        wrong
    }

    fn template(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut named = BTreeSet::new();
        let key = self.rule.template_for(self.rule.severity.unwrap_or(Severity::S2));
        let templates = self.scope.templates.get(key).into_iter().flatten();
        for (locale, template) in Locale::ALL.into_iter().zip(templates) {
            for mention in template.mentions() {
                if let Some((what, hint)) = self.problem(mention, true)
                    && named.insert(mention.variable.name.clone())
                {
                    let what = format!("`{key}` in {}: {what}", locale.tag());
                    wrong.push(Wrong { hint, ..Wrong::new("template", what) });
                }
            }
        }
        wrong
    }

    /// Why a variable cannot be filled where it stands.
    fn problem(&self, mention: Mention<'_>, at_delivery: bool) -> Option<Problem> {
        let rule = self.rule;
        let name = mention.variable.name.as_str();
        let is_due = rule.kind == RuleKind::Due && rule.each.iter().all(|item| self.scope.items.contains(item));
        let told = |known: bool, what: &str| (!known).then(|| (format!("`{{{name}}}` {what}"), None));
        let or_left_out = "is not always known: put its part of the text into [ ]";
        match Name::of(name) {
            Name::Wheel => told(rule.subjects().all(|subject| wheel(subject).is_some()), "wants a rule of wheels"),
            Name::Each => told(!rule.each.is_empty(), "wants a rule with `each`"),
            Name::Code if !rule.is_by_code() => told(mention.optional, or_left_out),
            Name::Fault | Name::Item | Name::Since | Name::Code => None,
            Name::Days => told(rule.severity != Some(Severity::S1), "is no time limit of S1: one stops now"),
            Name::Due => told(is_due, "is for service items of the plan: nobody knows when a part fails"),
            Name::Date | Name::Km if !is_due => {
                told(false, "is for service items of the plan: nobody knows when a part fails")
            }
            Name::Caution | Name::Date | Name::Km => told(mention.optional, or_left_out),
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
                let near = nearest(name, self.known.iter().copied());
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
        for (what, text) in [("meaning", &value.meaning), ("cause", &value.cause), ("action", &value.action)] {
            check(place, what, text);
        }
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
