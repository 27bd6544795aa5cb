//! Checks of plans, models and templates against the rest of the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Names, each_known, said};
use super::draft::{PlanDraft, TemplateDraft};
use super::layer::by_key;
use super::read::{Fault, Place, Placed};
use crate::entry::model::Model;
use crate::entry::norm::{NormEntry, Norms};
use crate::entry::plan::items::Items;
use crate::entry::plan::{Item, Plan};
use crate::entry::template::Template;
use crate::learned::date::{DateEntry, Dates};
use crate::learned::forecast::FORECASTERS;
use crate::unit::Locale;

/// What estimators start from.
pub fn norms(entries: Vec<Placed<NormEntry>>, models: &BTreeMap<String, Model>, faults: &mut Vec<Fault>) -> Norms {
    for Placed { place, value } in &entries {
        let known = value.model.is_empty() || models.contains_key(&value.model);
        if !known {
            faults.push(place.unknown("model", &value.model, models.keys().map(String::as_str)));
        }
        let sound = [value.mean, value.between, value.within, value.per_k].iter().all(|figure| figure.is_finite());
        if !sound || value.between < 0.0 || value.within <= 0.0 || value.source.trim().is_empty() {
            faults.push(place.fault("a norm wants finite figures, `within` above 0, and a source"));
        }
    }
    let key = |entry: &NormEntry| format!("{:?} {}", entry.feature, entry.model);
    Norms::new(by_key("norm", entries, key, faults).into_values().map(|entry| entry.value))
}

/// How well dates of failure hold.
pub fn dates(entries: Vec<Placed<DateEntry>>, faults: &mut Vec<Fault>) -> Dates {
    for Placed { place, value } in &entries {
        if !FORECASTERS.contains(&value.estimator.as_str()) {
            faults.push(place.unknown("estimator", &value.estimator, FORECASTERS));
        }
        let sound = value.coverage.is_none_or(|coverage| (0.0..=1.0).contains(&coverage));
        if !sound || value.measured_by.trim().is_empty() || value.source.trim().is_empty() {
            faults.push(place.fault("a date wants a coverage of 0 to 1, what measures it, and a source"));
        }
    }
    let key = |entry: &DateEntry| entry.estimator.clone();
    Dates::new(by_key("date", entries, key, faults).into_values().map(|entry| entry.value))
}

/// All plans by key, and the codes of all their items in order.
pub fn plans(
    drafts: Vec<Placed<PlanDraft>>,
    names: &Names<'_>,
    faults: &mut Vec<Fault>,
) -> (BTreeMap<String, Plan>, Vec<String>) {
    let map = by_key("plan", drafts, |plan| plan.head.key.clone(), faults);
    let mut codes = BTreeSet::new();
    for Placed { place, value } in map.values() {
        said(place, &format!("the title of plan `{}`", value.head.key), &value.head.title, faults);
        let mut own = BTreeSet::new();
        for Placed { place, value: entry } in &value.items {
            item(place, entry, names, faults);
            if !own.insert(entry.code.as_str()) {
                faults.push(place.fault(format!("item `{}` is given twice", entry.code)));
            }
            codes.insert(entry.code.clone());
        }
    }
    let codes: Vec<String> = codes.into_iter().collect();
    if let Some(entry) = map.values().next().filter(|_| codes.len() > Items::MOST) {
        faults.push(entry.place.fault(format!("{} service items are more than {}", codes.len(), Items::MOST)));
    }
    let plan =
        |draft: PlanDraft| Plan::new(draft.head, draft.items.into_iter().map(|item| item.value).collect(), &codes);
    let plans = map.into_iter().map(|(key, entry)| (key, plan(entry.value))).collect();
    (plans, codes)
}

