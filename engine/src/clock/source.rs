//! The product's time: the only place that reads the system clock.
//!
//! One clock per process. It is the system's, or virtual with an origin and a rate, or it follows
//! the messages (replay as fast as committed). The system's is held by an anchor against steps of the wall clock and goes
//! back only by one that has stood ([`crate::clock::anchor`], [`crate::app::clock_watch`]); the others never do. Log-ins and
//! signed links use [`Clock::wall`], which is the system's whatever the mode.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use rules::unit::{Span, Time};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;

use crate::clock::anchor::{Anchor, Look, Reading};
use crate::config::{self, ClockMode, ConfigError};

/// What this process holds the system's time by.
static HELD: LazyLock<Mutex<Anchor>> = LazyLock::new(|| Mutex::new(Anchor::new(raw_wall(), uptime())));
/// Where [`Clock::steady`] began.
static BEGAN: LazyLock<(Time, Span)> = LazyLock::new(|| (raw_wall(), uptime()));

/// A shared clock; clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    /// The latest time told by a clock that is not the system's, so that it never goes back.
    told: AtomicI64,
    /// Rings when a following clock moves, and when a step is taken over.
    moved: Notify,
}

#[derive(Debug)]
enum Kind {
    System,
    Virtual { origin: Time, started: Instant, rate: f64 },
    Messages,
}

impl Clock {
    pub fn system() -> Self {
        Self::new(Kind::System, Time::from_micros(0))
    }

    /// Starts at `origin` now and runs `rate` times as fast as the system.
    pub fn starting_at(origin: Time, rate: f64) -> Self {
        Self::new(Kind::Virtual { origin, started: Instant::now(), rate }, origin)
    }

    /// Stands at `origin` until [`Clock::follow`] moves it.
    pub fn following_from(origin: Time) -> Self {
        Self::new(Kind::Messages, origin)
    }

    /// The clock that was configured.
    pub fn configured(clock: &config::Clock) -> Result<Self, ConfigError> {
        let origin = clock.origin()?.unwrap_or_else(Self::wall);
        Ok(match clock.mode {
            ClockMode::System => Self::system(),
            ClockMode::Virtual => Self::starting_at(origin, clock.rate),
            ClockMode::Messages => Self::following_from(origin),
        })
    }

    fn new(kind: Kind, told: Time) -> Self {
        Self(Arc::new(Inner { kind, told: AtomicI64::new(told.micros()), moved: Notify::new() }))
    }

    /// The present; before an answer given earlier only by a step that was taken over.
    pub fn now(&self) -> Time {
        let present = match self.0.kind {
            Kind::System => return Self::wall(),
            Kind::Virtual { origin, started, rate } => origin + stretch(started.elapsed(), rate),
            Kind::Messages => Time::from_micros(self.0.told.load(Ordering::Acquire)),
        };
        let told = self.0.told.fetch_max(present.micros(), Ordering::AcqRel);
        present.max(Time::from_micros(told))
    }

    /// The present with the steps that led to it, of the system's clock; the others make none.
    pub fn reading(&self) -> (Time, Option<Span>) {
        match self.0.kind {
            Kind::System => {
                let Reading { at, total } = held().tell(uptime());
                (at, Some(total))
            }
            Kind::Virtual { .. } | Kind::Messages => (self.now(), None),
        }
    }

    /// The present, as far as the system's clock cannot have been set forward wrongly within a day: what deletes asks.
    pub fn earliest(&self) -> Time {
        match self.0.kind {
            Kind::System => Self::earliest_wall(),
            Kind::Virtual { .. } | Kind::Messages => self.now(),
        }
    }

    /// The same of the system's time, whatever the mode.
    pub fn earliest_wall() -> Time {
        held().earliest(uptime())
    }

    /// The system's time, whatever the mode, without steps that have not stood: log-ins, signed links.
    pub fn wall() -> Time {
        held().tell(uptime()).at
    }

    /// A time that no step ever touches, for leases: only differences within this process mean anything.
    pub fn steady() -> Time {
        let (began, at) = *BEGAN;
        began + (uptime() - at)
    }

    /// How long the machine has been up, with the time it slept.
    pub fn uptime() -> Span {
        uptime()
    }

    /// Goes on from what an earlier process told; see [`Anchor::resume`].
    pub fn resume(&self, told: Time, since: Option<Span>, total: Span) {
        if self.is_system() {
            held().resume(told, since, total, raw_wall(), uptime());
        }
    }

