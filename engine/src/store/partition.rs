//! Day partitions of `sample`, `journal` and `vehicle_day`: made before rows come, dropped when their time is over.
//!
//! Any set of days can be asked for, in any order: a backlog of last week, a simulated past,
//! tomorrow. Days known to exist cost a look into memory. A day nobody asked for lands in the
//! default partition and is moved out when it is made; `premend doctor` reports such rows.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use rules::unit::{Span, Time};
use sqlx::PgPool;

use super::tier::Tier;

/// Makes and drops days. One per process.
#[derive(Debug)]
pub struct Partitions {
    pool: PgPool,
    tier: Tier,
    /// Days since 1970-01-01 whose partitions are known to exist.
    known: Mutex<BTreeSet<i32>>,
}

impl Partitions {
    pub fn new(pool: PgPool, tier: Tier) -> Self {
        Self { pool, tier, known: Mutex::default() }
    }

    /// Makes the partitions of these days ([`Time::day`]) unless they are there.
    pub async fn ensure_days(&self, days: &BTreeSet<i32>) -> Result<(), sqlx::Error> {
        let unknown: Vec<i32> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            days.difference(&known).copied().collect()
        };
        for day in unknown {
            self.make(day).await?;
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(day);
        }
        Ok(())
    }

    /// Makes the partitions of today and of the days ahead.
    pub async fn ensure_ahead(&self, now: Time, ahead_days: u16) -> Result<(), sqlx::Error> {
        let days = (now.day()..=now.day().saturating_add(i32::from(ahead_days))).collect();
        self.ensure_days(&days).await
    }

    /// Drops readings measured before `first_kept`'s day; gives how many days or chunks went.
    pub async fn drop_samples(&self, first_kept: Time) -> Result<usize, sqlx::Error> {
        self.forget_before(first_kept);
        if self.tier.is_native() {
            return self.drop_days("sample", first_kept).await;
        }
        let dropped: Vec<String> =
            sqlx::query_scalar("select drop_chunks('sample', older_than => $1::timestamptz)::text")
                .bind(midnight(first_kept))
                .fetch_all(&self.pool)
                .await?;
        Ok(dropped.len())
    }

    /// Drops journal days before `first_kept`'s; the caller has seen that snapshots hold all they say.
    pub async fn drop_journal(&self, first_kept: Time) -> Result<usize, sqlx::Error> {
        self.forget_before(first_kept);
        self.drop_days("journal", first_kept).await
    }

    /// Drops archived days before `first_kept`'s.
    pub async fn drop_archive(&self, first_kept: Time) -> Result<usize, sqlx::Error> {
        self.forget_before(first_kept);
        self.drop_days("vehicle_day", first_kept).await
    }

    /// Drops readings by the hour before `first_kept`.
    pub async fn drop_hours(&self, first_kept: Time) -> Result<u64, sqlx::Error> {
        let first_kept = midnight(first_kept);
        if self.tier.rolls_up_itself() {
            let gone =
                sqlx::query("delete from sample_hour_rolled where hour < $1").bind(first_kept).execute(&self.pool);
            return Ok(gone.await?.rows_affected());
        }
        let chunks =
            sqlx::query("select drop_chunks('sample_hour_rolled', older_than => $1::timestamptz)").bind(first_kept);
        Ok(chunks.fetch_all(&self.pool).await?.len() as u64)
    }

    async fn make(&self, day: i32) -> Result<(), sqlx::Error> {
        let date = date(day);
        if self.tier.is_native() {
            sqlx::query!("select make_day_partition('sample', 'measured_at', $1)", date).fetch_one(&self.pool).await?;
        }
        for table in ["journal", "vehicle_day"] {
            sqlx::query!("select make_day_partition($1::text::name, 'day', $2)", table, date)
                .fetch_one(&self.pool)
                .await?;
        }
        Ok(())
    }

    async fn drop_days(&self, parent: &str, first_kept: Time) -> Result<usize, sqlx::Error> {
        let dropped = sqlx::query!("select drop_day_partitions($1::text::name, $2)", parent, date(first_kept.day()));
        Ok(dropped.fetch_all(&self.pool).await?.len())
    }

    /// A dropped day must be made again if a straggler asks for it.
    fn forget_before(&self, first_kept: Time) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = known.split_off(&first_kept.day());
    }
}

