//! The journal's encoding, snapshots, and the start: from what is stored back to the lanes' state.
//!
//! A start loads every snapshot, replays each vehicle's later inputs under the rule set they first
//! ran under with effects off, and checks what was decided then against what is decided now.
//! Committed decisions win: where there is a difference it is counted and the vehicle's cases are taken from
//! the store; nothing is inserted or told again.

mod sets;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use rules::rule_set::RuleSet;
use rules::stage::effect::{Effect, Effects};
use rules::stage::recipe::take;
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::vehicle::{Command, Input, Life, VehicleId, What};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

pub use self::sets::{RuleSets, catalogue_hash, keep_rule_set, rule_set, stored_rule_set, written_hash};
use crate::history::tombstone::Tombstones;
use crate::store::archive::StoredState;
use crate::store::journal::JournalRow;
use crate::store::session::{As, begin_as};
use crate::store::snapshot::{self, SnapshotRow};
use crate::store::{committed, journal as rows};

/// Layout of `journal.inputs`. A change that cannot read older rows takes the next number.
pub const INPUT_LAYOUT: i16 = 3;
/// Layout of `vehicle_snapshot.state`.
pub const STATE_LAYOUT: i16 = 9;

const ZSTD_LEVEL: i32 = 1;
const PAGE: i64 = 2_000;
const BATCHES: i64 = 64;

/// Place of an input within a run; its lane follows from the vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub incarnation: i32,
    pub n: i64,
    pub index: i32,
}

impl Position {
    /// Before every input: of states whose place does not matter.
    pub const NOWHERE: Self = Self { incarnation: 0, n: 0, index: 0 };
}

/// A vehicle with what the journal knows of it.
#[derive(Debug)]
pub struct Restored {
    pub vehicle: Vehicle,
    /// Hash of the rule set its slots and rule states refer to.
    pub set: Arc<RuleSet>,
    pub position: Position,
    /// The first input that its snapshot does not contain.
    pub since: Option<Position>,
    /// What carrying it over to the current set led to.
    pub effects: Vec<Effect>,
}

/// What an input decided, to be compared at replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    pub index: u32,
    pub hash: u64,
}

/// What a start found.
#[derive(Debug, Default)]
pub struct Replayed {
    pub inputs: u64,
    /// Inputs that decide something else today than they did.
    pub differences: u64,
    /// Vehicles whose cases were taken from the store because of that.
    pub differing: BTreeSet<VehicleId>,
    /// Vehicles whose state is gone although they had one; they begin another life.
    pub lost: u64,
    /// Lives of vehicles, wherever it is not the first.
    pub lives: HashMap<VehicleId, Life>,
}

/// Appends an input in canonical form.
pub fn encode_input(inputs: &mut Vec<u8>, input: &Input) {
    encode(inputs, input);
}

/// Compresses a batch's inputs for its row.
pub fn seal(inputs: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(inputs, ZSTD_LEVEL)
}

/// Reads inputs back, each with the bytes it is made of; refuses what does not match its checksum.
pub fn for_each_input(
    sealed: &[u8],
    checksum: i64,
    mut with: impl FnMut(Input, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    ensure!(i64::from(crc32fast::hash(sealed)) == checksum, "the checksum does not match");
    let inputs = decompress(sealed)?;
    let mut rest = inputs.as_slice();
    while !rest.is_empty() {
        let (input, after) = postcard::take_from_bytes(rest).context("reading an input")?;
        with(input, &rest[..rest.len() - after.len()])?;
        rest = after;
    }
    Ok(())
}

/// All inputs of a batch.
pub fn read_inputs(sealed: &[u8], checksum: i64) -> anyhow::Result<Vec<Input>> {
    let mut all = Vec::new();
    for_each_input(sealed, checksum, |input, _| {
        all.push(input);
        Ok(())
    })?;
    Ok(all)
}

/// What the effects of one input decided; `None` if nothing.
pub fn decision_hash(effects: &[Effect]) -> Option<u64> {
    if effects.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    for effect in effects {
        encode(&mut bytes, effect);
    }
    Some(xxhash_rust::xxh3::xxh3_64(&bytes))
}

pub fn encode_decisions(decisions: &[Decided]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, &decisions);
    bytes
}

/// The snapshot row of a vehicle after the input at `position`.
pub fn snapshot_row(vehicle: &Vehicle, position: Position, lane: i16, set: &RuleSet) -> std::io::Result<SnapshotRow> {
    let StoredState { layout, rule_set_hash, state } = store_state(vehicle, set)?;
    Ok(SnapshotRow {
        vehicle_id: vehicle.id.as_str().to_owned(),
        incarnation: position.incarnation,
        lane,
        n: position.n,
        input_index: position.index,
        layout,
        rule_set_hash,
        state,
    })
}

