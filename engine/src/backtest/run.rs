//! The run: a reader, a shard per core, and what all of them found.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Instant;
use std::{fs, thread};

use anyhow::{Context as _, anyhow, ensure};
use indicatif::ProgressBar;
use rules::unit::Span;
use serde::{Deserialize, Serialize};

use super::feed::{Feed, Parcel, Place};
use super::shard::{Common, Found, Shard};
use super::stored::Stored;
use super::table::Columns;

/// Parcels that may wait for a shard: they are large.
const WAITING: usize = 1;

/// What to read, and how.
pub struct Plan {
    pub files: Vec<PathBuf>,
    pub columns: Columns,
    pub threads: usize,
    /// Directory in which state is written down every ten seconds, and begun from again.
    pub snapshots: Option<PathBuf>,
}

/// What came of it.
pub struct Finished {
    pub found: Found,
    pub vehicles: usize,
    pub nameless: u64,
    pub seconds: f64,
}

/// The newest whole snapshot: which files of a directory, and where reading goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    /// Of rule sets and files: another back-test's snapshot is not taken.
    of: String,
    shards: usize,
    count: u64,
    place: Place,
}

/// Reads everything, with as many shards as threads.
pub fn run(plan: &Plan, common: &Common, progress: &ProgressBar) -> anyhow::Result<Finished> {
    let directory = plan.snapshots.as_deref();
    let begun = directory.map(|directory| begin_again(directory, plan, common)).transpose()?.flatten();
    let (place, count) = begun.as_ref().map(|(manifest, _)| (manifest.place, manifest.count)).unwrap_or_default();
    let shards = match begun {
        Some((_, shards)) => shards,
        None => fresh(plan.threads, common),
    };
    let finished = run_shards(shards, directory, common, |senders| {
        let mut feed = Feed::new(senders, progress);
        feed.place = place;
        // Numbers grow over interruptions: the newest snapshot is the one to begin from.
        feed.snapshots = count;
        let mut announce = |count, place| announce(plan, common, count, place);
        if directory.is_some() {
            feed.on_snapshot = Some(&mut announce);
        }
        feed.read(&plan.files, &plan.columns)?;
        Ok(feed.nameless)
    })?;
    if let Some(directory) = directory {
        // It is done: there is nothing to go on with.
        let _ = fs::remove_dir_all(directory);
    }
    Ok(finished)
}

/// Takes what the archive has, with as many shards as threads.
pub fn run_stored(
    stored: &Stored,
    threads: usize,
    common: &Common,
    progress: &ProgressBar,
) -> anyhow::Result<Finished> {
    run_shards(fresh(threads, common), None, common, |senders| {
        stored.read(&mut Feed::new(senders, progress))?;
        Ok(0)
    })
}

fn fresh(threads: usize, common: &Common) -> Vec<Shard<'_>> {
    (0..threads).map(|_| Shard::new(common)).collect()
}

/// Runs every shard on a thread of its own while `feed` reads; then ends the time and adds up.
fn run_shards<'a>(
    shards: Vec<Shard<'a>>,
    snapshots: Option<&Path>,
    common: &'a Common,
    feed: impl FnOnce(Vec<SyncSender<Parcel>>) -> anyhow::Result<u64>,
) -> anyhow::Result<Finished> {
    let began = Instant::now();
    let (nameless, mut shards) = thread::scope(|scope| {
        let (mut senders, mut working) = (Vec::new(), Vec::new());
        for (number, mut shard) in shards.into_iter().enumerate() {
            let (sender, parcels) = sync_channel::<Parcel>(WAITING);
            senders.push(sender);
            working.push(scope.spawn(move || -> anyhow::Result<Shard<'_>> {
                for parcel in parcels {
                    shard.take(parcel, number, snapshots)?;
                }
                Ok(shard)
            }));
        }
        let read = feed(senders);
        let shards: anyhow::Result<Vec<Shard<'_>>> = working
            .into_iter()
            .map(|shard| shard.join().unwrap_or_else(|_| Err(anyhow!("a shard broke down"))))
            .collect();
        // Why a shard stopped says more than that it cannot be reached.
        let shards = shards?;
        read.map(|nameless| (nameless, shards))
    })?;
    let received = shards.iter().filter_map(|shard| shard.found.received).max();
    let until = common.to.map_or(received, |to| received.map(|last| last.min(to)));
    if let Some(until) = until {
        // What is absent is judged the lateness bound behind.
        let until = until + common.bounds.lateness + Span::from_micros(1);
        thread::scope(|scope| {
            for shard in &mut shards {
                scope.spawn(move || shard.finish(until));
            }
        });
    }
    let vehicles = shards.iter().map(Shard::vehicles).sum();
    let mut found = Found::default();
    for shard in shards {
        found.merge(shard.found);
    }
    Ok(Finished { found, vehicles, nameless, seconds: began.elapsed().as_secs_f64() })
}

/// What tells one back-test from another.
fn name_of(plan: &Plan, common: &Common) -> String {
    let sets: Vec<String> =
        common.sets.iter().map(|set| set.hash.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    let files: Vec<String> = plan.files.iter().map(|file| file.display().to_string()).collect();
    format!("{} {} {:?} {:?}", sets.join(","), files.join(","), common.from, common.to)
}

/// Notes that a snapshot is on its way; shards write theirs behind it, the manifest names only what is whole.
fn announce(plan: &Plan, common: &Common, count: u64, place: Place) -> anyhow::Result<()> {
    let Some(directory) = &plan.snapshots else { return Ok(()) };
    let manifest = Manifest { of: name_of(plan, common), shards: plan.threads, count, place };
    fs::write(directory.join(format!("{count}.json")), serde_json::to_vec(&manifest)?)?;
    // Two are kept: the newest may not be whole yet.
    for old in 1..count.saturating_sub(1) {
        let _ = fs::remove_file(directory.join(format!("{old}.json")));
        for shard in 0..plan.threads {
            let _ = fs::remove_file(directory.join(format!("{old}.{shard}")));
        }
    }
    Ok(())
}

/// The newest snapshot of this very back-test of which every shard's part is there.
fn begin_again<'a>(
    directory: &Path,
    plan: &Plan,
    common: &'a Common,
) -> anyhow::Result<Option<(Manifest, Vec<Shard<'a>>)>> {
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    let mut manifests = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let manifest: Manifest = serde_json::from_slice(&fs::read(&path)?)
                .with_context(|| format!("{} is no snapshot of a back-test", path.display()))?;
            manifests.push(manifest);
        }
    }
    manifests.sort_by_key(|manifest| manifest.count);
    for manifest in manifests.into_iter().rev() {
        ensure!(
            manifest.of == name_of(plan, common) && manifest.shards == plan.threads,
            "{} holds snapshots of another back-test; remove it or name another directory",
            directory.display()
        );
        let part = |shard: usize| directory.join(format!("{}.{shard}", manifest.count));
        if (0..manifest.shards).all(|shard| part(shard).exists()) {
            let shards = (0..manifest.shards).map(|shard| Shard::read_back(common, &part(shard)));
            let shards = shards.collect::<anyhow::Result<Vec<_>>>()?;
            tracing::info!(count = manifest.count, "the back-test goes on from its snapshot");
            return Ok(Some((manifest, shards)));
        }
    }
    Ok(None)
}
