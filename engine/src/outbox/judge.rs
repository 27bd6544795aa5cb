//! The re-check with its reads and writes: one short transaction per claimed entry.
//!
//! It locks the entry and, where a contact budget applies, the person; what it decides is in
//! [`recheck`], what it decided is written before anything leaves.

use std::sync::Arc;
use std::time::Duration;

use rules::case::Audience;
use rules::unit::{Span, Time};
use sqlx::{PgConnection, PgPool};

use crate::clock::Clock;
use crate::crm::notice::{Addressee, CancelReason, HoldReason, LONGEST_BUDGET, Situation, Verdict, recheck};
use crate::outbox::channel::{Channel, Channels, Delivery, Render};
use crate::store::notice::{self, Notice};
use crate::store::outbox::{self, Attempt, AttemptOutcome, Claim, Lease};
use crate::store::session::{As, Scope, act_as, begin_as};
use crate::store::standing::{self, Standing};

/// What is needed to judge.
pub struct Judge {
    pub pool: PgPool,
    pub channels: Channels,
    pub render: Render,
    pub lease: Duration,
    pub max_attempts: i32,
}

/// What is to happen with a claimed entry; everything but `Send` has happened already.
pub enum Judgement {
    /// Somebody else has it.
    Lost,
    Held(HoldReason),
    Cancelled {
        channel: String,
        reason: CancelReason,
    },
    Parked {
        channel: String,
        why: String,
    },
    Send {
        claim: Claim,
        delivery: Box<Delivery>,
        channel: Arc<dyn Channel>,
    },
}

impl Judge {
    pub async fn judge(&self, claim: Claim, now: Time) -> sqlx::Result<Judgement> {
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        if !outbox::hold_claim(&mut tx, &claim).await? {
            return Ok(Judgement::Lost);
        }
        let judgement = self.judge_held(&mut tx, claim, now).await?;
        tx.commit().await?;
        Ok(judgement)
    }

    async fn judge_held(&self, conn: &mut PgConnection, mut claim: Claim, now: Time) -> sqlx::Result<Judgement> {
        let Some(channel) = self.channels.get(&claim.channel) else {
            let why = format!("there is no channel `{}` here", claim.channel);
            return self.park(conn, claim, now, why).await;
        };
        if claim.attempts >= self.max_attempts {
            // Only an engine that died each time leaves this many attempts without a record.
            return self.park(conn, claim, now, "every attempt was interrupted".to_owned()).await;
        }
        let about = notice::of_entry(conn, claim.outbox).await?;
        let stands = standing::of_entry(conn, claim.outbox, now).await?;
        let addressee = addressee_of(conn, &about, channel.audience(), now).await?;
        match recheck(&situation(&about, stands, channel.audience(), addressee), now) {
            Verdict::Hold { until, why } => {
                outbox::postpone(conn, &claim, until, why.key()).await?;
                Ok(Judgement::Held(why))
            }
            Verdict::Cancel(reason) => self.cancel(conn, claim, now, reason).await,
            Verdict::Send { takes_budget } => match (self.render)(&about) {
                Err(why) => self.park(conn, claim, now, why).await,
                Ok(rendering) => {
                    let budgeted_at = takes_budget.then_some(now);
                    outbox::begin_attempt(conn, &mut claim, lease(self.lease), budgeted_at).await?;
                    let delivery = Box::new(Delivery { outbox: claim.outbox, notice: about, rendering });
                    Ok(Judgement::Send { claim, delivery, channel: Arc::clone(channel) })
                }
            },
        }
    }

    async fn cancel(
        &self,
        conn: &mut PgConnection,
        claim: Claim,
        now: Time,
        reason: CancelReason,
    ) -> sqlx::Result<Judgement> {
        let claim = self.end(conn, claim, now, AttemptOutcome::Cancelled, reason.key()).await?;
        Ok(Judgement::Cancelled { channel: claim.channel, reason })
    }

    async fn park(&self, conn: &mut PgConnection, claim: Claim, now: Time, why: String) -> sqlx::Result<Judgement> {
        let claim = self.end(conn, claim, now, AttemptOutcome::Parked, &why).await?;
        Ok(Judgement::Parked { channel: claim.channel, why })
    }

    async fn end(
        &self,
        conn: &mut PgConnection,
        mut claim: Claim,
        now: Time,
        outcome: AttemptOutcome,
        because: &str,
    ) -> sqlx::Result<Claim> {
        outbox::begin_attempt(conn, &mut claim, lease(self.lease), None).await?;
        outbox::end_undelivered(conn, &claim, outcome, because).await?;
        let attempt = Attempt { started_at: now, ended_at: now, outcome, detail: Some(because) };
        outbox::record_attempt(conn, &claim, &attempt).await?;
        Ok(claim)
    }
}

/// A lease that begins now.
pub fn lease(duration: Duration) -> Lease {
    let from = Clock::steady();
    Lease { from, until: from + Span::from_micros(duration.as_micros() as i64) }
}

/// Puts together what the decision depends on.
pub fn situation(about: &Notice, stands: Standing, audience: Audience, addressee: Addressee) -> Situation {
    Situation {
        audience,
        stage: about.stage,
        severity: about.severity,
        valid_until: about.valid_until,
        case: stands.case,
        resolved: stands.resolved,
        order: stands.order,
        addressee,
        has_role: stands.has_role,
        has_consent: stands.has_consent,
        told: stands.told,
    }
}

/// Looks the person up, and locks the row against other notices to the same person.
async fn addressee_of(
    conn: &mut PgConnection,
    about: &Notice,
    audience: Audience,
    now: Time,
) -> sqlx::Result<Addressee> {
    let (Audience::Owner, Some(person)) = (audience, about.person) else {
        return Ok(Addressee::Nobody);
    };
    let as_person = As::Person { dealer: Scope::Dealer(about.dealer), account: None, purpose: "notice" };
    act_as(conn, as_person).await?;
    let preferences = standing::lock_person(conn, person).await?;
    act_as(conn, As::Engine).await?;
    let Some(preferences) = preferences else {
        return Ok(Addressee::Erased);
    };
    let contacts = standing::contacts_since(conn, about, now - LONGEST_BUDGET).await?;
    Ok(Addressee::Person { quiet: preferences.quiet_hours(), contacts })
}
