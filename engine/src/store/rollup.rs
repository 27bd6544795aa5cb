//! Readings by the hour, for the tiers whose server does not roll up by itself.
//!
//! Every hour before the watermark is rolled. A run moves the watermark to one hour before now and
//! rolls what lies between, and again those hours to which a backlog has added rows since the last
//! run. Hours are computed anew from their rows, so a run repeated changes nothing.

use rules::unit::{Span, Time};
use sqlx::{Acquire, PgPool};

/// An hour is rolled this long after it ended.
const LAG: Span = Span::from_hours(1);
/// Rows may become visible this long after their receipt: the longest commit.
const VISIBLE_WITHIN: Span = Span::from_mins(5);

/// Rolls up what became due; gives the number of hours of signals written.
pub async fn roll_up(pool: &PgPool, now: Time) -> Result<u64, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin().await?;
    sqlx::query!("set local statement_timeout = 0").execute(&mut *transaction).await?;
    // One roller at a time.
    sqlx::query!("select only_row from sample_rollup for update").fetch_one(&mut *transaction).await?;
    // After a clock that was ahead, what is received from now on is a backlog below the watermark.
    sqlx::query!("update sample_rollup set received_to = $1 where received_to > $1", now.to_utc())
        .execute(&mut *transaction)
        .await?;
    let written = sqlx::query!(
        r#"
        with last_run as (
            select watermark, received_to - $2::bigint * interval '1 microsecond' as seen_to from sample_rollup
        ),
        next_run as (
            select greatest(watermark, date_bin('1 hour', $1::timestamptz, 'epoch')) as watermark from last_run
        ),
        touched as (
            -- Hours that passed since the last run.
            select vehicle_id, date_bin('1 hour', measured_at, 'epoch') as hour
            from sample
            where measured_at >= (select watermark from last_run) and measured_at < (select watermark from next_run)
            union
            -- Hours rolled before, to which rows came later.
            select vehicle_id, date_bin('1 hour', measured_at, 'epoch')
            from sample
            where received_at > (select seen_to from last_run) and measured_at < (select watermark from last_run)
        )
        insert into sample_hour_rolled (vehicle_id, signal, hour, readings, lowest, highest, total)
        select s.vehicle_id, s.signal, t.hour, count(*), min(s.value), max(s.value), sum(s.value)
        from touched t
        join sample s on s.vehicle_id = t.vehicle_id and s.measured_at >= t.hour and s.measured_at < t.hour + interval '1 hour'
        where s.flags & 1 = 0
        group by s.vehicle_id, s.signal, t.hour
        on conflict (vehicle_id, signal, hour) do update
        set readings = excluded.readings, lowest = excluded.lowest, highest = excluded.highest, total = excluded.total
        "#,
        (now - LAG).to_utc(),
        VISIBLE_WITHIN.micros(),
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    sqlx::query!(
        "update sample_rollup set watermark = greatest(watermark, date_bin('1 hour', $1::timestamptz, 'epoch')), \
         received_to = greatest(received_to, $2)",
        (now - LAG).to_utc(),
        now.to_utc(),
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::super::tier;
    use super::*;
    use crate::config::WantedTier;

    const MIDNIGHT: Time = Time::from_secs(20_779 * 86_400);

    async fn insert(pool: &PgPool, measured_at: Time, received_at: Time, value: f64) {
        sqlx::query(
            "insert into sample (vehicle_id, signal, measured_at, received_at, value) values ('V1', 7, $1, $2, $3)",
        )
        .bind(measured_at.to_utc())
        .bind(received_at.to_utc())
        .bind(value)
        .execute(pool)
        .await
        .unwrap();
    }

    /// (hour of the day, readings, mean) as charts see them.
    async fn hours(pool: &PgPool) -> Vec<(i32, i64, f64)> {
        sqlx::query_as(
            "select extract(hour from hour at time zone 'UTC')::int, readings, total / readings from sample_hour order by hour",
        )
        .fetch_all(pool)
        .await
        .unwrap()
    }

    #[sqlx::test]
    async fn charts_see_the_same_before_and_after_rolling(pool: PgPool) {
        tier::settle(&pool, WantedTier::Auto).await.unwrap();
        for (minutes, value) in [(10, 1.0), (50, 3.0), (70, 5.0), (190, 7.0)] {
            let at = MIDNIGHT + Span::from_mins(minutes);
            insert(&pool, at, at, value).await;
        }
        let wanted = vec![(0, 2, 2.0), (1, 1, 5.0), (3, 1, 7.0)];
        assert_eq!(hours(&pool).await, wanted);
        let now = MIDNIGHT + Span::from_mins(200);
        assert_eq!(roll_up(&pool, now).await.unwrap(), 2);
        assert_eq!(hours(&pool).await, wanted);
        assert_eq!(roll_up(&pool, now).await.unwrap(), 0);
        assert_eq!(hours(&pool).await, wanted);
    }

    #[sqlx::test]
    async fn a_backlog_into_a_rolled_hour_is_rolled_again(pool: PgPool) {
        tier::settle(&pool, WantedTier::Auto).await.unwrap();
        let at = MIDNIGHT + Span::from_mins(10);
        insert(&pool, at, at, 1.0).await;
        roll_up(&pool, MIDNIGHT + Span::from_hours(5)).await.unwrap();
        insert(&pool, at + Span::from_mins(1), MIDNIGHT + Span::from_hours(6), 3.0).await;
        assert_eq!(roll_up(&pool, MIDNIGHT + Span::from_hours(6)).await.unwrap(), 1);
        assert_eq!(hours(&pool).await, vec![(0, 2, 2.0)]);
    }

    #[sqlx::test]
    async fn what_comes_after_a_clock_that_was_ahead_is_rolled(pool: PgPool) {
        tier::settle(&pool, WantedTier::Auto).await.unwrap();
        roll_up(&pool, MIDNIGHT + Span::from_days(2)).await.unwrap();
        let now = MIDNIGHT + Span::from_hours(5);
        roll_up(&pool, now).await.unwrap();
        insert(&pool, now + Span::from_mins(1), now + Span::from_mins(1), 4.0).await;
        assert_eq!(roll_up(&pool, now + Span::from_mins(10)).await.unwrap(), 1);
        assert_eq!(hours(&pool).await, vec![(5, 1, 4.0)]);
    }

    #[sqlx::test]
    async fn a_clock_that_stands_still_moves_no_watermark_back(pool: PgPool) {
        tier::settle(&pool, WantedTier::Auto).await.unwrap();
        roll_up(&pool, MIDNIGHT + Span::from_hours(9)).await.unwrap();
        roll_up(&pool, MIDNIGHT).await.unwrap();
        let watermark: chrono::DateTime<chrono::Utc> =
            sqlx::query_scalar("select watermark from sample_rollup").fetch_one(&pool).await.unwrap();
        assert_eq!(Time::from(watermark), MIDNIGHT + Span::from_hours(8));
    }
}
