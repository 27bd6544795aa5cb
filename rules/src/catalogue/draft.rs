//! A catalogue being read: entries by kind, with their places, before they are checked.

use serde::de::DeserializeOwned;

use super::layer::within_layer;
use super::read::{Document, Fault, Place, Placed};
use crate::component::ComponentEntry;
use crate::fault_code::{CodeClass, CodeEntry};
use crate::operation::{Operation, Part};
use crate::signal::Signal;

/// Everything that was read, and everything that could not be.
#[derive(Default)]
pub struct Draft {
    pub faults: Vec<Fault>,
    pub signals: Vec<Placed<Signal>>,
    pub components: Vec<Placed<ComponentEntry>>,
    pub codes: Vec<Placed<CodeEntry>>,
    pub classes: Vec<Placed<CodeClass>>,
    pub operations: Vec<Placed<Operation>>,
    pub parts: Vec<Placed<Part>>,
}

/// What the files of a catalogue may be called.
const FILES: [&str; 5] = ["signals.toml", "components.toml", "fault_codes.toml", "operations.toml", "parts.toml"];

impl Draft {
    /// Reads one file, by the place it has in its layer.
    pub fn read(&mut self, path: &str, text: &str) {
        let faults = &mut self.faults;
        match within_layer(path) {
            "signals.toml" => table(path, text, "signal", &mut self.signals, faults),
            "components.toml" => table(path, text, "component", &mut self.components, faults),
            "operations.toml" => table(path, text, "operation", &mut self.operations, faults),
            "parts.toml" => table(path, text, "part", &mut self.parts, faults),
            "fault_codes.toml" => {
                let Some(mut document) = Document::parse(path, text, faults) else { return };
                self.codes.extend(document.entries("code", faults));
                self.classes.extend(document.entries("class", faults));
                document.finish(&["code", "class"], faults);
            }
            other => {
                let place = Place { file: path.to_owned(), line: 1 };
                faults.push(place.unknown("catalogue file", other, FILES));
            }
        }
    }
}

/// Reads a file of one kind of entry.
fn table<T: DeserializeOwned>(path: &str, text: &str, name: &str, to: &mut Vec<Placed<T>>, faults: &mut Vec<Fault>) {
    let Some(mut document) = Document::parse(path, text, faults) else { return };
    to.extend(document.entries(name, faults));
    document.finish(&[name], faults);
}
