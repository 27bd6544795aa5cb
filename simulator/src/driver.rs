//! Drivers: who uses a vehicle, when, how far, and when it is plugged in.
//!
//! A day's agenda depends only on seed, vehicle and day, never on what happened before, so that
//! any day can be asked for and a fault does not change anybody's habits. Over the year there are public holidays,
//! weeks in which the car stands, and now and then another job.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rules::unit::Time;
use serde::{Deserialize, Serialize};

use crate::calendar::{Holiday, holiday, is_weekend};
use crate::climate::local_time;
use crate::random::{Purpose, bounded, hash01, stream};

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

/// Local day from which years of a working life are counted: 2025-01-01.
const FIRST_YEAR: i64 = 20_089;
const HALF_YEAR: i64 = 182;

/// What happens in a life beside the days' agendas.
#[derive(Clone, Copy)]
enum Life {
    Moves,
    MovingDay,
    Distance,
    IdleFrom,
    IdleFor,
    Travels,
    TravelKm,
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
        if self.is_idle(day) {
            return Vec::new();
        }
        let weekend = is_weekend(day);
        let mut agenda = Agenda { day, shift_h: self.shift_h, rng: &mut rng, list: Vec::new() };
        if let Some(holiday) = holiday(day).filter(|_| self.habit != Habit::Taxi) {
            self.holiday(&mut agenda, holiday);
            return agenda.list;
        }
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

    /// Usual one-way distance on a day, km: one commuter in five changes job or home in a year.
    pub fn usual_km(&self, day: i64) -> f64 {
        if self.habit != Habit::Commuter {
            return self.usual_km;
        }
        let mut km = self.usual_km;
        for year in 0..=(day - FIRST_YEAR).div_euclid(365) {
            let moves = self.chance(Life::Moves, year) < 0.2;
            let on = FIRST_YEAR + year * 365 + (self.chance(Life::MovingDay, year) * 365.0) as i64;
            if moves && day >= on {
                km = (km * (0.4 + 1.8 * self.chance(Life::Distance, year))).clamp(2.0, 60.0);
            }
        }
        km
    }

    /// Away without the car, or it is not needed: one or two weeks in every half year.
    fn is_idle(&self, day: i64) -> bool {
        let (half, into) = (day.div_euclid(HALF_YEAR), day.rem_euclid(HALF_YEAR));
        let length = 7 + (8.0 * self.chance(Life::IdleFor, half)) as i64;
        let first = ((HALF_YEAR - length) as f64 * self.chance(Life::IdleFrom, half)) as i64;
        (first..first + length).contains(&into)
    }

    fn chance(&self, of: Life, period: i64) -> f64 {
        let key = (u64::from(self.vehicle) << 32) ^ ((of as u64) << 24) ^ period as u64;
        hash01(self.seed ^ 0x4C69_6665, key)
    }

    /// Some travel on the first day and back on the last; the others run errands. Nobody works.
    fn holiday(&self, agenda: &mut Agenda<'_>, holiday: Holiday) {
        let travels = self.habit != Habit::Fleet && self.chance(Life::Travels, holiday.number as i64) < 0.3;
        if travels && (holiday.into == 0 || holiday.into == holiday.length - 1) {
            let km = 120.0 + 200.0 * self.chance(Life::TravelKm, holiday.number as i64);
            agenda.drive(8.5, 0.5, km / 2.0, 0.02);
            agenda.charge(12.0, 70.0, 85.0, true);
            agenda.drive(13.5, 0.5, km / 2.0, 0.02);
            agenda.charge(22.3, 62.0, 85.0, false);
        } else if self.habit != Habit::Fleet {
            self.leisure(agenda, 0.4, 1.0);
        }
    }

    fn working_day(&self, agenda: &mut Agenda<'_>) {
        // A day off, at home or away, now and then.
        if agenda.rng.random_bool(0.08) {
            return;
        }
        let usual_km = self.usual_km(agenda.day);
        agenda.drive(7.6, 0.25, usual_km, 0.06);
        agenda.drive(17.8, 0.6, usual_km, 0.08);
        if agenda.rng.random_bool(0.2) {
            let km = usual_km.min(12.0) * 0.5;
            agenda.drive(19.6, 0.3, km, 0.2);
            agenda.drive(21.0, 0.3, km, 0.2);
        }
        agenda.charge(22.3, 62.0, 85.0, false);
    }

    fn leisure(&self, agenda: &mut Agenda<'_>, chance: f64, length: f64) {
        if !agenda.rng.random_bool(chance) {
            return;
        }
        let km = self.usual_km(agenda.day) * length;
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

    fn km(driver: &Driver, days: std::ops::Range<i64>) -> f64 {
        let trips = days.flat_map(|day| driver.agenda(day));
        trips.filter_map(|activity| if let Activity::Drive { km, .. } = activity { Some(km) } else { None }).sum()
    }

    #[test]
    fn a_car_stands_two_to_four_weeks_a_year() {
        for vehicle in 0..30 {
            let driver = Driver::new(3, vehicle, Habit::Commuter);
            let idle = (20_202..20_566).filter(|day| driver.is_idle(*day)).count();
            assert!((14..=30).contains(&idle), "{idle}");
        }
    }

    #[test]
    fn nobody_commutes_in_a_long_holiday_and_some_travel() {
        // National Day week of 2026: 2026-10-01 is local day 20,727.
        let week = 20_727..20_734;
        let mut far = 0;
        for vehicle in 0..60 {
            let driver = Driver::new(3, vehicle, Habit::Commuter);
            far += usize::from(km(&driver, week.clone()) > 240.0);
            assert_eq!(km(&Driver::new(3, vehicle, Habit::Fleet), week.clone()), 0.0);
        }
        assert!((5..30).contains(&far), "{far}");
    }

    #[test]
    fn one_commuter_in_five_has_another_distance_after_a_year() {
        let moved = (0..400).filter(|vehicle| {
            let driver = Driver::new(3, *vehicle, Habit::Commuter);
            driver.usual_km(20_454) != driver.usual_km(20_819)
        });
        let moved = moved.count();
        assert!((50..120).contains(&moved), "{moved}");
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
