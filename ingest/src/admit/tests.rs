//! What is admitted, and what is refused with which reason.

use rules::stage::shelf::Shelf;
use rules::unit::{Span, Time};
use rules::vehicle::{Particulars, Powertrain, Profile, Purpose, Reason, Sequence, SignalNo};
use uuid::Uuid;

use super::*;
use crate::hostile::hostile_payloads;
use crate::signal_index::tests::signals;

const NOW: Time = Time::from_secs(1_795_310_400);

fn profile(consents: &[Purpose]) -> Profile {
    Profile::new(Particulars {
        model: "m".to_owned(),
        model_year: 2024,
        powertrain: Powertrain::Ice,
        region: String::new(),
        software: String::new(),
        tier: String::new(),
        dealer: Uuid::nil(),
        owner: None,
        consents: consents.iter().copied().collect(),
        allowed: None,
        delivered_at: NOW,
        attributes: rules::vehicle::Attributes::default(),
    })
}

fn full() -> Profile {
    profile(&[Purpose::Maintenance, Purpose::Diagnostics, Purpose::Location])
}

fn admit_at(payload: &str, received_at: Time, profile: Option<&Profile>) -> Result<Admitted, Box<Refusal>> {
    let envelope = Envelope {
        topic: "premend/v1/car-1/telemetry",
        client: Some("car-1"),
        vehicle: None,
        payload: payload.as_bytes(),
        received_at,
    };
    Admission::new(&signals()).admit(&envelope, profile, &mut Shelf::default())
}

fn admit(payload: &str, profile: Option<&Profile>) -> Result<Admitted, Box<Refusal>> {
    admit_at(payload, NOW, profile)
}

