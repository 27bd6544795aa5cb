//! The engine's work in the store: who runs, and what waits longer than it should.

use sqlx::PgPool;

use super::check::Check;
use crate::app::start::LOCK;
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::scrape;
use crate::store::partition;
use crate::store::tier::{self, Tier};
use rules::unit::Span;

/// A command or delivery that is older waits for something that does not come.
const PATIENCE: f64 = 300.0;

/// Who holds the engine's lock; true if anybody does.
pub async fn look_at_engine(pool: &PgPool, checks: &mut Vec<Check>) -> bool {
    const NAME: &str = "engine.lock";
    let holder = sqlx::query!(
        r#"select a.pid as "pid!", coalesce(host(a.client_addr), 'this machine') as "place!", a.backend_start as "since!"
           from pg_locks l join pg_stat_activity a on a.pid = l.pid
           where l.locktype = 'advisory' and l.granted
             and l.database = (select oid from pg_database where datname = current_database())
             and ((l.classid::bigint << 32) | l.objid::bigint) = $1"#,
        LOCK
    );
    match holder.fetch_optional(pool).await {
        Ok(Some(holder)) => {
            let since = holder.since.format("%Y-%m-%d %H:%M:%S UTC");
            let found = format!("an engine runs, from {} since {since} (backend {})", holder.place, holder.pid);
            checks.push(Check::good(NAME, found));
            true
        }
        Ok(None) => {
            checks.push(Check::good(NAME, "no engine runs on this database"));
            false
        }
        Err(error) => {
            checks.push(Check::failed(NAME, &error));
            false
        }
    }
}

/// What waits, and what retention should have dropped.
pub async fn look(pool: &PgPool, config: &Config, engine_runs: bool, checks: &mut Vec<Check>) {
    let mut connection = match pool.acquire().await {
        Ok(connection) => connection,
        Err(error) => {
            checks.push(Check::failed("engine.work", &error));
            return;
        }
    };
    match scrape::read(&mut connection, Clock::wall()).await {
        Ok(standing) => {
            checks.push(commands(standing.command_oldest_seconds, engine_runs));
            checks.push(journal(standing.journal_oldest_seconds, config.retention.journal));
        }
        Err(error) => checks.push(Check::failed("engine.work", &error)),
    }
    let tier = tier::recorded(&mut connection).await.ok().flatten().unwrap_or(Tier::Native);
    drop(connection);
    checks.push(match partition::stray_rows(pool, tier).await {
        Ok(stray) => strays(stray),
        Err(error) => Check::failed("engine.partitions", &error),
    });
    checks.push(parked(pool).await);
}

fn commands(oldest: f64, engine_runs: bool) -> Check {
    const NAME: &str = "engine.commands";
    match (oldest > PATIENCE, engine_runs) {
        (false, _) => Check::good(NAME, "none waits long"),
        (true, false) => {
            Check::doubtful(NAME, format!("the oldest waits {oldest:.0} s"), "start an engine: `premend serve`")
        }
        (true, true) => Check::wrong(
            NAME,
            format!("the oldest waits {oldest:.0} s although an engine runs"),
            "look at the engine's log and /readyz; restart it: commands are applied once, whatever happens",
        ),
    }
}

fn journal(oldest: f64, kept: Span) -> Check {
    const NAME: &str = "engine.journal";
    // Partitions are days, and the job that drops them comes by the half-hour.
    let latest = kept.secs_f64() + Span::from_days(2).secs_f64();
    let hours = oldest / 3_600.0;
    if oldest > latest {
        let remedy = "the job `journal` drops a day once snapshots and the archive hold all of it: see jobs in /metrics and the engine's log";
        return Check::doubtful(
            NAME,
            format!("the oldest row is {hours:.0} h old, retention.journal is {kept}"),
            remedy,
        );
    }
    Check::good(NAME, format!("the oldest row is {hours:.0} h old"))
}

fn strays((samples, journal): (i64, i64)) -> Check {
    const NAME: &str = "engine.partitions";
    if samples + journal == 0 {
        return Check::good(NAME, "no row outside its day's partition");
    }
    let found = format!("{samples} readings and {journal} batches lie in the default partitions");
    Check::doubtful(
        NAME,
        found,
        "they are read like all others and move when their day is made; expect none in normal running",
    )
}

async fn parked(pool: &PgPool) -> Check {
    const NAME: &str = "relay.parked";
    let parked =
        sqlx::query_scalar!(r#"select count(*) as "n!" from outbox where state = 'parked'"#).fetch_one(pool).await;
    match parked {
        Ok(0) => Check::good(NAME, "no delivery was given up"),
        Ok(parked) => {
            let remedy =
                "`select channel, because, count(*) from outbox where state = 'parked' group by 1, 2` says why";
            Check::doubtful(NAME, format!("{parked} deliveries were given up"), remedy)
        }
        Err(error) => Check::failed(NAME, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;

    #[test]
    fn waiting_commands_are_wrong_only_while_an_engine_runs() {
        assert_eq!(commands(10.0, true).verdict, Verdict::Good);
        assert_eq!(commands(4_000.0, false).verdict, Verdict::Doubtful);
        assert_eq!(commands(4_000.0, true).verdict, Verdict::Wrong);
    }

    #[test]
    fn a_journal_older_than_its_retention_is_told() {
        assert_eq!(journal(80.0 * 3_600.0, Span::from_hours(72)).verdict, Verdict::Good);
        assert_eq!(journal(200.0 * 3_600.0, Span::from_hours(72)).verdict, Verdict::Doubtful);
    }
}
