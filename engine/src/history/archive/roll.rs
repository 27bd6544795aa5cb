//! From the journal to the archive: batches of many vehicles become parts of vehicle-days.
//!
//! In chunks of bounded size, each committed with how far it reached: a roll that was cut off goes on
//! where it stood. The state after a vehicle's last part is kept, so that no checkpoint needs more than
//! the inputs since then.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, Utc};
use rules::rule_set::RuleSet;
use rules::stage::effect::Effects;
use rules::state::settle::Bounds;
use rules::unit::Time;
use rules::vehicle::{Input, VehicleId, What};
use sqlx::PgPool;

use super::part::{Run, encode_runs};
use crate::history::journal::{self, INPUT_LAYOUT, Position, Restored, RuleSets};
use crate::history::tombstone::Tombstones;
use crate::store::archive as rows;
use crate::store::archive::{HeadRow, PartRow};
use crate::store::journal::BatchKey;
use crate::store::session::{As, begin_as};

/// Inputs taken at once, in encoded bytes: what a chunk needs in memory is a small multiple of it.
const CHUNK_BYTES: usize = 64 << 20;
const BATCHES: i64 = 64;

/// Archives every batch that was received before `until`; gives how many parts were written.
pub async fn roll(pool: &PgPool, set: &Arc<RuleSet>, bounds: &Bounds, until: Time) -> anyhow::Result<u64> {
    let mut sets = RuleSets::new(pool.clone(), Arc::clone(set));
    let mut parts = 0;
    let mut run = None;
    let lanes = rows::unfinished(&mut *begin_as(pool, As::Engine).await?).await?;
    for lane in lanes {
        // A vehicle may have had another lane in an earlier run: its inputs there come first.
        let mut reached = lane.reached;
        if *run.get_or_insert(reached.incarnation) != reached.incarnation {
            break;
        }
        while let Some(chunk) = Chunk::gather(pool, reached, until).await? {
            reached = chunk.reached;
            parts += chunk.archive(pool, &mut sets, bounds).await?;
        }
    }
    let mut tx = begin_as(pool, As::Engine).await?;
    rows::finish_runs(&mut tx).await?;
    tx.commit().await?;
    Ok(parts)
}

/// A vehicle's inputs of a day out of some batches.
#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    runs: Vec<Run>,
    /// When the first and the last were received.
    received: Option<(Time, Time)>,
    /// Whether a message is among them.
    heard: bool,
}

impl Gathered {
    fn add(&mut self, received_at: Time, bytes: &[u8], rule_set_hash: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let (from, to) = self.received.unwrap_or((received_at, received_at));
        self.received = Some((from.min(received_at), to.max(received_at)));
        match self.runs.last_mut() {
            Some(run) if run.rule_set_hash == rule_set_hash => run.inputs += 1,
            _ => self.runs.push(Run { rule_set_hash: rule_set_hash.to_vec(), inputs: 1 }),
        }
    }
}

/// Some batches of a lane, by vehicle and day.
struct Chunk {
    reached: BatchKey,
    days: BTreeMap<(VehicleId, NaiveDate), Gathered>,
}

impl Chunk {
    /// Reads on from `after`; `None` if there is nothing to read.
    async fn gather(pool: &PgPool, after: BatchKey, until: Time) -> anyhow::Result<Option<Self>> {
        let mut erased = Tombstones::load(pool).await?;
        let mut chunk = Self { reached: after, days: BTreeMap::new() };
        let mut size = 0;
        while size < CHUNK_BYTES {
            let mut tx = begin_as(pool, As::Engine).await?;
            let batches = rows::batches_after(&mut tx, chunk.reached, Some(until), BATCHES).await?;
            drop(tx);
            let Some(last) = batches.last() else { break };
            chunk.reached.n = last.batch.n;
            for dated in &batches {
                let row = &dated.batch;
                let place = || format!("journal row ({}, {}, {})", row.incarnation, row.lane, row.n);
                anyhow::ensure!(row.layout == INPUT_LAYOUT, "{}: its layout is {}", place(), row.layout);
                journal::for_each_input(&row.inputs, row.checksum, |input, bytes| {
                    if !erased.cover(row.incarnation, row.n, &input) {
                        size += bytes.len();
                        let received_at = input.what.received_at();
                        let said = matches!(input.what, What::Message(_));
                        let day = chunk.days.entry((input.vehicle, dated.day)).or_default();
                        day.heard |= said;
                        day.add(received_at, bytes, &row.rule_set_hash);
                    }
                    Ok(())
                })
                .with_context(place)?;
            }
        }
        Ok((chunk.reached.n > after.n).then_some(chunk))
    }

