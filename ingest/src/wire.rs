//! What a vehicle writes: the mirror of the premend JSON dialect, for the simulator and benchmarks.

use std::borrow::Cow;
use std::io::Write as _;

use rules::unit::Time;
use uuid::Uuid;

/// One message of a vehicle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upload {
    pub numbering: Option<Numbering>,
    /// One is written into the envelope, any other count as `samples`.
    pub samples: Vec<UploadSample>,
    /// In-car notices that were shown.
    pub seen: Vec<Uuid>,
}

/// The place of a message in its vehicle's own numbering, which begins at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    pub stream: u64,
    pub seq: u64,
    /// The oldest number that the vehicle still holds.
    pub oldest: Option<u64>,
}

/// What was true at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct UploadSample {
    pub ts: Time,
    pub signals: Vec<(Cow<'static, str>, UploadValue)>,
    pub faults: Vec<UploadFault>,
}

/// The value of a signal, by the kind of the signal.
#[derive(Clone, Debug, PartialEq)]
pub enum UploadValue {
    Number(f64),
    Flag(bool),
    Word(Cow<'static, str>),
}

/// A fault code as an ECU reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadFault {
    /// Such as `P0301` or `P0A80-16`.
    pub code: Cow<'static, str>,
    pub ecu: Cow<'static, str>,
    pub status: u8,
    pub count: Option<u16>,
}

impl Upload {
    /// The payload to publish.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Json { out: Vec::with_capacity(320), first: true };
        json.open(b'{');
        if let Some(numbering) = self.numbering {
            json.key("stream").whole(numbering.stream);
            json.key("seq").whole(numbering.seq);
            if let Some(oldest) = numbering.oldest {
                json.key("oldest").whole(oldest);
            }
        }
        match &self.samples[..] {
            [] => {}
            [sample] => json.sample(sample),
            samples => {
                json.key("samples").open(b'[');
                for sample in samples {
                    json.comma();
                    json.open(b'{');
                    json.sample(sample);
                    json.close(b'}');
                }
                json.close(b']');
            }
        }
        if !self.seen.is_empty() {
            json.key("seen").open(b'[');
            for id in &self.seen {
                json.comma();
                json.text(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
            }
            json.close(b']');
        }
        json.close(b'}');
        json.out
    }
}

/// Writes JSON front to back. Writing to a vector cannot fail.
struct Json {
    out: Vec<u8>,
    /// Nothing stands before the next member or element.
    first: bool,
}

impl Json {
    fn sample(&mut self, sample: &UploadSample) {
        self.key("ts");
        let _ = write!(self.out, "\"{}\"", sample.ts);
        self.key("signals").open(b'{');
        for (path, value) in &sample.signals {
            self.key(path);
            match value {
                UploadValue::Number(number) => self.number(*number),
                UploadValue::Flag(flag) => self.raw(if *flag { "true" } else { "false" }),
                UploadValue::Word(word) => self.text(word),
            }
        }
        self.close(b'}');
        if sample.faults.is_empty() {
            return;
        }
        self.key("faults").open(b'[');
        for fault in &sample.faults {
            self.comma();
            self.open(b'{');
            self.key("code").text(&fault.code);
            self.key("ecu").text(&fault.ecu);
            self.key("status").whole(u64::from(fault.status));
            if let Some(count) = fault.count {
                self.key("count").whole(u64::from(count));
            }
            self.close(b'}');
        }
        self.close(b']');
    }

    fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.first = true;
    }

    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.first = false;
    }

    fn comma(&mut self) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
    }

    fn key(&mut self, key: &str) -> &mut Self {
        self.comma();
        self.text(key);
        self.out.push(b':');
        self
    }

    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn whole(&mut self, number: u64) {
        let _ = write!(self.out, "{number}");
    }

    /// The shortest form that reads back the same; what is no number becomes `null`.
    fn number(&mut self, number: f64) {
        if number.fract() == 0.0 && number.abs() < 1e15 {
            let _ = write!(self.out, "{}", number as i64);
        } else {
            let _ = serde_json::to_writer(&mut self.out, &number);
        }
    }

    fn text(&mut self, text: &str) {
        let plain = text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
        if plain {
            self.out.push(b'"');
            self.raw(text);
            self.out.push(b'"');
        } else {
            let _ = serde_json::to_writer(&mut self.out, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rules::stage::shelf::Shelf;

    use super::*;
    use crate::dialect::{Dialect, PremendJson};
    use crate::signal_index::SignalIndex;
    use crate::signal_index::tests::signals;

    fn upload(samples: usize, value: f64) -> Upload {
        let sample = |n: usize| UploadSample {
            ts: Time::from_micros(1_795_310_400_123_000 + n as i64),
            signals: vec![
                ("Vehicle.TraveledDistance".into(), UploadValue::Number(value)),
                ("Vehicle.LowVoltageSystemState".into(), UploadValue::Word("ON".into())),
                ("Vehicle.Chassis.Brake.IsWarning".into(), UploadValue::Flag(true)),
            ],
            faults: vec![UploadFault { code: "P0301".into(), ecu: "7E8".into(), status: 47, count: Some(2) }],
        };
        Upload {
            numbering: Some(Numbering { stream: 1, seq: 1234, oldest: Some(1230) }),
            samples: (0..samples).map(sample).collect(),
            seen: vec![Uuid::from_u128(9)],
        }
    }

    #[test]
    fn writes_what_the_contract_says() {
        let mut upload = upload(1, 48_211_300.0);
        upload.seen.clear();
        assert_eq!(
            String::from_utf8(upload.to_json()).unwrap(),
            r#"{"stream":1,"seq":1234,"oldest":1230,"ts":"2026-11-22T01:20:00.123Z","signals":{"Vehicle.TraveledDistance":48211300,"Vehicle.LowVoltageSystemState":"ON","Vehicle.Chassis.Brake.IsWarning":true},"faults":[{"code":"P0301","ecu":"7E8","status":47,"count":2}]}"#
        );
    }

    proptest! {
        #[test]
        fn is_read_back_by_the_dialect(samples in 0_usize..5, value in any::<f64>()) {
            let upload = upload(samples, value);
            let payload = upload.to_json();
            let decoded =
                PremendJson.decode(&payload, &SignalIndex::new(&signals()), &mut Shelf::default()).unwrap();
            prop_assert_eq!(decoded.samples.len(), samples);
            prop_assert_eq!(&decoded.seen, &upload.seen);
            for (read, written) in decoded.samples.iter().zip(&upload.samples) {
                prop_assert_eq!(read.measured_at, written.ts);
                let distance = read.readings.iter().find(|reading| reading.signal.0 == 1).map(|reading| reading.value);
                prop_assert_eq!(distance, value.is_finite().then_some(value));
                prop_assert_eq!(read.faults.len(), 1);
            }
        }
    }
}
