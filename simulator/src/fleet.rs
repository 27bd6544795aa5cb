//! A fleet: many vehicles on one virtual clock, their frames in order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::RngExt;
use rules::unit::Time;
use rules::vehicle::{VehicleId, VehicleIdError};

use crate::delivery::{Delivery, Message, Payload};
use crate::fault::{Fault, Planted, PlantedError};
use crate::frame::Frame;
use crate::model::{Model, Specification};
use crate::random::{Purpose, stream};
use crate::trouble::{Troubled, Troubles};
use crate::truth::Truth;
use crate::vehicle::{Sampling, Vehicle};

/// How many messages a vehicle keeps without their being committed.
pub const WINDOW: u64 = 512;

/// Everything a fleet follows from.
#[derive(Clone, Debug)]
pub struct FleetPlan {
    pub seed: u64,
    pub vehicles: u32,
    /// Vehicle ids are this and the number, as in `sim-00007`.
    pub prefix: String,
    pub start: Time,
    /// Nothing is measured from here on; `None`: for ever.
    pub end: Option<Time>,
    pub sampling: Sampling,
    /// All vehicles of this model; `None`: a mixed fleet.
    pub model: Option<Model>,
    pub faults: Vec<PlantedIn>,
    /// Trips outside any agenda: vehicle, time, kilometres.
    pub errands: Vec<(u32, Time, f64)>,
    pub troubles: Troubles,
}

/// A fault and the vehicle it is planted in; `None`: one that can have it, drawn by the seed.
#[derive(Clone, Copy, Debug)]
pub struct PlantedIn {
    pub planted: Planted,
    pub vehicle: Option<u32>,
}

