//! What people do with rules: propose them, agree to what others propose, go back, see to their tasks.
//!
//! Weighing a proposal takes seconds and holds no transaction: the door asks here whether it may be done, has it
//! weighed ([`crate::rules_in_force::proposal`]), and comes back with the result.

use rules::author::rule_change::RuleChange;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ActError, ActRefusal, Acting};
use crate::crm::role::Role;
use crate::rules_in_force::proposal::{API, Follower, Proposal, ROLLBACK, insert, needs_approval, refusal};
use crate::store::account::{self, Account};
use crate::store::activation::{self as rows, ActivationRow, Answerer};
use crate::store::rule_task;
use crate::store::session::{As, LOG_IN, Scope};

/// A proposal as written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProposedRules {
    pub activation: i64,
    pub needs_approval: bool,
    pub changes: Vec<RuleChange>,
    /// It would lose safety, so it was refused at once.
    pub lost: Option<String>,
}

/// What a second person says of a proposal.
#[derive(Clone, Copy, Debug)]
pub enum RuleAnswer<'a> {
    Approve,
    Reject,
    /// Agreed to, but by now it would change something else, or lose safety: it is refused for that.
    CannotFollow(&'a str),
}

/// Whose part of the rules somebody may propose: the manufacturer any, a dealer's manager the dealer's own.
pub fn may_propose(account: &Account, dealer: Option<Uuid>, reason: &str) -> Result<Option<Uuid>, ActRefusal> {
    let role = account.role;
    if !role.proposes_rules() || (!role.decides_rules() && account.dealer_id.is_none()) {
        return Err(ActRefusal::NotAllowed);
    }
    if reason.trim().is_empty() {
        return Err(ActRefusal::Unusable("reason"));
    }
    let own = if role.decides_rules() { dealer } else { account.dealer_id };
    if dealer.is_some() && dealer != own {
        return Err(ActRefusal::Unusable("dealer"));
    }
    Ok(own)
}

/// Proposes rules that were weighed.
pub async fn propose(
    acting: &mut Acting<'_>,
    follower: &Follower,
    dealer: Option<Uuid>,
    reason: &str,
) -> Result<ProposedRules, ActError> {
    const ACT: &str = "rule.propose";
    let account = acting.may(Role::proposes_rules)?;
    let dealer = may_propose(account, dealer, reason)?;
    if let Some(proposed) = acting.earlier(ACT, "rules").await? {
        return Ok(proposed);
    }
    let proposal = Proposal {
        origin: API,
        author: &account.login,
        account: Some(account.account_id),
        dealer,
        reason,
        agreed: false,
    };
    let proposed = write(acting, follower, proposal).await?;
    acting.write_down(ACT, "rules", &proposed).await?;
    Ok(proposed)
}

/// The proposal that somebody is about to answer; nothing if they answered it under this key before.
pub async fn answerable(acting: &mut Acting<'_>, activation: i64) -> Result<Option<ActivationRow>, ActError> {
    let account = acting.may(Role::decides_rules)?;
    if acting.earlier::<()>(ANSWER, &subject(activation)).await?.is_some() {
        return Ok(None);
    }
    acting.go_on_as(As::Engine).await?;
    let row = rows::find(acting.conn(), activation).await?.ok_or(ActRefusal::NotFound)?;
    if row.state != "waiting" || is_same_person(acting, account, &row.author).await? {
        return Err(ActRefusal::Changed.into());
    }
    Ok(Some(row))
}

const ANSWER: &str = "rule.answer";

