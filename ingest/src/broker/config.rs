//! Settings of the embedded broker.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use rules::unit::Span;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::topics::Topics;

/// Section `[broker]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerConfig {
    /// Where vehicles connect; port 0 takes a free one. Put a TLS terminator in front of anything
    /// but loopback.
    pub listen: SocketAddr,
    /// Who may connect.
    pub credentials: Credentials,
    /// Password of engines that connect to `premend broker` from outside; without one they may
    /// connect only where credentials are open.
    pub engine_password: Option<Secret>,
    /// Connections at most. Documented and tested to 5,000 vehicles.
    pub max_connections: usize,
    /// Bytes of an MQTT packet at most; above 64 KiB, so that too large messages are refused by
    /// admission, with a reason, rather than by cutting the connection.
    pub max_packet_bytes: usize,
    /// Time for a connection's first packet.
    pub connect_timeout: Span,
    /// Time for a vehicle to take what is written to it.
    pub write_timeout: Span,
    /// Bytes accepted from vehicles and not yet queued for a lane, above which no connection is read.
    pub high_water_bytes: u64,
    /// Bytes of the broker's in-memory log; what exceeds it would be lost, so it is well above the
    /// high-water mark.
    pub log_bytes: usize,
    /// Threads that serve connections.
    pub threads: usize,
    /// What vehicles may speak on, and in which dialect.
    #[serde(skip)]
    pub topics: Topics,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 1883)),
            credentials: Credentials::Open,
            engine_password: None,
            max_connections: 10_000,
            max_packet_bytes: 256 * 1024,
            connect_timeout: Span::from_secs(10),
            write_timeout: Span::from_secs(30),
            high_water_bytes: 8 * 1024 * 1024,
            log_bytes: 64 * 1024 * 1024,
            threads: 1,
            topics: Topics::default(),
        }
    }
}

/// How a client proves that it is the vehicle it says; its client id is always the vehicle's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Credentials {
    /// Anyone may be any vehicle: demo and tests only.
    #[default]
    Open,
    /// User name is the client id, password is [`token`](super::token) of it.
    Token { secret: Secret },
    /// User name is the client id; lines `vehicle:sha256-of-password-in-hex` in a file.
    File { path: PathBuf },
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BrokerConfigError {
    #[error("broker.max_packet_bytes must be at least {0}")]
    PacketTooSmall(usize),
    #[error("broker.log_bytes must be at least four times broker.high_water_bytes")]
    LogTooSmall,
    #[error("broker.threads and broker.max_connections must be at least 1")]
    Zero,
    #[error("broker.credentials.secret must have at least 16 characters")]
    WeakSecret,
}

impl BrokerConfig {
    /// The smallest packet limit: ours for payloads, and the longest topic.
    const LEAST_PACKET: usize = crate::admit::MAX_PAYLOAD + 1_024;

    pub fn validate(&self) -> Result<(), BrokerConfigError> {
        if self.max_packet_bytes < Self::LEAST_PACKET {
            return Err(BrokerConfigError::PacketTooSmall(Self::LEAST_PACKET));
        }
        if (self.log_bytes as u64) < self.high_water_bytes.saturating_mul(4) || self.log_bytes < 64 * 1_024 {
            return Err(BrokerConfigError::LogTooSmall);
        }
        if self.threads == 0 || self.max_connections == 0 {
            return Err(BrokerConfigError::Zero);
        }
        if matches!(&self.credentials, Credentials::Token { secret } if secret.expose().len() < 16) {
            return Err(BrokerConfigError::WeakSecret);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_bad_values_are_not() {
        let good = BrokerConfig::default();
        assert_eq!(good.validate(), Ok(()));
        assert!(BrokerConfig { max_packet_bytes: 65_536, ..good.clone() }.validate().is_err());
        assert!(BrokerConfig { log_bytes: 1 << 20, ..good.clone() }.validate().is_err());
        let weak = Credentials::Token { secret: Secret::new("short") };
        assert!(BrokerConfig { credentials: weak, ..good }.validate().is_err());
    }
}
