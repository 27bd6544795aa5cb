//! What is in the store, in the words of the promises.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use engine::history::journal;
use rules::unit::Time;
use rules::vehicle::{Input, What};
use sqlx::{AssertSqlSafe, FromRow, PgPool};
use uuid::Uuid;

use super::eventually;

/// How long the engine may take over what a test waits for.
pub const SOON: Duration = Duration::from_secs(30);

/// A case as settled cases are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, FromRow)]
pub struct CaseRow {
    pub vehicle_id: String,
    pub component: String,
    pub rule_key: String,
    pub severity: i16,
    pub status: String,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
}

/// An order with its lines; `components` are in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, FromRow)]
pub struct OrderRow {
    pub vehicle_id: String,
    pub order_id: Uuid,
    pub visit: i32,
    pub severity: i16,
    pub state: String,
    pub cases: Vec<Uuid>,
    pub components: Vec<String>,
}

/// A change of a case, as decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, FromRow)]
pub struct ChangeRow {
    pub case_id: Uuid,
    pub change_no: i32,
    pub kind: String,
    pub measured_at: DateTime<Utc>,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct RejectionRow {
    pub vehicle_id: Option<String>,
    pub reason: String,
    pub size: i32,
    pub sha256: Option<Vec<u8>>,
}

/// Number -> measured time of its first sample, once per time it is journalled.
pub type Numbered = BTreeMap<u64, Vec<Option<Time>>>;

/// Everything that the journal holds, by what it is.
#[derive(Clone, Debug, Default)]
pub struct Journalled {
    /// By (vehicle, stream).
    pub messages: BTreeMap<(String, u64), Numbered>,
    /// (vehicle, stream) -> numbers refused.
    pub refused: BTreeMap<(String, u64), BTreeSet<u64>>,
    /// Command -> how often it was applied.
    pub commands: BTreeMap<i64, usize>,
    pub inputs: Vec<Input>,
}

/// Reads the store as the engine sees it.
#[derive(Clone, Debug)]
pub struct Ledger {
    pool: PgPool,
}

impl Ledger {
    pub fn new(pool: &PgPool) -> Self {
        Self { pool: pool.clone() }
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// All live cases but withdrawn ones.
    pub async fn settled(&self) -> anyhow::Result<BTreeSet<CaseRow>> {
        let rows: Vec<CaseRow> = sqlx::query_as(
            "select vehicle_id, component, rule_key, severity, status, opened_at, closed_at from vehicle_case
             where mode = 'live' and status <> 'withdrawn'",
        )
        .fetch_all(&self.pool)
        .await?;
        let count = rows.len();
        let set: BTreeSet<CaseRow> = rows.into_iter().collect();
        anyhow::ensure!(set.len() == count, "a case is there twice");
        Ok(set)
    }

    pub async fn cases_of(&self, vehicle: &str) -> anyhow::Result<Vec<CaseRow>> {
        Ok(self.settled().await?.into_iter().filter(|case| case.vehicle_id == vehicle).collect())
    }

    pub async fn orders(&self) -> anyhow::Result<Vec<OrderRow>> {
        let rows = sqlx::query_as(
            "select vehicle_id, order_id, visit, work_order.severity, work_order.state,
                    array_agg(case_id order by component, case_id) as cases,
                    array_agg(component order by component, case_id) as components
             from work_order join work_order_line using (order_id)
             group by order_id order by vehicle_id, visit",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// What was ordered, whichever came first: a vehicle that is heard only after a back-fill gets all its orders
    /// at once, the worst first, and they are numbered so.
    pub async fn ordered(&self) -> anyhow::Result<BTreeSet<OrderRow>> {
        Ok(self
            .orders()
            .await?
            .into_iter()
            .map(|order| OrderRow { visit: 0, order_id: Uuid::nil(), ..order })
            .collect())
    }

    pub async fn orders_of(&self, vehicle: &str) -> anyhow::Result<Vec<OrderRow>> {
        Ok(self.orders().await?.into_iter().filter(|order| order.vehicle_id == vehicle).collect())
    }

    pub async fn changes(&self) -> anyhow::Result<BTreeSet<ChangeRow>> {
        let rows: Vec<ChangeRow> = sqlx::query_as("select case_id, change_no, kind, measured_at from case_change")
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().collect())
    }

    /// Ids of all notices with the channels they were enqueued on.
    pub async fn notices(&self) -> anyhow::Result<BTreeSet<(Uuid, String)>> {
        let rows: Vec<(Uuid, String)> =
            sqlx::query_as("select notification_id, channel from outbox").fetch_all(&self.pool).await?;
        let count = rows.len();
        let set: BTreeSet<(Uuid, String)> = rows.into_iter().collect();
        anyhow::ensure!(set.len() == count, "a notice is enqueued twice");
        Ok(set)
    }

    /// Notices of the other store about cases that this one came to know more than ten minutes late.
    pub async fn notices_too_late_for(&self, other: &Self) -> anyhow::Result<BTreeSet<(Uuid, String)>> {
        let late: Vec<Uuid> = sqlx::query_scalar(
            "select case_id from vehicle_case where opened_received_at > opened_at + interval '10 minutes'",
        )
        .fetch_all(&self.pool)
        .await?;
        let about_them = sqlx::query_as(
            "select notification_id, channel from outbox join notification using (notification_id)
             where case_id = any($1)",
        );
        let rows: Vec<(Uuid, String)> = about_them.bind(late).fetch_all(&other.pool).await?;
        Ok(rows.into_iter().collect())
    }

    pub async fn rejections(&self) -> anyhow::Result<Vec<RejectionRow>> {
        let rows = sqlx::query_as("select vehicle_id, reason, size, sha256 from rejection order by rejection_id");
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// One number; the statement is written in the test.
    pub async fn count(&self, statement: &str) -> anyhow::Result<i64> {
        let query = sqlx::query_scalar(AssertSqlSafe(statement.to_owned()));
        query.fetch_one(&self.pool).await.with_context(|| statement.to_owned())
    }

    /// Waits until a count is what it should be.
    pub async fn becomes(&self, statement: &str, wanted: i64) -> anyhow::Result<()> {
        eventually(format!("{wanted} from {statement}"), SOON, || async {
            let found = self.count(statement).await?;
            anyhow::ensure!(found == wanted, "found {found}");
            Ok(Some(()))
        })
        .await
    }

    /// Waits until every command has been applied.
    pub async fn commands_applied(&self) -> anyhow::Result<()> {
        self.becomes("select count(*) from command where applied_at is null", 0).await
    }

    /// Waits until the car has a live case on a component; gives it.
    pub async fn case_on(&self, vehicle: &str, component: &str) -> anyhow::Result<CaseRow> {
        eventually(format!("a case on {component} of {vehicle}"), SOON, || async {
            Ok(self.cases_of(vehicle).await?.into_iter().find(|case| case.component == component))
        })
        .await
    }

    /// Waits until the car has an order with a line on a component; gives it.
    pub async fn order_on(&self, vehicle: &str, component: &str) -> anyhow::Result<OrderRow> {
        eventually(format!("an order on {component} of {vehicle}"), SOON, || async {
            let orders = self.orders_of(vehicle).await?;
            Ok(orders.into_iter().find(|order| order.components.iter().any(|own| own == component)))
        })
        .await
    }

    /// Reads the whole journal as replay would.
    pub async fn journalled(&self) -> anyhow::Result<Journalled> {
        let rows: Vec<(i32, i16, i64, i32, Vec<u8>, i64)> = sqlx::query_as(
            "select incarnation, lane, n, input_count, inputs, checksum from journal order by incarnation, lane, n",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut found = Journalled::default();
        let mut last = BTreeMap::new();
        for (incarnation, lane, n, count, inputs, checksum) in rows {
            let before = last.insert((incarnation, lane), n).unwrap_or(0);
            anyhow::ensure!(n == before + 1, "batch {n} of run {incarnation}, lane {lane} follows {before}");
            let inputs =
                journal::read_inputs(&inputs, checksum).with_context(|| format!("batch {incarnation}, {lane}, {n}"))?;
            anyhow::ensure!(inputs.len() == count as usize, "batch {n} holds {} inputs, not {count}", inputs.len());
            for input in inputs {
                found.take(input);
            }
        }
        Ok(found)
    }
}

impl Journalled {
    fn take(&mut self, input: Input) {
        let vehicle = input.vehicle.as_str().to_owned();
        match &input.what {
            What::Message(message) => {
                if let Some(sequence) = message.sequence {
                    let times =
                        self.messages.entry((vehicle, sequence.stream)).or_default().entry(sequence.seq).or_default();
                    times.push(message.samples.first().map(|sample| sample.measured_at));
                }
            }
            What::Refused(refused) => {
                self.refused.entry((vehicle, refused.sequence.stream)).or_default().insert(refused.sequence.seq);
            }
            What::Command { command_id, .. } if *command_id > 0 => *self.commands.entry(*command_id).or_default() += 1,
            What::Command { .. } | What::Timer { .. } => {}
        }
        self.inputs.push(input);
    }

    /// Numbers of a stream that were taken, each once.
    pub fn numbers(&self, vehicle: &str, stream: u64) -> BTreeSet<u64> {
        self.messages.get(&(vehicle.to_owned(), stream)).map(|all| all.keys().copied().collect()).unwrap_or_default()
    }

    /// Messages that are journalled more than once.
    pub fn doubled(&self) -> Vec<(String, u64, u64)> {
        let all = self.messages.iter().flat_map(|((vehicle, stream), numbers)| {
            numbers.iter().filter(|(_, times)| times.len() > 1).map(|(seq, _)| (vehicle.clone(), *stream, *seq))
        });
        all.collect()
    }
}