/// A second person agrees or refuses.
pub async fn answer(acting: &mut Acting<'_>, activation: i64, answer: RuleAnswer<'_>) -> Result<(), ActError> {
    let account = acting.may(Role::decides_rules)?;
    if answerable(acting, activation).await?.is_none() {
        return Ok(());
    }
    acting.go_on_as(As::Engine).await?;
    let answerer = Answerer { login: &account.login, account: account.account_id };
    let decided = match answer {
        RuleAnswer::Approve => rows::decide(acting.conn(), activation, true, answerer).await?,
        RuleAnswer::Reject => rows::decide(acting.conn(), activation, false, answerer).await?,
        RuleAnswer::CannotFollow(why) => {
            rows::refuse(acting.conn(), activation, why).await?;
            true
        }
    };
    if !decided {
        return Err(ActRefusal::Changed.into());
    }
    acting.write_down(ANSWER, &subject(activation), &()).await
}

/// Whether somebody answers for themselves: by the same account, or by another one in the same name.
async fn is_same_person(acting: &mut Acting<'_>, account: &Account, author: &str) -> Result<bool, ActError> {
    if account.login == author {
        return Ok(true);
    }
    acting.go_on_as(As::Person { dealer: Scope::Nobody, account: None, purpose: LOG_IN }).await?;
    let name = account::name_of(acting.conn(), author).await?;
    let plain = |name: &str| name.split_whitespace().collect::<String>().to_lowercase();
    Ok(name.is_some_and(|name| plain(&name) == plain(&account.display_name)))
}

/// The set that was in force once and that somebody is about to go back to.
pub async fn returnable(acting: &mut Acting<'_>, activation: i64) -> Result<ActivationRow, ActError> {
    acting.may(Role::decides_rules)?;
    acting.go_on_as(As::Engine).await?;
    let row = rows::find(acting.conn(), activation).await?;
    Ok(row.filter(|row| row.active_at.is_some()).ok_or(ActRefusal::NotFound)?)
}

/// Goes back to what was in force. What two people agreed to needs nobody again; what was in force before anybody had
/// to agree is proposed.
pub async fn roll_back(
    acting: &mut Acting<'_>,
    activation: i64,
    follower: &Follower,
) -> Result<ProposedRules, ActError> {
    const ACT: &str = "rule.roll_back";
    let account = acting.may(Role::decides_rules)?;
    let subject = subject(activation);
    if let Some(proposed) = acting.earlier(ACT, &subject).await? {
        return Ok(proposed);
    }
    let row = returnable(acting, activation).await?;
    let reason = format!("back to {activation}: {}", row.reason);
    let proposal = Proposal {
        origin: ROLLBACK,
        author: &account.login,
        account: Some(account.account_id),
        dealer: None,
        reason: &reason,
        agreed: row.proof.is_some(),
    };
    let proposed = write(acting, follower, proposal).await?;
    acting.write_down(ACT, &subject, &proposed).await?;
    Ok(proposed)
}

async fn write(
    acting: &mut Acting<'_>,
    follower: &Follower,
    proposal: Proposal<'_>,
) -> Result<ProposedRules, ActError> {
    acting.go_on_as(As::Engine).await?;
    let at = acting.now;
    let activation = insert(acting.conn(), follower, proposal, at).await.map_err(ActError::Broken)?;
    Ok(ProposedRules {
        activation,
        needs_approval: needs_approval(&follower.changes, proposal),
        changes: follower.changes.clone(),
        lost: (!follower.proof.losses.is_empty()).then(|| refusal(&follower.proof)),
    })
}

/// The author of a rule, or somebody who speaks for them, has seen to a task.
pub async fn close_task(acting: &mut Acting<'_>, task: i64) -> Result<(), ActError> {
    const ACT: &str = "rule.close_task";
    let subject = format!("task/{task}");
    let account = acting.may(Role::proposes_rules)?;
    if acting.earlier::<()>(ACT, &subject).await?.is_some() {
        return Ok(());
    }
    acting.go_on_as(As::Engine).await?;
    let at = acting.now.to_utc();
    if !rule_task::close(acting.conn(), task, &account.login, at).await? {
        return Err(ActRefusal::Changed.into());
    }
    acting.write_down(ACT, &subject, &()).await
}

fn subject(activation: i64) -> String {
    format!("activation/{activation}")
}
