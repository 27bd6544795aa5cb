//! Commit: one transaction per batch, waited for as long as the store is away.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rules::vehicle::VehicleId;

use super::Lane;
use crate::history::journal::{self, INPUT_LAYOUT};
use crate::lane::draft::Draft;
use crate::metrics::{CommitOutcome, Stage};
use crate::store::commit::{Batch, CommitError, commit, is_committed};
use crate::store::journal::BatchKey;
use crate::store::snapshot::SnapshotRow;

/// First pause after the store could not be reached; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Committed,
    Refused,
    /// An id of this vehicle stands for something else.
    Taken(VehicleId),
}

impl Lane {
    /// Writes the batch; waits as long as the store is away.
    pub(super) async fn commit(&mut self, draft: &mut Draft) -> anyhow::Result<Outcome> {
        let n = self.n + 1;
        let mut changed = std::mem::take(&mut draft.changed);
        changed.sort_unstable();
        changed.dedup();
        for id in &changed {
            self.dirty.mark(id, n);
        }
        draft.changed = changed;
        self.dirty.count(draft.input_count as u64);
        let due = if self.apart { Vec::new() } else { self.dirty.take_due() };
        let snapshots = self.snapshots(due.iter().map(|(id, _)| id))?;
        if draft.is_empty() && snapshots.is_empty() {
            return Ok(Outcome::Committed);
        }
        let mut batch = self.batch(draft, snapshots)?;
        let outcome = self.commit_batch(&mut batch).await?;
        if outcome != Outcome::Committed {
            self.dirty.put_back(due);
            return Ok(outcome);
        }
        if draft.input_count > 0 {
            self.n = n;
        }
        // What is rewound was never counted.
        self.common.metrics.vehicles.add(draft.more_vehicles);
        self.common.metrics.waiting_messages.add(draft.more_waiting);
        Ok(outcome)
    }

    fn batch(&self, draft: &mut Draft, snapshots: Vec<SnapshotRow>) -> anyhow::Result<Batch> {
        let now = self.common.clock.now();
        let (received_from, received_to) = draft.received.unwrap_or((now, now));
        let n = self.n + 1;
        Ok(Batch {
            key: BatchKey { incarnation: self.common.incarnation, lane: self.no, n },
            received_from,
            received_to,
            rule_set_hash: self.set.hash,
            layout: INPUT_LAYOUT,
            horizon: self.dirty.horizon(n),
            input_count: draft.input_count,
            inputs: journal::seal(draft.inputs()).context("compressing a batch")?,
            decisions: journal::encode_decisions(&draft.decisions),
            samples: std::mem::take(&mut draft.samples),
            effects: std::mem::take(&mut draft.effects),
            rejections: std::mem::take(&mut draft.rejections),
            registered: std::mem::take(&mut draft.registered),
            commands: draft.commands.clone(),
            erased: std::mem::take(&mut draft.erased),
            lives: std::mem::take(&mut draft.lives),
            snapshots,
            corrected: self.corrected,
        })
    }

    async fn commit_batch(&self, batch: &mut Batch) -> anyhow::Result<Outcome> {
        let mut pause = PAUSE;
        loop {
            let started = Instant::now();
            match self.try_commit(batch).await {
                Ok(()) => {
                    self.common.metrics.stage(Stage::Commit, started.elapsed());
                    self.common.metrics.commit(CommitOutcome::Committed);
                    let snapshot_bytes = batch.snapshots.iter().map(|row| row.state.len()).sum();
                    self.common.metrics.wrote(
                        batch.inputs.len(),
                        batch.samples.len(),
                        batch.snapshots.len(),
                        snapshot_bytes,
                    );
                    (self.common.store_away)(false);
                    return Ok(Outcome::Committed);
                }
                Err(CommitError::Fenced) => return Err(CommitError::Fenced.into()),
                // A step was taken over while the batch waited: what it writes counts from the clock as it is now.
                Err(CommitError::ClockStepped { by }) => batch.move_by(by),
                Err(CommitError::Refused(error)) => {
                    self.common.metrics.commit(CommitOutcome::Refused);
                    tracing::error!(
                        lane = self.no,
                        batch.n = batch.key.n,
                        error = format!("{error:#}"),
                        "store refuses a batch"
                    );
                    return Ok(Outcome::Refused);
                }
                Err(CommitError::Taken(vehicle)) => {
                    self.common.metrics.commit(CommitOutcome::Taken);
                    tracing::error!(lane = self.no, vehicle.id = %vehicle, "an id of the vehicle stands for something else");
                    return Ok(Outcome::Taken(vehicle));
                }
                Err(CommitError::Unavailable(error)) => {
                    (self.common.store_away)(true);
                    self.common.metrics.commit(CommitOutcome::Retried);
                    tracing::warn!(
                        lane = self.no,
                        batch.n = batch.key.n,
                        error = format!("{error:#}"),
                        "store is away, batch waits"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    // The failed attempt may have been the one that succeeded.
                    if batch.input_count > 0
                        && is_committed(&self.common.store.pools.lanes, batch.key).await.unwrap_or(false)
                    {
                        (self.common.store_away)(false);
                        self.common.metrics.commit(CommitOutcome::FoundCommitted);
                        return Ok(Outcome::Committed);
                    }
                }
            }
        }
    }

    async fn try_commit(&self, batch: &Batch) -> Result<(), CommitError> {
        let days = batch.samples.days().iter().copied().chain([batch.received_to.day()]).collect();
        self.common.store.partitions.ensure_days(&days).await?;
        commit(&self.common.store.pools.lanes, batch, &self.common.routes).await
    }

    fn snapshots<'a>(&self, ids: impl Iterator<Item = &'a VehicleId>) -> anyhow::Result<Vec<SnapshotRow>> {
        let held = ids.filter_map(|id| self.vehicles.get(id));
        held.map(|held| {
            journal::snapshot_row(&held.vehicle, held.position, self.no, &held.set).context("encoding a snapshot")
        })
        .collect()
    }

    /// The end of a run: nothing must be replayed by the next one.
    pub(super) async fn leave_snapshots(&mut self) -> anyhow::Result<()> {
        while self.dirty.waiting() > 0 {
            let ids = self.dirty.take_any(1_024);
            let mut draft = Draft::default();
            let mut batch = self.batch(&mut draft, self.snapshots(ids.iter())?)?;
            if self.commit_batch(&mut batch).await? != Outcome::Committed {
                anyhow::bail!("the store refuses snapshots");
            }
        }
        Ok(())
    }
}
