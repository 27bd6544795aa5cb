//! Settings of the connection to an external broker.

use rules::unit::Span;
use rumqttc::{MqttOptions, NetworkOptions};
use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::topics::Topics;

/// The largest packet that MQTT can carry.
const LARGEST_PACKET: usize = 268_435_455;

/// Section `[subscriber]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubscriberConfig {
    /// The broker's name or address. The connection is plain TCP: put TLS in front of it.
    pub host: String,
    pub port: u16,
    /// Names the persistent session, so it must not change and not be used twice. Begins with `@`
    /// for `premend broker`.
    pub client_id: String,
    /// Left out with the password: no log-in.
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub keep_alive: Span,
    /// Messages to vehicles that the broker has not acknowledged, at most. How many messages from
    /// vehicles are under way is set at the broker (`max_inflight_messages` of mosquitto).
    pub window: u16,
    /// Bytes above which a message is refused without its payload waiting for its lane; above 64 KiB,
    /// like the embedded broker's.
    pub max_packet_bytes: usize,
    /// First and longest wait before connecting again.
    pub backoff: Span,
    pub max_backoff: Span,
    /// What is subscribed to, and in which dialect it is.
    #[serde(skip)]
    pub topics: Topics,
}

impl Default for SubscriberConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 1883,
            client_id: "@engine".to_owned(),
            username: None,
            password: None,
            keep_alive: Span::from_secs(60),
            window: 1_000,
            max_packet_bytes: 256 * 1024,
            backoff: Span::from_millis(250),
            max_backoff: Span::from_secs(30),
            topics: Topics::default(),
        }
    }
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SubscriberConfigError {
    #[error("subscriber.client_id must not be empty: it names the session that the broker keeps for us")]
    NoClientId,
    #[error("subscriber.window must be at least 1")]
    NoWindow,
    #[error("subscriber.keep_alive must be at least 5s")]
    KeepAlive,
    #[error("subscriber.max_packet_bytes must be at least {0}")]
    PacketTooSmall(usize),
    #[error("subscriber.backoff must be above 0 and not above subscriber.max_backoff")]
    Backoff,
    #[error("subscriber.username and subscriber.password go together")]
    Login,
}

impl SubscriberConfig {
    const LEAST_PACKET: usize = crate::admit::MAX_PAYLOAD + 1_024;

    pub fn validate(&self) -> Result<(), SubscriberConfigError> {
        if self.client_id.is_empty() {
            return Err(SubscriberConfigError::NoClientId);
        }
        if self.window == 0 {
            return Err(SubscriberConfigError::NoWindow);
        }
        if self.keep_alive < Span::from_secs(5) {
            return Err(SubscriberConfigError::KeepAlive);
        }
        if self.max_packet_bytes < Self::LEAST_PACKET {
            return Err(SubscriberConfigError::PacketTooSmall(Self::LEAST_PACKET));
        }
        if self.backoff <= Span::ZERO || self.backoff > self.max_backoff {
            return Err(SubscriberConfigError::Backoff);
        }
        if self.username.is_some() != self.password.is_some() {
            return Err(SubscriberConfigError::Login);
        }
        Ok(())
    }

    pub(super) fn options(&self) -> MqttOptions {
        let mut options = MqttOptions::new(&self.client_id, &self.host, self.port);
        options
            .set_clean_session(false)
            .set_manual_acks(true)
            .set_keep_alive(self.keep_alive.to_std())
            // A packet that the client would not read ends the connection, and comes first on the next.
            .set_max_packet_size(LARGEST_PACKET, self.max_packet_bytes)
            .set_inflight(self.window);
        if let (Some(username), Some(password)) = (&self.username, &self.password) {
            options.set_credentials(username, password.expose());
        }
        options
    }
}

/// Settings of the socket.
pub(super) fn network() -> NetworkOptions {
    let mut network = NetworkOptions::new();
    // Acknowledgements are small, and the broker's window waits for them.
    network.set_tcp_nodelay(true);
    network
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_bad_values_are_not() {
        let good = SubscriberConfig::default();
        assert_eq!(good.validate(), Ok(()));
        for bad in [
            SubscriberConfig { client_id: String::new(), ..good.clone() },
            SubscriberConfig { window: 0, ..good.clone() },
            SubscriberConfig { keep_alive: Span::from_secs(1), ..good.clone() },
            SubscriberConfig { max_packet_bytes: 1_000, ..good.clone() },
            SubscriberConfig { backoff: Span::from_secs(60), ..good.clone() },
            SubscriberConfig { username: Some("u".to_owned()), ..good.clone() },
        ] {
            assert!(bad.validate().is_err(), "{bad:?}");
        }
    }
}
