//! The way to PostgreSQL: a pool for each part of the engine, patient at the start, and the embedded migrations.
//!
//! Lanes, relay, jobs and console have connections of their own: whatever happens in one of them, a commit
//! never waits for a page.

use std::str::FromStr;
use std::time::Duration;

use rules::unit::Span;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::{Instant, sleep};

use crate::config::{Database, LISTENERS, SPARE_OF_LANES};

/// The migrations, embedded; `premend migrate` and every start apply what is missing.
pub static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// A page gives up after so long without a connection, and asks the reader to come again.
const PAGE_WAITS: Duration = Duration::from_secs(5);
/// Everything else can wait.
const OTHERS_WAIT: Duration = Duration::from_secs(30);
/// No statement of a page runs longer.
const PAGE_STATEMENT: Span = Span::from_secs(30);

/// The connections of an engine, apart by who uses them.
#[derive(Clone, Debug)]
pub struct Pools {
    /// Commits, and the partitions they need.
    pub lanes: PgPool,
    pub relay: PgPool,
    /// Periodic jobs, activation, dispatch; and commands that people type.
    pub jobs: PgPool,
    /// Pages and the API.
    pub console: PgPool,
    pub listeners: PgPool,
}

impl Pools {
    /// One pool in all places, for tests.
    #[cfg(test)]
    pub fn of_one(pool: &PgPool) -> Self {
        let [lanes, relay, jobs, console, listeners] = std::array::from_fn(|_| pool.clone());
        Self { lanes, relay, jobs, console, listeners }
    }

    /// By name, for metrics.
    pub fn named(&self) -> [(&'static str, &PgPool); 5] {
        [
            ("lanes", &self.lanes),
            ("relay", &self.relay),
            ("jobs", &self.jobs),
            ("console", &self.console),
            ("listeners", &self.listeners),
        ]
    }

    pub async fn close(&self) {
        for (_, pool) in self.named() {
            pool.close().await;
        }
    }
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    #[error("database.url cannot be read")]
    Address(#[source] sqlx::Error),
    #[error("cannot connect to PostgreSQL")]
    Connect(#[source] sqlx::Error),
    #[error("cannot migrate the database")]
    Migrate(#[from] MigrateError),
}

/// Connects, waiting as long as configured for a server that does not answer yet.
pub async fn connect(database: &Database, lanes: usize) -> Result<Pools, PoolError> {
    let options = options(database)?;
    let deadline = Instant::now() + database.connect_timeout.to_std();
    let mut pause = Duration::from_millis(100);
    loop {
        // A single connection first: a pool would hide the reason behind its own time-out.
        match PgConnection::connect_with(&options).await {
            Ok(connection) => {
                connection.close().await.map_err(PoolError::Connect)?;
                break;
            }
            Err(error) if !transient(&error) || Instant::now() + pause >= deadline => {
                return Err(PoolError::Connect(error));
            }
            Err(error) => tracing::warn!(error = %error, "waiting for PostgreSQL"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
    let pool = |most, wait, options: &PgConnectOptions| {
        let pool = PgPoolOptions::new().max_connections(most).acquire_timeout(wait);
        pool.max_lifetime(Duration::from_secs(3_600)).connect_lazy_with(options.clone())
    };
    let statement = database.statement_timeout.min(PAGE_STATEMENT);
    let of_pages = options.clone().options([("statement_timeout", milliseconds(statement))]);
    Ok(Pools {
        lanes: pool(lanes as u32 + SPARE_OF_LANES, OTHERS_WAIT, &options),
        relay: pool(database.relay_connections, OTHERS_WAIT, &options),
        jobs: pool(database.job_connections, OTHERS_WAIT, &options),
        console: pool(database.console_connections, PAGE_WAITS, &of_pages),
        listeners: pool(LISTENERS, OTHERS_WAIT, &options),
    })
}

/// How this process introduces itself to the server, and the limits it asks for.
pub fn options(database: &Database) -> Result<PgConnectOptions, PoolError> {
    let options = PgConnectOptions::from_str(database.url.expose()).map_err(PoolError::Address)?;
    Ok(options.application_name("premend").statement_cache_capacity(256).options([
        ("timezone", "UTC".to_owned()),
        ("statement_timeout", milliseconds(database.statement_timeout)),
        ("lock_timeout", milliseconds(database.lock_timeout)),
        ("idle_in_transaction_session_timeout", "300000".to_owned()),
    ]))
}

fn milliseconds(span: Span) -> String {
    span.micros().div_euclid(1_000).to_string()
}

/// Applies the migrations that are missing, on a connection without the pool's time-outs.
pub async fn migrate(database: &Database) -> Result<(), PoolError> {
    let options = options(database)?.options([("statement_timeout", "0"), ("lock_timeout", "0")]);
    let mut connection = PgConnection::connect_with(&options).await.map_err(PoolError::Connect)?;
    MIGRATOR.run(&mut connection).await?;
    connection.close().await.map_err(PoolError::Connect)
}

/// Versions that are known here and not applied there, oldest first.
pub async fn missing_migrations(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    let exists: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(pool).await?;
    let applied: Vec<i64> = if exists {
        sqlx::query_scalar("select version from _sqlx_migrations where success").fetch_all(pool).await?
    } else {
        Vec::new()
    };
    let missing = MIGRATOR.iter().filter(|migration| !applied.contains(&migration.version));
    Ok(missing.map(|migration| format!("{:04} {}", migration.version, migration.description)).collect())
}

/// Whether waiting can help: nobody listens, or the server is starting or full.
fn transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(database) => {
            // cannot_connect_now, too_many_connections, admin_shutdown, crash_shutdown
            matches!(database.code().as_deref(), Some("57P03" | "53300" | "57P01" | "57P02"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[tokio::test]
    async fn gives_up_on_a_silent_port_after_the_configured_time() {
        let database = Database {
            url: Secret::new("postgres://premend@127.0.0.1:1/premend"),
            connect_timeout: Span::from_millis(300),
            ..Database::default()
        };
        let since = Instant::now();
        assert!(matches!(connect(&database, 1).await, Err(PoolError::Connect(_))));
        assert!(since.elapsed() < Duration::from_secs(5));
    }

    #[sqlx::test(migrations = false)]
    async fn migrates_an_empty_database_and_lists_what_is_missing(pool: PgPool) {
        let all = missing_migrations(&pool).await.unwrap();
        assert!(all[0].starts_with("0001"), "{all:?}");
        MIGRATOR.run(&pool).await.unwrap();
        assert!(missing_migrations(&pool).await.unwrap().is_empty());
    }
}
