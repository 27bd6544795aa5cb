//! Heavy pages: what replays an archive or compiles rules takes a core for seconds.
//!
//! Few run at once, on threads of their own, so that commits, probes and other pages do not wait behind them.
//! Some wait for their turn; the rest are told at once to come again. None runs longer than its deadline,
//! and none goes on for somebody who has left.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::http::page::failure::Failure;
use crate::metrics::{ConsoleMetrics, HeavyOutcome, HeavyPage};

/// Pages that may wait for their turn.
const WAITING: i64 = 32;
/// Longest wait for a turn, and longest run.
const WAIT: Duration = Duration::from_secs(15);
const RUN: Duration = Duration::from_secs(30);

/// The turns of heavy pages.
#[derive(Clone, Debug)]
pub struct Heavy {
    turns: Arc<Semaphore>,
    metrics: ConsoleMetrics,
}

/// Counts one that waits, also when it gives up.
struct Waiting(IntGauge);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Heavy {
    /// With half of the cores: the other half is the lanes'.
    pub fn new(metrics: ConsoleMetrics) -> Self {
        let turns = thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        Self { turns: Arc::new(Semaphore::new(turns)), metrics }
    }

    /// Does the work of a page when it is its turn.
    pub async fn run<T, W>(&self, page: HeavyPage, work: impl FnOnce() -> W + Send + 'static) -> Result<T, Failure>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Failure>>,
    {
        let (done, outcome) = match self.turn_and_run(work).await {
            Ok(done) => (done, HeavyOutcome::Shown),
            Err(outcome) => (Err(Failure::Busy), outcome),
        };
        let outcome = if outcome == HeavyOutcome::Shown && done.is_err() { HeavyOutcome::Failed } else { outcome };
        self.metrics.heavy_page(page, outcome);
        done
    }

    async fn turn_and_run<T, W>(
        &self,
        work: impl FnOnce() -> W + Send + 'static,
    ) -> Result<Result<T, Failure>, HeavyOutcome>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Failure>>,
    {
        let waiting = &self.metrics.heavy_pages_waiting;
        let turn = if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            turn
        } else {
            if waiting.get() >= WAITING {
                return Err(HeavyOutcome::Busy);
            }
            waiting.inc();
            let _waiting = Waiting(waiting.clone());
            match timeout(WAIT, Arc::clone(&self.turns).acquire_owned()).await {
                Ok(Ok(turn)) => turn,
                Ok(Err(_)) | Err(_) => return Err(HeavyOutcome::Busy),
            }
        };
        let gone = CancellationToken::new();
        // Cancelled when the visitor leaves and this future is dropped.
        let _leaving = gone.clone().drop_guard();
        let ran = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            Handle::current().block_on(gone.run_until_cancelled(timeout(RUN, work())))
        });
        match ran.await {
            Ok(Some(Ok(done))) => Ok(done),
            Ok(Some(Err(_)) | None) => Err(HeavyOutcome::TooLong),
            Err(error) => Ok(Err(Failure::Broken(error.into()))),
        }
    }
}

/// Work that is too long for the threads of lanes and pages, and too short to take turns.
pub async fn aside<T, W>(work: impl FnOnce() -> W + Send + 'static) -> Result<T, Failure>
where
    T: Send + 'static,
    W: Future<Output = Result<T, Failure>>,
{
    let ran = tokio::task::spawn_blocking(move || Handle::current().block_on(work()));
    ran.await.unwrap_or_else(|error| Err(Failure::Broken(error.into())))
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn heavy(turns: usize) -> Heavy {
        let metrics = ConsoleMetrics::try_new(&prometheus::Registry::new()).unwrap();
        Heavy { turns: Arc::new(Semaphore::new(turns)), metrics }
    }

    async fn runs(heavy: &Heavy) -> Result<u32, Failure> {
        heavy.run(HeavyPage::Explain, || async { Ok(7) }).await
    }

    #[tokio::test]
    async fn so_many_wait_and_the_rest_hear_it_at_once() {
        let heavy = heavy(1);
        let turn = Arc::clone(&heavy.turns).acquire_owned().await.unwrap();
        let waiting: Vec<_> = (0..WAITING)
            .map(|_| {
                let heavy = heavy.clone();
                tokio::spawn(async move { runs(&heavy).await })
            })
            .collect();
        while heavy.metrics.heavy_pages_waiting.get() < WAITING {
            tokio::task::yield_now().await;
        }
        assert!(matches!(runs(&heavy).await, Err(Failure::Busy)));
        drop(turn);
        for one in waiting {
            assert_eq!(one.await.unwrap().unwrap(), 7);
        }
        assert_eq!(heavy.metrics.heavy_pages_waiting.get(), 0);
        assert_eq!(heavy.metrics.heavy_pages(HeavyPage::Explain, HeavyOutcome::Busy), 1);
        assert_eq!(heavy.metrics.heavy_pages(HeavyPage::Explain, HeavyOutcome::Shown), WAITING as u64);
    }

    #[tokio::test]
    async fn work_that_breaks_down_gives_its_turn_back() {
        let heavy = heavy(1);
        let broken = heavy.run::<u32, _>(HeavyPage::Rules, || async { Err(Failure::NotFound) }).await;
        assert!(matches!(broken, Err(Failure::NotFound)));
        assert_eq!(heavy.metrics.heavy_pages(HeavyPage::Rules, HeavyOutcome::Failed), 1);
        assert_eq!(runs(&heavy).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn work_ends_when_its_visitor_leaves() {
        let heavy = heavy(1);
        let leaving = heavy.clone();
        let left = tokio::spawn(async move {
            leaving.run(HeavyPage::Explain, || async { pending::<Result<u32, Failure>>().await }).await
        });
        while heavy.turns.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        left.abort();
        assert_eq!(runs(&heavy).await.unwrap(), 7);
    }
}
