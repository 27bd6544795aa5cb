//! A pre-encoded PUBLISH, and the few bytes of it that change from message to message.

use std::time::Instant;

use ingest::topic;
use rules::unit::Time;

use super::{LoadPlan, packet};

/// What a vehicle of the load is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    Driving,
    Parked,
}

/// The first number; with it and the ones after it the packet's length never changes.
pub const FIRST_SEQ: u64 = 1_000_000_000;

/// A value of the load: its text, and whether its last digit may vary.
type Value = (&'static str, &'static str, bool);

const DRIVING: &[Value] = &[
    ("Vehicle.Speed", "51.3", true),
    ("Vehicle.LowVoltageBattery.CurrentVoltage", "13.92", true),
    ("Vehicle.Powertrain.CombustionEngine.Speed", "1751", true),
    ("Vehicle.TraveledDistance", "48211300", false),
    ("Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature", "88.5", true),
    ("Vehicle.Powertrain.CombustionEngine.EOP", "251", true),
    ("Vehicle.Powertrain.CombustionEngine.EngineOil.Temperature", "93.5", true),
    ("Vehicle.Exterior.AirTemperature", "18.5", true),
    ("Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure", "241", true),
    ("Vehicle.Chassis.Axle.Row1.Wheel.Right.Tire.Pressure", "242", true),
    ("Vehicle.Chassis.Axle.Row2.Wheel.Left.Tire.Pressure", "239", true),
    ("Vehicle.Chassis.Axle.Row2.Wheel.Right.Tire.Pressure", "238", true),
];

const PARKED: &[Value] = &[
    ("Vehicle.Exterior.AirTemperature", "18.5", true),
    ("Vehicle.LowVoltageBattery.CurrentVoltage", "12.65", true),
    ("Vehicle.TraveledDistance", "48211300", false),
    ("Vehicle.Speed", "0", false),
    ("Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure", "231", true),
    ("Vehicle.Chassis.Axle.Row1.Wheel.Right.Tire.Pressure", "232", true),
    ("Vehicle.Chassis.Axle.Row2.Wheel.Left.Tire.Pressure", "229", true),
    ("Vehicle.Chassis.Axle.Row2.Wheel.Right.Tire.Pressure", "228", true),
];

/// One vehicle's packet.
#[derive(Clone, Debug)]
pub struct Template {
    packet: Vec<u8>,
    pub payload_bytes: usize,
    pub readings: usize,
    id_at: usize,
    seq_at: usize,
    /// One per sample.
    ts_at: Vec<usize>,
    vary_at: Vec<usize>,
    second: i64,
    second_text: Vec<u8>,
    last_micros: i64,
    /// The time it was, and when that was.
    origin: (Time, Instant),
}

