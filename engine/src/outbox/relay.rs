//! The relay: a reconciler that empties the outbox.
//!
//! Woken by NOTIFY `premend_outbox` or the tick, it takes no payload and reads the tables again.
//! Several entries are under way at once, each in its own task, so that a slow channel does not
//! keep stop-now waiting. No transaction is open while a channel works.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rules::unit::{Span, Time};
use sqlx::{PgConnection, PgPool};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, debug_span, error, field, info, warn};

use super::judge::{Judge, Judgement, lease};
use super::metrics::OutboxMetrics;
use super::{Backoff, BackoffError};
use crate::clock::{Clock, Wake};
use crate::config;
use crate::crm::notice::{Addressee, CancelReason, take_back};
use crate::outbox::channel::{Channel, Channels, Delivery, Outcome, Render};
use crate::store::outbox::{self, Attempt, AttemptOutcome, Claim};
use crate::store::session::{As, begin_as};
use crate::store::{notice, standing};

/// Waits between attempts: from seconds for a hiccup to an hour for an outage.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// Rings come with every commit of a lane; the joins of tending are worth one a second.
const TEND: Duration = Duration::from_secs(1);
const REFRESH: Duration = Duration::from_mins(1);
/// Taken back per look; the rest follows at the next one.
const TAKE_BACK_LIMIT: i64 = 256;

/// Delivers what is queued. Clones share everything.
#[derive(Clone)]
pub struct Relay(Arc<Parts>);

struct Parts {
    pool: PgPool,
    clock: Clock,
    settings: config::Relay,
    lease: Duration,
    backoff: Backoff,
    channels: Channels,
    judge: Judge,
    metrics: OutboxMetrics,
}

impl Relay {
    pub fn try_new(
        pool: PgPool,
        clock: Clock,
        settings: config::Relay,
        channels: Channels,
        render: Render,
        metrics: OutboxMetrics,
    ) -> Result<Self, BackoffError> {
        let lease = settings.lease.to_std();
        let judge = Judge {
            pool: pool.clone(),
            channels: channels.clone(),
            render,
            lease,
            max_attempts: i32::from(settings.max_attempts),
        };
        let backoff = Backoff::try_new(FIRST_WAIT, LONGEST_WAIT)?;
        Ok(Self(Arc::new(Parts { pool, clock, settings, lease, backoff, channels, judge, metrics })))
    }

    /// Runs until `stop`, then finishes what is under way.
    pub async fn run(self, wake: Wake, stop: CancellationToken) {
        let mut under_way = JoinSet::new();
        let poll = self.0.settings.poll.to_std();
        let (mut tended, mut refreshed) = (None::<Instant>, None::<Instant>);
        while !stop.is_cancelled() {
            if tended.is_none_or(|at| at.elapsed() >= TEND) {
                self.logged("tend", self.tend().await);
                tended = Some(Instant::now());
            }
            if refreshed.is_none_or(|at| at.elapsed() >= REFRESH) {
                for channel in self.0.channels.iter() {
                    self.logged("refresh", channel.refresh().await);
                }
                refreshed = Some(Instant::now());
            }
            self.logged("claim", self.start_due(&mut under_way).await);
            tokio::select! {
                () = stop.cancelled() => {}
                () = wake.wait(poll) => {}
                Some(_) = under_way.join_next() => {}
            }
        }
        while under_way.join_next().await.is_some() {}
        info!("relay stopped");
    }

    /// Delivers until nothing is due: for whoever cannot wait for the next look.
    pub async fn settle(&self) -> sqlx::Result<()> {
        self.tend().await?;
        let mut under_way = JoinSet::new();
        loop {
            self.start_due(&mut under_way).await?;
            if under_way.join_next().await.is_none() {
                return self.tend().await;
            }
        }
    }

    /// At the start of an engine: what an earlier one was delivering is delivered again, at once.
    pub async fn release_leases(&self) -> sqlx::Result<()> {
        let mut tx = begin_as(&self.0.pool, As::Engine).await?;
        outbox::release(&mut tx).await?;
        tx.commit().await
    }

    /// Claims as much as may be under way and starts it.
    async fn start_due(&self, under_way: &mut JoinSet<()>) -> sqlx::Result<()> {
        let free = self.0.settings.parallel.saturating_sub(under_way.len());
        if free == 0 {
            return Ok(());
        }
        let now = self.0.clock.now();
        let mut tx = begin_as(&self.0.pool, As::Engine).await?;
        let claims = outbox::claim(&mut tx, now, lease(self.0.lease), free as i64).await?;
        tx.commit().await?;
        for claim in claims {
            self.0.metrics.claimed(claim.taken_over);
            let relay = self.clone();
            under_way.spawn(async move {
                let (outbox_id, began) = (claim.outbox, Instant::now());
                let span = debug_span!(
                    "outbox.deliver",
                    outbox.id = %outbox_id,
                    channel = claim.channel,
                    duration_ms = field::Empty
                );
                let carried = relay.carry(claim).instrument(span.clone()).await;
                span.record("duration_ms", began.elapsed().as_millis() as u64);
                if let Err(error) = carried {
                    // Its lease runs out and it is tried again.
                    warn!(outbox.id = %outbox_id, error = %error, "an entry was given back");
                }
            });
        }
        Ok(())
    }