/// Why a fleet cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    #[error("name vehicle {0}")]
    Id(u32, #[source] VehicleIdError),
    #[error("there is no vehicle {0} to plant `{1}` in")]
    NoVehicle(u32, &'static str),
    #[error("vehicle {0} is a {1} and cannot have `{2}`")]
    NotThatKind(u32, &'static str, &'static str),
    #[error("no vehicle without a fault is left that can have `{0}`")]
    NoneLeft(&'static str),
    #[error("`{0}` is not the number of a vehicle")]
    Number(String),
    #[error("read a fault to plant")]
    Planted(#[from] PlantedError),
}

impl PlantedIn {
    /// Reads `FAULT@TIME` or `FAULT@TIME:vehicle number`, as in `coolant-loss@2h:7` or `slow-leak@2d/severe:7`.
    pub fn parse(text: &str, start: Time) -> Result<Self, FleetError> {
        // Times have colons too: only digits after the last one, behind a span or a full time.
        let split = text.rsplit_once(':').filter(|(head, _)| Planted::parse(head, start).is_ok());
        let (planted, vehicle) = match split {
            Some((head, number)) => (head, Some(number.parse().map_err(|_| FleetError::Number(number.to_owned()))?)),
            None => (text, None),
        };
        Ok(Self { planted: Planted::parse(planted, start)?, vehicle })
    }
}

impl FleetPlan {
    /// A mixed fleet without faults and troubles.
    pub fn new(seed: u64, vehicles: u32, start: Time) -> Self {
        Self {
            seed,
            vehicles,
            prefix: "sim-".to_owned(),
            start,
            end: None,
            sampling: Sampling::default(),
            model: None,
            faults: Vec::new(),
            errands: Vec::new(),
            troubles: Troubles::default(),
        }
    }

    /// Builds all vehicles, with their faults planted.
    pub fn build(&self) -> Result<Vec<Vehicle>, FleetError> {
        let mut vehicles = Vec::with_capacity(self.vehicles as usize);
        for number in 0..self.vehicles {
            let id = VehicleId::try_new(&format!("{}{number:05}", self.prefix));
            let id = id.map_err(|error| FleetError::Id(number, error))?;
            let spec = Specification::draw(self.seed, number, id, self.start);
            let spec = match self.model {
                Some(model) => spec.of_model(model),
                None => spec,
            };
            vehicles.push(Vehicle::new(self.seed, spec, self.start, self.sampling));
        }
        for (number, not_before, km) in &self.errands {
            if let Some(vehicle) = vehicles.get_mut(*number as usize) {
                vehicle.send_on(*not_before, *km);
            }
        }
        self.plant(&mut vehicles)?;
        Ok(vehicles)
    }

    /// All frames in order of time.
    pub fn frames(&self) -> Result<Fleet, FleetError> {
        Ok(Fleet::new(self.build()?, self.end))
    }

    /// All messages in order of arrival, one frame each, with the plan's troubles.
    pub fn deliveries(&self) -> Result<Troubled<Numbered>, FleetError> {
        let numbered = Numbered { next: vec![1; self.vehicles as usize], fleet: self.frames()? };
        Ok(Troubled::new(numbered, self.troubles, self.seed))
    }

    fn plant(&self, vehicles: &mut [Vehicle]) -> Result<(), FleetError> {
        let mut rng = stream(self.seed, 0, Purpose::Planting, 0);
        let mut taken: Vec<u32> = self.faults.iter().filter_map(|planted| planted.vehicle).collect();
        for PlantedIn { planted, vehicle } in &self.faults {
            let fault = planted.fault;
            let number = if let Some(number) = vehicle {
                check(vehicles, *number, fault)?
            } else {
                let fits = |number: &u32| !taken.contains(number) && can_have(vehicles, *number, fault);
                let free: Vec<u32> = (0..self.vehicles).filter(fits).collect();
                let pick = free.get(rng.random_range(0..free.len().max(1))).copied();
                pick.ok_or(FleetError::NoneLeft(fault.key))?
            };
            taken.push(number);
            if let Some(vehicle) = vehicles.get_mut(number as usize) {
                vehicle.plant(*planted);
            }
        }
        Ok(())
    }
}

fn can_have(vehicles: &[Vehicle], number: u32, fault: &Fault) -> bool {
    let vehicle = vehicles.get(number as usize);
    vehicle.is_some_and(|vehicle| fault.fits(&vehicle.spec.model))
}

fn check(vehicles: &[Vehicle], number: u32, fault: &'static Fault) -> Result<u32, FleetError> {
    match vehicles.get(number as usize) {
        None => Err(FleetError::NoVehicle(number, fault.key)),
        Some(vehicle) if fault.fits(&vehicle.spec.model) => Ok(number),
        Some(vehicle) => Err(FleetError::NotThatKind(number, vehicle.spec.model.key, fault.key)),
    }
}

/// The frames of many vehicles, merged.
pub struct Fleet {
    vehicles: Vec<Vehicle>,
    /// The next frame of each vehicle that still has one.
    next: Vec<Option<Frame>>,
    order: BinaryHeap<Reverse<(Time, u32)>>,
    end: Option<Time>,
}

impl Fleet {
    pub fn new(vehicles: Vec<Vehicle>, end: Option<Time>) -> Self {
        let mut fleet = Self { next: vehicles.iter().map(|_| None).collect(), vehicles, order: BinaryHeap::new(), end };
        for number in 0..fleet.vehicles.len() {
            fleet.pull(number);
        }
        fleet
    }

    pub fn vehicles(&self) -> &[Vehicle] {
        &self.vehicles
    }

    /// The truth about all faults that have begun.
    pub fn truths(&self) -> Vec<Truth> {
        self.vehicles.iter().flat_map(Vehicle::truths).collect()
    }

    fn pull(&mut self, number: usize) {
        let Some(frame) = self.vehicles.get_mut(number).and_then(Iterator::next) else { return };
        if self.end.is_none_or(|end| frame.at < end) {
            self.order.push(Reverse((frame.at, number as u32)));
            self.next[number] = Some(frame);
        }
    }
}

impl Iterator for Fleet {
    type Item = (u32, Frame);

    fn next(&mut self) -> Option<(u32, Frame)> {
        let Reverse((_, number)) = self.order.pop()?;
        let frame = self.next[number as usize].take();
        self.pull(number as usize);
        frame.map(|frame| (number, frame))
    }
}

/// Frames of a fleet, numbered as a vehicle would that hears nothing from us.
pub struct Numbered {
    fleet: Fleet,
    next: Vec<u64>,
}

impl Numbered {
    pub const fn fleet(&self) -> &Fleet {
        &self.fleet
    }
}

impl Iterator for Numbered {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        let (number, frame) = self.fleet.next()?;
        let next = self.next.get_mut(number as usize)?;
        let seq = *next;
        *next += 1;
        let oldest = seq.saturating_sub(WINDOW - 1).max(1);
        let due = frame.at;
        let message = Message { stream: 1, seq, oldest, frames: vec![frame], seen: Vec::new() };
        Some(Delivery { due, number, payload: Payload::Message(message) })
    }
}

#[cfg(test)]
mod tests {
    use rules::unit::Span;

    use super::*;
    use crate::fault::{FAULTS, Magnitude};

    fn start() -> Time {
        Time::parse("2026-03-02T16:00:00Z").unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let bytes = |seed| -> Vec<Vec<u8>> {
            let mut plan = FleetPlan::new(seed, 5, start());
            plan.end = Some(start() + Span::from_days(2));
            plan.troubles = Troubles::parse("doubled=0.05,shuffled=60s,spikes=0.01").unwrap();
            plan.deliveries().unwrap().map(|delivery| delivery.encode()).collect()
        };
        let first = bytes(42);
        assert!(first.len() > 500, "{}", first.len());
        assert_eq!(first, bytes(42));
        assert_ne!(first, bytes(43));
    }

    #[test]
    fn frames_come_in_order_and_each_vehicle_counts_from_one() {
        let mut plan = FleetPlan::new(7, 8, start());
        plan.end = Some(start() + Span::from_days(1));
        let deliveries: Vec<_> = plan.deliveries().unwrap().collect();
        assert!(deliveries.is_sorted_by_key(|delivery| delivery.due));
        let mut next = [1; 8];
        for delivery in &deliveries {
            let message = delivery.message().unwrap();
            assert_eq!(message.seq, next[delivery.number as usize]);
            next[delivery.number as usize] += 1;
        }
    }

    #[test]
    fn plants_faults_where_they_fit() {
        let mut plan = FleetPlan::new(7, 60, start());
        plan.faults =
            FAULTS.iter().map(|fault| PlantedIn { planted: Planted::new(fault, start()), vehicle: None }).collect();
        plan.end = Some(start() + Span::from_days(2));
        let mut fleet = plan.frames().unwrap();
        while fleet.next().is_some() {}
        let mut vehicles: Vec<_> = fleet.truths().into_iter().map(|truth| truth.vehicle).collect();
        vehicles.sort();
        vehicles.dedup();
        assert!(vehicles.len() >= FAULTS.len() - 2, "{vehicles:?}");
    }

    #[test]
    fn a_month_of_a_hundred_vehicles_takes_seconds() {
        let mut plan = FleetPlan::new(7, 100, start());
        plan.end = Some(start() + Span::from_days(30));
        let began = std::time::Instant::now();
        let frames = plan.frames().unwrap().count();
        eprintln!("{frames} frames in {:?}", began.elapsed());
        assert!((1_000_000..4_000_000).contains(&frames), "{frames}");
    }

    #[test]
    fn a_year_of_some_vehicles_takes_seconds_when_sampled_coarsely() {
        let mut plan = FleetPlan::new(7, 20, start());
        plan.sampling = Sampling::coarse();
        plan.end = Some(start() + Span::from_days(365));
        let began = std::time::Instant::now();
        let frames = plan.frames().unwrap().count();
        let took = began.elapsed().as_secs_f64();
        eprintln!("{frames} frames in {took:.2} s: {:.0} frames/s", frames as f64 / took);
        assert!((500_000..4_000_000).contains(&frames), "{frames}");
    }

    #[test]
    fn reads_where_to_plant() {
        let planted = PlantedIn::parse("silent@2h:7", start()).unwrap();
        assert_eq!((planted.vehicle, planted.planted.at), (Some(7), start() + Span::from_hours(2)));
        let planted = PlantedIn::parse("silent@2026-11-22T08:00:00Z:7", start()).unwrap();
        assert_eq!(planted.vehicle, Some(7));
        let planted = PlantedIn::parse("silent@2026-11-22T08:00:00Z", start()).unwrap();
        assert_eq!(planted.vehicle, None);
        let planted = PlantedIn::parse("slow-leak@2d/severe:7", start()).unwrap();
        assert_eq!((planted.vehicle, planted.planted.magnitude), (Some(7), Some(Magnitude::Severe)));
        assert!(PlantedIn::parse("silent@2h:seven", start()).is_err());
    }
}
