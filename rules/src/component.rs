//! Components: the tree of what can be wrong with a vehicle, and where cases live.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_branch() {
        let engine = Component::new("engine");
        assert!(engine.same_branch(&Component::new("engine.oil")));
        assert!(!engine.same_branch(&Component::new("engineering")));
        assert!(!Component::new("service.oil").same_branch(&Component::new("engine.oil")));
    }
}
