//! `[http]`: console, API, health and metrics.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use rules::unit::Span;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where console, API, `/livez`, `/readyz` and `/metrics` listen.
    pub listen: SocketAddr,
    /// How people reach the console, for links in notices; without it, `http://` and `listen`.
    pub public_url: Option<String>,
    /// Cookies only over TLS. Switch off only for a console on plain HTTP.
    pub secure_cookies: bool,
    /// How long a log-in lasts.
    pub session: Span,
    /// Proxies in front of the console, as networks, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Most connections at once. When all are taken, strangers make room.
    pub max_connections: usize,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            public_url: None,
            secure_cookies: true,
            session: Span::from_hours(12),
            trusted_proxies: Vec::new(),
            max_connections: 2_000,
        }
    }
}

impl Http {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let wrong_url = self
            .public_url
            .as_deref()
            .is_some_and(|url| !(url.starts_with("http://") || url.starts_with("https://")) || url.ends_with('/'));
        if wrong_url {
            return Err(ConfigError::invalid("http.public_url", "write http(s)://host without a slash at the end"));
        }
        if self.session < Span::from_mins(5) || self.session > Span::from_days(30) {
            return Err(ConfigError::invalid("http.session", "write a duration from \"5m\" to \"30d\""));
        }
        if !(16..=100_000).contains(&self.max_connections) {
            return Err(ConfigError::invalid("http.max_connections", "write a number from 16 to 100000"));
        }
        Ok(())
    }

    /// The address in links, without a slash at the end.
    pub fn base_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }
}
