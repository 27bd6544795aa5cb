//! A database per test, copied from a template that was migrated once.
//!
//! The cluster is the throw-away one of `make test`; its address is in `PREMEND_TEST_DATABASE_URL`.
//! The template's name holds the hash of all migrations, so that a changed schema makes a new one.

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::Context;
use engine::config::WantedTier;
use engine::store::{pool, tier};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

/// An empty, migrated database; dropped with this value.
#[derive(Debug)]
pub struct Database {
    options: PgConnectOptions,
    maintenance: PgConnectOptions,
    name: String,
    url: String,
}

impl Database {
    pub async fn create() -> anyhow::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let url = std::env::var("PREMEND_TEST_DATABASE_URL")
            .context("PREMEND_TEST_DATABASE_URL is not set: run `make test`, or deploy/setup/cluster.sh start test")?;
        let maintenance = PgConnectOptions::from_str(&url)?;
        let mut connection =
            PgConnection::connect_with(&maintenance).await.context("connecting to the test cluster")?;
        let template = template(&mut connection, &maintenance).await?;
        let name = format!("promise_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        run(&mut connection, format!("drop database if exists {name} with (force)")).await?;
        run(&mut connection, format!("create database {name} template {template}")).await?;
        connection.close().await?;
        let (server, _) = url.rsplit_once('/').context("the address names a database")?;
        let options = maintenance.clone().database(&name);
        Ok(Self { options, maintenance, url: format!("{server}/{name}"), name })
    }

    /// Address for a process, user and password included.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Host and port of the server, for a proxy in between.
    pub fn server(&self) -> (String, u16) {
        (self.options.get_host().to_owned(), self.options.get_port())
    }

    /// The same database behind another port on this machine.
    pub fn url_through(&self, port: u16) -> anyhow::Result<String> {
        let (before, database) = self.url.rsplit_once('/').context("the address names a database")?;
        let (credentials, _) = before.rsplit_once('@').context("the address names a user")?;
        Ok(format!("{credentials}@127.0.0.1:{port}/{database}"))
    }

    /// A small pool for what a test wants to know; it sees every row (`premend` is a member of the engine's role).
    pub async fn pool(&self) -> anyhow::Result<PgPool> {
        let pool = PgPoolOptions::new().max_connections(4).connect_with(self.options.clone()).await;
        pool.context("connecting to the test's database")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test may end inside a runtime that cannot block: drop on a thread of its own.
        let (maintenance, name) = (self.maintenance.clone(), self.name.clone());
        let dropped = thread::spawn(move || -> anyhow::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect_with(&maintenance).await?;
                run(&mut connection, format!("drop database if exists {name} with (force)")).await?;
                Ok(connection.close().await?)
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("database {} stays: {error:#}", self.name);
        }
    }
}

/// Makes the template unless it is there; one maker at a time in the whole cluster.
async fn template(connection: &mut PgConnection, maintenance: &PgConnectOptions) -> anyhow::Result<String> {
    let name = format!("template_{:016x}", schema_hash());
    sqlx::query("select pg_advisory_lock(hashtext('premend test template'))").execute(&mut *connection).await?;
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(&name)
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        let making = format!("{name}_making");
        run(connection, format!("drop database if exists {making} with (force)")).await?;
        run(connection, format!("create database {making} template template0")).await?;
        let pool = PgPoolOptions::new().max_connections(2).connect_with(maintenance.clone().database(&making)).await?;
        pool::MIGRATOR.run(&pool).await.context("migrating the template")?;
        tier::settle(&pool, WantedTier::Auto).await?;
        pool.close().await;
        run(connection, format!("alter database {making} rename to {name}")).await?;
    }
    sqlx::query("select pg_advisory_unlock(hashtext('premend test template'))").execute(connection).await?;
    Ok(name)
}

/// Changes with every migration and every script of the tiers.
fn schema_hash() -> u64 {
    let mut text = String::new();
    for migration in pool::MIGRATOR.iter() {
        text.push_str(migration.sql.as_str());
    }
    for tier in tier::Tier::ALL {
        text.extend(tier::scripts(tier));
    }
    // FNV-1a: stable over runs, and nobody attacks it.
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Statements that take no parameters; names in them are made here.
async fn run(connection: &mut PgConnection, statement: String) -> anyhow::Result<()> {
    sqlx::query(AssertSqlSafe(statement.clone())).execute(connection).await.with_context(|| statement)?;
    Ok(())
}