    /// One claimed entry: check again, deliver, record.
    async fn carry(&self, claim: Claim) -> sqlx::Result<()> {
        let judgement = self.0.judge.judge(claim, self.0.clock.now()).await?;
        match judgement {
            Judgement::Lost => Ok(()),
            Judgement::Held(reason) => {
                self.0.metrics.held(reason);
                Ok(())
            }
            Judgement::Cancelled { channel, reason } => {
                self.0.metrics.cancelled(reason);
                self.0.metrics.attempted(&channel, AttemptOutcome::Cancelled);
                Ok(())
            }
            Judgement::Parked { channel, why } => {
                self.0.metrics.attempted(&channel, AttemptOutcome::Parked);
                error!(channel, why, "a notice was parked");
                Ok(())
            }
            Judgement::Send { claim, delivery, channel } => self.send(claim, &delivery, channel.as_ref()).await,
        }
    }

    async fn send(&self, claim: Claim, delivery: &Delivery, channel: &dyn Channel) -> sqlx::Result<()> {
        let started_at = self.0.clock.now();
        let watch = Instant::now();
        // Well within the lease, so that nobody else delivers it meanwhile.
        let outcome = match tokio::time::timeout(self.0.lease / 3, channel.deliver(delivery)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Retry { after: None, why: "no answer in time".to_owned() },
        };
        self.0.metrics.took(channel.key(), watch.elapsed());
        debug!(outbox.id = %claim.outbox, channel = channel.key(), outcome = ?outcome, "attempted a delivery");
        let mut tx = begin_as(&self.0.pool, As::Engine).await?;
        let recorded = self.record(&mut tx, &claim, started_at, &outcome).await?;
        tx.commit().await?;
        self.0.metrics.attempted(channel.key(), recorded);
        Ok(())
    }

    async fn record(
        &self,
        conn: &mut PgConnection,
        claim: &Claim,
        started_at: Time,
        outcome: &Outcome,
    ) -> sqlx::Result<AttemptOutcome> {
        let ended_at = self.0.clock.now();
        let (outcome, detail) = match outcome {
            Outcome::Delivered => {
                outbox::mark_delivered(conn, claim).await?;
                (AttemptOutcome::Delivered, None)
            }
            Outcome::Retry { why, .. } if claim.attempts >= i32::from(self.0.settings.max_attempts) => {
                let because = format!("gave up after {} attempts: {why}", claim.attempts);
                outbox::end_undelivered(conn, claim, AttemptOutcome::Parked, &because).await?;
                error!(outbox.id = %claim.outbox, channel = claim.channel, because, "a notice was parked");
                (AttemptOutcome::Parked, Some(because))
            }
            Outcome::Retry { after, why } => {
                let wait = after.unwrap_or_else(|| self.wait_after(claim.attempts));
                outbox::postpone(conn, claim, ended_at + wait, why).await?;
                (AttemptOutcome::Retry, Some(why.clone()))
            }
            Outcome::Park { why } => {
                outbox::end_undelivered(conn, claim, AttemptOutcome::Parked, why).await?;
                error!(outbox.id = %claim.outbox, channel = claim.channel, why, "a notice was parked");
                (AttemptOutcome::Parked, Some(why.clone()))
            }
        };
        let attempt = Attempt { started_at, ended_at, outcome, detail: detail.as_deref() };
        outbox::record_attempt(conn, claim, &attempt).await?;
        Ok(outcome)
    }

    fn wait_after(&self, attempts: i32) -> Span {
        let wait = self.0.backoff.wait(attempts.unsigned_abs(), rand::random());
        Span::from_micros(wait.as_micros() as i64)
    }

    /// What ended meanwhile: queued entries become due to be cancelled, delivered ones are taken
    /// back.
    async fn tend(&self) -> sqlx::Result<()> {
        let now = self.0.clock.now();
        let channels = &self.0.channels;
        let mut tx = begin_as(&self.0.pool, As::Engine).await?;
        standing::pull_forward(&mut tx, now, &channels.to_owners()).await?;
        let ended = standing::to_take_back(&mut tx, now, &channels.that_take_back(), TAKE_BACK_LIMIT).await?;
        let mut backs = Vec::with_capacity(ended.len());
        for (entry, channel) in ended {
            let about = notice::of_entry(&mut tx, entry).await?;
            let stands = standing::of_entry(&mut tx, entry, now).await?;
            backs.push((entry, channel, about, stands));
        }
        tx.commit().await?;
        for (entry, key, about, stands) in backs {
            let Some(channel) = channels.get(&key) else { continue };
            let situation = super::judge::situation(&about, stands, channel.audience(), Addressee::Nobody);
            if let Some(reason) = take_back(&situation) {
                self.take_back(entry, &about, channel.as_ref(), reason).await?;
            }
        }
        Ok(())
    }

    async fn take_back(
        &self,
        entry: uuid::Uuid,
        about: &notice::Notice,
        channel: &dyn Channel,
        reason: CancelReason,
    ) -> sqlx::Result<()> {
        let Some(taking) = channel.take_back(about) else { return Ok(()) };
        let outcome = tokio::time::timeout(self.0.lease / 3, taking).await;
        if !matches!(outcome, Ok(Outcome::Delivered)) {
            // It is still a candidate at the next look.
            return Ok(());
        }
        let mut tx = begin_as(&self.0.pool, As::Engine).await?;
        let first = standing::mark_taken_back(&mut tx, entry, self.0.clock.now(), reason.key()).await?;
        tx.commit().await?;
        if first {
            self.0.metrics.taken_back(reason);
            info!(notification.id = %about.notification, reason = reason.key(), "a notice was taken back");
        }
        Ok(())
    }

    fn logged(&self, step: &'static str, result: sqlx::Result<()>) {
        if let Err(error) = result {
            self.0.metrics.failed();
            warn!(step, error = %error, "the relay looks again later");
        }
    }
}
