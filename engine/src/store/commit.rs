//! The one transaction of a batch: journal, samples, cases, orders, notices, refusals, snapshots.
//!
//! A batch is committed whole or not at all. Losing the connection leaves the outcome unknown: the
//! key in the journal tells. What the store *refuses* is another matter, and the caller's: the
//! same batch would be refused for ever.

use rules::unit::{Span, Time};
use rules::vehicle::{Life, Reason, Sequence, VehicleId};
use sqlx::{PgConnection, PgPool, query};
use uuid::Uuid;

use crate::crm::notice::Routes;
use crate::store::effect::{self, Stands};
use crate::store::journal::{self, BatchKey, NewBatch};
use crate::store::sample::{self, SampleRows};
use crate::store::session::{As, begin_as};
use crate::store::snapshot::{self, SnapshotRow};
use crate::store::{case, erase, life};

/// Everything one commit writes.
#[derive(Debug)]
pub struct Batch {
    pub key: BatchKey,
    pub received_from: Time,
    pub received_to: Time,
    pub rule_set_hash: [u8; 32],
    pub layout: i16,
    pub horizon: i64,
    pub input_count: i32,
    pub inputs: Vec<u8>,
    pub decisions: Vec<u8>,
    pub samples: SampleRows,
    pub effects: Vec<Written>,
    pub rejections: Vec<RejectionRow>,
    pub registered: Vec<case::NewVehicle>,
    pub commands: Vec<i64>,
    /// Vehicles of which nothing is to be left, and the life they have should they come back.
    pub erased: Vec<(VehicleId, Life)>,
    /// Vehicles whose ids are of another life from now on.
    pub lives: Vec<(VehicleId, Life)>,
    pub snapshots: Vec<SnapshotRow>,
    /// Steps of the clock under which it was decided, added up; `None` under a clock that makes none.
    pub corrected: Option<Span>,
}

impl Batch {
    /// Moves what people will read and what will be waited for by a step; the journal keeps what was received when.
    pub fn move_by(&mut self, by: Span) {
        for written in &mut self.effects {
            written.effect.move_by(by);
        }
        self.corrected = self.corrected.map(|total| total + by);
    }
}

/// An effect with the vehicle it belongs to.
#[derive(Debug)]
pub struct Written {
    pub vehicle: VehicleId,
    pub dealer: Uuid,
    pub effect: rules::stage::effect::Effect,
}

/// A row of `rejection`.
#[derive(Clone, Debug)]
pub struct RejectionRow {
    pub received_at: Time,
    pub vehicle: Option<VehicleId>,
    pub reason: Reason,
    pub detail: String,
    pub size: usize,
    pub sha256: Option<[u8; 32]>,
    pub excerpt: String,
    pub sequence: Option<Sequence>,
}

/// Why a batch is not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error("another engine has taken this database over")]
    Fenced,
    /// The clock has made a step since the batch was decided; moved by it, the batch can be committed.
    #[error("the clock was corrected by {by}")]
    ClockStepped { by: Span },
    /// Something in the batch is not acceptable; retrying it as it is would never end.
    #[error("the store refuses the batch")]
    Refused(#[source] sqlx::Error),
    /// An id that the vehicle's counts lead to stands for something else already.
    #[error("an id of vehicle {0} is taken")]
    Taken(VehicleId),
    /// The store cannot be reached or is not able; the outcome may be unknown.
    #[error("the store is not available")]
    Unavailable(#[source] sqlx::Error),
}

impl From<sqlx::Error> for CommitError {
    fn from(error: sqlx::Error) -> Self {
        if is_refusal(&error) { Self::Refused(error) } else { Self::Unavailable(error) }
    }
}

/// SQLSTATE classes that speak about the rows, not about the server: data exception, integrity
/// violation, check option, raised by a trigger, row too large.
fn is_refusal(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(database) = error else { return matches!(error, sqlx::Error::Encode(_)) };
    let Some(code) = database.code() else { return false };
    ["22", "23", "44", "P0", "54"].iter().any(|class| code.starts_with(class))
}

/// Commits a batch.
#[tracing::instrument(
    name = "db.batch.commit",
    level = "debug",
    skip_all,
    fields(batch.n = batch.key.n, effect.len = batch.effects.len(), snapshot.len = batch.snapshots.len()),
)]
pub async fn commit(pool: &PgPool, batch: &Batch, routes: &Routes) -> Result<(), CommitError> {
    let mut tx = begin_as(pool, As::Engine).await?;
    let Some(corrected) = journal::still_ours(&mut tx, batch.key.incarnation).await? else {
        return Err(CommitError::Fenced);
    };
    if let Some(by) = batch.corrected.map(|decided| corrected - decided).filter(|by| *by != Span::ZERO) {
        return Err(CommitError::ClockStepped { by });
    }
    if batch.input_count > 0 {
        let row = NewBatch {
            received_from: batch.received_from,
            received_to: batch.received_to,
            rule_set_hash: &batch.rule_set_hash,
            layout: batch.layout,
            horizon: batch.horizon,
            input_count: batch.input_count,
            inputs: &batch.inputs,
            checksum: i64::from(crc32fast::hash(&batch.inputs)),
            decisions: &batch.decisions,
        };
        journal::insert(&mut tx, batch.key, &row).await?;
    }
    for vehicle in &batch.registered {
        case::register(&mut tx, vehicle).await?;
    }
    sample::insert(&mut tx, &batch.samples).await?;
    for written in &batch.effects {
        if effect::write(&mut tx, &written.vehicle, written.dealer, &written.effect, routes).await? == Stands::Other {
            return Err(CommitError::Taken(written.vehicle.clone()));
        }
    }
    for (vehicle, raised) in &batch.lives {
        life::raise(&mut tx, vehicle, *raised).await?;
    }
    insert_rejections(&mut tx, &batch.rejections).await?;
    mark_applied(&mut tx, &batch.commands, batch.received_to).await?;
    snapshot::write(&mut tx, &batch.snapshots).await?;
    // Last: nothing of this batch may outlive it.
    for (vehicle, life) in &batch.erased {
        erase::erase(&mut tx, vehicle, *life, batch.key, batch.received_to).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Whether a batch whose commit ended in an error is in the store all the same.
#[tracing::instrument(name = "db.batch.find", level = "debug", skip_all)]
pub async fn is_committed(pool: &PgPool, key: BatchKey) -> sqlx::Result<bool> {
    let mut tx = begin_as(pool, As::Engine).await?;
    journal::exists(&mut tx, key).await
}

async fn insert_rejections(conn: &mut PgConnection, rows: &[RejectionRow]) -> sqlx::Result<()> {
    for row in rows {
        query!(
            "insert into rejection (received_at, vehicle_id, reason, detail, size, sha256, excerpt, stream, seq)
             values ($1, $2, $3, $4, $5, $6, $7, $8::text::numeric, $9::text::numeric)",
            row.received_at.to_utc(),
            row.vehicle.as_ref().map(VehicleId::as_str),
            row.reason.label(),
            row.detail,
            i32::try_from(row.size).unwrap_or(i32::MAX),
            row.sha256.as_ref().map(<[u8; 32]>::as_slice),
            row.excerpt,
            row.sequence.map(|sequence| sequence.stream.to_string()),
            row.sequence.map(|sequence| sequence.seq.to_string()),
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

async fn mark_applied(conn: &mut PgConnection, commands: &[i64], at: Time) -> sqlx::Result<()> {
    if commands.is_empty() {
        return Ok(());
    }
    query!("update command set applied_at = $2 where command_id = any($1)", commands, at.to_utc())
        .execute(conn)
        .await?;
    Ok(())
}
