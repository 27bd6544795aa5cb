//! Which topics are heard, whose message each carries, and in which dialect it is.
//!
//! The filter of the wire contract is always heard, in premend's own dialect unless another one is named for it.
//! In every filter the first `+` stands for the vehicle. No topic matches two filters: a broker would send it twice,
//! and it would not be clear how to read it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::dialect::{DEFAULT, Dialect};
use crate::topic;

/// The topics that are heard; clones share them.
#[derive(Clone)]
pub struct Topics(Arc<[Heard]>);

/// One filter.
#[derive(Clone)]
pub struct Heard {
    pub filter: String,
    pub dialect: &'static dyn Dialect,
}

/// What a topic says of its message.
#[derive(Clone, Debug)]
pub struct Spelling {
    /// Which of the filters matches.
    pub place: usize,
    /// Where in the topic the vehicle's id stands, as claimed.
    pub vehicle: Range<usize>,
    pub dialect: &'static dyn Dialect,
}

/// Why filters cannot be heard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicsError {
    #[error("`{0}` is no topic filter: `+` and `#` take a level of their own, and `#` the last one")]
    Malformed(String),
    #[error("`{0}` has no `+` where the vehicle's id stands")]
    NoVehicle(String),
    #[error("`{0}` would hear what vehicles are told")]
    HearsDown(String),
    #[error("a topic can match `{0}` and `{1}`: write them apart")]
    Meet(String, String),
}

impl Topics {
    /// The filters given, and that of the wire contract.
    pub fn try_new(given: Vec<Heard>) -> Result<Self, TopicsError> {
        let mut all = given;
        if !all.iter().any(|heard| heard.filter == topic::TELEMETRY_FILTER) {
            all.insert(0, own());
        }
        for (place, Heard { filter, .. }) in all.iter().enumerate() {
            check(filter)?;
            if let Some(other) = all.iter().skip(place + 1).find(|other| meet(filter, &other.filter)) {
                return Err(TopicsError::Meet(filter.clone(), other.filter.clone()));
            }
        }
        Ok(Self(all.into()))
    }

    pub fn filters(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|heard| heard.filter.as_str())
    }

    /// How to read what comes on a topic; `None` for one that is not heard.
    pub fn spelling(&self, topic: &str) -> Option<Spelling> {
        self.0.iter().enumerate().find_map(|(place, heard)| {
            let vehicle = vehicle_in(&heard.filter, topic)?;
            Some(Spelling { place, vehicle, dialect: heard.dialect })
        })
    }

    /// The vehicle's part of a topic that is heard, as claimed.
    pub fn vehicle_of<'t>(&self, topic: &'t str) -> Option<&'t str> {
        topic.get(self.spelling(topic)?.vehicle)
    }
}

impl Default for Topics {
    fn default() -> Self {
        Self([own()].into())
    }
}

/// What vehicles speak unless configured.
fn own() -> Heard {
    Heard { filter: topic::TELEMETRY_FILTER.to_owned(), dialect: DEFAULT }
}

impl PartialEq for Topics {
    fn eq(&self, other: &Self) -> bool {
        let said = |topics: &Self| -> Vec<(String, &'static str)> {
            topics.0.iter().map(|heard| (heard.filter.clone(), heard.dialect.key())).collect()
        };
        said(self) == said(other)
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|heard| (&heard.filter, heard.dialect.key()))).finish()
    }
}

fn check(filter: &str) -> Result<(), TopicsError> {
    let levels: Vec<&str> = filter.split('/').collect();
    let is_level = |(place, level): (usize, &&str)| match *level {
        "+" => true,
        "#" => place + 1 == levels.len(),
        _ => !level.is_empty() && !level.contains(['+', '#']),
    };
    if !levels.iter().enumerate().all(is_level) {
        return Err(TopicsError::Malformed(filter.to_owned()));
    }
    if !levels.contains(&"+") {
        return Err(TopicsError::NoVehicle(filter.to_owned()));
    }
    if meet(filter, topic::DOWN_FILTER) {
        return Err(TopicsError::HearsDown(filter.to_owned()));
    }
    Ok(())
}

/// Where the level of the first `+` stands, if the topic matches.
fn vehicle_in(filter: &str, topic: &str) -> Option<Range<usize>> {
    // Nearly all that is heard.
    if filter == topic::TELEMETRY_FILTER {
        let vehicle = topic::vehicle_of(topic)?;
        return Some(topic::ROOT.len()..topic::ROOT.len() + vehicle.len());
    }
    let (mut vehicle, mut from, mut levels) = (None, 0, topic.split('/'));
    for wanted in filter.split('/') {
        if wanted == "#" {
            return vehicle;
        }
        let level = levels.next()?;
        let to = from + level.len();
        match wanted {
            "+" if level.is_empty() && vehicle.is_none() => return None,
            "+" => vehicle = vehicle.or(Some(from..to)),
            _ if wanted != level => return None,
            _ => {}
        }
        from = to + 1;
    }
    vehicle.filter(|_| levels.next().is_none())
}

/// Whether any topic matches both.
fn meet(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some(here), Some(there)) if here == "+" || there == "+" || here == there => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::PremendJson;

    fn topics(filters: &[&str]) -> Result<Topics, TopicsError> {
        let heard = |filter: &&str| Heard { filter: (*filter).to_owned(), dialect: &PremendJson };
        Topics::try_new(filters.iter().map(heard).collect())
    }

    #[test]
    fn the_first_plus_is_the_vehicle() {
        let topics = topics(&["fleet/+/up", "maker/+/+/out/#"]).unwrap();
        for (topic, vehicle) in [
            ("premend/v1/car-1/telemetry", Some("car-1")),
            ("fleet/truck-7/up", Some("truck-7")),
            ("maker/van-2/ecu/out/x/y", Some("van-2")),
            ("maker/van-2/ecu/out", Some("van-2")),
            ("fleet//up", None),
            ("fleet/truck-7/up/x", None),
            ("fleet/truck-7", None),
            ("other/truck-7/up", None),
            ("", None),
        ] {
            assert_eq!(topics.vehicle_of(topic), vehicle, "{topic}");
        }
    }

    #[test]
    fn the_filter_of_the_contract_is_always_heard() {
        assert_eq!(topics(&["fleet/+/up"]).unwrap().filters().next(), Some(topic::TELEMETRY_FILTER));
        assert_eq!(topics(&[topic::TELEMETRY_FILTER]).unwrap().filters().count(), 1);
    }

    #[test]
    fn filters_that_cannot_be_told_apart_are_refused() {
        for (filters, wrong) in [
            (&["a/+/b", "a/x/+"][..], "`a/+/b` and `a/x/+`"),
            (&["a/+", "a/+/#"], "`a/+` and `a/+/#`"),
            (&["premend/+/+/telemetry"], "premend/v1/+/telemetry"),
            (&["premend/v1/+/#"], "premend/v1/+/telemetry"),
            (&["+/v1/+/down"], "what vehicles are told"),
            (&["a/b"], "no `+`"),
            (&["a/#/+"], "no topic filter"),
            (&["a/x+/+"], "no topic filter"),
            (&["a//+"], "no topic filter"),
            (&[""], "no topic filter"),
        ] {
            let said = topics(filters).unwrap_err().to_string();
            assert!(said.contains(wrong), "{filters:?}: {said}");
        }
        assert!(topics(&["a/+/b", "a/+/c", "b/+"]).is_ok());
    }
}