/// A vehicle's state as it is stored.
pub fn store_state(vehicle: &Vehicle, set: &RuleSet) -> std::io::Result<StoredState> {
    let mut state = Vec::with_capacity(2_048);
    encode(&mut state, vehicle);
    let state = zstd::bulk::compress(&state, ZSTD_LEVEL)?;
    Ok(StoredState { layout: STATE_LAYOUT, rule_set_hash: set.hash.to_vec(), state })
}

/// Loads and replays all vehicles, or `only` some, up to the present, under the current set.
pub async fn restore(
    pool: &PgPool,
    sets: &mut RuleSets,
    bounds: &Bounds,
    only: Option<&BTreeSet<VehicleId>>,
) -> anyhow::Result<(BTreeMap<VehicleId, Restored>, Replayed)> {
    let mut vehicles = load_snapshots(pool, sets, only).await?;
    let mut erased = Tombstones::load(pool).await?;
    let mut replayed = Replayed::default();
    let starts = rows::unreplayed(&mut *begin_as(pool, As::Engine).await?).await?;
    for mut after in starts {
        loop {
            let batches = rows::batches_after(&mut *begin_as(pool, As::Engine).await?, after, BATCHES).await?;
            let Some(last) = batches.last() else { break };
            after.n = last.n;
            for row in &batches {
                let wanted = |input: &Input| {
                    only.is_none_or(|only| only.contains(&input.vehicle))
                        && !erased.cover(row.incarnation, row.n, input)
                };
                replay_row(row, sets, bounds, wanted, &mut vehicles, &mut replayed).await?;
            }
        }
    }
    let current = Arc::clone(sets.current());
    for restored in vehicles.values_mut() {
        switch(restored, &current);
    }
    for id in &replayed.differing {
        let Some(restored) = vehicles.get_mut(id) else { continue };
        let mut tx = begin_as(pool, As::Engine).await?;
        restored.vehicle.adopt(committed::of_vehicle(&mut tx, id, &current).await?);
        restored.since.get_or_insert(restored.position);
    }
    Ok((vehicles, replayed))
}

async fn load_snapshots(
    pool: &PgPool,
    sets: &mut RuleSets,
    only: Option<&BTreeSet<VehicleId>>,
) -> anyhow::Result<BTreeMap<VehicleId, Restored>> {
    let mut vehicles = BTreeMap::new();
    if let Some(only) = only {
        let ids: Vec<String> = only.iter().map(|id| id.as_str().to_owned()).collect();
        let rows = snapshot::of(&mut *begin_as(pool, As::Engine).await?, &ids).await?;
        for row in rows {
            take_snapshot(&row, sets, &mut vehicles).await?;
        }
        return Ok(vehicles);
    }
    let mut after = String::new();
    loop {
        let page = snapshot_page(pool, sets, &after).await?;
        let Some(last) = page.last() else { return Ok(vehicles) };
        last.vehicle.id.as_str().clone_into(&mut after);
        vehicles.extend(page.into_iter().map(|restored| (restored.vehicle.id.clone(), restored)));
    }
}

/// The next vehicles by id as their snapshots have them, each under its own rule set; none after the last.
pub async fn snapshot_page(pool: &PgPool, sets: &mut RuleSets, after: &str) -> anyhow::Result<Vec<Restored>> {
    let page = snapshot::page(&mut *begin_as(pool, As::Engine).await?, after, PAGE).await?;
    let mut vehicles = Vec::with_capacity(page.len());
    for row in &page {
        let context = || format!("reading the snapshot of vehicle {}", row.vehicle_id);
        vehicles.push(read_snapshot(row, sets).await.with_context(context)?);
    }
    Ok(vehicles)
}

/// A vehicle as its snapshot has it, at most some messages old; `None` if there is none.
pub async fn snapshot_of(pool: &PgPool, sets: &mut RuleSets, vehicle: &VehicleId) -> anyhow::Result<Option<Restored>> {
    let only = BTreeSet::from([vehicle.clone()]);
    Ok(load_snapshots(pool, sets, Some(&only)).await?.remove(vehicle))
}

async fn take_snapshot(
    row: &SnapshotRow,
    sets: &mut RuleSets,
    vehicles: &mut BTreeMap<VehicleId, Restored>,
) -> anyhow::Result<()> {
    let id = VehicleId::try_new(&row.vehicle_id).context("a snapshot has no vehicle id")?;
    let restored = read_snapshot(row, sets).await.with_context(|| format!("reading the snapshot of vehicle {id}"))?;
    vehicles.insert(id, restored);
    Ok(())
}