    /// Writes the chunk's parts and moves the vehicles' heads behind them, in one transaction.
    async fn archive(self, pool: &PgPool, sets: &mut RuleSets, bounds: &Bounds) -> anyhow::Result<u64> {
        let mut known = BTreeMap::new();
        for run in self.days.values().flat_map(|day| &day.runs) {
            if !known.contains_key(&run.rule_set_hash) {
                known.insert(run.rule_set_hash.clone(), sets.get(&run.rule_set_hash).await?);
            }
        }
        let heads = self.heads(pool, sets).await?;
        let (reached, bounds) = (self.reached, *bounds);
        let rolled = tokio::task::spawn_blocking(move || Rolled::of(self, heads, &known, &bounds)).await??;
        let mut tx = begin_as(pool, As::Engine).await?;
        rows::write_parts(&mut tx, &rolled.parts).await?;
        rows::write_heads(&mut tx, &rolled.heads).await?;
        rows::reached(&mut tx, reached).await?;
        tx.commit().await?;
        Ok(rolled.parts.len() as u64)
    }

    async fn heads(&self, pool: &PgPool, sets: &mut RuleSets) -> anyhow::Result<BTreeMap<VehicleId, Head>> {
        let mut ids: Vec<String> = self.days.keys().map(|(vehicle, _)| vehicle.as_str().to_owned()).collect();
        ids.dedup();
        let mut heads = BTreeMap::new();
        let rows = rows::heads(&mut *begin_as(pool, As::Engine).await?, &ids).await?;
        for row in rows {
            let id = VehicleId::try_new(&row.vehicle_id).context("the archive has a head without vehicle")?;
            let set = sets.get(&row.state.rule_set_hash).await?;
            let restored = journal::read_state(row.state.layout, &row.state.state, set, Position::NOWHERE)
                .with_context(|| format!("reading where the archive of vehicle {id} ends"))?;
            heads.insert(id, Head { restored, day: row.day, part: row.part, received_to: row.received_to });
        }
        Ok(heads)
    }
}

/// Where the archive of a vehicle ends.
struct Head {
    restored: Restored,
    day: NaiveDate,
    part: i32,
    received_to: DateTime<Utc>,
}

/// What a chunk becomes.
#[derive(Default)]
struct Rolled {
    parts: Vec<PartRow>,
    heads: Vec<HeadRow>,
}

impl Rolled {
    fn of(
        chunk: Chunk,
        mut heads: BTreeMap<VehicleId, Head>,
        sets: &BTreeMap<Vec<u8>, Arc<RuleSet>>,
        bounds: &Bounds,
    ) -> anyhow::Result<Self> {
        let mut rolled = Self::default();
        let mut effects = Effects::default();
        for ((id, day), gathered) in chunk.days {
            let Some((from, to)) = gathered.received else { continue };
            let before = heads.remove(&id);
            // Days only grow; an input that says otherwise belongs to the newest.
            let (day, part) = match &before {
                Some(head) if day <= head.day => (head.day, head.part + 1),
                _ => (day, 0),
            };
            let mut state = BTreeMap::new();
            let mut checkpoint = None;
            if let Some(head) = before {
                if part == 0 {
                    checkpoint = Some(journal::store_state(&head.restored.vehicle, &head.restored.set)?);
                }
                state.insert(id.clone(), head.restored);
            }
            replay(&gathered, sets, bounds, &mut state, &mut effects)?;
            // Without a registration nothing is known that the inputs could be about.
            let Some(restored) = state.remove(&id) else { continue };
            let inputs = journal::seal(&gathered.bytes)?;
            rolled.parts.push(PartRow {
                day,
                vehicle_id: id.as_str().to_owned(),
                part,
                received_from: from.to_utc(),
                received_to: to.to_utc(),
                layout: INPUT_LAYOUT,
                input_count: gathered.runs.iter().map(|run| run.inputs as i32).sum(),
                heard: gathered.heard,
                checksum: i64::from(crc32fast::hash(&inputs)),
                inputs,
                runs: encode_runs(&gathered.runs)?,
                checkpoint,
            });
            heads.insert(id, Head { restored, day, part, received_to: to.to_utc() });
        }
        for (id, head) in heads {
            rolled.heads.push(HeadRow {
                vehicle_id: id.as_str().to_owned(),
                received_to: head.received_to,
                day: head.day,
                part: head.part,
                state: journal::store_state(&head.restored.vehicle, &head.restored.set)?,
            });
        }
        Ok(rolled)
    }
}

/// Takes what was gathered again, under the sets it first ran under.
fn replay(
    gathered: &Gathered,
    sets: &BTreeMap<Vec<u8>, Arc<RuleSet>>,
    bounds: &Bounds,
    state: &mut BTreeMap<VehicleId, Restored>,
    effects: &mut Effects,
) -> anyhow::Result<()> {
    let mut rest = gathered.bytes.as_slice();
    for run in &gathered.runs {
        let set = sets.get(&run.rule_set_hash).context("a rule set is missing")?;
        for _ in 0..run.inputs {
            let (input, after): (Input, _) = postcard::take_from_bytes(rest).context("reading an input")?;
            rest = after;
            effects.clear();
            journal::replay_input(input, Position::NOWHERE, set, bounds, state, effects);
        }
    }
    Ok(())
}
