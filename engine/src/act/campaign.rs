//! The manufacturer's decision on a campaign that early warning proposes.

use super::{ActError, ActRefusal, Acting};
use crate::crm::role::Role;
use crate::store::campaign;

/// What is decided of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignAnswer {
    Accept,
    Dismiss,
}

/// Answers an open proposal; a dismissal needs its reason.
pub async fn answer(
    acting: &mut Acting<'_>,
    proposal: i64,
    answer: CampaignAnswer,
    reason: &str,
) -> Result<(), ActError> {
    const ACT: &str = "campaign.answer";
    let subject = format!("campaign/{proposal}");
    let account = acting.may(Role::decides_campaigns)?;
    let reason = reason.trim();
    let accepted = answer == CampaignAnswer::Accept;
    if !accepted && reason.is_empty() {
        return Err(ActRefusal::Unusable("reason").into());
    }
    if acting.earlier::<()>(ACT, &subject).await?.is_some() {
        return Ok(());
    }
    let at = acting.now.to_utc();
    if !campaign::decide(acting.conn(), proposal, accepted, &account.login, reason, at).await? {
        return Err(ActRefusal::Changed.into());
    }
    acting.write_down(ACT, &subject, &()).await
}
