//! The catalogue: everything the product knows about vehicles, as data.
//!
//! Loaded all or nothing from a list of files: if anything is wrong, every fault is returned with
//! file, line and the nearest valid name, and nothing changes. The engine stores whole catalogues by
//! the hash of [`Catalogue::files`], so that every decision can be replayed under its own.

mod builtin;
mod layer;
mod near;
mod read;

use std::fmt;

pub use layer::OVERLAY;
pub use near::nearest;
pub use read::{Fault, Place, Placed};

use crate::signal::{Signal, Signals};
use layer::{by_key, is_overlay, within_layer};
use read::Document;

/// One complete, checked catalogue.
#[derive(Clone, Debug)]
pub struct Catalogue {
    files: Vec<(String, String)>,
    pub signals: Signals,
}

/// Everything that is wrong with a catalogue; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueError(pub Vec<Fault>);

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the catalogue has {} faults:", self.0.len())?;
        for fault in &self.0 {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CatalogueError {}

impl Catalogue {
    /// The catalogue the product ships with.
    pub fn builtin() -> Result<Self, CatalogueError> {
        Self::load(builtin::FILES)
    }

    /// Loads a list of files as [`Catalogue::files`] gives it: shipped ones by their path below
    /// `rules/catalogue/`, those of an overlay below [`OVERLAY`].
    pub fn load<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)]) -> Result<Self, CatalogueError> {
        let mut owned: Vec<(String, String)> =
            files.iter().map(|(path, text)| (path.as_ref().to_owned(), text.as_ref().to_owned())).collect();
        owned.sort();
        let mut draft = Draft::default();
        for (path, text) in &owned {
            draft.read(path, text);
        }
        draft.finish(owned)
    }

    /// This catalogue with the files of a directory laid over it: an entry replaces the shipped one
    /// of the same key, others are added. Paths are relative to that directory.
    pub fn overlay<P: AsRef<str>, T: AsRef<str>>(&self, files: &[(P, T)]) -> Result<Self, CatalogueError> {
        let over = files.iter().map(|(path, text)| (format!("{OVERLAY}{}", path.as_ref()), text.as_ref().to_owned()));
        let mut all: Vec<(String, String)> = over.collect();
        for (path, text) in &self.files {
            if !all.iter().any(|(other, _)| other == path) {
                all.push((path.clone(), text.clone()));
            }
        }
        Self::load(&all)
    }

    /// Path and text of every file, sorted: what to hash, and what to store to load it again.
    pub fn files(&self) -> &[(String, String)] {
        &self.files
    }
}

/// Entries as read, before they are checked against each other.
#[derive(Default)]
struct Draft {
    faults: Vec<Fault>,
    signals: Vec<Placed<Signal>>,
}

impl Draft {
    fn read(&mut self, path: &str, text: &str) {
        let faults = &mut self.faults;
        let Some(mut document) = Document::parse(path, text, faults) else { return };
        match within_layer(path) {
            "signals.toml" => {
                self.signals.extend(document.entries("signal", faults));
                document.finish(&["signal"], faults);
            }
            other => {
                let place = Place { file: path.to_owned(), line: 1 };
                faults.push(place.unknown("catalogue file", other, ["signals.toml"]));
            }
        }
    }

    fn finish(mut self, files: Vec<(String, String)>) -> Result<Catalogue, CatalogueError> {
        let signals = check_signals(self.signals, &mut self.faults);
        if self.faults.is_empty() { Ok(Catalogue { files, signals }) } else { Err(CatalogueError(self.faults)) }
    }
}

/// First number of signals that an overlay adds.
const OVERLAY_NUMBERS: u16 = 10_000;

fn check_signals(entries: Vec<Placed<Signal>>, faults: &mut Vec<Fault>) -> Signals {
    let map = by_key("signal", entries, |signal| signal.path.clone(), faults);
    for entry in map.values() {
        let Placed { place, value } = entry;
        if !is_overlay(&place.file) && value.no.0 >= OVERLAY_NUMBERS {
            faults.push(
                place.fault(format!("signal `{}`: numbers from {OVERLAY_NUMBERS} belong to overlays", value.path)),
            );
        }
        if value.title.zh_cn.is_empty() || value.title.en.is_empty() {
            faults.push(place.fault(format!("signal `{}` has an empty title", value.path)));
        }
    }
    let places: Vec<Place> = map.values().map(|entry| entry.place.clone()).collect();
    match Signals::try_new(map.into_values().map(|entry| entry.value).collect()) {
        Ok(signals) => signals,
        Err(error) => {
            if let Some(place) = places.first() {
                faults.push(Fault { line: None, ..place.fault(error.to_string()) });
            }
            Signals::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ships_without_faults() {
        if let Err(error) = Catalogue::builtin() {
            panic!("{error}");
        }
    }
}