/// Rows that lie in default partitions: (`sample`, `journal`). More than none means a day was not asked for.
pub async fn stray_rows(pool: &PgPool, tier: Tier) -> Result<(i64, i64), sqlx::Error> {
    let samples = if tier.is_native() {
        sqlx::query_scalar!(r#"select count(*) as "rows!" from sample_default"#).fetch_one(pool).await?
    } else {
        0
    };
    let journal = sqlx::query_scalar!(r#"select count(*) as "rows!" from journal_default"#).fetch_one(pool).await?;
    Ok((samples, journal))
}

fn date(day: i32) -> NaiveDate {
    midnight(Time::from_secs(0) + Span::from_days(i64::from(day))).date_naive()
}

fn midnight(time: Time) -> DateTime<Utc> {
    (Time::from_secs(0) + Span::from_days(i64::from(time.day()))).to_utc()
}

#[cfg(test)]
mod tests {
    use super::super::tier;
    use super::*;
    use crate::config::WantedTier;

    const DAY: i32 = 20_779;

    async fn partitions(pool: &PgPool) -> Partitions {
        Partitions::new(pool.clone(), tier::settle(pool, WantedTier::Auto).await.unwrap())
    }

    async fn insert(pool: &PgPool, day: i32) {
        let measured_at = Time::from_secs(i64::from(day) * 86_400 + 3_600).to_utc();
        sqlx::query(
            "insert into sample (vehicle_id, signal, measured_at, received_at, value) values ('V1', 1, $1, $1, 12.5)",
        )
        .bind(measured_at)
        .execute(pool)
        .await
        .unwrap();
    }

    async fn rows(pool: &PgPool, table: &'static str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table}"))).fetch_one(pool).await.unwrap()
    }

    #[sqlx::test]
    async fn makes_any_set_of_days_once(pool: PgPool) {
        let partitions = partitions(&pool).await;
        let days = BTreeSet::from([DAY - 400, DAY, DAY + 1]);
        partitions.ensure_days(&days).await.unwrap();
        // Another process asks for the same.
        let other = Partitions::new(pool.clone(), Tier::Native);
        other.ensure_days(&days).await.unwrap();
        insert(&pool, DAY - 400).await;
        assert_eq!(stray_rows(&pool, Tier::Native).await.unwrap(), (0, 0));
    }

    #[sqlx::test]
    async fn a_day_nobody_asked_for_is_kept_and_moved_when_made(pool: PgPool) {
        let partitions = partitions(&pool).await;
        insert(&pool, DAY).await;
        insert(&pool, DAY + 9).await;
        assert_eq!(stray_rows(&pool, Tier::Native).await.unwrap(), (2, 0));
        partitions.ensure_days(&BTreeSet::from([DAY])).await.unwrap();
        assert_eq!(stray_rows(&pool, Tier::Native).await.unwrap(), (1, 0));
        assert_eq!(rows(&pool, "sample").await, 2);
        assert_eq!(rows(&pool, "sample_20261122").await, 1);
    }

    #[sqlx::test]
    async fn many_makers_at_once_make_one(pool: PgPool) {
        let partitions = partitions(&pool).await;
        let days = BTreeSet::from([DAY]);
        let other = Partitions::new(pool.clone(), Tier::Native);
        let (one, two, three) =
            tokio::join!(partitions.make(DAY), other.ensure_days(&days), partitions.ensure_days(&days));
        one.unwrap();
        two.unwrap();
        three.unwrap();
    }

    #[sqlx::test]
    async fn drops_whole_days_and_takes_stragglers_again(pool: PgPool) {
        let partitions = partitions(&pool).await;
        let days = BTreeSet::from([DAY - 2, DAY - 1, DAY]);
        partitions.ensure_days(&days).await.unwrap();
        insert(&pool, DAY - 2).await;
        insert(&pool, DAY).await;
        let first_kept = Time::from_secs(i64::from(DAY) * 86_400 + 7_200);
        assert_eq!(partitions.drop_samples(first_kept).await.unwrap(), 2);
        assert_eq!(partitions.drop_journal(first_kept).await.unwrap(), 2);
        assert_eq!(rows(&pool, "sample").await, 1);
        partitions.ensure_days(&days).await.unwrap();
        insert(&pool, DAY - 2).await;
        assert_eq!(stray_rows(&pool, Tier::Native).await.unwrap(), (0, 0));
    }

    #[sqlx::test]
    async fn makes_today_and_the_days_ahead(pool: PgPool) {
        let partitions = partitions(&pool).await;
        partitions.ensure_ahead(Time::from_secs(i64::from(DAY) * 86_400), 3).await.unwrap();
        assert_eq!(rows(&pool, "sample_20261125").await, 0);
    }
}
