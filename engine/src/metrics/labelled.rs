//! Counters of one name over a closed set of label values, each there at zero from the start.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntCounterVec, Opts};

/// A closed family of counters.
#[derive(Clone, Debug)]
pub struct Labelled {
    family: IntCounterVec,
    counters: Vec<(&'static str, IntCounter)>,
}

impl Labelled {
    pub fn new(name: &str, help: &str, label: &str, values: &[&'static str]) -> prometheus::Result<Self> {
        let family = IntCounterVec::new(Opts::new(name, help), &[label])?;
        let mut counters = Vec::with_capacity(values.len());
        for value in values {
            counters.push((*value, family.get_metric_with_label_values(&[*value])?));
        }
        Ok(Self { family, counters })
    }

    /// Adds to one value of the label; a value outside the set changes nothing.
    pub fn add(&self, value: &'static str, count: u64) {
        if let Some(counter) = self.of(value) {
            counter.inc_by(count);
        }
    }

    pub fn inc(&self, value: &'static str) {
        self.add(value, 1);
    }

    pub fn get(&self, value: &str) -> u64 {
        self.of(value).map_or(0, IntCounter::get)
    }

    fn of(&self, value: &str) -> Option<&IntCounter> {
        self.counters.iter().find(|(known, _)| *known == value).map(|(_, counter)| counter)
    }
}

impl Collector for Labelled {
    fn desc(&self) -> Vec<&Desc> {
        self.family.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.family.collect()
    }
}
