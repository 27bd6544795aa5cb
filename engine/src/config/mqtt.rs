//! `[mqtt]`: where vehicles' messages come from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ingest::broker::Credentials;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mqtt {
    /// `embedded`: a broker inside this process, up to 5,000 vehicles. `external`: any MQTT broker.
    pub source: SourceKind,
    /// Where the embedded broker and `premend broker` listen. Terminate TLS in front of it.
    pub listen: SocketAddr,
    /// Most connections the embedded broker accepts.
    pub max_connections: usize,
    /// Bytes of the embedded broker's log, in memory about twice that. Vehicles wait when an eighth of it is unread;
    /// what overflows all the same is counted as lost.
    pub buffer_bytes: usize,
    /// How a vehicle proves who it is to the embedded broker and `premend broker`: `open`, `token` or `file`.
    pub credentials: Credentials,
    /// What an engine must know to subscribe to `premend broker`.
    pub engine_password: Option<Secret>,
    /// The external broker.
    pub external: External,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    Embedded,
    External,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct External {
    /// Name or address of the broker.
    pub host: String,
    pub port: u16,
    /// Stays the same over restarts: the broker keeps our session under it. `premend broker` wants it to begin with `@`.
    pub client_id: String,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// Unacknowledged messages under way; messages per second are at most this divided by the commit time.
    pub window: u16,
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            source: SourceKind::Embedded,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1883),
            max_connections: 6_000,
            buffer_bytes: 64 * 1024 * 1024,
            credentials: Credentials::Open,
            engine_password: None,
            external: External::default(),
        }
    }
}

impl Default for External {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 1883,
            client_id: "@premend-engine".to_owned(),
            username: None,
            password: None,
            window: 4_096,
        }
    }
}

impl Mqtt {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.max_connections == 0 {
            return Err(ConfigError::invalid("mqtt.max_connections", "write at least 1"));
        }
        if self.buffer_bytes < 16 * 1024 * 1024 {
            return Err(ConfigError::invalid("mqtt.buffer_bytes", "write at least 16777216 (16 MiB)"));
        }
        if matches!(&self.credentials, Credentials::Token { secret } if secret.expose().len() < 16) {
            return Err(ConfigError::invalid("mqtt.credentials.secret", "write at least 16 characters"));
        }
        let external = &self.external;
        if external.host.is_empty() || external.port == 0 {
            return Err(ConfigError::invalid("mqtt.external", "host and port must name a broker"));
        }
        if external.client_id.is_empty() {
            return Err(ConfigError::invalid("mqtt.external.client_id", "a persistent session needs a name"));
        }
        if external.window == 0 {
            return Err(ConfigError::invalid("mqtt.external.window", "write at least 1"));
        }
        if external.username.is_none() && external.password.is_some() {
            return Err(ConfigError::invalid("mqtt.external.username", "a password needs a user name"));
        }
        Ok(())
    }
}
