//! The database: reachable, who we are there, what it promises, what it is missing.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use super::check::Check;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::pool;
use crate::store::tier::{self, Tier};

const OLDEST_VERSION: i32 = 150_000;
const ROLES: [&str; 3] = ["premend_engine", "premend_console", "premend_person"];
/// Connections that other programs need beside ours.
const OTHERS: i64 = 10;
const COMMITS_MEASURED: usize = 9;

pub fn unreachable(options: &PgConnectOptions, error: &sqlx::Error) -> Check {
    let place = place(options);
    let remedy = match error {
        sqlx::Error::Database(database) if database.code().as_deref() == Some("28P01") => {
            "the password is wrong: PREMEND_DATABASE__URL".to_owned()
        }
        sqlx::Error::Database(database) if database.code().as_deref() == Some("3D000") => {
            format!("create it: createdb -O premend {}", options.get_database().unwrap_or("premend"))
        }
        sqlx::Error::Database(_) => "see the message; user and database are those of database.url".to_owned(),
        _ => format!("start PostgreSQL, or set database.url to where it listens; nothing answers at {place}"),
    };
    Check::wrong("database.reachable", format!("{place}: {error}"), remedy)
}

/// Pushes what it finds; true when all migrations are applied, so that our tables can be looked at.
pub async fn look(pool: &PgPool, options: &PgConnectOptions, config: &Config, checks: &mut Vec<Check>) -> bool {
    let looks = [
        version(pool, options).await,
        role(pool).await,
        roles(pool).await,
        durability(pool).await,
        connections(pool, config).await,
        clock(pool).await,
        disk(pool).await,
    ];
    checks.extend(looks.into_iter().map(|look| look.unwrap_or_else(|(name, error)| Check::failed(name, &error))));
    migrations(pool, config, checks).await
}

