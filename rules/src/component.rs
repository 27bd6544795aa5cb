//! Components: the tree of what can be wrong with a vehicle, and where cases live.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::text::Text;

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
}

/// The tree of all components.
#[derive(Clone, Debug, Default)]
pub struct Components(BTreeMap<Component, Text>);

impl Components {
    pub fn new(entries: impl IntoIterator<Item = ComponentEntry>) -> Self {
        Self(entries.into_iter().map(|entry| (entry.key, entry.title)).collect())
    }

    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub fn title(&self, component: &Component) -> Option<&Text> {
        self.0.get(component)
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
        self.0.iter()
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
        let entry = |key: &str| ComponentEntry { key: Component::new(key), title: Text::default() };
        let tree = Components::new(["chassis", "chassis.tyre", "chassis.tyre.Row1.Wheel.Left"].map(entry));
        let parent = |key: &str| tree.parent(&Component::new(key)).map(Component::as_str);
        assert_eq!(parent("chassis.tyre.Row1.Wheel.Left"), Some("chassis.tyre"));
        assert_eq!(parent("chassis.tyre"), Some("chassis"));
        assert_eq!(parent("chassis"), None);
    }

    #[test]
    fn knows_its_branch() {
        let engine = Component::new("engine");
        assert!(engine.same_branch(&Component::new("engine.oil")));
        assert!(!engine.same_branch(&Component::new("engineering")));
        assert!(!Component::new("service.oil").same_branch(&Component::new("engine.oil")));
    }
}
