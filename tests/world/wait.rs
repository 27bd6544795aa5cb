//! Waiting for a condition instead of for a while.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Tries until it gives a value; fails with what was missing when `within` is over.
pub async fn eventually<T, F, Fut>(what: impl Display, within: Duration, mut try_once: F) -> anyhow::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = anyhow::Result<Option<T>>>,
{
    let deadline = Instant::now() + within;
    let mut pause = Duration::from_millis(5);
    loop {
        let outcome = try_once().await;
        if let Ok(Some(value)) = outcome {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            return match outcome {
                Err(error) => Err(error.context(format!("{what} did not come within {within:?}"))),
                _ => Err(anyhow::anyhow!("{what} did not come within {within:?}")),
            };
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}
