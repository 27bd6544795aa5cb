//! Drivers: who uses a vehicle, when, how far, and when it is plugged in.
//!
//! A day's agenda depends only on seed, vehicle and day, never on what happened before, so that
//! any day can be asked for and a fault does not change anybody's habits.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rules::time::Time;
use serde::{Deserialize, Serialize};

use crate::climate::local_time;
use crate::random::{Purpose, bounded, stream};

/// How a vehicle is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Habit {
    /// To work and back, an errand now and then, some weekend trips.
    Commuter,
    /// Many short trips from morning to night.
    Taxi,
    /// Hardly during the week, longer trips on Saturday and Sunday.
    Weekend,
    /// Deliveries in business hours.
    Fleet,
}

/// Something a driver means to do, not before its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activity {
    Drive {
        not_before: Time,
        km: f64,
    },
    /// Plug in, if the vehicle has a plug and its charge is below `below` percent.
    Charge {
        not_before: Time,
        below: f64,
        target: f64,
        fast: bool,
    },
}

impl Activity {
    pub const fn not_before(&self) -> Time {
        match self {
            Self::Drive { not_before, .. } | Self::Charge { not_before, .. } => *not_before,
        }
    }
}

/// One person behind the wheel.
#[derive(Clone, Copy, Debug)]
pub struct Driver {
    seed: u64,
    vehicle: u32,
    habit: Habit,
    /// Usual one-way distance, km.
    usual_km: f64,
    /// Personal shift of all times, hours.
    shift_h: f64,
}

impl Driver {
    pub fn new(seed: u64, vehicle: u32, habit: Habit) -> Self {
        let mut rng = stream(seed, vehicle, Purpose::Habits, u64::MAX);
        let usual_km = match habit {
            Habit::Commuter => bounded(&mut rng, 2.5, 0.5, 2.0).exp(),
            Habit::Taxi => bounded(&mut rng, 8.0, 1.0, 2.0),
            Habit::Weekend => bounded(&mut rng, 3.4, 0.4, 2.0).exp(),
            Habit::Fleet => bounded(&mut rng, 9.0, 2.0, 2.0),
        };
        Self { seed, vehicle, habit, usual_km, shift_h: bounded(&mut rng, 0.0, 0.5, 2.0) }
    }

    /// What happens on a local day, in order; all of it begins on that day.
    pub fn agenda(&self, day: i64) -> Vec<Activity> {
        let mut rng = stream(self.seed, self.vehicle, Purpose::Habits, day as u64);
        // 1970-01-01 was a Thursday.
        let weekend = (day + 3).rem_euclid(7) >= 5;
        let mut agenda = Agenda { day, shift_h: self.shift_h, rng: &mut rng, list: Vec::new() };
        match (self.habit, weekend) {
            (Habit::Commuter, false) => self.working_day(&mut agenda),
            (Habit::Commuter, true) => self.leisure(&mut agenda, 0.6, 1.0),
            (Habit::Weekend, false) => self.leisure(&mut agenda, 0.12, 0.25),
            (Habit::Weekend, true) => self.leisure(&mut agenda, 0.85, 1.0),
            (Habit::Taxi, _) => self.taxi(&mut agenda),
            (Habit::Fleet, false) => self.deliveries(&mut agenda),
            (Habit::Fleet, true) => {}
        }
        agenda.list
    }

    fn working_day(&self, agenda: &mut Agenda<'_>) {
        // A day off, at home or away, now and then.
        if agenda.rng.random_bool(0.08) {
            return;
        }
        agenda.drive(7.6, 0.25, self.usual_km, 0.06);
        agenda.drive(17.8, 0.6, self.usual_km, 0.08);
        if agenda.rng.random_bool(0.2) {
            let km = self.usual_km.min(12.0) * 0.5;
            agenda.drive(19.6, 0.3, km, 0.2);
            agenda.drive(21.0, 0.3, km, 0.2);
        }
        agenda.charge(22.3, 62.0, 85.0, false);
    }

