//! Which rules are in force: the directory, the signal, the API and the history brought together.
//!
//! A change is proposed whole or not at all; what does not compile, or loses safety, leaves everything as it is and
//! says why. Proposals are rows ([`crate::rules_in_force::proposal`]); all that can change a decision or a text waits for a second
//! person. The engine follows the rows: what is approved becomes the set of all lanes, between two of their batches.
//!
//! People propose rules, a job proposes what was learned. Whichever comes, the other is kept as it is in force:
//! new rules, or those of last month, are judged by today's tables.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rules::catalogue::Catalogue;
use rules::rule_set::RuleSet;
use sqlx::PgPool;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Wake};
use crate::history::journal::{self, catalogue_hash};
use crate::rules_in_force::proposal::{
    Follower, Proposal, insert, is_of_the_store, needs_approval, propose, recheck, refusal, weigh,
};
use crate::rules_in_force::{overlay, safety};
use crate::store::activation as rows;
use crate::store::session::{As, begin_as};

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

/// The set to start with: what was in force, unless the directory says something that was never proposed.
///
/// The first start takes the directory as it is, if it is safe. So does one with other shipped rules; but what people
/// wrote waits for a second person, and until then the old set goes on.
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
    let proposal = Proposal::by_operator("start", "other files at a start");
    let found = match weigh(&old, &written, proposal.origin, proposal.dealer).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(old),
        Err(error) => {
            let error = format!("{error:#}");
            tracing::error!(error, "the rules on disk cannot follow those in force, which go on");
            return Ok(old);
        }
    };
    for loss in &found.proof.losses {
        tracing::error!(loss = loss.to_string(), "the rules on disk lose safety and are refused; those in force go on");
    }
    let waits = !found.proof.losses.is_empty() || needs_approval(&found.changes, proposal);
    journal::keep_rule_set(pool, &found.set).await?;
    let mut tx = begin_as(pool, As::Engine).await?;
    let id = insert(&mut tx, &found, proposal, clock.now()).await?;
    if !waits {
        rows::activate(&mut tx, id, &found.set.hash, clock.now().to_utc()).await?;
    }
    tx.commit().await?;
    Ok(if waits { old } else { found.set })
}

async fn first(pool: &PgPool, catalogue: Catalogue, clock: &Clock) -> anyhow::Result<Arc<RuleSet>> {
    let set = journal::rule_set(Arc::new(catalogue)).context("compiling the rules")?;
    let proof = safety::prove(&set).await?;
    anyhow::ensure!(proof.losses.is_empty(), "the directory of rules: {}", refusal(&proof));
    journal::keep_rule_set(pool, &set).await?;
    let mut tx = begin_as(pool, As::Engine).await?;
    let proposal = Proposal::by_operator("start", "the first start");
    let follower = Follower { set: Arc::clone(&set), changes: Vec::new(), proof };
    let id = insert(&mut tx, &follower, proposal, clock.now()).await?;
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
        self.doubt().await?;
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

    /// A set from before safety was proved may be in force: it goes on, as no start may change it alone, and is told.
    async fn doubt(&self) -> anyhow::Result<()> {
        let current = Arc::clone(&self.sets.borrow());
        let proof = safety::prove(&current).await?;
        if !proof.losses.is_empty() {
            let problem = format!("the rules in force: {}", refusal(&proof));
            tracing::error!(problem, "the rules in force lose safety: go back to others on the page Rules");
            self.problem.set(Some(problem));
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
        let store_was_away = proposed.as_ref().is_err_and(is_of_the_store);
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
            let proposal = Proposal::by_operator("file", reason);
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
        drop(tx);
        let id = approved.activation_id;
        let current = Arc::clone(&self.sets.borrow());
        match recheck(&self.pool, &current, &approved).await? {
            Ok(set) => {
                journal::keep_rule_set(&self.pool, &set).await?;
                let mut tx = begin_as(&self.pool, As::Engine).await?;
                rows::activate(&mut tx, id, &set.hash, self.clock.now().to_utc()).await?;
                tx.commit().await?;
                tracing::info!(activation.id = id, rules = set.rules.len(), "other rules are in force");
                self.sets.send_replace(set);
            }
            Err(why) => {
                tracing::warn!(activation.id = id, why, "an approved proposal cannot take effect");
                let mut tx = begin_as(&self.pool, As::Engine).await?;
                rows::refuse(&mut tx, id, &why).await?;
                tx.commit().await?;
            }
        }
        Ok(true)
    }
}