fn item(place: &Place, item: &Item, names: &Names<'_>, faults: &mut Vec<Fault>) {
    let code = &item.code;
    said(place, &format!("the name of item `{code}`"), &item.names, faults);
    names.component(place, &format!("service.{code}"), faults);
    names.work(place, &item.operations, &item.parts, faults);
    let mut wrong = |what: &str| faults.push(place.fault(format!("item `{code}`: {what}")));
    let intervals =
        [item.km, item.months.map(u32::from), item.engine_h, item.first_km, item.first_months.map(u32::from)];
    if item.km.is_none() && item.months.is_none() && item.engine_h.is_none() {
        wrong("needs km, months or engine_h");
    }
    if intervals.contains(&Some(0)) {
        wrong("an interval of 0");
    }
    if (item.first_km.is_some() && item.km.is_none()) || (item.first_months.is_some() && item.months.is_none()) {
        wrong("a first interval without a later one");
    }
    if !(0.5..=1.0).contains(&item.severe_factor) {
        wrong("severe_factor is 0.5 to 1");
    }
    if item.fixed_grid && item.km.is_none() {
        wrong("a fixed grid needs km");
    }
}

/// All models by key, and for each its plan as it is for that model.
pub fn models(
    entries: Vec<Placed<Model>>,
    plans: &BTreeMap<String, Plan>,
    faults: &mut Vec<Fault>,
) -> (BTreeMap<String, Model>, BTreeMap<String, Plan>) {
    let map = by_key("model", entries, |model| model.key.clone(), faults);
    let mut of_model = BTreeMap::new();
    for Placed { place, value } in map.values() {
        said(place, &format!("the title of model `{}`", value.key), &value.title, faults);
        if let Err(error) = value.check() {
            faults.push(place.fault(format!("model `{}`: {error}", value.key)));
        }
        match plans.get(&value.plan) {
            Some(plan) => {
                of_model.insert(value.key.clone(), plan.for_model(&value.key));
            }
            None => faults.push(place.unknown("plan", &value.plan, plans.keys().map(String::as_str))),
        }
    }
    (map.into_iter().map(|(key, entry)| (key, entry.value)).collect(), of_model)
}

/// Models that items name must exist.
pub fn item_models(drafts: &[Placed<PlanDraft>], models: &[Placed<Model>], faults: &mut Vec<Fault>) {
    let known: Vec<&str> = models.iter().map(|model| model.value.key.as_str()).collect();
    for Placed { place, value } in drafts.iter().flat_map(|plan| &plan.value.items) {
        each_known(place, "model", &value.applies.model, &known, faults);
    }
}

/// All templates by key, each in every language with the same version and variables.
pub fn templates(entries: Vec<Placed<TemplateDraft>>, faults: &mut Vec<Fault>) -> BTreeMap<String, Vec<Template>> {
    let name = |draft: &TemplateDraft| format!("{}` in `{}", draft.entry.key, draft.locale.tag());
    let map = by_key("template", entries, name, faults);
    let mut by_template: BTreeMap<String, Vec<Placed<TemplateDraft>>> = BTreeMap::new();
    for entry in map.into_values() {
        by_template.entry(entry.value.entry.key.clone()).or_default().push(entry);
    }
    by_template.into_iter().map(|(key, group)| (key, in_every_language(group, faults))).collect()
}

/// The group in the order of [`Locale::ALL`].
fn in_every_language(mut group: Vec<Placed<TemplateDraft>>, faults: &mut Vec<Fault>) -> Vec<Template> {
    let mut all = Vec::new();
    let Some(first) = group.first() else { return all };
    let (place, key) = (first.place.clone(), first.value.entry.key.clone());
    let (version, variables) = (first.value.entry.version, first.value.entry.variables.clone());
    for locale in Locale::ALL {
        let Some(index) = group.iter().position(|draft| draft.value.locale == locale) else {
            faults.push(place.fault(format!("template `{key}` is missing in {}", locale.tag())));
            continue;
        };
        let Placed { place, value } = group.swap_remove(index);
        if value.entry.version != version || value.entry.variables != variables {
            faults.push(place.fault(format!("template `{key}`: version or variables differ between languages")));
        }
        match Template::try_from(value.entry) {
            Ok(template) => all.push(template),
            Err(error) => faults.push(place.fault(format!("template `{key}`: {error}"))),
        }
    }
    all
}
