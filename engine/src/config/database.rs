//! `[database]`: the PostgreSQL that holds everything.

use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};
use rules::unit::Span;

/// Channels of NOTIFY that are listened to, each on a connection that is never given back.
pub const LISTENERS: u32 = 4;
/// Connections of the lanes beyond one for each: jobs make and drop partitions on them.
pub const SPARE_OF_LANES: u32 = 2;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// Address with user and password. The user owns the database and is no superuser: row-level security would not bind one.
    pub url: Secret,
    /// Connections of pages and API. Lanes have one each and two more, which cannot be set.
    pub console_connections: u32,
    /// Connections of the relay.
    pub relay_connections: u32,
    /// Connections of periodic jobs, activations and commands.
    pub job_connections: u32,
    /// How long the start waits for a server that does not answer yet.
    pub connect_timeout: Span,
    /// A statement that takes longer is cancelled by the server. Migrations are exempt.
    pub statement_timeout: Span,
    /// A transaction that waits longer for a lock gives up.
    pub lock_timeout: Span,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: Secret::new("postgres://premend@127.0.0.1:5432/premend"),
            console_connections: 8,
            relay_connections: 4,
            // A job that holds one for long leaves enough to the others, and to commands of people.
            job_connections: 8,
            connect_timeout: Span::from_secs(30),
            statement_timeout: Span::from_secs(60),
            lock_timeout: Span::from_secs(30),
        }
    }
}

impl Database {
    /// Most connections that an engine with so many lanes opens: pools, listeners and its lock.
    pub fn connections(&self, lanes: usize) -> u32 {
        let parts = self.console_connections + self.relay_connections + self.job_connections;
        lanes as u32 + SPARE_OF_LANES + parts + LISTENERS + 1
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let address = self.url.expose();
        if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
            return Err(ConfigError::invalid("database.url", "write postgres://user:password@host:port/database"));
        }
        for (key, connections) in [
            ("database.console_connections", self.console_connections),
            ("database.relay_connections", self.relay_connections),
            ("database.job_connections", self.job_connections),
        ] {
            if !(1..=500).contains(&connections) {
                return Err(ConfigError::invalid(key, "write a number from 1 to 500"));
            }
        }
        for (key, span) in
            [("database.statement_timeout", self.statement_timeout), ("database.lock_timeout", self.lock_timeout)]
        {
            if span < Span::from_secs(1) {
                return Err(ConfigError::invalid(key, "write at least \"1s\""));
            }
        }
        Ok(())
    }
}