fn message(signals: &str) -> String {
    format!(r#"{{"stream":1,"seq":7,"ts":"{NOW}","signals":{{{signals}}}}}"#)
}

const ALL: &str = r#""Vehicle.TraveledDistance":5,"Vehicle.LowVoltageBattery.CurrentVoltage":12.4,
    "Vehicle.CurrentLocation.Latitude":39.90421,"Vehicle.Powertrain.TractionBattery.StateOfHealth":91"#;

fn numbers(admitted: &Admitted) -> Vec<u16> {
    admitted.message.samples.iter().flat_map(|sample| &sample.readings).map(|reading| reading.signal.0).collect()
}

fn reasons(admitted: &Admitted) -> Vec<(Reason, Option<u16>)> {
    admitted.refused.iter().map(|kept| (kept.reason, kept.signal.map(|signal| signal.0))).collect()
}

#[test]
fn keeps_what_is_consented_to_and_fits_the_vehicle() {
    let admitted = admit(&message(ALL), Some(&full())).unwrap();
    assert_eq!(numbers(&admitted), [1, 2, 50]);
    assert_eq!(reasons(&admitted), [(Reason::NotAllowed, Some(60))]);
    assert_eq!(admitted.message.samples[0].readings[2].value, 39.9, "positions are coarse");

    let admitted = admit(&message(ALL), Some(&profile(&[Purpose::Maintenance]))).unwrap();
    assert_eq!(numbers(&admitted), [1]);
    assert_eq!(reasons(&admitted).iter().filter(|(reason, _)| *reason == Reason::NoConsent).count(), 3);

    let mut listed = full();
    listed.allowed = Some([SignalNo(2)].into());
    assert_eq!(numbers(&admit(&message(ALL), Some(&listed)).unwrap()), [2]);
}

#[test]
fn refuses_without_consent_and_keeps_the_number() {
    for consents in [&[][..], &[Purpose::Location], &[Purpose::Marketing, Purpose::DealerSharing]] {
        let refusal = admit(&message(ALL), Some(&profile(consents))).unwrap_err();
        assert_eq!(refusal.reason, Reason::NoConsent);
        assert_eq!(refusal.sequence, Some(Sequence { stream: 1, seq: 7, oldest: None }));
    }
    let only_denied = r#""Vehicle.CurrentLocation.Latitude":39.9"#;
    let refusal = admit(&message(only_denied), Some(&profile(&[Purpose::Maintenance]))).unwrap_err();
    assert_eq!((refusal.reason, refusal.sequence.map(|sequence| sequence.seq)), (Reason::NoConsent, Some(7)));
    assert!(!refusal.excerpt.contains("39.9042"));
}

#[test]
fn refuses_unknown_vehicles_and_other_people_s_topics() {
    assert_eq!(admit(&message(ALL), None).unwrap_err().reason, Reason::UnknownVehicle);
    let admission = Admission::new(&signals());
    let payload = message(ALL);
    let mut envelope = Envelope {
        topic: "premend/v1/car-1/telemetry",
        client: Some("car-2"),
        vehicle: None,
        payload: payload.as_bytes(),
        received_at: NOW,
    };
    assert_eq!(
        admission.admit(&envelope, Some(&full()), &mut Shelf::default()).unwrap_err().reason,
        Reason::TopicMismatch
    );
    envelope.client = None;
    assert!(admission.admit(&envelope, Some(&full()), &mut Shelf::default()).is_ok());
    envelope.topic = "premend/v1/car-1/down";
    let refusal = admission.admit(&envelope, Some(&full()), &mut Shelf::default()).unwrap_err();
    assert_eq!((refusal.reason, refusal.vehicle), (Reason::TopicMismatch, None));
    let claim = payload.replacen('{', r#"{"vehicle":"car-9","#, 1);
    assert_eq!(admit(&claim, Some(&full())).unwrap_err().reason, Reason::TopicMismatch);
}

#[test]
fn leaves_the_clock_of_a_vehicle_to_the_core() {
    let payload = message(r#""Vehicle.TraveledDistance":5"#);
    assert!(admit_at(&payload, NOW - Span::from_hours(12), Some(&full())).is_ok());
    let unset = payload.replace(&NOW.to_string(), "1970-01-01T00:00:09Z");
    assert!(admit(&unset, Some(&full())).is_ok());
}

#[test]
fn refuses_a_record_without_any_time() {
    let unset = message(r#""Vehicle.TraveledDistance":5"#).replace(&NOW.to_string(), "2014-12-31T23:59:59Z");
    let envelope = Envelope {
        topic: "premend/v1/car-1/telemetry",
        client: None,
        vehicle: None,
        payload: unset.as_bytes(),
        received_at: NOW,
    };
    let admission = Admission::new(&signals()).received_when_measured();
    let refusal = admission.admit(&envelope, Some(&full()), &mut Shelf::default()).unwrap_err();
    assert_eq!((refusal.reason, refusal.sequence.map(|sequence| sequence.seq)), (Reason::ClockUnset, Some(7)));
}

#[test]
fn refuses_values_that_cannot_be() {
    for (signals, reason) in [
        (r#""Vehicle.TraveledDistance":-1"#, Reason::OutOfRange),
        (r#""Vehicle.TraveledDistance":2e9,"Vehicle.LowVoltageBattery.CurrentVoltage":655.35"#, Reason::Sentinel),
        (r#""Vehicle.TraveledDistance":2000000000.1"#, Reason::OutOfRange),
        (r#""Vehicle.TraveledDistance":"5""#, Reason::WrongType),
        (r#""Vehicle.Made.Up":5"#, Reason::UnknownSignal),
        (r#""Feature.KmPerDay":5"#, Reason::UnknownSignal),
    ] {
        let found = match admit(&message(signals), Some(&full())) {
            Ok(admitted) => admitted.refused.iter().next().unwrap().reason,
            Err(refusal) => refusal.reason,
        };
        assert_eq!(found, reason, "{signals}");
    }
    assert_eq!(admit(&message(""), Some(&full())).unwrap_err().reason, Reason::Empty);
    let large = message(&format!(r#""x":"{}""#, "y".repeat(MAX_PAYLOAD)));
    assert_eq!(admit(&large, Some(&full())).unwrap_err().reason, Reason::TooLarge);
}

#[test]
fn hashes_what_was_measured_and_nothing_else() {
    let hash = |payload: &str, now| admit_at(payload, now, Some(&full())).unwrap().message.hash;
    let payload = message(r#""Vehicle.TraveledDistance":5,"Vehicle.LowVoltageBattery.CurrentVoltage":-0.0"#)
        .replace(r#""stream":1,"seq":7,"#, "");
    let again = r#"{"signals":{"Vehicle.LowVoltageBattery.CurrentVoltage":0,"Vehicle.TraveledDistance":5.0},"ts":"@"}"#
        .replace('@', &NOW.to_string());
    assert_eq!(hash(&payload, NOW), hash(&again, NOW + Span::from_hours(1)));
    assert_ne!(hash(&payload, NOW), hash(&payload.replace(":5,", ":6,"), NOW));
}

#[test]
fn refuses_ten_thousand_hostile_payloads_each_with_a_reason() {
    let admission = Admission::new(&signals());
    let profile = full();
    for hostile in hostile_payloads(7, 20_000, "car-1") {
        let envelope = Envelope {
            topic: &hostile.topic,
            client: None,
            vehicle: None,
            payload: &hostile.payload,
            received_at: NOW,
        };
        let refusal = admission.admit(&envelope, Some(&profile), &mut Shelf::default()).expect_err(hostile.trick);
        assert!(refusal.excerpt.len() <= 120 && refusal.size == hostile.payload.len(), "{}", hostile.trick);
        assert!(
            !refusal.detail.is_empty()
                || refusal.reason == Reason::BadFaultCode
                || refusal.reason == Reason::UnknownSignal,
            "{hostile:?}"
        );
    }
}

#[test]
#[ignore = "measures; run with --release"]
fn how_long_one_message_takes() {
    let payload = message(
        r#""Vehicle.TraveledDistance":48211300,"Vehicle.LowVoltageBattery.CurrentVoltage":12.41,
        "Vehicle.LowVoltageSystemState":"ON","Vehicle.Chassis.Brake.IsWarning":false"#,
    );
    let (admission, profile) = (Admission::new(&signals()), full());
    let envelope = Envelope {
        topic: "premend/v1/car-1/telemetry",
        client: None,
        vehicle: None,
        payload: payload.as_bytes(),
        received_at: NOW,
    };
    for _ in 0..5 {
        let started = std::time::Instant::now();
        for _ in 0..100_000 {
            assert!(std::hint::black_box(admission.admit(&envelope, Some(&profile), &mut Shelf::default())).is_ok());
        }
        println!("{} ns for {} bytes", started.elapsed().as_nanos() / 100_000, payload.len());
    }
}

proptest::proptest! {
    #[test]
    fn never_panics_and_admits_only_what_is_in_range(at in 0_usize..400, flip in 1_u8..=255, cut in 0_usize..400) {
        let profile = full();
        let mut payload = message(ALL).into_bytes();
        if let Some(byte) = payload.get_mut(at) { *byte ^= flip; }
        payload.truncate(payload.len() - cut.min(payload.len()) * usize::from(cut % 3 == 0));
        let envelope = Envelope { topic: "premend/v1/car-1/telemetry", client: None, vehicle: None, payload: &payload, received_at: NOW };
        let admission = Admission::new(&signals());
        if let Ok(admitted) = admission.admit(&envelope, Some(&profile), &mut Shelf::default()) {
            for reading in admitted.message.samples.iter().flat_map(|sample| &sample.readings) {
                let range = admission.signals().by_no(reading.signal).unwrap().range;
                proptest::prop_assert!(reading.value >= range.0 && reading.value <= range.1);
            }
        }
    }
}
