//! Brings commands from the inbox table to the lanes that own their vehicles.
//!
//! A reconciler: woken by NOTIFY or a tick, it reads what has not been applied and is not under way.
//! The lane's commit marks a command applied; until then it is dispatched again after a restart.

use std::collections::HashSet;
use std::time::Duration;

use ingest::queue::lane_of;
use rules::vehicle::{Command, VehicleId};
use sqlx::{PgPool, query};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Wake};
use crate::lane::inbox::Ordered;
use crate::store::session::{As, begin_as};

const TICK: Duration = Duration::from_secs(2);
const AT_ONCE: i64 = 1_000;

pub struct Dispatch {
    pool: PgPool,
    lanes: Vec<mpsc::Sender<Ordered>>,
    /// Dispatched and not yet seen applied.
    under_way: HashSet<i64>,
}

impl Dispatch {
    pub fn new(pool: PgPool, lanes: Vec<mpsc::Sender<Ordered>>) -> Self {
        Self { pool, lanes, under_way: HashSet::new() }
    }

    /// Runs until it is stopped; a store that is away is waited for.
    pub async fn run(mut self, wake: Wake, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.pass_on().await {
                tracing::warn!(error = format!("{error:#}"), "commands cannot be read, trying again");
            }
            stop.run_until_cancelled(wake.wait(TICK)).await;
        }
    }

    async fn pass_on(&mut self) -> sqlx::Result<()> {
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        let rows = query!(
            "select command_id, vehicle_id, body from command where applied_at is null order by command_id limit $1",
            AT_ONCE
        )
        .fetch_all(&mut *tx)
        .await?;
        // A lane that is full takes as long as its commit does: no connection is held meanwhile.
        drop(tx);
        let waiting: HashSet<i64> = rows.iter().map(|row| row.command_id).collect();
        self.under_way.retain(|id| waiting.contains(id));
        for row in rows {
            if self.under_way.contains(&row.command_id) {
                continue;
            }
            let read = (VehicleId::try_new(&row.vehicle_id), serde_json::from_value::<Command>(row.body));
            let (Ok(vehicle), Ok(command)) = read else {
                tracing::error!(command.id = row.command_id, "a command cannot be read and is passed over");
                let mut tx = begin_as(&self.pool, As::Engine).await?;
                query!(
                    "update command set applied_at = $2 where command_id = $1",
                    row.command_id,
                    Clock::wall().to_utc()
                )
                .execute(&mut *tx)
                .await?;
                tx.commit().await?;
                continue;
            };
            let lane = lane_of(vehicle.as_str(), self.lanes.len());
            self.under_way.insert(row.command_id);
            let ordered = Ordered { command_id: row.command_id, vehicle, command };
            if let Some(lane) = self.lanes.get(lane) {
                // A lane that is gone ends the engine; the command stays where it is.
                let _ = lane.send(ordered).await;
            }
        }
        Ok(())
    }
}
