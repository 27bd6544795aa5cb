//! Which rules are in force: the directory, the signal, the API and the history brought together.
//!
//! A change is proposed whole or not at all; what does not compile leaves everything as it is and says
//! why. Proposals are rows; one that reaches owners waits for a second person. The engine follows the
//! rows: what is approved becomes the set of all lanes, between two of their batches.
//!
//! People propose rules, a job proposes what was learned. Whichever comes, the other is kept as it is in force:
//! new rules, or those of last month, are judged by today's tables.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rules::catalogue::Catalogue;
use rules::rule_change::{RuleChange, compare};
use rules::rule_set::RuleSet;
use sqlx::{PgConnection, PgPool};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::journal::{self, catalogue_hash};
use crate::overlay;
use crate::store::activation::{self as rows, NewActivation};
use crate::store::session::{As, begin_as};
use crate::wake::Wake;

/// How often the directory is read again.
const TICK: Duration = Duration::from_secs(2);

/// What was wrong with the directory when it was read last; for pages and readers of the API.
#[derive(Clone, Debug, Default)]
pub struct Problem(Arc<Mutex<Option<String>>>);

impl Problem {
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, problem: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

/// Follows directory and history.
pub struct Activation {
    pool: PgPool,
    clock: Clock,
    directory: Option<PathBuf>,
    sets: watch::Sender<Arc<RuleSet>>,
    problem: Problem,
    /// Files of the directory as they were read last.
    seen: Vec<(String, String)>,
}

/// A proposal and what it would change.
#[derive(Debug)]
pub struct Proposed {
    pub activation_id: i64,
    pub needs_approval: bool,
    pub changes: Vec<RuleChange>,
}

/// The set to start with: what was in force, unless the directory says something that was never proposed.
///
/// The first start takes the directory as it is. So does one with other shipped rules; but rules of
/// one's own that reach owners wait for a second person, and until then the old set goes on.
pub async fn at_start(
    pool: &PgPool,
    directory: Option<&std::path::Path>,
    clock: &Clock,
) -> anyhow::Result<Arc<RuleSet>> {
    let written = overlay::catalogue(directory)?;
    let mut tx = begin_as(pool, As::Engine).await?;
    let Some(active) = rows::active(&mut tx).await? else {
        drop(tx);
        return first(pool, written, clock).await;
    };
    if active == catalogue_hash(&written) {
        return journal::rule_set(Arc::new(written));
    }
    let old = journal::stored_rule_set(&mut tx, &active).await?;
    if journal::written_hash(&written) == journal::written_hash(&old.catalogue) {
        return Ok(old);
    }
    if rows::is_known(&mut tx, &journal::written_hash(&written)).await? {
        // Proposed before: refused, waiting, or left behind for another one.
        tracing::warn!("the rules on disk are not those in force, which go on; go back to them on the page Rules");
        return Ok(old);
    }
    drop(tx);
    let found = match written.with_learned(&old.catalogue.learned_files()) {
        Ok(catalogue) => journal::rule_set(Arc::new(catalogue)).context("compiling the rules")?,
        Err(error) => {
            tracing::error!(error = error.to_string(), "the rules on disk cannot follow those in force, which go on");
            return Ok(old);
        }
    };
    let changes = match compare(&old, &found, &Catalogue::builtin()?, false) {
        Ok(changes) => changes,
        Err(errors) => {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            tracing::error!(error = errors.join("; "), "the rules on disk cannot follow those in force, which go on");
            return Ok(old);
        }
    };
    let needs_approval = changes.iter().any(|change| change.needs_approval);
    let proposal = Proposal { origin: "start", author: "operator", reason: "other files at a start" };
    journal::keep_rule_set(pool, &found).await?;
    let mut tx = begin_as(pool, As::Engine).await?;
    let id = insert(&mut tx, &found, &changes, needs_approval, proposal, clock).await?;
    if !needs_approval {
        rows::activate(&mut tx, id, &found.hash, clock.now().to_utc()).await?;
    }
    tx.commit().await?;
    Ok(if needs_approval { old } else { found })
}

async fn first(pool: &PgPool, catalogue: Catalogue, clock: &Clock) -> anyhow::Result<Arc<RuleSet>> {
    let set = journal::rule_set(Arc::new(catalogue)).context("compiling the rules")?;
    journal::keep_rule_set(pool, &set).await?;
    let mut tx = begin_as(pool, As::Engine).await?;
    let proposal = Proposal { origin: "start", author: "operator", reason: "the first start" };
    let id = insert(&mut tx, &set, &[], false, proposal, clock).await?;
    rows::activate(&mut tx, id, &set.hash, clock.now().to_utc()).await?;
    tx.commit().await?;
    Ok(set)
}

/// The set in force, if an engine has ever run on the database.
pub async fn in_force(pool: &PgPool) -> anyhow::Result<Option<Arc<RuleSet>>> {
    let mut tx = begin_as(pool, As::Engine).await?;
    match rows::active(&mut tx).await? {
        Some(hash) => journal::stored_rule_set(&mut tx, &hash).await.map(Some),
        None => Ok(None),
    }
}

/// The origin of what was learned.
const JOB: &str = "job";

/// Who proposes, and why.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    pub origin: &'a str,
    pub author: &'a str,
    pub reason: &'a str,
}

