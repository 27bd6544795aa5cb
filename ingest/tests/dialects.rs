//! The recipe "add a dialect", followed at run time: another way to spell messages, over the real embedded broker.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene fails")]

use std::time::Instant;

use bytes::Bytes;
use ingest::admit::{Admission, Envelope};
use ingest::broker::BrokerConfig;
use ingest::dialect::{DecodeError, Decoded, Dialect};
use ingest::queue::Limits;
use ingest::signal_index::SignalIndex;
use ingest::source::{Arrival, Delivery, Token};
use ingest::topics::{Heard, Topics};
use rules::catalogue::Catalogue;
use rules::stage::shelf::Shelf;
use rules::unit::Time;
use rules::vehicle::{Attributes, Particulars, Powertrain, Profile, Purpose, Reading, Reason, Sample};

use crate::support::{Client, config, world};

const SPEED: &str = "Vehicle.Speed";
const NOON: Time = Time::from_secs(1_795_348_800);

/// `speed@seconds`, and nothing else.
struct Terse;

impl Dialect for Terse {
    fn key(&self) -> &'static str {
        "terse"
    }

    fn description(&self) -> &'static str {
        "A speed and a time, for a test."
    }

    fn decode<'p>(&self, payload: &'p [u8], signals: &SignalIndex, _: &mut Shelf) -> Result<Decoded<'p>, DecodeError> {
        let broken = || DecodeError::new(Reason::Unreadable, "not a speed and a time", 0);
        let (speed, seconds) =
            std::str::from_utf8(payload).ok().and_then(|text| text.split_once('@')).ok_or_else(broken)?;
        let signal = signals.by_path(SPEED).ok_or_else(broken)?.no;
        let (value, seconds) = (speed.parse().map_err(|_| broken())?, seconds.parse().map_err(|_| broken())?);
        let sample = Sample {
            measured_at: Time::from_secs(seconds),
            readings: vec![Reading { signal, value }],
            faults: Vec::new(),
        };
        Ok(Decoded { samples: vec![sample], ..Decoded::default() })
    }
}

fn topics() -> Topics {
    Topics::try_new(vec![Heard { filter: "terse/+/up".to_owned(), dialect: &Terse }]).unwrap()
}

fn profile() -> Profile {
    Profile::new(Particulars {
        model: "unknown".to_owned(),
        model_year: 2024,
        powertrain: Powertrain::Ice,
        region: String::new(),
        software: String::new(),
        tier: String::new(),
        dealer: uuid::Uuid::nil(),
        owner: None,
        consents: [Purpose::Maintenance, Purpose::Diagnostics].into(),
        allowed: None,
        delivered_at: Time::from_secs(0),
        attributes: Attributes::default(),
    })
}

/// What admission makes of an arrival.
fn admitted(arrival: &Arrival) -> Result<f64, Reason> {
    let id = rules::vehicle::VehicleId::try_new(arrival.vehicle()).unwrap();
    let catalogue = Catalogue::builtin().unwrap();
    let envelope = Envelope {
        topic: arrival.topic(),
        client: None,
        vehicle: Some(&id),
        payload: &arrival.payload,
        received_at: NOON,
    };
    let admission = Admission::new(&catalogue.signals);
    let admitted = admission.admit_in(arrival.dialect, &envelope, Some(&profile()), &mut Shelf::default());
    admitted.map(|admitted| admitted.message.samples[0].readings[0].value).map_err(|refusal| refusal.reason)
}

#[tokio::test]
async fn each_topic_is_read_in_its_own_dialect() {
    let world = world(&BrokerConfig { topics: topics(), ..config() }, 1, Limits::default());
    let client = Client::connect(world.broker.address().port(), "truck-7", None);
    let at = NOON.to_utc().timestamp();
    client.say("terse/truck-7/up", format!("88@{at}")).await;
    let own = format!(r#"{{"ts":"{}","signals":{{"{SPEED}":60}}}}"#, NOON.to_utc().to_rfc3339());
    client.say("premend/v1/truck-7/telemetry", own).await;
    let (mut pending, mut heard) = (Vec::new(), Vec::new());
    while heard.len() < 2 {
        if let Delivery::Message(arrival) = world.next(&mut pending).await {
            assert_eq!(arrival.vehicle(), "truck-7");
            heard.push((arrival.dialect.key(), admitted(&arrival)));
        }
    }
    heard.sort_by_key(|(key, _)| *key);
    assert_eq!(heard, [("premend_json", Ok(60.0)), ("terse", Ok(88.0))]);
}

#[tokio::test]
async fn a_vehicle_speaks_for_itself_in_every_dialect() {
    let world = world(&BrokerConfig { topics: topics(), ..config() }, 1, Limits::default());
    let client = Client::connect(world.broker.address().port(), "truck-7", None);
    client.say("terse/other/up", "88@0").await;
    let mut pending = Vec::new();
    loop {
        match world.next(&mut pending).await {
            Delivery::Refused(refused, _) => {
                assert_eq!((refused.vehicle.as_str(), refused.refusal.reason), ("truck-7", Reason::TopicMismatch));
                return;
            }
            Delivery::Message(arrival) => panic!("it spoke for {}", arrival.vehicle()),
            _ => {}
        }
    }
}

#[test]
fn what_is_not_heard_has_no_vehicle() {
    let of = |topic: &'static str| {
        Arrival::new(&topics(), Bytes::from_static(topic.as_bytes()), Bytes::new(), Instant::now(), Token(0))
    };
    assert_eq!(of("terse/truck-7/up").vehicle(), "truck-7");
    assert_eq!(of("terse/truck-7/down").vehicle(), "");
}
