//! What is read from the database when Prometheus asks: ages and depths nobody has to keep up to date.

use prometheus::{Gauge, IntGaugeVec, Opts, Registry};
use rules::unit::Time;
use sqlx::{PgConnection, PgPool};

/// Ages and depths of the store, as of one moment.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Seconds since the oldest command that its lane has not applied.
    pub command_oldest_seconds: f64,
    /// Open live cases by severity, 1 first.
    pub open_cases: [i64; 4],
    /// Bytes of this database on disk.
    pub size_bytes: i64,
    /// Seconds since the oldest row of the journal's partitions.
    pub journal_oldest_seconds: f64,
}

/// Reads the store, as a role that sees all dealers.
pub async fn read(connection: &mut PgConnection, now: Time) -> sqlx::Result<Standing> {
    let row = sqlx::query!(
        r#"
        select
            coalesce(extract(epoch from now() - (
                select min(created_at) from command where applied_at is null)), 0)::float8 as "command!",
            pg_database_size(current_database()) as "size!",
            coalesce(extract(epoch from $1::timestamptz - (
                select min(received_from) from journal where day = (select min(day) from journal))), 0)::float8 as "journal!"
        "#,
        now.to_utc(),
    )
    .fetch_one(&mut *connection)
    .await?;
    let mut open_cases = [0; 4];
    let by_severity = sqlx::query!(
        r#"select severity, count(*) as "cases!" from vehicle_case where status = 'open' and mode = 'live' group by severity"#
    );
    for group in by_severity.fetch_all(connection).await? {
        if let Some(cases) = open_cases.get_mut((group.severity - 1) as usize) {
            *cases = group.cases;
        }
    }
    Ok(Standing {
        command_oldest_seconds: row.command.max(0.0),
        open_cases,
        size_bytes: row.size,
        journal_oldest_seconds: row.journal.max(0.0),
    })
}

/// Puts one reading of the store on a registry made for this scrape.
pub fn register(registry: &Registry, standing: &Standing, pools: &[(&str, &PgPool)]) -> prometheus::Result<()> {
    let add = |name: &str, help: &str, value: f64| -> prometheus::Result<()> {
        let gauge = Gauge::new(name, help)?;
        gauge.set(value);
        registry.register(Box::new(gauge))
    };
    let command = standing.command_oldest_seconds;
    add("premend_db_oldest_command_seconds", "Age of the oldest command that its lane has not applied.", command)?;
    add("premend_db_size_bytes", "Size of the database on disk.", standing.size_bytes as f64)?;
    let journal = standing.journal_oldest_seconds;
    add("premend_db_oldest_journal_seconds", "Age of the oldest journal row that is kept.", journal)?;

    let cases = IntGaugeVec::new(Opts::new("premend_db_open_cases", "Open live cases, by severity."), &["severity"])?;
    for (open, severity) in standing.open_cases.iter().zip(["S1", "S2", "S3", "S4"]) {
        cases.with_label_values(&[severity]).set(*open);
    }
    registry.register(Box::new(cases))?;

    let help = "Connections of this process, by whom they are for and by state.";
    let connections = IntGaugeVec::new(Opts::new("premend_db_connections", help), &["pool", "state"])?;
    for (name, pool) in pools {
        let idle = pool.num_idle() as i64;
        connections.with_label_values(&[*name, "idle"]).set(idle);
        connections.with_label_values(&[*name, "used"]).set((i64::from(pool.size()) - idle).max(0));
    }
    registry.register(Box::new(connections))
}

#[cfg(test)]
mod tests {
    use rules::unit::Span;

    use super::*;

    #[sqlx::test]
    async fn an_empty_store_stands_at_zero(pool: PgPool) {
        let mut connection = pool.acquire().await.unwrap();
        let standing = read(&mut connection, Time::from_secs(1_000)).await.unwrap();
        assert_eq!((standing.journal_oldest_seconds, standing.command_oldest_seconds), (0.0, 0.0));
        assert_eq!(standing.open_cases, [0; 4]);
        assert!(standing.size_bytes > 0);
        let registry = Registry::new();
        register(&registry, &standing, &[("jobs", &pool)]).unwrap();
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        assert!(text.contains("premend_db_open_cases{severity=\"S1\"} 0"), "{text}");
    }

    #[sqlx::test]
    async fn tells_how_long_the_oldest_command_waits(pool: PgPool) {
        sqlx::query("insert into command (vehicle_id, body, created_at) values ('V1', '{}', now() - interval '90 s')")
            .execute(&pool)
            .await
            .unwrap();
        let mut connection = pool.acquire().await.unwrap();
        let standing = read(&mut connection, Time::from_secs(0) + Span::from_days(20_000)).await.unwrap();
        assert!((standing.command_oldest_seconds - 90.0).abs() < 30.0, "{standing:?}");
    }
}
