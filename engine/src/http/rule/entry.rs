//! Proposals as people see them: who proposed what and why, everything it changes, field by field, what the proof of
//! safety said, and what is missing before it takes effect.

use std::fmt::Write as _;

use rules::author::rule_change::RuleChange;
use rules::author::safety::Proof;
use rules::catalogue::EntryKind;
use serde::Serialize;

use crate::http::HttpState;
use crate::http::page::failure::Failure;
use crate::http::page::layout::Page;
use crate::http::person::gate::Visitor;
use crate::http::words::{fill, named};
use crate::store::activation::ActivationRow;
use crate::store::session::{As, begin_as};
use crate::store::{activation as rows, console};

/// Entries of the history on the page.
const HISTORY: i64 = 30;

/// A proposal as people see it.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "what one visitor may do with it, asked by the page one by one")]
pub struct Entry {
    pub id: i64,
    pub origin: String,
    pub author: String,
    /// Name of the dealer whose own rules it changes.
    pub dealer: Option<String>,
    pub reason: String,
    pub state: String,
    pub needs_approval: bool,
    pub decided_by: Option<String>,
    pub proposed: String,
    pub changes: Vec<RuleChange>,
    pub hash: String,
    /// What was proved; nothing of what was in force before it had to be.
    pub proof: Option<Proof>,
    /// The changes by kind, for the page.
    #[serde(skip)]
    pub groups: Vec<Group>,
    #[serde(skip)]
    pub for_dealer: Option<String>,
    #[serde(skip)]
    pub origin_word: String,
    #[serde(skip)]
    pub state_word: String,
    #[serde(skip)]
    pub proof_words: String,
    /// Whether this visitor may answer it.
    #[serde(skip)]
    pub may_answer: bool,
    #[serde(skip)]
    pub may_return: bool,
    /// Whether this visitor would answer for themselves.
    #[serde(skip)]
    pub is_own: bool,
}

/// Changes of entries of one kind.
pub struct Group {
    pub title: String,
    pub changes: Vec<RuleChange>,
}

/// The newest part of the history; people of a dealer do not see what others have of their own.
pub async fn entries(state: &HttpState, who: &Visitor, p: &Page) -> Result<Vec<Entry>, Failure> {
    let mut tx = begin_as(&state.pool, As::Engine).await?;
    let mut entries = Vec::new();
    for row in rows::history(&mut tx, HISTORY).await? {
        if !who.sees_rules_of(row.dealer_id.as_slice()) {
            continue;
        }
        let dealer = match row.dealer_id {
            Some(dealer) => console::dealer(&mut tx, dealer).await?.map(|sign| sign.name),
            None => None,
        };
        entries.push(entry(row, dealer, who, p));
    }
    Ok(entries)
}

fn entry(row: ActivationRow, dealer: Option<String>, who: &Visitor, p: &Page) -> Entry {
    let changes: Vec<RuleChange> = serde_json::from_value(row.changes).unwrap_or_default();
    let concerns = |change: &RuleChange| who.sees_rules_of(change.dealer.as_slice());
    let changes: Vec<RuleChange> = changes.into_iter().filter(concerns).collect();
    let decides = who.account.role.decides_rules();
    let is_own = row.author == who.account.login || row.author_account == Some(who.account.account_id);
    let proof: Option<Proof> = row.proof.and_then(|proof| serde_json::from_value(proof).ok());
    Entry {
        id: row.activation_id,
        for_dealer: dealer.as_ref().map(|dealer| fill(&p.w.rules.of_dealer, "dealer", dealer)),
        origin_word: named(&p.w.rules.origins, &row.origin).to_owned(),
        state_word: named(&p.w.rules.states, &row.state).to_owned(),
        proof_words: proof.as_ref().map(|proof| p.w.rules.proof(proof)).unwrap_or_default(),
        origin: row.origin,
        dealer,
        reason: row.reason,
        needs_approval: row.needs_approval,
        decided_by: row.decided_by,
        proposed: p.times().moment(row.proposed_at).short,
        groups: groups(&changes, p),
        changes,
        hash: row.rule_set_hash.iter().take(6).fold(String::new(), |mut hash, byte| {
            // Writing to a text cannot fail.
            let _ = write!(hash, "{byte:02x}");
            hash
        }),
        proof,
        may_answer: decides && row.state == "waiting" && !is_own,
        may_return: decides && row.state == "replaced",
        is_own,
        author: row.author,
        state: row.state,
    }
}

/// By kind, rules first; what was learned last.
fn groups(changes: &[RuleChange], p: &Page) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for kind in EntryKind::ALL {
        let of_kind = changes.iter().filter(|change| change.kind == kind && change.learned.is_none());
        groups.push(Group { title: p.w.rules.kind(kind).to_owned(), changes: of_kind.cloned().collect() });
    }
    let learned = changes.iter().filter(|change| change.learned.is_some()).cloned().collect();
    groups.push(Group { title: p.w.rules.learned.clone(), changes: learned });
    groups.retain(|group| !group.changes.is_empty());
    groups
}
