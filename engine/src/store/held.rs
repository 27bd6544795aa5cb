//! Who holds a connection: a guard against taking a second one while holding the first.
//!
//! With a pool of n, n holders that each want one more wait for each other until all give up, and
//! everybody else waits with them. A temporary in the head of a `for` or `match` lives as long as its
//! body, so this is easily written and hardly seen. Builds with debug assertions, as all tests are,
//! stop at the place; a release does nothing here.

#[cfg(debug_assertions)]
use std::collections::HashSet;
#[cfg(debug_assertions)]
use std::sync::{LazyLock, Mutex, PoisonError};
#[cfg(debug_assertions)]
use std::thread::ThreadId;

#[cfg(debug_assertions)]
use tokio::task::Id;

/// A task, or the thread of a test or command that runs outside of tasks.
#[cfg(debug_assertions)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Task(Id),
    Thread(ThreadId),
}

#[cfg(debug_assertions)]
static HOLDERS: LazyLock<Mutex<HashSet<Holder>>> = LazyLock::new(Mutex::default);

/// Stands for one held connection.
#[derive(Debug)]
pub struct Held {
    #[cfg(debug_assertions)]
    holder: Holder,
}

#[cfg(debug_assertions)]
impl Held {
    /// Called before a connection is asked for.
    ///
    /// # Panics
    /// With debug assertions, if the caller holds one already.
    #[track_caller]
    pub fn take() -> Self {
        let holder = tokio::task::try_id().map_or_else(|| Holder::Thread(std::thread::current().id()), Holder::Task);
        let is_first = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner).insert(holder);
        assert!(is_first, "a connection is asked for while another one is held; end that transaction first");
        Self { holder }
    }
}

#[cfg(debug_assertions)]
impl Drop for Held {
    fn drop(&mut self) {
        HOLDERS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.holder);
    }
}

#[cfg(not(debug_assertions))]
impl Held {
    /// Called before a connection is asked for.
    pub const fn take() -> Self {
        Self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_is_fine_also_in_many_tasks() {
        let tasks = (0..4).map(|_| {
            tokio::spawn(async {
                drop(Held::take());
                let _held = Held::take();
                tokio::task::yield_now().await;
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_second_one_is_found_in_tasks_and_on_blocking_threads() {
        let nested = || {
            let _held = Held::take();
            drop(Held::take());
        };
        assert!(tokio::spawn(async move { nested() }).await.is_err());
        let blocking = tokio::task::spawn_blocking(move || {
            tokio::runtime::Handle::current().block_on(async move { nested() });
        });
        assert!(blocking.await.is_err());
        drop(Held::take());
    }
}
