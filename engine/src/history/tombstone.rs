//! Tombstones: what the journal still has of a vehicle that was erased, and nobody may read.

use std::collections::{HashMap, HashSet};

use rules::vehicle::{Command, Input, VehicleId, What};
use sqlx::PgPool;

use crate::store::archive;
use crate::store::session::{As, begin_as};

/// The erased vehicles, each with the batch that erased it. Batches must be shown in their order.
#[derive(Debug, Default)]
pub struct Tombstones {
    /// Run and number of the batch; a vehicle has one lane per run.
    by: HashMap<VehicleId, (i32, i64)>,
    /// Whose erasure has been passed: what follows in the same batch is a new life.
    passed: HashSet<VehicleId>,
}

impl Tombstones {
    pub async fn load(pool: &PgPool) -> sqlx::Result<Self> {
        let rows = archive::erased(&mut *begin_as(pool, As::Engine).await?).await?;
        let by = rows.into_iter().filter_map(|row| {
            let id = VehicleId::try_new(&row.vehicle_id).ok()?;
            Some((id, (row.by.incarnation, row.by.n)))
        });
        Ok(Self { by: by.collect(), passed: HashSet::new() })
    }

    /// Whether an input of batch `n` of a run lies under a tombstone.
    pub fn cover(&mut self, incarnation: i32, n: i64, input: &Input) -> bool {
        let Some(by) = self.by.get(&input.vehicle) else { return false };
        if (incarnation, n) != *by || self.passed.contains(&input.vehicle) {
            return (incarnation, n) < *by;
        }
        if matches!(input.what, What::Command { command: Command::Erase, .. }) {
            self.passed.insert(input.vehicle.clone());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use rules::unit::Time;

    use super::*;

    #[test]
    fn cover_everything_up_to_the_erasure_and_nothing_after_it() {
        let vehicle = VehicleId::try_new("car").unwrap();
        let input = |what| Input { vehicle: vehicle.clone(), what };
        let at = Time::from_secs(5);
        let timer = input(What::Timer { at });
        let erasure = input(What::Command { command_id: 1, received_at: at, command: Command::Erase });
        let mut stones = Tombstones { by: HashMap::from([(vehicle.clone(), (2, 7))]), passed: HashSet::new() };
        assert!(stones.cover(1, 9, &timer) && stones.cover(2, 6, &timer) && stones.cover(2, 7, &timer));
        assert!(stones.cover(2, 7, &erasure));
        assert!(!stones.cover(2, 7, &timer) && !stones.cover(2, 8, &timer) && !stones.cover(3, 1, &timer));
        let other = Input { vehicle: VehicleId::try_new("other").unwrap(), ..timer };
        assert!(!stones.cover(1, 1, &other));
    }
}
