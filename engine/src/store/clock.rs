//! The time as the store remembers it, and what a step of it means for rows that wait or count from it.
//!
//! A notice stays valid for as long as it had left. What waits is judged again at once: quiet hours and budgets are
//! asked again by the relay, under the time as it is. Rows that now lie in the future were written under a clock that was
//! ahead; they move back with it.

use rules::unit::{Span, Time};
use sqlx::{PgConnection, query};

/// What was told, and when on which boot of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    pub boot: String,
    pub uptime: Span,
    pub told: Time,
}

/// A step of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// The time told just before it.
    pub before: Time,
    pub by: Span,
}

impl ClockStep {
    pub fn after(self) -> Time {
        self.before + self.by
    }
}

/// What the last engine told, and the steps taken over so far, added up.
pub async fn load(conn: &mut PgConnection) -> sqlx::Result<(Option<Saved>, Span)> {
    let row = query!("select boot, uptime_us, told_at from clock_state").fetch_optional(&mut *conn).await?;
    let saved =
        row.map(|row| Saved { boot: row.boot, uptime: Span::from_micros(row.uptime_us), told: row.told_at.into() });
    let total = query!("select corrected_us from incarnation order by incarnation desc limit 1");
    let total = total.fetch_optional(conn).await?.map_or(0, |row| row.corrected_us);
    Ok((saved, Span::from_micros(total)))
}

