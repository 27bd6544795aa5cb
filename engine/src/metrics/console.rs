//! What the console counts: log-ins, heavy pages, connections.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// What became of a log-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogIn {
    In,
    Wrong,
    /// The name or the address has to wait.
    Delayed,
    /// Too many at once.
    Busy,
    /// The form was too long, too slow or not understood.
    Unread,
}

impl LogIn {
    const ALL: [Self; 5] = [Self::In, Self::Wrong, Self::Delayed, Self::Busy, Self::Unread];

    const fn key(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Wrong => "wrong",
            Self::Delayed => "delayed",
            Self::Busy => "busy",
            Self::Unread => "unread",
        }
    }
}

/// A page whose work takes turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeavyPage {
    Explain,
    Rules,
    Campaign,
}

impl HeavyPage {
    const ALL: [Self; 3] = [Self::Explain, Self::Rules, Self::Campaign];

    const fn key(self) -> &'static str {
        match self {
            Self::Explain => "explain",
            Self::Rules => "rules",
            Self::Campaign => "campaign",
        }
    }
}

/// What became of a heavy page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeavyOutcome {
    Shown,
    Failed,
    /// Too many waited, or it waited too long.
    Busy,
    TooLong,
}

impl HeavyOutcome {
    const ALL: [Self; 4] = [Self::Shown, Self::Failed, Self::Busy, Self::TooLong];

    const fn key(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Failed => "failed",
            Self::Busy => "busy",
            Self::TooLong => "too_long",
        }
    }
}

/// The console's counters.
#[derive(Clone, Debug)]
pub struct ConsoleMetrics {
    log_ins: IntCounterVec,
    pub log_ins_waiting: IntGauge,
    heavy_pages: IntCounterVec,
    pub heavy_pages_waiting: IntGauge,
    pub connections: IntGauge,
    pub connections_refused: IntCounter,
    pub connections_pushed_out: IntCounter,
}

impl ConsoleMetrics {
    pub fn try_new(registry: &Registry) -> prometheus::Result<Self> {
        let gone = "Connections of strangers that made room for others.";
        let metrics = Self {
            log_ins: IntCounterVec::new(
                Opts::new("premend_console_log_ins_total", "Tries to log in, by what became of them."),
                &["outcome"],
            )?,
            log_ins_waiting: IntGauge::new(
                "premend_console_log_ins_waiting",
                "Tries to log in that wait for their password to be looked at.",
            )?,
            heavy_pages: IntCounterVec::new(
                Opts::new("premend_console_heavy_pages_total", "Heavy pages, by what became of them."),
                &["page", "outcome"],
            )?,
            heavy_pages_waiting: IntGauge::new(
                "premend_console_heavy_pages_waiting",
                "Heavy pages that wait for their turn.",
            )?,
            connections: IntGauge::new("premend_console_connections", "Open connections to the console.")?,
            connections_refused: IntCounter::new(
                "premend_console_connections_refused_total",
                "Connections that found no place.",
            )?,
            connections_pushed_out: IntCounter::new("premend_console_connections_pushed_out_total", gone)?,
        };
        registry.register(Box::new(metrics.log_ins.clone()))?;
        registry.register(Box::new(metrics.log_ins_waiting.clone()))?;
        registry.register(Box::new(metrics.heavy_pages.clone()))?;
        registry.register(Box::new(metrics.heavy_pages_waiting.clone()))?;
        registry.register(Box::new(metrics.connections.clone()))?;
        registry.register(Box::new(metrics.connections_refused.clone()))?;
        registry.register(Box::new(metrics.connections_pushed_out.clone()))?;
        for outcome in LogIn::ALL {
            metrics.log_ins.with_label_values(&[outcome.key()]);
        }
        for page in HeavyPage::ALL {
            for outcome in HeavyOutcome::ALL {
                metrics.heavy_pages.with_label_values(&[page.key(), outcome.key()]);
            }
        }
        Ok(metrics)
    }

    pub fn log_in(&self, outcome: LogIn) {
        self.log_ins.with_label_values(&[outcome.key()]).inc();
    }

    pub fn heavy_page(&self, page: HeavyPage, outcome: HeavyOutcome) {
        self.heavy_pages.with_label_values(&[page.key(), outcome.key()]).inc();
    }

    /// How many there were.
    pub fn heavy_pages(&self, page: HeavyPage, outcome: HeavyOutcome) -> u64 {
        self.heavy_pages.with_label_values(&[page.key(), outcome.key()]).get()
    }
}
