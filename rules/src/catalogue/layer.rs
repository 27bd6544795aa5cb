//! Layers: the shipped catalogue below, the manufacturer's overlay above it, entry by entry, and beside them
//! what dealers have of their own, which replaces nothing.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::read::{Fault, Placed};

/// Files below this folder belong to the overlay and replace single entries of the shipped ones.
pub const OVERLAY: &str = "overlay/";
/// Below this folder every dealer has one, named by its id.
pub const DEALERS: &str = "dealers/";

/// Whose an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    Shipped,
    Overlay,
    Dealer(Uuid),
}

impl Layer {
    /// The layer of a file by its path; a folder that names no dealer is looked into by nobody.
    pub fn of(path: &str) -> Self {
        if path.starts_with(OVERLAY) {
            return Self::Overlay;
        }
        split_dealer(path).map_or(Self::Shipped, |(dealer, _)| Self::Dealer(dealer))
    }
}

fn split_dealer(path: &str) -> Option<(Uuid, &str)> {
    let (dealer, rest) = path.strip_prefix(DEALERS)?.split_once('/')?;
    Some((Uuid::try_parse(dealer).ok()?, rest))
}

/// The path of a file within its layer.
pub fn within_layer(path: &str) -> &str {
    split_dealer(path).map_or_else(|| path.strip_prefix(OVERLAY).unwrap_or(path), |(_, rest)| rest)
}

/// Whether a file belongs to the overlay.
pub fn is_overlay(path: &str) -> bool {
    path.starts_with(OVERLAY)
}

/// Entries by key: an overlay's entry replaces the shipped one, a second one in its layer is a fault, and so is a
/// dealer's that somebody else has too.
pub fn by_key<T>(
    kind: &str,
    entries: Vec<Placed<T>>,
    key: impl Fn(&T) -> String,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, Placed<T>> {
    let mut map: BTreeMap<String, Placed<T>> = BTreeMap::new();
    for entry in entries {
        let name = key(&entry.value);
        let above = Layer::of(&entry.place.file);
        let Some(other) = map.get(&name) else {
            map.insert(name, entry);
            continue;
        };
        let below = Layer::of(&other.place.file);
        let first = format!("{}:{}", other.place.file, other.place.line);
        match (below, above) {
            (below, above) if below == above => {
                faults.push(entry.place.fault(format!("{kind} `{name}` is given twice, first in {first}")));
            }
            (Layer::Dealer(_), Layer::Dealer(_)) => faults.push(taken(kind, &name, &entry)),
            (Layer::Dealer(_), _) => faults.push(taken(kind, &name, other)),
            (_, Layer::Dealer(_)) => faults.push(taken(kind, &name, &entry)),
            (Layer::Overlay, _) => {}
            (Layer::Shipped, _) => {
                map.insert(name, entry);
            }
        }
    }
    map
}

/// A dealer's entry replaces nothing. Whose the other one is, another dealer need not read.
fn taken<T>(kind: &str, name: &str, entry: &Placed<T>) -> Fault {
    let hint = Some("give it a key of your own".to_owned());
    Fault { hint, ..entry.place.fault(format!("{kind} `{name}` exists already, and a dealer's own replaces nothing")) }
}

#[cfg(test)]
mod tests {
    use super::super::read::Place;
    use super::*;

    fn entry(file: &str, value: &'static str) -> Placed<&'static str> {
        Placed { place: Place { file: file.to_owned(), line: 1 }, value }
    }

    const DEALER: &str = "dealers/7f3a0f3e-2c1d-4d0a-9d59-0a4f6a1f2b3c/rules/a.toml";

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

    #[test]
    fn a_dealers_entry_replaces_nothing_whatever_the_order() {
        for other in ["a.toml", "overlay/a.toml", "dealers/00000000-0000-0000-0000-000000000001/rules/a.toml"] {
            for order in [[0, 1], [1, 0]] {
                let entries = [entry(other, "theirs"), entry(DEALER, "own")];
                let mut faults = Vec::new();
                let picked = order.into_iter().map(|index| entries[index].clone()).collect();
                by_key("entry", picked, |_| "same".to_owned(), &mut faults);
                assert_eq!(faults.len(), 1, "{other}");
                assert!(faults[0].file.starts_with(DEALERS), "{}", faults[0]);
            }
        }
        assert_eq!(within_layer(DEALER), "rules/a.toml");
        assert_eq!(Layer::of("dealers/nobody/rules/a.toml"), Layer::Shipped);
    }
}
