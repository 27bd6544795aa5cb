//! What a vehicle's driver is going to do: the days' agendas, and errands that are in none.

use std::collections::VecDeque;

use rules::unit::Time;

use crate::climate::local_day;
use crate::driver::{Activity, Driver};

/// The days to come, day by day.
#[derive(Clone, Debug)]
pub struct Diary {
    driver: Driver,
    agenda: VecDeque<Activity>,
    next_day: i64,
    /// Trips outside the agenda, soonest first.
    errands: Vec<(Time, f64)>,
    /// From when on things are done; what should have begun before is history.
    start: Time,
}

impl Diary {
    pub fn new(driver: Driver, start: Time) -> Self {
        Self { driver, agenda: VecDeque::new(), next_day: local_day(start), errands: Vec::new(), start }
    }

    /// A trip that is not in any agenda.
    pub fn add_errand(&mut self, not_before: Time, km: f64) {
        let place = self.errands.partition_point(|(planned, _)| *planned <= not_before);
        self.errands.insert(place, (not_before, km));
    }

    /// What comes next; `on_day` is called for each day that is opened.
    pub fn next(&mut self, mut on_day: impl FnMut(i64)) -> Activity {
        loop {
            if let Some(activity) = self.agenda.front() {
                return *activity;
            }
            let day = self.next_day;
            self.next_day += 1;
            let to_come = self.driver.agenda(day).into_iter();
            self.agenda.extend(to_come.filter(|activity| activity.not_before() >= self.start));
            self.add_errands(day);
            on_day(day);
        }
    }

    /// Takes up what comes next.
    pub fn take(&mut self) -> Option<Activity> {
        self.agenda.pop_front()
    }

    /// Puts something before everything else.
    pub fn put_first(&mut self, activity: Activity) {
        self.agenda.push_front(activity);
    }

    fn add_errands(&mut self, day: i64) {
        let today = self.errands.iter().take_while(|(planned, _)| local_day(*planned) <= day).count();
        for (not_before, km) in self.errands.drain(..today) {
            let place = self.agenda.partition_point(|activity| activity.not_before() <= not_before);
            self.agenda.insert(place, Activity::Drive { not_before, km });
        }
    }
}