/// Proposes a set to follow the one in force; `None` if they are the same. Rules keep what was learned; the job
/// brings other tables, and nobody else does.
pub async fn propose(
    pool: &PgPool,
    current: &RuleSet,
    catalogue: Catalogue,
    proposal: Proposal<'_>,
    clock: &Clock,
) -> anyhow::Result<Option<Proposed>> {
    let catalogue = match proposal.origin {
        JOB => catalogue,
        _ => catalogue.checked()?.with_learned(&current.catalogue.learned_files())?,
    };
    if catalogue_hash(&catalogue) == current.hash {
        return Ok(None);
    }
    let set = journal::rule_set(Arc::new(catalogue))?;
    let changes = compare(current, &set, &Catalogue::builtin()?, proposal.origin == "rollback")
        .map_err(|errors| anyhow::anyhow!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    // A set that was in force has been agreed to.
    let needs_approval = proposal.origin != "rollback" && changes.iter().any(|change| change.needs_approval);
    journal::keep_rule_set(pool, &set).await?;
    let mut tx = begin_as(pool, As::Engine).await?;
    let activation_id = insert(&mut tx, &set, &changes, needs_approval, proposal, clock).await?;
    tx.commit().await?;
    Ok(Some(Proposed { activation_id, needs_approval, changes }))
}

async fn insert(
    conn: &mut PgConnection,
    set: &RuleSet,
    changes: &[RuleChange],
    needs_approval: bool,
    proposal: Proposal<'_>,
    clock: &Clock,
) -> anyhow::Result<i64> {
    let new = NewActivation {
        rule_set_hash: &set.hash,
        written_hash: &journal::written_hash(&set.catalogue),
        origin: proposal.origin,
        author: proposal.author,
        reason: proposal.reason,
        changes: serde_json::to_value(changes)?,
        needs_approval,
        proposed_at: clock.now().to_utc(),
    };
    Ok(rows::propose(conn, new).await?)
}

impl Activation {
    /// With the lanes' sender, which holds the set they run.
    pub fn new(pool: PgPool, clock: Clock, directory: Option<PathBuf>, sets: watch::Sender<Arc<RuleSet>>) -> Self {
        let seen = directory.as_deref().and_then(|directory| overlay::read(directory).ok()).unwrap_or_default();
        Self { pool, clock, directory, sets, problem: Problem::default(), seen }
    }

    pub fn problem(&self) -> Problem {
        self.problem.clone()
    }

    /// Runs until it is stopped.
    pub async fn run(mut self, wake: Wake, stop: CancellationToken) -> anyhow::Result<()> {
        let mut hangup = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
        let mut told = false;
        while !stop.is_cancelled() {
            if let Err(error) = self.read_directory(told).await {
                let problem = format!("{error:#}");
                if self.problem.get().as_ref() != Some(&problem) {
                    tracing::error!(error = problem, "the rules on disk cannot be used; those in force go on");
                }
                self.problem.set(Some(problem));
            }
            if let Err(error) = self.follow().await {
                tracing::warn!(error = format!("{error:#}"), "activations cannot be followed, trying again");
            }
            told = tokio::select! {
                () = stop.cancelled() => false,
                hung_up = hangup.recv() => hung_up.is_some(),
                () = wake.wait(TICK) => false,
            };
        }
        Ok(())
    }

    /// Proposes what the directory says, if that is something else than before.
    async fn read_directory(&mut self, told: bool) -> anyhow::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let files = overlay::read(directory)?;
        if files == self.seen && !told {
            return Ok(());
        }
        let proposed = self.propose_files(&files, told).await;
        let store_was_away =
            proposed.as_ref().is_err_and(|error| error.chain().any(<dyn std::error::Error>::is::<sqlx::Error>));
        if !store_was_away {
            // What cannot be used now cannot be used in two seconds either.
            self.seen = files;
        }
        proposed?;
        self.problem.set(None);
        Ok(())
    }

    async fn propose_files(&self, files: &[(String, String)], told: bool) -> anyhow::Result<()> {
        let catalogue = Catalogue::builtin()?.overlay(files)?;
        let current = Arc::clone(&self.sets.borrow());
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        let is_waiting = rows::is_waiting(&mut tx, &journal::written_hash(&catalogue)).await?;
        drop(tx);
        if !is_waiting {
            let reason = if told { "a signal to read the directory again" } else { "files of the directory changed" };
            let proposal = Proposal { origin: "file", author: "operator", reason };
            let proposed = propose(&self.pool, &current, catalogue, proposal, &self.clock).await?;
            if let Some(proposed) = proposed {
                tracing::info!(
                    activation.id = proposed.activation_id,
                    changes = proposed.changes.len(),
                    waits = proposed.needs_approval,
                    "rules changed on disk"
                );
            }
        }
        Ok(())
    }

    /// Puts into force what was approved, in the order in which it was proposed.
    async fn follow(&mut self) -> anyhow::Result<()> {
        while self.follow_one().await? {}
        Ok(())
    }

    async fn follow_one(&mut self) -> anyhow::Result<bool> {
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        let Some(approved) = rows::approved(&mut tx).await? else { return Ok(false) };
        let id = approved.activation_id;
        let stored = journal::stored_rule_set(&mut tx, &approved.rule_set_hash).await;
        let current = Arc::clone(&self.sets.borrow());
        match stored.and_then(|set| laid_over(current, set, &approved.origin)) {
            Ok(set) => {
                journal::keep_rule_set(&self.pool, &set).await?;
                rows::activate(&mut tx, id, &set.hash, self.clock.now().to_utc()).await?;
                tx.commit().await?;
                tracing::info!(activation.id = id, rules = set.rules.len(), "other rules are in force");
                self.sets.send_replace(set);
            }
            Err(error) => {
                rows::refuse(&mut tx, id, &format!("{error:#}")).await?;
                tx.commit().await?;
            }
        }
        Ok(true)
    }
}

/// What an approved set means today: between its proposal and now, tables or rules may have become others.
fn laid_over(current: Arc<RuleSet>, approved: Arc<RuleSet>, origin: &str) -> anyhow::Result<Arc<RuleSet>> {
    let (rules, tables) = if origin == JOB { (current, approved) } else { (approved, current) };
    let tables = tables.catalogue.learned_files();
    if rules.catalogue.learned_files() == tables {
        return Ok(rules);
    }
    journal::rule_set(Arc::new(rules.catalogue.with_learned(&tables)?))
}
