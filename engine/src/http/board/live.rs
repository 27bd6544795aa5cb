//! Tells open pages that something of their dealer changed.
//!
//! One connection listens to `premend_console`; what it hears is only *which dealer*, pages read
//! again what they show. After a lost connection everybody reads again, since notices were missed.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

const CHANNEL: &str = "premend_console";
/// Changes that fall within this are shown together.
const GATHER: Duration = Duration::from_millis(150);

/// Whose pages are out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Dealer(Uuid),
    Everybody,
}

/// The way from the database's notices to the open pages.
#[derive(Clone, Debug)]
pub struct Live {
    changes: broadcast::Sender<Changed>,
    /// Ends all streams, so that a shutdown need not wait for browsers.
    closing: CancellationToken,
}

impl Default for Live {
    fn default() -> Self {
        Self { changes: broadcast::Sender::new(256), closing: CancellationToken::new() }
    }
}

impl Live {
    /// Listens until shutdown, connecting again whenever the connection is lost.
    pub async fn run(&self, pool: &PgPool, shutdown: &CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.listen_for_ever(pool) => {}
        }
        self.closing.cancel();
    }

    async fn listen_for_ever(&self, pool: &PgPool) {
        loop {
            if let Err(error) = self.listen(pool).await {
                warn!(error = format!("{error:#}"), "console does not hear changes, trying again");
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn listen(&self, pool: &PgPool) -> sqlx::Result<()> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        self.tell(Changed::Everybody);
        loop {
            let heard = listener.try_recv().await?;
            let dealer = heard.and_then(|notice| Uuid::parse_str(notice.payload()).ok());
            self.tell(dealer.map_or(Changed::Everybody, Changed::Dealer));
        }
    }

    /// Tells the pages; that nobody listens is fine.
    pub fn tell(&self, changed: Changed) {
        let _ = self.changes.send(changed);
    }

    /// What one page follows; a dealer's people hear of their dealer only.
    pub fn follow(&self, dealer: Option<Uuid>) -> Follower {
        Follower { changes: self.changes.subscribe(), closing: self.closing.clone(), dealer }
    }
}

/// One open page.
#[derive(Debug)]
pub struct Follower {
    changes: broadcast::Receiver<Changed>,
    closing: CancellationToken,
    dealer: Option<Uuid>,
}

impl Follower {
    /// Waits until the page is out of date; false when there is nothing more to come.
    pub async fn changed(&mut self) -> bool {
        loop {
            let heard = tokio::select! {
                () = self.closing.cancelled() => return false,
                heard = self.changes.recv() => heard,
            };
            match heard {
                Ok(changed) if !self.concerns(changed) => {}
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => break,
                Err(broadcast::error::RecvError::Closed) => return false,
            }
        }
        tokio::time::sleep(GATHER).await;
        while let Ok(_) | Err(broadcast::error::TryRecvError::Lagged(_)) = self.changes.try_recv() {}
        true
    }

    fn concerns(&self, changed: Changed) -> bool {
        match (changed, self.dealer) {
            (Changed::Dealer(dealer), Some(own)) => dealer == own,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hears_of_its_own_dealer_only_and_gathers() {
        let live = Live::default();
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut follower = live.follow(Some(own));
        live.tell(Changed::Dealer(other));
        live.tell(Changed::Dealer(own));
        live.tell(Changed::Dealer(own));
        assert!(follower.changed().await);
        let more = follower.changes.try_recv();
        assert_eq!(more, Err(broadcast::error::TryRecvError::Empty), "the second notice was gathered into the first");
    }

    #[tokio::test]
    async fn ends_when_the_console_closes() {
        let live = Live::default();
        let mut follower = live.follow(None);
        live.closing.cancel();
        assert!(!follower.changed().await);
    }
}
