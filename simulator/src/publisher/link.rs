//! What all units of a fleet share: where they send, by which clock, and what they have done together.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ingest::secret::Secret;
use rules::unit::Time;

use super::VirtualClock;
use crate::fleet::WINDOW;
use crate::trouble::Troubles;
use crate::truth::Truth;

/// What all units of a fleet share.
pub struct Link {
    pub host: String,
    pub port: u16,
    /// Vehicles prove who they are with a token under this secret; `None`: the broker is open.
    pub secret: Option<Secret>,
    pub clock: VirtualClock,
    pub window: usize,
    pub resend_after: Duration,
    pub frames_per_message: usize,
    /// No frame from here on is sent.
    pub end: Option<Time>,
    pub seed: u64,
    pub troubles: Troubles,
    /// The stream of a vehicle without an outbox file.
    pub stream: u64,
    /// Where outbox files are kept; `None`: in memory only.
    pub folder: Option<PathBuf>,
    /// Where what becomes known about planted faults goes.
    pub(super) truths: Mutex<Vec<Truth>>,
    pub traffic: Traffic,
}

/// What all units together have done so far.
#[derive(Debug, Default)]
pub struct Traffic {
    pub(super) published: AtomicU64,
    pub(super) committed: AtomicU64,
    pub(super) online: AtomicU64,
}

impl Traffic {
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Connects, including repeated ones.
    pub fn connects(&self) -> u64 {
        self.online.load(Ordering::Relaxed)
    }
}

impl Link {
    /// The usual settings: real-time resends, the window of the contract, nothing on disk.
    pub fn new(host: &str, port: u16, clock: VirtualClock) -> Self {
        Self {
            host: host.to_owned(),
            port,
            secret: None,
            clock,
            window: WINDOW as usize,
            resend_after: Duration::from_secs(30),
            frames_per_message: 1,
            end: None,
            seed: 0,
            troubles: Troubles::default(),
            stream: 1,
            folder: None,
            truths: Mutex::default(),
            traffic: Traffic::default(),
        }
    }

    /// What became known about planted faults since the last call.
    pub fn take_truths(&self) -> Vec<Truth> {
        self.truths.lock().map(|mut truths| std::mem::take(&mut *truths)).unwrap_or_default()
    }
}