pub async fn save(conn: &mut PgConnection, saved: &Saved) -> sqlx::Result<()> {
    query!(
        "insert into clock_state (boot, uptime_us, told_at) values ($1, $2, $3)
         on conflict (only_row) do update set boot = $1, uptime_us = $2, told_at = $3",
        saved.boot,
        saved.uptime.micros(),
        saved.told.to_utc(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a step over for a run, with everything that counts from the clock; false if the run is not the newest.
/// Commits of the run come before it or after it, never across.
pub async fn take_over(conn: &mut PgConnection, incarnation: i32, step: ClockStep) -> sqlx::Result<bool> {
    let ours = query!(
        "update incarnation set corrected_us = corrected_us + $2 where incarnation = $1 and ended_at is null",
        incarnation,
        step.by.micros(),
    )
    .execute(&mut *conn)
    .await?;
    if ours.rows_affected() == 0 {
        return Ok(false);
    }
    query!(
        "insert into clock_step (told_before, told_after) values ($1, $2)",
        step.before.to_utc(),
        step.after().to_utc()
    )
    .execute(&mut *conn)
    .await?;
    move_notices(conn, step).await?;
    if step.by < Span::ZERO {
        bring_back(conn, step).await?;
        judge_again(conn, step.after()).await?;
    }
    Ok(true)
}

/// What waits is due now, and the relay judges it under the time as it is.
pub async fn judge_again(conn: &mut PgConnection, now: Time) -> sqlx::Result<u64> {
    let due = query!("update outbox set not_before = $1 where state = 'queued' and not_before > $1", now.to_utc());
    Ok(due.execute(conn).await?.rows_affected())
}

/// A notice stays valid for as long as it had left, and one from the future is from now.
async fn move_notices(conn: &mut PgConnection, step: ClockStep) -> sqlx::Result<()> {
    query!(
        "update notification set valid_until = valid_until + make_interval(secs => $3::double precision / 1000000),
             created_at = least(created_at, $2)
         where valid_until > $1",
        step.before.to_utc(),
        step.after().to_utc(),
        step.by.micros() as f64,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Moves rows that lie in the future of a clock that was set back.
async fn bring_back(conn: &mut PgConnection, step: ClockStep) -> sqlx::Result<()> {
    let (now, by) = (step.after().to_utc(), step.by.micros() as f64 / 1e6);
    query!("update outbox set budgeted_at = budgeted_at + make_interval(secs => $2) where budgeted_at > $1", now, by)
        .execute(&mut *conn)
        .await?;
    query!(
        "update work_order set opened_at = opened_at + make_interval(secs => $2),
             due_at = due_at + make_interval(secs => $2), version = version + 1
         where opened_at > $1",
        now,
        by
    )
    .execute(&mut *conn)
    .await?;
    query!("update review set queued_at = queued_at + make_interval(secs => $2) where queued_at > $1", now, by)
        .execute(&mut *conn)
        .await?;
    query!("update vehicle_case set opened_at = opened_at + make_interval(secs => $2) where opened_at > $1", now, by)
        .execute(&mut *conn)
        .await?;
    query!(
        "update vehicle_case set opened_received_at = opened_received_at + make_interval(secs => $2)
         where opened_received_at > $1",
        now,
        by
    )
    .execute(&mut *conn)
    .await?;
    query!(
        "update console_message set created_at = created_at + make_interval(secs => $2) where created_at > $1",
        now,
        by
    )
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::super::session::{As, begin_as};
    use super::*;
    use crate::outbox::fixture::{NOON, Scene, Wanted};

    async fn entry(pool: &PgPool) -> (Time, Time, Option<Time>) {
        type Row =
            (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>, Option<chrono::DateTime<chrono::Utc>>);
        let mut tx = begin_as(pool, As::Engine).await.unwrap();
        let row: Row = sqlx::query_as(
            "select not_before, valid_until, budgeted_at from outbox join notification using (notification_id)",
        )
        .fetch_one(&mut *tx)
        .await
        .unwrap();
        (row.0.into(), row.1.into(), row.2.map(Time::from))
    }

    async fn run_of(pool: &PgPool) -> i32 {
        crate::app::start::begin_run(pool).await.unwrap()
    }

    async fn step(pool: &PgPool, incarnation: i32, before: Time, by: Span) -> bool {
        let mut tx = begin_as(pool, As::Engine).await.unwrap();
        let taken = take_over(&mut tx, incarnation, ClockStep { before, by }).await.unwrap();
        tx.commit().await.unwrap();
        taken
    }

    #[sqlx::test]
    async fn a_notice_keeps_its_remaining_time_there_and_back(pool: PgPool) {
        let scene = Scene::at(pool.clone(), NOON).await;
        scene.enqueue("a", Wanted::default()).await;
        let run = run_of(&pool).await;
        let (now, valid_until) = (scene.clock.now(), entry(&pool).await.1);
        for by in [Span::from_days(2), Span::from_days(-2), Span::from_hours(-1), Span::from_hours(1)] {
            assert!(step(&pool, run, now, by).await);
            let (not_before, valid, _) = entry(&pool).await;
            assert_eq!(valid, valid_until + by);
            assert!(not_before <= now + by, "what was due is due");
            assert!(step(&pool, run, now + by, Span::ZERO - by).await);
            assert_eq!(entry(&pool).await.1, valid_until);
        }
    }

    #[sqlx::test]
    async fn what_waits_is_judged_again_when_the_clock_goes_back(pool: PgPool) {
        let scene = Scene::at(pool.clone(), NOON).await;
        scene.enqueue("a", Wanted::default()).await;
        let run = run_of(&pool).await;
        let (now, back) = (scene.clock.now(), Span::from_days(-2));
        scene
            .engine("update outbox set not_before = '2026-11-23T00:30:00Z', budgeted_at = '2026-11-22T03:00:00Z'", &[])
            .await;
        assert!(step(&pool, run, now, back).await);
        let (not_before, _, budgeted_at) = entry(&pool).await;
        assert_eq!(not_before, now + back);
        assert_eq!(budgeted_at, Some(Time::parse("2026-11-20T03:00:00Z").unwrap()));
    }

    #[sqlx::test]
    async fn only_the_newest_run_takes_a_step_over_and_the_next_one_knows_of_it(pool: PgPool) {
        let now = Time::parse(NOON).unwrap();
        let first = run_of(&pool).await;
        assert!(step(&pool, first, now, Span::from_hours(1)).await);
        let second = run_of(&pool).await;
        assert!(!step(&pool, first, now, Span::from_hours(1)).await);
        assert!(step(&pool, second, now, Span::from_secs(-90)).await);
        let saved = Saved { boot: "b".to_owned(), uptime: Span::from_secs(7), told: now };
        let mut tx = begin_as(&pool, As::Engine).await.unwrap();
        assert_eq!(load(&mut tx).await.unwrap(), (None, Span::from_secs(3_510)));
        save(&mut tx, &saved).await.unwrap();
        save(&mut tx, &saved).await.unwrap();
        assert_eq!(load(&mut tx).await.unwrap(), (Some(saved), Span::from_secs(3_510)));
    }
}
