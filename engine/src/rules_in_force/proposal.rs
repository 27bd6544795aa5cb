//! A proposal of other rules: whose part of the set it changes, what it would change, whether it is safe, and who
//! has to agree.
//!
//! There is one set. Its parts belong to somebody: the product's files and the overlay to the manufacturer and the
//! operator, a folder to every dealer, the learned tables to the jobs. A proposal brings one part; the others
//! stay as they are in force, at the proposal and again when it takes effect.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use rules::author::rule_change::{RuleChange, compare};
use rules::author::safety::Proof;
use rules::catalogue::{Catalogue, CatalogueError, Layer};
use rules::rule_set::RuleSet;
use rules::unit::Time;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::clock::Clock;
use crate::history::journal::{self, catalogue_hash};
use crate::rules_in_force::safety;
use crate::store::activation as rows;
use crate::store::activation::{ActivationRow, NewActivation};
use crate::store::session::{As, begin_as};

/// The origin of what was learned.
pub const JOB: &str = "job";
/// The origin of what people send.
pub const API: &str = "api";
/// The origin of what was in force before.
pub const ROLLBACK: &str = "rollback";

/// Who proposes, and why.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    pub origin: &'a str,
    pub author: &'a str,
    /// None: the operator, by the directory, or a job.
    pub account: Option<Uuid>,
    /// The dealer whose own rules and texts these are.
    pub dealer: Option<Uuid>,
    pub reason: &'a str,
    /// It goes back to what two people agreed to.
    pub agreed: bool,
}

impl<'a> Proposal<'a> {
    pub const fn by_job(reason: &'a str) -> Self {
        Self { origin: JOB, author: "premend", account: None, dealer: None, reason, agreed: false }
    }

    pub const fn by_operator(origin: &'a str, reason: &'a str) -> Self {
        Self { origin, author: "operator", account: None, dealer: None, reason, agreed: false }
    }
}

/// A proposal and what it would change.
#[derive(Debug)]
pub struct Proposed {
    pub activation_id: i64,
    pub needs_approval: bool,
    pub changes: Vec<RuleChange>,
}

/// A set that can follow the one in force, with what that means.
pub struct Follower {
    pub set: Arc<RuleSet>,
    pub changes: Vec<RuleChange>,
    pub proof: Proof,
}

/// What a set would lose, for people.
pub fn refusal(proof: &Proof) -> String {
    let losses: Vec<String> = proof.losses.iter().map(ToString::to_string).collect();
    format!("safety is not tuned away: {}", losses.join("; "))
}

/// The part of a catalogue that a proposal brings, between the other parts as they are in force.
pub fn merged(
    current: &Catalogue,
    proposed: &Catalogue,
    origin: &str,
    dealer: Option<Uuid>,
) -> Result<Catalogue, CatalogueError> {
    let part = |of: &Catalogue, wanted: &dyn Fn(Layer) -> bool| of.layer_files(wanted).cloned().collect::<Vec<_>>();
    let own = |layer| dealer.map_or(!matches!(layer, Layer::Dealer(_)), |dealer| layer == Layer::Dealer(dealer));
    let (written, tables) = match origin {
        JOB => (part(current, &|_| true), proposed.learned_files()),
        ROLLBACK => (part(proposed, &|_| true), current.learned_files()),
        _ => {
            let others = part(current, &|layer| !own(layer));
            ([part(proposed, &own), others].concat(), current.learned_files())
        }
    };
    let files = [written, tables].concat();
    // What was learned changes no text: the rules in force go on with theirs.
    if origin == JOB { Catalogue::load_stored(&files) } else { Catalogue::load(&files) }
}

