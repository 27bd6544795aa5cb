//! What no entry can know alone: that keys are unique, names exist and tables are complete.

use std::collections::BTreeMap;

use super::layer::{by_key, is_overlay};
use super::read::{Fault, Place, Placed};
use crate::entry::fault_code::{CodeClass, CodeEntry, FaultCodes};
use crate::entry::operation::{Operation, Part};
use crate::entry::signal::{Signal, Signals};
use crate::learned::forecast::FORECASTERS;
use crate::unit::Text;
use crate::vehicle::{ComponentEntry, Components};

/// First number of signals that an overlay adds.
const OVERLAY_NUMBERS: u16 = 10_000;

/// Names that other entries may refer to.
pub struct Names<'a> {
    pub components: &'a Components,
    pub operations: Vec<&'a str>,
    pub parts: Vec<&'a str>,
}

impl Names<'_> {
    /// Checks one reference to a component.
    pub fn component(&self, place: &Place, key: &str, faults: &mut Vec<Fault>) {
        if !self.components.contains(key) {
            faults.push(place.unknown("component", key, self.components.keys()));
        }
    }

    /// Checks references to operations and parts.
    pub fn work(&self, place: &Place, operations: &[String], parts: &[String], faults: &mut Vec<Fault>) {
        each_known(place, "operation", operations, &self.operations, faults);
        each_known(place, "part", parts, &self.parts, faults);
    }
}

/// Checks that every name is one of those known.
pub fn each_known(place: &Place, kind: &str, names: &[String], known: &[&str], faults: &mut Vec<Fault>) {
    for name in names {
        if !known.contains(&name.as_str()) {
            faults.push(place.unknown(kind, name, known.iter().copied()));
        }
    }
}

/// A text must say something in every language.
pub fn said(place: &Place, what: &str, text: &Text, faults: &mut Vec<Fault>) {
    if text.zh_cn.trim().is_empty() || text.en.trim().is_empty() {
        faults.push(place.fault(format!("{what} is empty in a language")));
    }
}

/// Values by key, in key order.
pub fn values<T>(map: BTreeMap<String, Placed<T>>) -> Vec<T> {
    map.into_values().map(|entry| entry.value).collect()
}

pub fn signals(entries: Vec<Placed<Signal>>, faults: &mut Vec<Fault>) -> Signals {
    let map = by_key("signal", entries, |signal| signal.path.clone(), faults);
    for Placed { place, value } in map.values() {
        said(place, &format!("the title of `{}`", value.path), &value.title, faults);
        if !is_overlay(&place.file) && value.no.0 >= OVERLAY_NUMBERS {
            let what = format!("signal `{}`: numbers from {OVERLAY_NUMBERS} belong to overlays", value.path);
            faults.push(place.fault(what));
        }
    }
    for Placed { place, value } in map.values() {
        if let Some(other) = value.forecast.as_deref().filter(|name| !FORECASTERS.contains(name)) {
            faults.push(place.unknown("estimator", other, FORECASTERS));
        }
    }
    let file = map.values().next().map_or_else(String::new, |entry| entry.place.file.clone());
    Signals::try_new(values(map)).unwrap_or_else(|error| {
        faults.push(Fault { file, line: None, column: None, what: error.to_string(), hint: None });
        Signals::default()
    })
}

pub fn components(entries: Vec<Placed<ComponentEntry>>, faults: &mut Vec<Fault>) -> Components {
    let map = by_key("component", entries, |entry| entry.key.as_str().to_owned(), faults);
    let places: Vec<(Place, String)> = map.iter().map(|(key, entry)| (entry.place.clone(), key.clone())).collect();
    for Placed { place, value } in map.values() {
        said(place, &format!("the title of `{}`", value.key), &value.title, faults);
        if let Some(caution) = &value.caution {
            said(place, &format!("the caution of `{}`", value.key), caution, faults);
        }
    }
    let tree = Components::new(values(map));
    for (place, key) in places {
        let component = crate::vehicle::Component::new(&key);
        if key.contains('.') && tree.parent(&component).is_none() {
            faults.push(place.fault(format!("component `{key}` has nothing above it")));
        }
    }
    tree
}

pub fn operations(entries: Vec<Placed<Operation>>, faults: &mut Vec<Fault>) -> BTreeMap<String, Operation> {
    let map = by_key("operation", entries, |operation| operation.key.clone(), faults);
    for Placed { place, value } in map.values() {
        said(place, &format!("the title of `{}`", value.key), &value.title, faults);
        if !(0.0..=100.0).contains(&value.labour_h) {
            faults.push(place.fault(format!("operation `{}`: labour of {} hours", value.key, value.labour_h)));
        }
    }
    map.into_iter().map(|(key, entry)| (key, entry.value)).collect()
}

pub fn parts(entries: Vec<Placed<Part>>, faults: &mut Vec<Fault>) -> BTreeMap<String, Part> {
    let map = by_key("part", entries, |part| part.key.clone(), faults);
    for Placed { place, value } in map.values() {
        said(place, &format!("the title of `{}`", value.key), &value.title, faults);
    }
    map.into_iter().map(|(key, entry)| (key, entry.value)).collect()
}

/// `None` if there is no table, and then a fault says why.
pub fn fault_codes(
    codes: Vec<Placed<CodeEntry>>,
    classes: Vec<Placed<CodeClass>>,
    names: &Names<'_>,
    faults: &mut Vec<Fault>,
) -> Option<FaultCodes> {
    let file = codes.first().map_or_else(|| "fault_codes.toml".to_owned(), |entry| entry.place.file.clone());
    let codes =
        by_key("fault code", one_each(codes), |entry| entry.codes.iter().map(ToString::to_string).collect(), faults);
    let classes = by_key("fault-code class", classes, |class| class.pattern.to_string(), faults);
    for Placed { place, value } in codes.values() {
        for (what, text) in [("meaning", &value.meaning), ("cause", &value.cause), ("action", &value.action)] {
            said(place, what, text, faults);
        }
        names.component(place, value.component.as_str(), faults);
        names.work(place, &value.operations, &value.parts, faults);
    }
    for Placed { place, value } in classes.values() {
        said(place, "title", &value.title, faults);
        names.component(place, value.component.as_str(), faults);
    }
    match FaultCodes::try_new(values(codes), values(classes)) {
        Ok(table) => Some(table),
        Err(error) => {
            faults.push(Fault { file, line: None, column: None, what: error.to_string(), hint: None });
            None
        }
    }
}

/// One entry per code, so that an overlay can replace a single code of a shipped group.
fn one_each(entries: Vec<Placed<CodeEntry>>) -> Vec<Placed<CodeEntry>> {
    let mut all = Vec::new();
    for Placed { place, value } in entries {
        for code in &value.codes {
            let entry = CodeEntry { codes: vec![*code], ..value.clone() };
            all.push(Placed { place: place.clone(), value: entry });
        }
    }
    all
}
