//! `[database]`: the PostgreSQL that holds everything.

use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};
use rules::time::Span;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// Address with user and password. The user owns the database and is no superuser: row-level security would not bind one.
    pub url: Secret,
    /// Most connections this process opens; lanes, console and relay share them.
    pub max_connections: u32,
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
            max_connections: 16,
            connect_timeout: Span::from_secs(30),
            statement_timeout: Span::from_secs(60),
            lock_timeout: Span::from_secs(30),
        }
    }
}

impl Database {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let address = self.url.expose();
        if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
            return Err(ConfigError::invalid("database.url", "write postgres://user:password@host:port/database"));
        }
        if !(5..=500).contains(&self.max_connections) {
            return Err(ConfigError::invalid("database.max_connections", "write a number from 5 to 500"));
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
