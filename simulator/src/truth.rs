//! The ground truth of what was planted, one JSON line per fault and change of it.
//!
//! A later line about the same fault replaces an earlier one, so that a running simulation can
//! append what it learns; readers see the last.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use rules::unit::Time;
use serde::{Deserialize, Serialize};

use crate::fault::Magnitude;

/// What was planted in one vehicle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    pub vehicle: String,
    pub fault: String,
    /// On which a case is expected.
    pub component: String,
    /// 1 to 4 as in S1 to S4.
    pub severity: u8,
    /// How much of it; `None`: as quickly as a demonstration needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub magnitude: Option<Magnitude>,
    /// When it began.
    #[serde(with = "instant")]
    pub start: Time,
    /// When a reader of the vehicle's messages could first have known.
    #[serde(with = "maybe_instant")]
    pub threshold: Option<Time>,
    /// When the part failed: its owner stands still, or a legal limit is passed.
    #[serde(default, with = "maybe_instant", skip_serializing_if = "Option::is_none")]
    pub failure: Option<Time>,
}

/// Why a truth file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    #[error("read the truth file")]
    Io(#[source] io::Error),
    #[error("line {0} of the truth file")]
    Line(usize, #[source] serde_json::Error),
}

/// Appends one line.
pub fn write(out: &mut impl Write, truth: &Truth) -> io::Result<()> {
    serde_json::to_writer(&mut *out, truth)?;
    out.write_all(b"\n")
}

/// Reads all lines; the last about a fault counts. In order of vehicle, fault, start and component.
pub fn read(input: impl BufRead) -> Result<Vec<Truth>, TruthError> {
    let mut last = BTreeMap::new();
    for (index, line) in input.lines().enumerate() {
        let line = line.map_err(TruthError::Io)?;
        if line.trim().is_empty() {
            continue;
        }
        let truth: Truth = serde_json::from_str(&line).map_err(|error| TruthError::Line(index + 1, error))?;
        let key = (truth.vehicle.clone(), truth.fault.clone(), truth.start, truth.component.clone());
        last.insert(key, truth);
    }
    Ok(last.into_values().collect())
}

mod instant {
    use rules::unit::Time;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
    pub fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        Time::parse(&text).map_err(serde::de::Error::custom)
    }
}

mod maybe_instant {
    use rules::unit::Time;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "the signature serde asks for")]
    pub fn serialize<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.collect_str(time),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| Time::parse(&text).map_err(serde::de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_about_a_fault_counts() {
        let first = Truth {
            vehicle: "v-1".into(),
            fault: "misfire".into(),
            component: "engine.ignition".into(),
            severity: 2,
            magnitude: Some(Magnitude::Severe),
            start: Time::from_secs(1_790_000_000),
            threshold: None,
            failure: None,
        };
        let known = Truth { threshold: Some(Time::from_secs(1_790_009_000)), ..first.clone() };
        let mut file = Vec::new();
        write(&mut file, &first).unwrap();
        write(&mut file, &known).unwrap();
        assert_eq!(read(file.as_slice()).unwrap(), [known]);
    }

    #[test]
    fn reads_what_was_written_before_there_were_magnitudes() {
        let line = r#"{"vehicle":"v-1","fault":"misfire","component":"engine.ignition","severity":2,"start":"2026-01-01T00:00:00Z","threshold":null}"#;
        let truth = read(line.as_bytes()).unwrap();
        assert_eq!((truth[0].magnitude, truth[0].failure), (None, None));
    }
}