    fn leisure(&self, agenda: &mut Agenda<'_>, chance: f64, length: f64) {
        if !agenda.rng.random_bool(chance) {
            return;
        }
        let km = self.usual_km * length;
        agenda.drive(9.8, 0.8, km, 0.4);
        if agenda.rng.random_bool(0.4) {
            agenda.drive(13.2, 0.5, km * 0.3, 0.4);
        }
        agenda.drive(17.0, 1.0, km, 0.4);
        agenda.charge(22.3, 55.0, 85.0, false);
    }

    fn taxi(&self, agenda: &mut Agenda<'_>) {
        // One day in twelve is for rest.
        if agenda.rng.random_bool(0.08) {
            return;
        }
        let mut hour = 6.2;
        while hour < 21.5 {
            agenda.drive(hour, 0.05, self.usual_km, 0.35);
            hour += agenda.rng.random_range(0.75..1.25);
            if (12.0..13.2).contains(&hour) {
                agenda.charge(hour, 55.0, 85.0, true);
                hour += 1.0;
            }
        }
        agenda.charge(22.6, 80.0, 95.0, true);
    }

    fn deliveries(&self, agenda: &mut Agenda<'_>) {
        let mut hour = 8.0;
        while hour < 17.2 {
            agenda.drive(hour, 0.08, self.usual_km, 0.3);
            hour += agenda.rng.random_range(0.9..1.5);
        }
        agenda.charge(18.6, 75.0, 90.0, false);
    }
}

struct Agenda<'a> {
    day: i64,
    shift_h: f64,
    rng: &'a mut ChaCha8Rng,
    list: Vec<Activity>,
}

impl Agenda<'_> {
    fn drive(&mut self, hour: f64, spread_h: f64, usual_km: f64, relative_sd: f64) {
        let not_before = self.time(hour, spread_h);
        let km = (usual_km * bounded(self.rng, 1.0, relative_sd, 2.2)).max(0.8);
        self.list.push(Activity::Drive { not_before, km });
    }

    fn charge(&mut self, hour: f64, below: f64, target: f64, fast: bool) {
        let not_before = self.time(hour, 0.2);
        self.list.push(Activity::Charge { not_before, below, target, fast });
    }

    fn time(&mut self, hour: f64, spread_h: f64) -> Time {
        let hour = bounded(self.rng, hour + self.shift_h, spread_h, 2.0);
        let latest = self.list.last().map_or(Time::NEVER, Activity::not_before);
        local_time(self.day, hour.clamp(0.2, 23.7)).max(latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::climate::local_day;

    const HABITS: [Habit; 4] = [Habit::Commuter, Habit::Taxi, Habit::Weekend, Habit::Fleet];

    #[test]
    fn the_same_seed_gives_the_same_days_and_another_gives_others() {
        for habit in HABITS {
            let days =
                |seed| -> Vec<_> { (20_000..20_030).map(|day| Driver::new(seed, 4, habit).agenda(day)).collect() };
            assert_eq!(days(1), days(1));
            assert_ne!(days(1), days(2));
        }
    }

    #[test]
    fn a_day_is_in_order_and_on_that_day() {
        for habit in HABITS {
            for day in 20_000..20_060 {
                let agenda = Driver::new(9, 2, habit).agenda(day);
                assert!(agenda.is_sorted_by_key(Activity::not_before));
                assert!(agenda.iter().all(|activity| local_day(activity.not_before()) == day));
            }
        }
    }

    #[test]
    fn habits_differ_in_distance_as_people_do() {
        let km_per_day = |habit| {
            let mut km = 0.0;
            for vehicle in 0..20 {
                let driver = Driver::new(3, vehicle, habit);
                for day in 20_000..20_056 {
                    for activity in driver.agenda(day) {
                        if let Activity::Drive { km: trip, .. } = activity {
                            km += trip;
                        }
                    }
                }
            }
            km / 20.0 / 56.0
        };
        assert!((15.0..45.0).contains(&km_per_day(Habit::Commuter)), "{}", km_per_day(Habit::Commuter));
        assert!((90.0..180.0).contains(&km_per_day(Habit::Taxi)), "{}", km_per_day(Habit::Taxi));
        assert!((8.0..40.0).contains(&km_per_day(Habit::Weekend)), "{}", km_per_day(Habit::Weekend));
        assert!((30.0..80.0).contains(&km_per_day(Habit::Fleet)), "{}", km_per_day(Habit::Fleet));
    }
}
