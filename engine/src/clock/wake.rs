//! Wakes a reconciler when the database rings, and now and then anyway.
//!
//! A ring carries nothing: whoever is woken reads the tables again. It listens before anybody
//! queries, and rings once whenever it had to connect anew, so that nothing written meanwhile is
//! overlooked.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How long to wait before connecting again.
const AGAIN: Duration = Duration::from_secs(1);

/// Rings for one channel of NOTIFY.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    pub fn new() -> Self {
        Self::default()
    }

    /// Rings; several rings before anybody answers are one.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits for a ring, or for `at_most` of real time.
    pub async fn wait(&self, at_most: Duration) {
        // Passing time without a ring is as good a reason to look.
        let _ = tokio::time::timeout(at_most, self.0.notified()).await;
    }

    /// Listens until `stop`; connects again when the database went away.
    pub async fn listen(self, pool: PgPool, channel: &'static str, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Some(Err(error)) = stop.run_until_cancelled(self.listen_once(&pool, channel)).await {
                warn!(channel, error = %error, "listening for changes was interrupted");
                stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await;
            }
        }
    }

    async fn listen_once(&self, pool: &PgPool, channel: &str) -> sqlx::Result<()> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(channel).await?;
        loop {
            self.ring();
            // Nothing: the connection was lost and made anew, which rings as well.
            let _ = listener.try_recv().await?;
        }
    }
}