/// What a proposal means under the set in force; `None` if it changes nothing.
pub async fn weigh(
    current: &RuleSet,
    proposed: &Catalogue,
    origin: &str,
    dealer: Option<Uuid>,
) -> anyhow::Result<Option<Follower>> {
    let catalogue = merged(&current.catalogue, proposed, origin, dealer)?;
    if catalogue_hash(&catalogue) == current.hash {
        return Ok(None);
    }
    let set = journal::rule_set(Arc::new(catalogue))?;
    let changes = compare(current, &set, origin == ROLLBACK)
        .map_err(|errors| anyhow::anyhow!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    let proof = if origin == JOB { Proof::default() } else { safety::prove(&set).await? };
    Ok(Some(Follower { set, changes, proof }))
}

/// Weighs a proposal and keeps its set, so that what is written down of it can name the set.
pub async fn weigh_and_keep(
    pool: &PgPool,
    current: &RuleSet,
    proposed: &Catalogue,
    origin: &str,
    dealer: Option<Uuid>,
) -> anyhow::Result<Option<Follower>> {
    let follower = weigh(current, proposed, origin, dealer).await?;
    if let Some(follower) = &follower {
        journal::keep_rule_set(pool, &follower.set).await?;
    }
    Ok(follower)
}

/// Proposes a set to follow the one in force; `None` if they are the same. What would lose safety is written down as
/// refused, and is an error.
pub async fn propose(
    pool: &PgPool,
    current: &RuleSet,
    catalogue: Catalogue,
    proposal: Proposal<'_>,
    clock: &Clock,
) -> anyhow::Result<Option<Proposed>> {
    let weighed = weigh_and_keep(pool, current, &catalogue, proposal.origin, proposal.dealer).await?;
    let Some(follower) = weighed else { return Ok(None) };
    let mut tx = begin_as(pool, As::Engine).await?;
    let activation_id = insert(&mut tx, &follower, proposal, clock.now()).await?;
    tx.commit().await?;
    ensure!(follower.proof.losses.is_empty(), "{}", refusal(&follower.proof));
    let needs_approval = needs_approval(&follower.changes, proposal);
    Ok(Some(Proposed { activation_id, needs_approval, changes: follower.changes }))
}

pub fn needs_approval(changes: &[RuleChange], proposal: Proposal<'_>) -> bool {
    !proposal.agreed && changes.iter().any(|change| change.needs_approval)
}

/// Writes a proposal down.
pub async fn insert(
    conn: &mut PgConnection,
    follower: &Follower,
    proposal: Proposal<'_>,
    at: Time,
) -> anyhow::Result<i64> {
    let refused = !follower.proof.losses.is_empty();
    let new = NewActivation {
        rule_set_hash: &follower.set.hash,
        written_hash: &journal::written_hash(&follower.set.catalogue),
        origin: proposal.origin,
        author: proposal.author,
        reason: proposal.reason,
        changes: serde_json::to_value(&follower.changes)?,
        needs_approval: refused || needs_approval(&follower.changes, proposal),
        proposed_at: at.to_utc(),
        dealer_id: proposal.dealer,
        author_account: proposal.account,
        proof: if proposal.origin == JOB { None } else { Some(serde_json::to_value(&follower.proof)?) },
        refused,
    };
    Ok(rows::propose(conn, new).await?)
}

/// What a proposal means today, if it still means what people read: between it and now the set in force may have
/// become another one. The error is for people.
pub async fn recheck(
    pool: &PgPool,
    current: &Arc<RuleSet>,
    row: &ActivationRow,
) -> anyhow::Result<Result<Arc<RuleSet>, String>> {
    let mut tx = begin_as(pool, As::Engine).await?;
    let stored = journal::stored_rule_set(&mut tx, &row.rule_set_hash).await?;
    drop(tx);
    let follower = match weigh(current, &stored.catalogue, &row.origin, row.dealer_id).await {
        Ok(Some(follower)) => follower,
        Ok(None) => return Ok(Ok(Arc::clone(current))),
        Err(error) if is_of_the_store(&error) => return Err(error),
        Err(error) => return Ok(Err(format!("{error:#}"))),
    };
    if !follower.proof.losses.is_empty() {
        return Ok(Err(refusal(&follower.proof)));
    }
    let told: Vec<RuleChange> = serde_json::from_value(row.changes.clone()).context("reading what was proposed")?;
    let written = |changes: &[RuleChange]| -> Vec<RuleChange> {
        changes.iter().filter(|change| change.learned.is_none()).cloned().collect()
    };
    if row.origin != ROLLBACK && row.origin != JOB && written(&told) != written(&follower.changes) {
        let why = "the rules in force have changed since and it would change something else now: propose it again";
        return Ok(Err(why.to_owned()));
    }
    Ok(Ok(follower.set))
}

/// A store that is away says nothing about the rules.
pub fn is_of_the_store(error: &anyhow::Error) -> bool {
    error.chain().any(<dyn std::error::Error>::is::<sqlx::Error>)
}
