//! What was known of a vehicle at a past time: a checkpoint, and what was received from there on.
//!
//! Time is that of reception: the question is what the engine knew then, not what it learned later.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use rules::rule_set::RuleSet;
use rules::stage::effect::Effects;
use rules::state::settle::Bounds;
use rules::unit::{Span, Time};
use rules::vehicle::{Input, VehicleId};
use sqlx::PgPool;

use super::part::{self, Run};
use crate::history::journal::{self, Position, Restored, RuleSets};
use crate::history::tombstone::Tombstones;
use crate::store::archive as rows;
use crate::store::archive::PartRow;
use crate::store::session::{As, begin_as};

const BATCHES: i64 = 64;
/// Inputs replayed between two looks at whether anybody still waits.
const AT_A_TIME: usize = 256;

/// A vehicle at a past time.
#[derive(Debug)]
pub enum Past {
    /// The engine did not know it then, and the archive reaches back far enough to say so.
    Unknown,
    /// It is not known any more: what is kept begins here.
    Forgotten {
        begins: Time,
    },
    At(Box<Restored>),
}

/// The state of a vehicle after everything that was received up to `at`.
pub async fn state_at(
    pool: &PgPool,
    sets: &mut RuleSets,
    bounds: &Bounds,
    vehicle: &VehicleId,
    at: Time,
) -> anyhow::Result<Past> {
    let mut tx = begin_as(pool, As::Engine).await?;
    let head = rows::heads(&mut tx, &[vehicle.as_str().to_owned()]).await?.pop();
    let begins = rows::begins(&mut tx, vehicle).await?;
    drop(tx);
    let mut known = BTreeMap::new();
    match head {
        Some(head) if head.received_to <= at.to_utc() => {
            let set = sets.get(&head.state.rule_set_hash).await?;
            let restored = journal::read_state(head.state.layout, &head.state.state, set, Position::NOWHERE)?;
            known.insert(vehicle.clone(), restored);
            replay_journal(pool, sets, bounds, vehicle, at, &mut known).await?;
        }
        Some(_) => {
            let recorded = recorded(pool, sets, bounds, vehicle, at + Span::from_micros(1), at).await?;
            if let Some(restored) = recorded.and_then(|recorded| recorded.before) {
                known.insert(vehicle.clone(), restored);
            }
        }
        None => replay_journal(pool, sets, bounds, vehicle, at, &mut known).await?,
    }
    Ok(match (known.remove(vehicle), begins) {
        (Some(restored), _) => Past::At(Box::new(restored)),
        (None, Some(begins)) => Past::Forgotten { begins },
        (None, None) => Past::Unknown,
    })
}

/// A stretch of a vehicle's life out of the archive.
#[derive(Debug)]
pub struct Recorded {
    /// The state before the first input; `None` if that registers it.
    pub before: Option<Restored>,
    /// Inputs received from `from` to `to`, with the set whose signals they name.
    pub inputs: Vec<(Arc<RuleSet>, Input)>,
}

/// What the archive has of a vehicle from `from` to `to`, both included, by reception; `None` if nothing.
pub async fn recorded(
    pool: &PgPool,
    sets: &mut RuleSets,
    bounds: &Bounds,
    vehicle: &VehicleId,
    from: Time,
    to: Time,
) -> anyhow::Result<Option<Recorded>> {
    let parts = rows::parts_between(&mut *begin_as(pool, As::Engine).await?, vehicle, from, to).await?;
    let Some(first) = parts.first() else { return Ok(None) };
    let mut state = checkpoint(first, sets, vehicle).await?;
    let mut inputs = Vec::new();
    let mut effects = Effects::default();
    for row in &parts {
        for (Run { rule_set_hash, .. }, run) in part::read(row)? {
            let set = sets.get(&rule_set_hash).await?;
            for (place, input) in run.into_iter().enumerate() {
                if place % AT_A_TIME == AT_A_TIME - 1 {
                    // A day is long: the reader may have left, or waited long enough.
                    tokio::task::yield_now().await;
                }
                let received_at = input.what.received_at();
                if received_at < from {
                    effects.clear();
                    journal::replay_input(input, Position::NOWHERE, &set, bounds, &mut state, &mut effects);
                } else if received_at <= to {
                    inputs.push((Arc::clone(&set), input));
                }
            }
        }
    }
    Ok(Some(Recorded { before: state.remove(vehicle), inputs }))
}

async fn checkpoint(
    first: &PartRow,
    sets: &mut RuleSets,
    vehicle: &VehicleId,
) -> anyhow::Result<BTreeMap<VehicleId, Restored>> {
    let Some(stored) = &first.checkpoint else { return Ok(BTreeMap::new()) };
    let set = sets.get(&stored.rule_set_hash).await?;
    let restored = journal::read_state(stored.layout, &stored.state, set, Position::NOWHERE)
        .with_context(|| format!("reading the checkpoint of {} of vehicle {vehicle}", first.day))?;
    Ok(BTreeMap::from([(vehicle.clone(), restored)]))
}

/// What the archive does not have yet.
async fn replay_journal(
    pool: &PgPool,
    sets: &mut RuleSets,
    bounds: &Bounds,
    vehicle: &VehicleId,
    at: Time,
    known: &mut BTreeMap<VehicleId, Restored>,
) -> anyhow::Result<()> {
    let mut erased = Tombstones::load(pool).await?;
    let mut effects = Effects::default();
    let lanes = rows::unfinished(&mut *begin_as(pool, As::Engine).await?).await?;
    for lane in lanes {
        let mut after = lane.reached;
        loop {
            let batches = rows::batches_after(&mut *begin_as(pool, As::Engine).await?, after, None, BATCHES).await?;
            let Some(last) = batches.last() else { break };
            after.n = last.batch.n;
            let is_over = last.received_to > at.to_utc();
            for row in batches.iter().map(|dated| &dated.batch) {
                let set = sets.get(&row.rule_set_hash).await?;
                journal::for_each_input(&row.inputs, row.checksum, |input, _| {
                    let wanted = input.vehicle == *vehicle && input.what.received_at() <= at;
                    if wanted && !erased.cover(row.incarnation, row.n, &input) {
                        effects.clear();
                        journal::replay_input(input, Position::NOWHERE, &set, bounds, known, &mut effects);
                    }
                    Ok(())
                })?;
            }
            if is_over {
                break;
            }
        }
    }
    Ok(())
}
