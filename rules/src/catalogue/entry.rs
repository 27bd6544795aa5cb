//! The entries of a catalogue as plain fields, for comparing two catalogues.
//!
//! They are read from the files and not from the types that the catalogue is made of: a field that is added
//! tomorrow is compared tomorrow, and nobody has to remember it here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use uuid::Uuid;

use super::layer::{Layer, within_layer};
use crate::learned::FOLDER;

/// What an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    #[default]
    Rule,
    Template,
    Signal,
    FaultCode,
    FaultClass,
    Component,
    Model,
    Plan,
    Operation,
    Part,
    Norm,
    /// How well the dates of an estimator hold.
    DateCoverage,
    CohortBands,
    /// Anything else that a file says.
    File,
}

impl EntryKind {
    pub const ALL: [Self; 14] = [
        Self::Rule,
        Self::Template,
        Self::Signal,
        Self::FaultCode,
        Self::FaultClass,
        Self::Component,
        Self::Model,
        Self::Plan,
        Self::Operation,
        Self::Part,
        Self::Norm,
        Self::DateCoverage,
        Self::CohortBands,
        Self::File,
    ];

    /// In sentences.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Template => "template",
            Self::Signal => "signal",
            Self::FaultCode => "fault code",
            Self::FaultClass => "fault-code class",
            Self::Component => "component",
            Self::Model => "model",
            Self::Plan => "plan",
            Self::Operation => "operation",
            Self::Part => "part",
            Self::Norm => "norm",
            Self::DateCoverage => "coverage of dates",
            Self::CohortBands => "cohorts",
            Self::File => "file",
        }
    }

    /// The kind of the entries under a table's name, and the fields that name one of them.
    fn of_table(table: &str) -> Option<(Self, &'static [&'static str])> {
        Some(match table {
            "rule" => (Self::Rule, &["key"]),
            "template" => (Self::Template, &["key"]),
            "signal" => (Self::Signal, &["path"]),
            "code" => (Self::FaultCode, &["codes"]),
            "class" => (Self::FaultClass, &["pattern"]),
            "component" => (Self::Component, &["key"]),
            "model" => (Self::Model, &["key"]),
            "operation" => (Self::Operation, &["key"]),
            "part" => (Self::Part, &["key"]),
            "norm" => (Self::Norm, &["feature", "model"]),
            "date" => (Self::DateCoverage, &["estimator"]),
            _ => return None,
        })
    }
}

/// One entry: where it comes from and what it says, field by field.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub layer: Layer,
    /// Path of its file within its layer.
    pub file: String,
    /// As written.
    pub written: Table,
    /// By the path of the field, such as `title.en` or `item.oil.km`.
    pub fields: BTreeMap<String, String>,
}

impl Entry {
    fn new(layer: Layer, file: &str, written: Table) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in &written {
            flatten(name, value, &mut fields);
        }
        if let Layer::Dealer(dealer) = layer {
            // Whatever it says: it is for that dealer's vehicles.
            fields.insert("scope.dealer".to_owned(), dealer.to_string());
        }
        Self { layer, file: file.to_owned(), written, fields }
    }

    /// The dealer whose own it is.
    pub const fn dealer(&self) -> Option<Uuid> {
        match self.layer {
            Layer::Dealer(dealer) => Some(dealer),
            Layer::Shipped | Layer::Overlay => None,
        }
    }

    /// The entry as a file of its own; `None` for what no single table says.
    pub fn as_file(kind: EntryKind, written: &Table) -> Option<String> {
        let table = match kind {
            EntryKind::Rule => "rule",
            EntryKind::Template => "template",
            EntryKind::Signal => "signal",
            EntryKind::FaultCode => "code",
            EntryKind::FaultClass => "class",
            EntryKind::Component => "component",
            EntryKind::Model => "model",
            EntryKind::Operation => "operation",
            EntryKind::Part => "part",
            EntryKind::Norm => "norm",
            EntryKind::DateCoverage => "date",
            EntryKind::Plan | EntryKind::CohortBands => return toml::to_string(written).ok(),
            EntryKind::File => return None,
        };
        let list = Value::Array(vec![Value::Table(written.clone())]);
        toml::to_string(&Table::from_iter([(table.to_owned(), list)])).ok()
    }
}

/// Names an entry: its kind and its key.
pub type EntryKey = (EntryKind, String);

