//! Restraint: a vehicle that sends rubbish all day gets some rejection rows, not a full disk.
//!
//! Counters count everything; rows are limited per vehicle and minute, and for claimed vehicles
//! that do not exist all together.

use std::collections::HashMap;

use rules::time::{Span, Time};
use rules::vehicle::VehicleId;

const PER_MINUTE: u32 = 20;
/// Vehicles remembered at once; a flood of invented ids must not cost memory.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub struct Restraint {
    seen: HashMap<Option<VehicleId>, (Time, u32)>,
}

impl Restraint {
    /// Whether one more row of this vehicle may be written.
    pub fn allows(&mut self, vehicle: Option<&VehicleId>, at: Time) -> bool {
        if self.seen.len() >= MOST {
            self.seen.retain(|_, (since, _)| at.since(*since) < Span::from_mins(1));
        }
        let key = if self.seen.len() >= MOST { None } else { vehicle.cloned() };
        let (since, count) = self.seen.entry(key).or_insert((at, 0));
        if at.since(*since) >= Span::from_mins(1) {
            (*since, *count) = (at, 0);
        }
        *count += 1;
        *count <= PER_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_some_rows_a_minute_per_vehicle() {
        let vehicle = VehicleId::try_new("v").unwrap();
        let mut restraint = Restraint::default();
        let allowed = |restraint: &mut Restraint, secs| {
            (0..100).filter(|_| restraint.allows(Some(&vehicle), Time::from_secs(secs))).count()
        };
        assert_eq!(allowed(&mut restraint, 0), PER_MINUTE as usize);
        assert_eq!(allowed(&mut restraint, 59), 0);
        assert_eq!(allowed(&mut restraint, 60), PER_MINUTE as usize);
        assert!(restraint.allows(None, Time::from_secs(60)));
    }
}
