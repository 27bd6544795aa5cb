//! A fresh database per measurement, with the one dealer that vehicles register at.

use std::str::FromStr as _;

use anyhow::Context as _;
use engine::store::enrol::{self, NewDealer};
use engine::store::pool::MIGRATOR;
use engine::store::session::{As, begin_as};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgPool};
use uuid::Uuid;

pub const DEALER: Uuid = Uuid::from_u128(0x7b0d_c9c1_8c2c_4d09_9a44_0d3f_3c0a_4d11);

/// A migrated database of its own.
pub struct Database {
    pub pool: PgPool,
    pub url: String,
    name: String,
    server: PgConnectOptions,
}

impl Database {
    /// Makes the database anew.
    pub async fn fresh(server: &str, purpose: &str) -> anyhow::Result<Self> {
        let server = PgConnectOptions::from_str(server).context("reading the database's address")?;
        let name = format!("premend_bench_{purpose}_{}", std::process::id());
        let options = server.clone().database(&name);
        let url = options.to_url_lossy().to_string();
        let database = Self { pool: PgPool::connect_lazy_with(options), url, name, server };
        database.drop().await?;
        database.order("create database").await?;
        MIGRATOR.run(&database.pool).await.context("migrating")?;
        let mut tx = begin_as(&database.pool, As::Engine).await?;
        enrol::dealer(&mut tx, &NewDealer { dealer_id: DEALER, name: "Bench", phone: "" }).await?;
        tx.commit().await?;
        Ok(database)
    }

    /// Inputs in the journal, rows counted by the database itself.
    pub async fn journalled(&self) -> anyhow::Result<u64> {
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        let count: i64 =
            sqlx::query_scalar("select coalesce(sum(input_count), 0)::bigint from journal").fetch_one(&mut *tx).await?;
        Ok(count.unsigned_abs())
    }

    /// Settles the server's own affairs, so that the last measurement does not disturb the next.
    pub async fn remove(self) -> anyhow::Result<()> {
        self.pool.close().await;
        self.drop().await
    }

    async fn drop(&self) -> anyhow::Result<()> {
        self.order("drop database if exists").await
    }

    async fn order(&self, order: &str) -> anyhow::Result<()> {
        let mut connection = self.server.connect().await.context("connecting to the server")?;
        let suffix = if order.starts_with("drop") { " with (force)" } else { "" };
        sqlx::query(AssertSqlSafe(format!("{order} {}{suffix}", self.name))).execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }
}
