//! The door: everything that somebody without an account can make this process do.
//!
//! A log-in is heavy on purpose, so strangers must not choose how many run at once. `peer` tells who asks,
//! `tries` whether it is that name's and that address's turn, `queue` lets few in at a time, `browser` knows
//! browsers that somebody has logged in with before. All of it is in memory and bounded; nothing is
//! written to the database until somebody is in.

pub mod browser;
pub mod connections;
pub mod form;
pub mod heavy;
pub mod peer;
pub mod queue;
mod recent;
pub mod tries;

use std::sync::Arc;

use ipnet::IpNet;
use tokio::sync::Semaphore;

use self::queue::Queue;
use self::tries::Tries;
use crate::metrics::ConsoleMetrics;

/// A quarter of the console's connections, as it comes.
const CHECKS: usize = 2;

/// What every stranger passes.
#[derive(Clone, Debug)]
pub struct Door {
    pub tries: Tries,
    pub queue: Queue,
    /// Sessions of strangers that are looked up at once.
    pub checks: Arc<Semaphore>,
    /// Who is believed about the address of a visitor.
    pub proxies: Arc<Vec<IpNet>>,
}

impl Door {
    pub fn new(metrics: &ConsoleMetrics) -> Self {
        let queue = Queue::new(queue::places(), metrics.log_ins_waiting.clone());
        Self { tries: Tries::default(), queue, checks: Arc::new(Semaphore::new(CHECKS)), proxies: Arc::default() }
    }
}
