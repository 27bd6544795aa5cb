//! Layers: the shipped catalogue below, a customer's overlay above it, entry by entry.

use std::collections::BTreeMap;

use super::read::{Fault, Placed};

/// Files below this folder belong to the overlay and replace single entries of the shipped ones.
pub const OVERLAY: &str = "overlay/";

/// The path of a file within its layer.
pub fn within_layer(path: &str) -> &str {
    path.strip_prefix(OVERLAY).unwrap_or(path)
}

/// Whether a file belongs to the overlay.
pub fn is_overlay(path: &str) -> bool {
    path.starts_with(OVERLAY)
}

/// Entries by key: an overlay's entry replaces the shipped one, a second one in its layer is a fault.
pub fn by_key<T>(
    kind: &str,
    entries: Vec<Placed<T>>,
    key: impl Fn(&T) -> String,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, Placed<T>> {
    let mut map: BTreeMap<String, Placed<T>> = BTreeMap::new();
    for entry in entries {
        let name = key(&entry.value);
        let above = is_overlay(&entry.place.file);
        match map.get(&name) {
            Some(other) if is_overlay(&other.place.file) == above => {
                let first = format!("{}:{}", other.place.file, other.place.line);
                faults.push(entry.place.fault(format!("{kind} `{name}` is given twice, first in {first}")));
            }
            Some(other) if is_overlay(&other.place.file) => {}
            _ => {
                map.insert(name, entry);
            }
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::super::read::Place;
    use super::*;

    fn entry(file: &str, value: &'static str) -> Placed<&'static str> {
        Placed { place: Place { file: file.to_owned(), line: 1 }, value }
    }

    #[test]
    fn the_overlay_replaces_whatever_the_order() {
        for order in [[0, 1], [1, 0]] {
            let entries = [entry("a.toml", "base"), entry("overlay/a.toml", "over")];
            let mut faults = Vec::new();
            let picked = order.into_iter().map(|index| entries[index].clone()).collect();
            let map = by_key("entry", picked, |_| "same".to_owned(), &mut faults);
            assert_eq!(map["same"].value, "over");
            assert!(faults.is_empty());
        }
    }

    #[test]
    fn twice_in_one_layer_is_a_fault() {
        let mut faults = Vec::new();
        let entries = vec![entry("a.toml", "x"), entry("b.toml", "y")];
        by_key("entry", entries, |_| "same".to_owned(), &mut faults);
        assert_eq!(faults.len(), 1);
    }
}