async fn read_snapshot(row: &SnapshotRow, sets: &mut RuleSets) -> anyhow::Result<Restored> {
    let position = Position { incarnation: row.incarnation, n: row.n, index: row.input_index };
    let set = sets.get(&row.rule_set_hash).await?;
    read_state(row.layout, &row.state, set, position)
}

/// A vehicle of a stored state, which belongs to `set`.
pub fn read_state(layout: i16, state: &[u8], set: Arc<RuleSet>, position: Position) -> anyhow::Result<Restored> {
    ensure!(
        layout == STATE_LAYOUT,
        "its layout is {layout}, this version reads {STATE_LAYOUT}: start the version that wrote it, or replay into a fresh database"
    );
    let mut vehicle: Vehicle = postcard::from_bytes(&decompress(state)?)?;
    vehicle.take_profile(&set);
    Ok(Restored { vehicle, set, position, since: None, effects: Vec::new() })
}

async fn replay_row(
    row: &JournalRow,
    sets: &mut RuleSets,
    bounds: &Bounds,
    mut wanted: impl FnMut(&Input) -> bool,
    vehicles: &mut BTreeMap<VehicleId, Restored>,
    replayed: &mut Replayed,
) -> anyhow::Result<()> {
    let place = || format!("journal row ({}, {}, {})", row.incarnation, row.lane, row.n);
    ensure!(row.layout == INPUT_LAYOUT, "{}: its layout is {}, this version reads {INPUT_LAYOUT}", place(), row.layout);
    let set = sets.get(&row.rule_set_hash).await?;
    let decided: Vec<Decided> = postcard::from_bytes(&row.decisions).with_context(place)?;
    let decided: HashMap<u32, u64> = decided.into_iter().map(|one| (one.index, one.hash)).collect();
    let inputs = read_inputs(&row.inputs, row.checksum).with_context(place)?;
    ensure!(
        inputs.len() == row.input_count as usize,
        "{}: it holds {} inputs, not {}",
        place(),
        inputs.len(),
        row.input_count
    );
    let mut effects = Effects::default();
    for (index, input) in (0..).zip(inputs) {
        let position = Position { incarnation: row.incarnation, n: row.n, index };
        if !wanted(&input) || vehicles.get(&input.vehicle).is_some_and(|known| known.position >= position) {
            continue;
        }
        effects.clear();
        let vehicle = input.vehicle.clone();
        replay_input(input, position, &set, bounds, vehicles, &mut effects);
        replayed.inputs += 1;
        if decision_hash(&effects.written) != decided.get(&(index as u32)).copied() {
            replayed.differences += 1;
            replayed.differing.insert(vehicle);
        }
    }
    Ok(())
}

/// Takes an input of the journal again, under the set it first ran under; a registration makes the vehicle.
pub fn replay_input(
    input: Input,
    position: Position,
    set: &Arc<RuleSet>,
    bounds: &Bounds,
    vehicles: &mut BTreeMap<VehicleId, Restored>,
    effects: &mut Effects,
) {
    let Some(restored) = vehicles.get_mut(&input.vehicle) else {
        if let What::Command { command: Command::Register(profile), .. } = input.what {
            let vehicle = Vehicle::new(input.vehicle.clone(), *profile, set);
            vehicles.insert(
                input.vehicle,
                Restored { vehicle, set: Arc::clone(set), position, since: Some(position), effects: Vec::new() },
            );
        }
        return;
    };
    // What the switch led to was written with the batch that brought it, as part of what it decided.
    if restored.set.hash != set.hash {
        restored.vehicle.carry(&restored.set, set, effects);
        restored.set = Arc::clone(set);
    }
    restored.effects.clear();
    let erased = matches!(input.what, What::Command { command: Command::Erase, .. });
    take(&mut restored.vehicle, input.what, set, bounds, effects);
    restored.position = position;
    restored.since.get_or_insert(position);
    if erased {
        vehicles.remove(&input.vehicle);
    }
}

/// Carries a vehicle over to another rule set.
fn switch(restored: &mut Restored, set: &Arc<RuleSet>) {
    if restored.set.hash != set.hash {
        let mut effects = Effects::default();
        restored.vehicle.carry(&restored.set, set, &mut effects);
        restored.set = Arc::clone(set);
        restored.effects.append(&mut effects.written);
        restored.since.get_or_insert(restored.position);
    }
}

fn encode<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, value: &T) {
    // Writing to memory cannot fail, and none of our types refuses to be serialised.
    if let Ok(more) = postcard::to_extend(value, std::mem::take(bytes)) {
        *bytes = more;
    }
}

fn decompress(sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
    zstd::stream::decode_all(sealed).context("decompressing")
}
