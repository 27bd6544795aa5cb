//! The whole configuration, how it is read, and what must fit together.

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Format, Toml};
use serde::{Deserialize, Serialize};

use super::environment::Environment;
use super::{Catalogue, Clock, Database, Demo, Http, Ingest, Lanes, Log, Mqtt, Person, Relay, Retention, Store};

/// Everything that can be set, one field per section of the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub database: Database,
    pub store: Store,
    pub mqtt: Mqtt,
    pub http: Http,
    pub ingest: Ingest,
    pub lanes: Lanes,
    pub retention: Retention,
    pub person: Person,
    pub relay: Relay,
    pub catalogue: Catalogue,
    pub clock: Clock,
    pub demo: Demo,
    pub log: Log,
}

/// Why a configuration is not used. The process ends with 64.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("configuration file {0} does not exist")]
    NoFile(PathBuf),
    #[error("configuration: {0}")]
    Read(#[source] Box<figment::Error>),
    #[error("configuration: {key}: {wrong}")]
    Invalid { key: &'static str, wrong: String },
    #[error("configuration: {key}: cannot read {path}")]
    File {
        key: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl ConfigError {
    pub(super) fn invalid(key: &'static str, wrong: impl Into<String>) -> Self {
        Self::Invalid { key, wrong: wrong.into() }
    }
}

impl Config {
    /// Reads built-in values < `file` < `variables`, and checks the result.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        if let Some(path) = file {
            if !path.is_file() {
                return Err(ConfigError::NoFile(path.to_owned()));
            }
            figment = figment.merge(Toml::file_exact(path));
        }
        let config: Self =
            figment.merge(Environment::new(variables)).extract().map_err(|error| ConfigError::Read(Box::new(error)))?;
        config.validate()?;
        Ok(config)
    }

    /// Checks every section, and what spans sections.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.database.validate()?;
        self.mqtt.validate()?;
        self.http.validate()?;
        self.ingest.validate()?;
        self.lanes.validate()?;
        self.retention.validate()?;
        self.person.validate()?;
        self.relay.validate()?;
        self.clock.validate()?;
        self.demo.validate()?;
        self.log.validate()?;
        self.catalogue.validate()
    }

    /// The effective configuration as TOML, secrets as `***`.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use ingest::admit::UnknownVehicle;

    use super::super::{ClockMode, SourceKind};
    use super::*;

    fn load(toml: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(toml.as_bytes()).unwrap();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(Some(file.path()), variables)
    }

    #[test]
    fn built_in_values_are_valid() {
        let config = Config::load(None, []).unwrap();
        assert_eq!(config.mqtt.source, SourceKind::Embedded);
        assert_eq!(config.lanes.batch_max, 4096);
    }

    #[test]
    fn environment_beats_file_beats_built_in() {
        let toml = "[lanes]\nlateness_bound = \"60s\"\nbatch_max = 100\n[ingest]\nunknown_vehicle = \"register\"\ndefault_dealer = \"7b0dc9c1-8c2c-4d09-9a44-0d3f3c0a4d11\"\n";
        let config = load(toml, &[("PREMEND_LANES__BATCH_MAX", "200"), ("PREMEND_CLOCK__MODE", "system")]).unwrap();
        assert_eq!(config.lanes.batch_max, 200);
        assert_eq!(config.lanes.lateness_bound, rules::unit::Span::from_secs(60));
        assert_eq!(config.ingest.unknown_vehicle, UnknownVehicle::Register);
        assert_eq!(config.clock.mode, ClockMode::System);
    }

    #[test]
    fn vehicles_prove_who_they_are_as_configured() {
        let variables =
            [("PREMEND_MQTT__CREDENTIALS__SECRET", "0123456789abcdef"), ("PREMEND_MQTT__ENGINE_PASSWORD", "0042")];
        let config = load("[mqtt.credentials]\nkind = \"token\"\n", &variables).unwrap();
        assert!(
            matches!(&config.mqtt.credentials, ::ingest::broker::Credentials::Token { secret } if secret.expose().len() == 16)
        );
        assert_eq!(config.mqtt.engine_password.as_ref().unwrap().expose(), "0042");
        assert!(!config.to_toml().unwrap().contains("0123456789"));
        assert!(load("[mqtt.credentials]\nkind = \"token\"\nsecret = \"short\"\n", &[]).is_err());
        assert!(load("[mqtt.credentials]\nkind = \"guess\"\n", &[]).is_err());
    }

    #[test]
    fn a_password_of_digits_stays_text() {
        let variables = [
            ("PREMEND_MQTT__EXTERNAL__USERNAME", "premend"),
            ("PREMEND_MQTT__EXTERNAL__PASSWORD", "000123"),
            ("PREMEND_TEST_DATABASE_URL", "not a key"),
        ];
        let config = load("", &variables).unwrap();
        assert_eq!(config.mqtt.external.password.unwrap().expose(), "000123");
    }

    #[test]
    fn names_the_unknown_key_and_where_it_stands() {
        let message = load("[lanes]\nbatchmax = 3\n", &[]).unwrap_err().to_string();
        assert!(message.contains("batchmax") && message.contains("lanes"), "{message}");
        let message = load("", &[("PREMEND_LANES__BATCHMAX", "3")]).unwrap_err().to_string();
        assert!(message.contains("batchmax"), "{message}");
        let message = load("", &[("PREMEND_DATABASE_URL", "x")]).unwrap_err().to_string();
        assert!(message.contains("database_url"), "{message}");
    }

    #[test]
    fn names_the_key_that_is_out_of_range() {
        let message = load("[lanes]\nlateness_bound = \"11m\"\n", &[]).unwrap_err().to_string();
        assert!(message.contains("lanes.lateness_bound"), "{message}");
        let message = load("[database]\nconsole_connections = 0\n", &[]).unwrap_err().to_string();
        assert!(message.contains("database.console_connections"), "{message}");
    }

    #[test]
    fn built_in_connections_leave_room_below_the_limit_of_a_server() {
        // PostgreSQL allows 100 unless told otherwise, three of them to superusers.
        assert!(Config::default().database.connections(32) < 97 - 20);
    }

    #[test]
    fn prints_no_secret() {
        let config = load("", &[("PREMEND_DATABASE__URL", "postgres://premend:hunter2@db/premend")]).unwrap();
        assert!(!config.to_toml().unwrap().contains("hunter2"));
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_printed_can_be_read_again() {
        let printed = Config::default().to_toml().unwrap();
        let again: Config = toml::from_str(&printed).unwrap();
        assert_eq!(again.to_toml().unwrap(), printed);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Config::load(Some(Path::new("/nowhere/premend.toml")), []).unwrap_err();
        assert!(matches!(error, ConfigError::NoFile(_)), "{error}");
    }
}