    /// Compares with the system's wall clock.
    pub fn look(&self, after: Span) -> Look {
        let (wall, uptime) = (raw_wall(), uptime());
        held().look(wall, uptime, after)
    }

    /// Takes a step of the wall clock over.
    pub fn adopt(&self, by: Span) {
        held().adopt(by, uptime());
        self.0.moved.notify_waiters();
    }

    /// Moves a following clock on to `time`; others and earlier times change nothing.
    pub fn follow(&self, time: Time) {
        if matches!(self.0.kind, Kind::Messages) {
            self.0.told.fetch_max(time.micros(), Ordering::AcqRel);
            self.0.moved.notify_waiters();
        }
    }

    /// Waits until the clock has reached `time`, or has made a step.
    pub async fn until(&self, time: Time) {
        let (_, total) = self.reading();
        loop {
            let moved = self.0.moved.notified();
            let (now, steps) = self.reading();
            let missing = time.since(now);
            if missing <= Span::ZERO || steps != total {
                return;
            }
            match self.0.kind {
                Kind::System => {
                    let _ = tokio::time::timeout(shrink(missing, 1.0), moved).await;
                }
                Kind::Virtual { rate, .. } => tokio::time::sleep(shrink(missing, rate)).await,
                Kind::Messages => moved.await,
            }
        }
    }

    pub fn is_system(&self) -> bool {
        matches!(self.0.kind, Kind::System)
    }

    /// Seconds told per second passed; 0 while it follows messages.
    pub fn rate(&self) -> f64 {
        match self.0.kind {
            Kind::System => 1.0,
            Kind::Virtual { rate, .. } => rate,
            Kind::Messages => 0.0,
        }
    }

    /// How the clock runs, for the console's header: `None` for the system's.
    pub fn describe(&self) -> Option<String> {
        match self.0.kind {
            Kind::System => None,
            Kind::Virtual { rate, .. } => Some(format!("virtual ×{rate}")),
            Kind::Messages => Some("messages".to_owned()),
        }
    }
}

fn held() -> MutexGuard<'static, Anchor> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The wall clock as it is set.
fn raw_wall() -> Time {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    Utc::now().into()
}

/// Since the machine began, the time it slept included: a suspended machine has not stepped.
fn uptime() -> Span {
    let up = clock_gettime(ClockId::Boottime);
    Span::from_micros(up.tv_sec.saturating_mul(1_000_000).saturating_add(up.tv_nsec / 1_000))
}

fn stretch(elapsed: Duration, rate: f64) -> Span {
    Span::from_micros((elapsed.as_secs_f64() * rate * 1e6) as i64)
}

/// At most a minute at a time: timers of the runtime may be late after a suspension.
fn shrink(missing: Span, rate: f64) -> Duration {
    Duration::from_secs_f64((missing.secs_f64() / rate).clamp(0.001, 60.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_back() {
        let clock = Clock::system();
        let first = clock.now();
        assert!(clock.now() >= first);
        assert!(clock.is_system() && clock.describe().is_none());
    }

    #[test]
    fn a_virtual_clock_runs_at_its_rate() {
        let origin = Time::from_secs(1_000);
        let clock = Clock::starting_at(origin, 3_600.0);
        let since = Instant::now();
        let now = clock.now();
        assert!(now >= origin && now <= origin + stretch(since.elapsed(), 3_600.0) + Span::from_secs(3_600));
        assert_eq!(clock.describe().unwrap(), "virtual ×3600");
    }

    #[tokio::test]
    async fn a_following_clock_moves_only_forward_and_wakes_who_waits() {
        let clock = Clock::following_from(Time::from_secs(10));
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.until(Time::from_secs(20)).await }
        });
        clock.follow(Time::from_secs(5));
        assert_eq!(clock.now(), Time::from_secs(10));
        tokio::task::yield_now().await;
        clock.follow(Time::from_secs(20));
        tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
        assert_eq!(clock.now(), Time::from_secs(20));
    }

    #[tokio::test]
    async fn waiting_for_a_fast_clock_takes_real_time_by_its_rate() {
        let clock = Clock::starting_at(Time::from_secs(0), 1e5);
        tokio::time::timeout(Duration::from_secs(5), clock.until(Time::from_secs(1_000))).await.unwrap();
    }
}
