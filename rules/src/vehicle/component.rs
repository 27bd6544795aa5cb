//! Components: the tree of what can be wrong with a vehicle, and where cases live.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::unit::Text;

/// The key of a component in the catalogue's tree, such as `engine.cooling` or `service.oil`.
/// `engine` is the parent of `engine.cooling`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Component(Arc<str>);

impl Component {
    pub fn new(key: &str) -> Self {
        Self(key.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are on one branch: the same, or one above the other.
    pub fn same_branch(&self, other: &Self) -> bool {
        let (long, short) = if self.0.len() >= other.0.len() { (self, other) } else { (other, self) };
        long.0.strip_prefix(&*short.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One `[[component]]` of `components.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentEntry {
    pub key: Component,
    pub title: Text,
    /// What a driver who has to stop must (not) do, for it and all below it that say nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caution: Option<Text>,
}

/// The tree of all components.
#[derive(Clone, Debug, Default)]
pub struct Components(BTreeMap<Component, Words>);

#[derive(Clone, Debug)]
struct Words {
    title: Text,
    caution: Option<Text>,
}

impl Components {
    pub fn new(entries: impl IntoIterator<Item = ComponentEntry>) -> Self {
        Self(
            entries
                .into_iter()
                .map(|entry| (entry.key, Words { title: entry.title, caution: entry.caution }))
                .collect(),
        )
    }

    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub fn title(&self, component: &Component) -> Option<&Text> {
        self.0.get(component).map(|words| &words.title)
    }

    /// What a driver who has to stop because of it must (not) do, by itself or by what is above it.
    pub fn caution(&self, component: &Component) -> Option<&Text> {
        let own = self.0.get(component).and_then(|words| words.caution.as_ref());
        own.or_else(|| self.caution(self.parent(component)?))
    }

    /// The nearest component above; `None` for a trunk.
    pub fn parent(&self, component: &Component) -> Option<&Component> {
        let mut key = component.as_str();
        while let Some((above, _)) = key.rsplit_once('.') {
            if let Some((parent, _)) = self.0.get_key_value(above) {
                return Some(parent);
            }
            key = above;
        }
        None
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Component, &Text)> {
        self.0.iter().map(|(component, words)| (component, &words.title))
    }

    /// Every key, for "did you mean".
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(Component::as_str)
    }
}

impl std::borrow::Borrow<str> for Component {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_the_nearest_one_there_is() {
        let entry = |key: &str| ComponentEntry { key: Component::new(key), title: Text::default(), caution: None };
        let tree = Components::new(["chassis", "chassis.tyre", "chassis.tyre.Row1.Wheel.Left"].map(entry));
        let parent = |key: &str| tree.parent(&Component::new(key)).map(Component::as_str);
        assert_eq!(parent("chassis.tyre.Row1.Wheel.Left"), Some("chassis.tyre"));
        assert_eq!(parent("chassis.tyre"), Some("chassis"));
        assert_eq!(parent("chassis"), None);
    }

    #[test]
    fn a_caution_holds_for_what_is_below() {
        let text = |en: &str| Text { zh_cn: String::new(), en: en.to_owned() };
        let entry = |key: &str, caution: Option<&str>| ComponentEntry {
            key: Component::new(key),
            title: Text::default(),
            caution: caution.map(text),
        };
        let tree = Components::new([
            entry("traction", Some("orange cables")),
            entry("traction.motor", None),
            entry("traction.battery", Some("get out")),
            entry("body", None),
        ]);
        let caution = |key: &str| tree.caution(&Component::new(key)).map(|text| text.en.as_str());
        assert_eq!(caution("traction.motor"), Some("orange cables"));
        assert_eq!(caution("traction.battery"), Some("get out"));
        assert_eq!(caution("body"), None);
    }

    #[test]
    fn knows_its_branch() {
        let engine = Component::new("engine");
        assert!(engine.same_branch(&Component::new("engine.oil")));
        assert!(!engine.same_branch(&Component::new("engineering")));
        assert!(!Component::new("service.oil").same_branch(&Component::new("engine.oil")));
    }
}
