//! `[ingest]`: what is let in.

use ingest::admit::UnknownVehicle;
use ingest::dialect::{DEFAULT, DIALECTS, dialect};
use ingest::topic::TELEMETRY_FILTER;
use ingest::topics::{Heard, Topics};
use rules::unit::{Span, nearest};
use rules::vehicle::Purpose;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ConfigError;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ingest {
    /// How far a vehicle's clock may be off before its times are corrected.
    pub max_ahead: Span,
    /// `reject`: only known vehicles. `register`: a first message makes the vehicle known, without any consent.
    pub unknown_vehicle: UnknownVehicle,
    /// Dealer of vehicles that register themselves.
    pub default_dealer: Option<Uuid>,
    /// Model of vehicles that register themselves, a key of the catalogue; without one only rules without a plan apply.
    pub default_model: Option<String>,
    /// Consents that a contract gives for vehicles that register themselves; without any nothing of them is kept.
    pub default_consents: Vec<Purpose>,
    /// Rejections of one vehicle written down per hour; the rest is only counted.
    pub rejections_per_hour: u32,
    /// In which dialect vehicles speak, by topic. The topics of premend's own contract are always heard.
    pub dialect: Vec<TopicDialect>,
}

/// The dialect of the topics that a filter matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicDialect {
    /// An MQTT filter; its first `+` stands for the vehicle.
    pub topic: String,
    /// The key of a dialect.
    pub dialect: String,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            max_ahead: Span::from_mins(5),
            unknown_vehicle: UnknownVehicle::Reject,
            default_dealer: None,
            default_model: None,
            default_consents: Vec::new(),
            rejections_per_hour: 60,
            dialect: vec![TopicDialect { topic: TELEMETRY_FILTER.to_owned(), dialect: DEFAULT.key().to_owned() }],
        }
    }
}

impl Ingest {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.max_ahead > Span::from_hours(1) {
            return Err(ConfigError::invalid("ingest.max_ahead", "write at most \"1h\""));
        }
        if self.unknown_vehicle == UnknownVehicle::Register && self.default_dealer.is_none() {
            return Err(ConfigError::invalid(
                "ingest.default_dealer",
                "unknown_vehicle = \"register\" needs a dealer's id",
            ));
        }
        self.topics().map(|_| ())
    }

    /// What is heard, and how it is read.
    pub fn topics(&self) -> Result<Topics, ConfigError> {
        const KEY: &str = "ingest.dialect";
        let mut heard = Vec::with_capacity(self.dialect.len());
        for TopicDialect { topic, dialect: key } in &self.dialect {
            let Some(dialect) = dialect(key) else {
                let near = nearest(key, DIALECTS.iter().map(|dialect| dialect.key()));
                let hint = near.map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
                return Err(ConfigError::invalid(KEY, format!("there is no dialect `{key}`{hint}")));
            };
            heard.push(Heard { filter: topic.clone(), dialect });
        }
        Topics::try_new(heard).map_err(|error| ConfigError::invalid(KEY, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaking(topic: &str, dialect: &str) -> Ingest {
        let entry = TopicDialect { topic: topic.to_owned(), dialect: dialect.to_owned() };
        Ingest { dialect: vec![entry], ..Ingest::default() }
    }

    #[test]
    fn topics_are_heard_in_their_dialect_and_the_contract_always() {
        let topics = speaking("fleet/+/up", "premend_json").topics().unwrap();
        assert_eq!(topics.filters().collect::<Vec<_>>(), [TELEMETRY_FILTER, "fleet/+/up"]);
        assert_eq!(Ingest::default().topics().unwrap(), Topics::default());
    }

    #[test]
    fn what_cannot_be_heard_is_named() {
        for (topic, dialect, wrong) in [
            ("fleet/+/up", "premend_jsn", "did you mean `premend_json`?"),
            ("fleet/+/up", "xml", "there is no dialect `xml`"),
            ("fleet/up", "premend_json", "no `+`"),
            ("premend/+/+/telemetry", "premend_json", "write them apart"),
        ] {
            let said = speaking(topic, dialect).validate().unwrap_err().to_string();
            assert!(said.contains("ingest.dialect") && said.contains(wrong), "{said}");
        }
    }
}
