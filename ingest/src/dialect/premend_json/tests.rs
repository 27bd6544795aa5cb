//! What a payload says, and how much of what is wrong spoils how much.

use rules::stage::shelf::Shelf;
use rules::vehicle::{Reason, Sequence};

use super::PremendJson;
use super::keys::Result;
use crate::dialect::{Decoded, Dialect};
use crate::signal_index::SignalIndex;
use crate::signal_index::tests::signals;

fn decode(payload: &str) -> Result<Decoded<'_>> {
    PremendJson.decode(payload.as_bytes(), &SignalIndex::new(&signals()), &mut Shelf::default())
}

const GOOD: &str = r#"{"stream":1,"seq":1234,"oldest":1230,"ts":"2026-11-22T01:20:00.123Z",
    "signals":{"Vehicle.LowVoltageBattery.CurrentVoltage":12.41,"Vehicle.TraveledDistance":48211300,
    "Vehicle.LowVoltageSystemState":"ON","Vehicle.Chassis.Brake.IsWarning":false},
    "faults":[{"code":"P0301","ecu":"7E8","status":47,"count":2}],"firmware":{"v":[1]}}"#;

#[test]
fn reads_the_single_form() {
    let decoded = decode(GOOD).unwrap();
    assert_eq!(decoded.sequence, Some(Sequence { stream: 1, seq: 1234, oldest: Some(1230) }));
    let [sample] = &decoded.samples[..] else { panic!("one sample") };
    assert_eq!(sample.measured_at.to_string(), "2026-11-22T01:20:00.123Z");
    let values: Vec<_> = sample.readings.iter().map(|reading| (reading.signal.0, reading.value)).collect();
    assert_eq!(values, [(1, 48_211_300.0), (2, 12.41), (3, 3.0), (4, 0.0)]);
    assert_eq!(sample.faults[0].status, 47);
    assert!(decoded.refused.is_empty());
}

#[test]
fn reads_the_form_with_samples_and_one_without_any() {
    let decoded = decode(
        r#"{"samples":[{"ts":"2026-11-22T01:20:00Z","signals":{}},{"ts":"2026-11-22T01:20:01Z","faults":[]}],
        "stream":2,"seq":1,"seen":["6f9619ff-8b86-5011-b42d-00cf4fc964ff"]}"#,
    );
    assert_eq!(decoded.unwrap().samples.len(), 2);
    let decoded = decode(r#"{"stream":2,"seq":1,"seen":["6f9619ff-8b86-5011-b42d-00cf4fc964ff"]}"#).unwrap();
    assert_eq!((decoded.samples.len(), decoded.seen.len()), (0, 1));
}

#[test]
fn refuses_a_reading_and_keeps_the_message() {
    let decoded = decode(
        r#"{"ts":"2026-11-22T01:20:00Z","signals":{"Vehicle.TraveledDistance":1e999,"Vehicle.Nonsense":{"a":[1]},
        "Vehicle.LowVoltageBattery.CurrentVoltage":"12.4","Vehicle.LowVoltageSystemState":"FLYING",
        "Vehicle.Chassis.Brake.IsWarning":null},"faults":[{"code":"X0301","status":1},{"code":"P0301","status":256},
        {"code":"P0301","status":1,"ecu":"0123456789abcdefg"},{"code":301,"status":1}]}"#,
    )
    .unwrap();
    assert!(decoded.samples[0].readings.is_empty() && decoded.samples[0].faults.is_empty());
    let count =
        |reason| decoded.refused.iter().filter(|kept| kept.reason == reason).map(|kept| kept.count).sum::<u32>();
    for (reason, expected) in [
        (Reason::NotANumber, 2),
        (Reason::UnknownSignal, 1),
        (Reason::WrongType, 1),
        (Reason::OutOfRange, 1),
        (Reason::BadFaultCode, 4),
    ] {
        assert_eq!(count(reason), expected, "{reason:?}");
    }
}

#[test]
fn refuses_a_message_whose_structure_is_broken() {
    for payload in [
        r#"{"stream":1,"seq":1,"seq":2,"ts":"2026-11-22T01:20:00Z","signals":{}}"#,
        r#"{"x":1,"x":2}"#,
        r#"{"stream":1}"#,
        r#"{"seq":1}"#,
        r#"{"oldest":1}"#,
        r#"{"stream":1,"seq":4,"oldest":5}"#,
        r#"{"stream":1,"seq":-4}"#,
        r#"{"stream":1,"seq":18446744073709551616}"#,
        r#"{"signals":{}}"#,
        r#"{"ts":1732238400,"signals":{}}"#,
        r#"{"ts":"yesterday","signals":{}}"#,
        r#"{"ts":"99999-01-01T00:00:00Z","signals":{}}"#,
        r#"{"ts":"2026-11-22T01:20:00Z","signals":[]}"#,
        r#"{"ts":"2026-11-22T01:20:00Z","signals":{"Vehicle.TraveledDistance":NaN}}"#,
        r#"{"ts":"2026-11-22T01:20:00Z","signals":{"Vehicle.TraveledDistance":1,"Vehicle.TraveledDistance":2}}"#,
        r#"{"ts":"2026-11-22T01:20:00Z","faults":["P0301"]}"#,
        r#"{"ts":"2026-11-22T01:20:00Z","faults":[{"code":"P0301","code":"P0302","status":1}]}"#,
        r#"{"ts":"2026-11-22T01:20:00Z","samples":[]}"#,
        r#"{"samples":[{"signals":{}}]}"#,
        r#"{"seen":["{6f9619ff-8b86-5011-b42d-00cf4fc964ff}"]}"#,
        r#"{"stream":1,"seq":1} {}"#,
        "[]",
        "null",
    ] {
        assert_eq!(decode(payload).map_err(|error| error.reason), Err(Reason::Unreadable), "{payload}");
    }
}

#[test]
fn refuses_too_much_of_anything() {
    let sample = r#"{"ts":"2026-11-22T01:20:00Z"},"#;
    let many_samples = format!(r#"{{"samples":[{}]}}"#, sample.repeat(257).trim_end_matches(','));
    let signals: Vec<_> = (0..513).map(|n| format!(r#""S{n}":1"#)).collect();
    let many_signals = format!(r#"{{"ts":"2026-11-22T01:20:00Z","signals":{{{}}}}}"#, signals.join(","));
    let many_faults = format!(r#"{{"ts":"2026-11-22T01:20:00Z","faults":[{}]}}"#, vec!["{}"; 201].join(","));
    for payload in [many_samples, many_signals, many_faults] {
        assert_eq!(decode(&payload).unwrap_err().reason, Reason::TooMany);
    }
    let deep = format!(r#"{{"ts":{}1{}}}"#, "[".repeat(9), "]".repeat(9));
    assert_eq!(decode(&deep).unwrap_err().reason, Reason::TooDeep);
}