impl Template {
    /// The packet of a vehicle with that activity.
    pub fn new(vehicle: &str, plan: &LoadPlan, activity: Activity) -> Self {
        let samples = plan.samples_per_publish;
        let values = match activity {
            Activity::Driving => DRIVING,
            Activity::Parked => PARKED,
        };
        let values = &values[..plan.readings_per_sample.clamp(1, values.len())];
        let mut text = Text::default();
        text.push(&format!(r#"{{"stream":{},"seq":"#, plan.stream));
        let seq_at = text.mark();
        text.push(&format!(r#"{FIRST_SEQ},"oldest":{FIRST_SEQ},"#));
        if samples > 1 {
            text.push(r#""samples":["#);
            for sample in 0..samples {
                text.push(if sample > 0 { ",{" } else { "{" });
                text.sample(values);
                text.push("}");
            }
            text.push("]");
        } else {
            text.sample(values);
        }
        text.push("}");
        let (packet, id_at) = packet::publish(&topic::telemetry(vehicle), text.bytes.as_bytes());
        let shift = packet.len() - text.bytes.len();
        let shifted = |places: Vec<usize>| places.into_iter().map(|place| place + shift).collect();
        Self {
            payload_bytes: text.bytes.len(),
            readings: values.len() * samples.max(1),
            packet,
            id_at,
            seq_at: seq_at + shift,
            ts_at: shifted(text.ts_at),
            vary_at: shifted(text.vary_at),
            second: i64::MIN,
            second_text: Vec::new(),
            last_micros: 0,
            origin: (plan.now, plan.now_at),
        }
    }

    /// The packet of the `seq`th message, measured until now.
    pub fn fill(&mut self, seq: u64) -> &[u8] {
        let id = (seq % 65_535 + 1) as u16;
        self.put(self.id_at, &id.to_be_bytes());
        let number = digits::<10>(FIRST_SEQ + seq);
        self.put(self.seq_at, &number);
        let digit = b'0' + (seq % 10) as u8;
        for place in 0..self.vary_at.len() {
            self.put(self.vary_at[place], &[digit]);
        }
        self.fill_times();
        &self.packet
    }

    /// Spreads the samples between the previous message and now; times never go back.
    fn fill_times(&mut self) {
        let (origin, began) = self.origin;
        let now = origin.micros() + began.elapsed().as_micros() as i64;
        let samples = self.ts_at.len() as i64;
        let now = now.max(self.last_micros + samples);
        let from = self.last_micros.max(now - 1_000 * samples);
        for sample in 0..samples {
            let micros = from + (now - from) * (sample + 1) / samples;
            self.put_time(self.ts_at[sample as usize], micros);
        }
        self.last_micros = now;
    }

    fn put_time(&mut self, at: usize, micros: i64) {
        let second = micros.div_euclid(1_000_000);
        if second != self.second {
            self.second = second;
            self.second_text = Time::from_secs(second).to_string().into_bytes();
            // Drop the Z; the fraction is written below.
            self.second_text.truncate(19);
        }
        let fraction = digits::<6>(micros.rem_euclid(1_000_000) as u64);
        let text = std::mem::take(&mut self.second_text);
        self.put(at, &text);
        self.second_text = text;
        self.put(at + 20, &fraction);
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.packet.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

#[derive(Default)]
struct Text {
    bytes: String,
    ts_at: Vec<usize>,
    vary_at: Vec<usize>,
}

impl Text {
    fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
    }

    const fn mark(&self) -> usize {
        self.bytes.len()
    }

    fn sample(&mut self, values: &[Value]) {
        self.push(r#""ts":""#);
        self.ts_at.push(self.mark());
        self.push(r#"2026-11-22T01:20:00.123456Z","signals":{"#);
        for (place, (name, value, vary)) in values.iter().enumerate() {
            self.push(if place > 0 { ",\"" } else { "\"" });
            self.push(name);
            self.push("\":");
            self.push(value);
            if *vary {
                self.vary_at.push(self.mark() - 1);
            }
        }
        self.push("}");
    }
}

/// The last `N` decimal digits of a number.
fn digits<const N: usize>(mut number: u64) -> [u8; N] {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::packet::{Incoming, read};

    fn template(activity: Activity, samples: usize) -> Template {
        let mut plan = LoadPlan::new("127.0.0.1", 1883, Time::from_secs(1_795_310_400));
        plan.samples_per_publish = samples;
        Template::new("load-00001", &plan, activity)
    }

    fn payload(template: &mut Template, seq: u64) -> serde_json::Value {
        let bytes = template.fill(seq).to_vec();
        let Some((Incoming::Publish { payload }, _)) = read(&bytes) else { panic!("not a publish") };
        serde_json::from_slice(payload).unwrap()
    }

    #[test]
    fn is_about_230_bytes_and_says_something_new_each_time() {
        let mut template = template(Activity::Driving, 1);
        assert!((215..=250).contains(&template.payload_bytes), "{}", template.payload_bytes);
        let (first, second) = (payload(&mut template, 0), payload(&mut template, 1));
        assert_eq!(first["seq"], FIRST_SEQ);
        assert_eq!(second["seq"], FIRST_SEQ + 1);
        assert_eq!(second["signals"]["Vehicle.Speed"], 51.1);
        let at = |value: &serde_json::Value| Time::parse(value["ts"].as_str().unwrap()).unwrap();
        assert!(at(&second) > at(&first));
    }

    #[test]
    fn samples_of_one_publish_are_in_order() {
        let mut template = template(Activity::Parked, 30);
        payload(&mut template, 0);
        let batch = payload(&mut template, 1);
        let times: Vec<_> = batch["samples"]
            .as_array()
            .unwrap()
            .iter()
            .map(|sample| sample["ts"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(times.len(), 30);
        assert!(times.is_sorted());
        assert_eq!(template.readings, 90);
    }
}
