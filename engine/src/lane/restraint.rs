//! Restraint: a vehicle that sends rubbish all day gets some rejection rows, not a full disk.
//!
//! Counters count everything; rows are limited per vehicle and hour, and for claimed vehicles
//! that do not exist all together.

use std::collections::HashMap;

use rules::unit::{Span, Time};
use rules::vehicle::VehicleId;

const HOUR: Span = Span::from_hours(1);
/// Vehicles remembered at once; a flood of invented ids must not cost memory.
const MOST: usize = 10_000;

#[derive(Debug)]
pub struct Restraint {
    per_hour: u32,
    seen: HashMap<Option<VehicleId>, (Time, u32)>,
}

impl Restraint {
    pub fn new(per_hour: u32) -> Self {
        Self { per_hour, seen: HashMap::new() }
    }

    /// Whether one more row of this vehicle may be written.
    pub fn allows(&mut self, vehicle: Option<&VehicleId>, at: Time) -> bool {
        if self.seen.len() >= MOST {
            self.seen.retain(|_, (since, _)| at.since(*since) < HOUR);
        }
        let key = if self.seen.len() >= MOST { None } else { vehicle.cloned() };
        let (since, count) = self.seen.entry(key).or_insert((at, 0));
        // Before it began: the clock was set back.
        if at.since(*since) >= HOUR || at < *since {
            (*since, *count) = (at, 0);
        }
        *count += 1;
        *count <= self.per_hour
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_some_rows_an_hour_per_vehicle() {
        let vehicle = VehicleId::try_new("v").unwrap();
        let mut restraint = Restraint::new(20);
        let allowed = |restraint: &mut Restraint, secs| {
            (0..100).filter(|_| restraint.allows(Some(&vehicle), Time::from_secs(secs))).count()
        };
        assert_eq!(allowed(&mut restraint, 0), 20);
        assert_eq!(allowed(&mut restraint, 3_599), 0);
        assert_eq!(allowed(&mut restraint, 3_600), 20);
        assert!(restraint.allows(None, Time::from_secs(3_600)));
    }
}
