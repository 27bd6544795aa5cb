//! What jobs work with: the store, the clock, the configuration and the rules in force.

use std::sync::{Arc, Mutex};

use rules::rule_set::RuleSet;
use rules::state::settle::Bounds;
use rules::unit::Time;
use sqlx::PgPool;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Config;
use crate::rules_in_force::learning::Learning;
use crate::store::open::Store;

/// Under which rules the archive replays.
#[derive(Clone)]
pub struct InForce {
    pub sets: watch::Receiver<Arc<RuleSet>>,
    pub bounds: Bounds,
}

/// Shared by all jobs.
pub struct Supplies {
    pub pool: PgPool,
    pub store: Arc<Store>,
    pub clock: Clock,
    pub config: Config,
    pub rules: InForce,
    pub learning: Learning,
    /// Up to when dealers were told of overdue orders.
    pub told_overdue: Mutex<Time>,
}

impl Supplies {
    pub fn new(store: Arc<Store>, clock: Clock, config: Config, rules: InForce, learning: Learning) -> Self {
        let (pool, told_overdue) = (store.pools.jobs.clone(), Mutex::new(clock.now()));
        Self { pool, store, clock, config, rules, learning, told_overdue }
    }
}