/// Median time of a small durable commit; `None` if none could be made.
pub async fn commit_time(pool: &PgPool) -> Option<Duration> {
    let mut took = Vec::with_capacity(COMMITS_MEASURED);
    for _ in 0..COMMITS_MEASURED {
        let since = Instant::now();
        // A message in the write-ahead log: flushed like any commit, and kept nowhere.
        sqlx::query!(r#"select pg_logical_emit_message(true, 'premend doctor', 'x')::text as "place""#)
            .fetch_one(pool)
            .await
            .ok()?;
        took.push(since.elapsed());
    }
    took.sort_unstable();
    took.get(COMMITS_MEASURED / 2).copied()
}

type Look = Result<Check, (&'static str, sqlx::Error)>;

async fn version(pool: &PgPool, options: &PgConnectOptions) -> Look {
    const NAME: &str = "database.version";
    let row = sqlx::query!(
        r#"select current_setting('server_version_num')::int as "number!", current_setting('server_version') as "version!""#
    );
    let row = row.fetch_one(pool).await.map_err(|error| (NAME, error))?;
    let found = format!("PostgreSQL {} at {}", row.version, place(options));
    Ok(if row.number < OLDEST_VERSION {
        Check::wrong(NAME, found, "15 is the oldest that works: views and grants of the store need it")
    } else {
        Check::good(NAME, found)
    })
}

async fn role(pool: &PgPool) -> Look {
    const NAME: &str = "database.role";
    let row = sqlx::query!(
        r#"select rolname as "name!", rolsuper or rolbypassrls as "above!" from pg_roles where rolname = current_user"#
    );
    let row = row.fetch_one(pool).await.map_err(|error| (NAME, error))?;
    Ok(if row.above {
        let found = format!("{} is a superuser or bypasses row-level security: dealers are not kept apart", row.name);
        Check::wrong(NAME, found, format!("alter role {} nosuperuser nobypassrls", row.name))
    } else {
        Check::good(NAME, format!("{}, bound by row-level security", row.name))
    })
}

async fn roles(pool: &PgPool) -> Look {
    const NAME: &str = "database.roles";
    let wanted = ROLES.map(str::to_owned);
    let held = sqlx::query_scalar!(
        r#"select rolname::text as "role!" from pg_roles where rolname = any($1) and pg_has_role(oid, 'member')"#,
        &wanted
    );
    let held = held.fetch_all(pool).await.map_err(|error| (NAME, error))?;
    let missing: Vec<&str> = ROLES.into_iter().filter(|role| !held.iter().any(|one| one == role)).collect();
    Ok(if missing.is_empty() {
        Check::good(NAME, "may act as engine, console and person")
    } else {
        let remedy = "the first migration makes them if the user may create roles; else, as superuser: \
                      create role ROLE nologin; grant ROLE to premend";
        Check::wrong(NAME, format!("may not act as {}", missing.join(", ")), remedy)
    })
}

async fn durability(pool: &PgPool) -> Look {
    const NAME: &str = "database.durability";
    let row = sqlx::query!(
        r#"select current_setting('fsync') as "fsync!", current_setting('full_page_writes') as "pages!",
                  current_setting('synchronous_commit') as "commit!""#
    );
    let row = row.fetch_one(pool).await.map_err(|error| (NAME, error))?;
    let off: Vec<&str> = [("fsync", &row.fsync), ("full_page_writes", &row.pages), ("synchronous_commit", &row.commit)]
        .into_iter()
        .filter(|(_, value)| *value == "off")
        .map(|(name, _)| name)
        .collect();
    Ok(if off.is_empty() {
        Check::good(NAME, "what is committed survives a power cut")
    } else {
        let found = format!("{} off: vehicles drop what a power cut may still take from us", off.join(", "));
        Check::wrong(NAME, found, "switch it on in postgresql.conf; off is for throw-away tests")
    })
}

async fn connections(pool: &PgPool, config: &Config) -> Look {
    const NAME: &str = "database.connections";
    let allowed = sqlx::query_scalar!(
        r#"select current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint as "n!""#
    );
    let allowed = allowed.fetch_one(pool).await.map_err(|error| (NAME, error))?;
    let ours = i64::from(config.database.connections(config.lanes.effective_count()));
    Ok(if allowed < ours + OTHERS {
        let found = format!("the server allows {allowed}, we may open {ours}");
        Check::doubtful(NAME, found, "raise max_connections of the server or lower database.console_connections")
    } else {
        Check::good(NAME, format!("the server allows {allowed}, we open at most {ours}"))
    })
}

async fn clock(pool: &PgPool) -> Look {
    const NAME: &str = "database.clock";
    let before = Clock::wall();
    let there = sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#);
    let there = there.fetch_one(pool).await.map_err(|error| (NAME, error))?;
    let after = Clock::wall();
    let middle = before.micros().midpoint(after.micros());
    let seconds = (there.timestamp_micros() - middle).unsigned_abs() as f64 / 1e6;
    let found = format!("server and this machine differ by {seconds:.3} s");
    Ok(if seconds > 30.0 {
        Check::wrong(NAME, found, "synchronise both with NTP: partitions, leases and sessions depend on it")
    } else if seconds > 1.0 {
        Check::doubtful(NAME, found, "synchronise both with NTP")
    } else {
        Check::good(NAME, found)
    })
}

/// Only a server on this machine that lets us see its folder can be looked at.
async fn disk(pool: &PgPool) -> Look {
    const NAME: &str = "database.disk";
    let row = sqlx::query!(
        r#"select pg_database_size(current_database()) as "size!",
                  (select setting from pg_settings where name = 'data_directory') as folder,
                  coalesce(inet_server_addr() = inet_client_addr(), true) as "here!""#
    );
    let row = row.fetch_one(pool).await.map_err(|error| (NAME, error))?;
    let size = row.size / (1024 * 1024);
    let free = row.folder.filter(|_| row.here).and_then(|folder| free_share(&folder));
    Ok(match free {
        None => Check::unknown(
            NAME,
            format!("the database takes {size} MiB; its disk cannot be seen from here"),
            "watch free space on the server; `grant pg_read_all_settings to premend` lets doctor see a local one",
        ),
        Some((free, share)) if share < 0.1 => Check::wrong(
            NAME,
            format!("the database takes {size} MiB, {free} MiB ({:.0} %) are free", share * 100.0),
            "make room or shorten retention.samples; a full disk stops every commit",
        ),
        Some((free, share)) => {
            Check::good(NAME, format!("the database takes {size} MiB, {free} MiB ({:.0} %) are free", share * 100.0))
        }
    })
}

fn free_share(folder: &str) -> Option<(u64, f64)> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let free = disk.f_bavail * disk.f_frsize / (1024 * 1024);
    Some((free, disk.f_bavail as f64 / (disk.f_blocks as f64).max(1.0)))
}

async fn migrations(pool: &PgPool, config: &Config, checks: &mut Vec<Check>) -> bool {
    const NAME: &str = "database.migrations";
    let missing = match pool::missing_migrations(pool).await {
        Ok(missing) => missing,
        Err(error) => {
            checks.push(Check::failed(NAME, &error));
            return false;
        }
    };
    if !missing.is_empty() {
        let found = format!("{} not applied, the first is {}", missing.len(), missing[0]);
        checks.push(Check::doubtful(NAME, found, "`premend migrate`, or just start: `premend serve` applies them"));
        return false;
    }
    checks.push(Check::good(NAME, "all are applied"));
    match tier_of(pool).await {
        Ok((Some(recorded), offered)) => checks.push(tier_check(recorded, offered, config)),
        Ok((None, offered)) => {
            let found = format!("not chosen yet, the server offers {offered}");
            checks.push(Check::unknown("database.tier", found, "the first start or `premend migrate` chooses it"));
            return false;
        }
        Err(error) => checks.push(Check::wrong("database.tier", error.to_string(), "see the message")),
    }
    true
}

async fn tier_of(pool: &PgPool) -> Result<(Option<Tier>, Tier), tier::TierError> {
    let mut connection = pool.acquire().await?;
    let offered = tier::offered(&mut connection).await?;
    Ok((tier::recorded(&mut connection).await?, offered))
}

fn tier_check(recorded: Tier, offered: Tier, config: &Config) -> Check {
    match tier::check(recorded, offered, config.store.tier) {
        Ok(()) => Check::good("database.tier", format!("{recorded}")),
        Err(error) => {
            Check::wrong("database.tier", error.to_string(), "the engine refuses to start until this is settled")
        }
    }
}

fn place(options: &PgConnectOptions) -> String {
    format!("{}:{}/{}", options.get_host(), options.get_port(), options.get_database().unwrap_or("premend"))
}