/// All entries of a catalogue's files that people wrote, each as the highest layer that has it says it.
pub fn entries(files: &[(String, String)]) -> BTreeMap<EntryKey, Entry> {
    let mut all: BTreeMap<EntryKey, Entry> = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| !path.starts_with(FOLDER)) {
        for (key, entry) in entries_of(path, text) {
            if all.get(&key).is_none_or(|other| other.layer <= entry.layer) {
                all.insert(key, entry);
            }
        }
    }
    all
}

/// The entries of one file; of one that is no TOML, the text.
pub fn entries_of(path: &str, text: &str) -> Vec<(EntryKey, Entry)> {
    let (layer, file) = (Layer::of(path), within_layer(path));
    match toml::from_str::<Table>(text) {
        Ok(document) => entries_in(layer, file, document),
        Err(_) => {
            let written = Table::from_iter([("text".to_owned(), Value::String(text.to_owned()))]);
            vec![((EntryKind::File, file.to_owned()), Entry::new(layer, file, written))]
        }
    }
}

fn entries_in(layer: Layer, file: &str, document: Table) -> Vec<(EntryKey, Entry)> {
    if file.starts_with("plans/") || file == "cohorts.toml" {
        // One file is one entry: a plan with its items, or what cohorts are.
        let plan = (EntryKind::Plan, document.get("key").map_or_else(|| file.to_owned(), plain));
        let key = if file == "cohorts.toml" { (EntryKind::CohortBands, file.to_owned()) } else { plan };
        return vec![(key, Entry::new(layer, file, document))];
    }
    let folder = file.strip_prefix("templates/").and_then(|rest| rest.split_once('/')).map(|(locale, _)| locale);
    let (mut found, mut rest) = (Vec::new(), Table::new());
    for (name, value) in document {
        match (EntryKind::of_table(&name), value) {
            (Some((kind, names)), Value::Array(list)) if list.iter().all(Value::is_table) => {
                let tables = list.into_iter().filter_map(|value| match value {
                    Value::Table(table) => Some(table),
                    _ => None,
                });
                for (place, table) in tables.flat_map(one_each).enumerate() {
                    let key = name_of(&table, names).unwrap_or_else(|| format!("{file} {place}"));
                    let key = folder.map_or_else(|| key.clone(), |locale| format!("{key} ({locale})"));
                    found.push(((kind, key), Entry::new(layer, file, table)));
                }
            }
            (_, value) => {
                rest.insert(name, value);
            }
        }
    }
    if !rest.is_empty() {
        found.push(((EntryKind::File, file.to_owned()), Entry::new(layer, file, rest)));
    }
    found
}

/// A group of fault codes is one entry for each code, as an overlay may replace them one by one.
fn one_each(table: Table) -> Vec<Table> {
    let Some(Value::Array(codes)) = table.get("codes").cloned() else { return vec![table] };
    let with = |code: Value| {
        let mut one = table.clone();
        one.insert("codes".to_owned(), Value::Array(vec![code]));
        one
    };
    codes.into_iter().map(with).collect()
}

fn name_of(table: &Table, names: &[&str]) -> Option<String> {
    let parts: Vec<String> = names.iter().filter_map(|name| table.get(*name)).map(plain).collect();
    if parts.is_empty() { None } else { Some(parts.join(" ")) }
}

/// Puts a value's leaves down by their path; tables of a list are called by their name, and their order is kept.
fn flatten(path: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(table) if !table.is_empty() => {
            for (name, value) in table {
                flatten(&format!("{path}.{name}"), value, fields);
            }
        }
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_table) => {
            let mut order = Vec::new();
            for (place, value) in list.iter().enumerate() {
                let name = value
                    .as_table()
                    .and_then(|table| ["code", "name", "key"].iter().find_map(|name| table.get(*name)).map(plain));
                let name = name.filter(|name| !order.contains(name)).unwrap_or_else(|| place.to_string());
                flatten(&format!("{path}.{name}"), value, fields);
                order.push(name);
            }
            fields.insert(path.to_owned(), order.join(", "));
        }
        leaf => {
            fields.insert(path.to_owned(), plain(leaf));
        }
    }
}

/// A value as people read it; 20 and 20.0 are the same.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Float(number) => number.to_string(),
        Value::Array(list) => {
            let quoted = |value: &Value| match value {
                Value::String(text) => format!("\"{}\"", text.escape_debug()),
                other => plain(other),
            };
            let parts: Vec<String> = list.iter().map(quoted).collect();
            format!("[{}]", parts.join(", "))
        }
        other => other.to_string(),
    }
}
