//! Payloads that must decode for ever, each to exactly what stands beside it.

use ingest::dialect::{Decoded, Dialect, PremendJson};
use ingest::signal_index::SignalIndex;
use rules::catalogue::Catalogue;
use rules::stage::shelf::Shelf;
use rules::vehicle::SignalNo;

fn decode(payload: &str) -> Decoded<'_> {
    PremendJson.decode(payload.as_bytes(), &index(), &mut Shelf::default()).expect("a golden payload is readable")
}

fn index() -> SignalIndex {
    SignalIndex::new(&Catalogue::builtin().expect("the catalogue loads").signals)
}

/// `(signal, value)` of all readings, by instant.
fn readings(decoded: &Decoded<'_>) -> Vec<(String, Vec<(String, f64)>)> {
    let index = index();
    let path = |no: SignalNo| index.by_no(no).map(|entry| entry.path.to_string()).unwrap_or_default();
    let of = |sample: &rules::vehicle::Sample| {
        sample.readings.iter().map(|reading| (path(reading.signal), reading.value)).collect::<Vec<_>>()
    };
    decoded.samples.iter().map(|sample| (sample.measured_at.to_string(), of(sample))).collect()
}

fn faults(decoded: &Decoded<'_>) -> Vec<String> {
    let all = decoded.samples.iter().flat_map(|sample| &sample.faults);
    all.map(|fault| format!("{} {:?} {} {:?}", fault.code, fault.ecu, fault.status, fault.count)).collect()
}

fn numbering(decoded: &Decoded<'_>) -> Option<(u64, u64, Option<u64>)> {
    decoded.sequence.map(|sequence| (sequence.stream, sequence.seq, sequence.oldest))
}

const DISTANCE: &str = "Vehicle.TraveledDistance";
const VOLTAGE: &str = "Vehicle.LowVoltageBattery.CurrentVoltage";

fn expect(decoded: &Decoded<'_>, expected: &[(&str, &[(&str, f64)])]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(ts, values)| {
            ((*ts).to_owned(), values.iter().map(|(path, value)| ((*path).to_owned(), *value)).collect())
        })
        .collect();
    assert_eq!(readings(decoded), expected);
}

#[test]
fn single() {
    let decoded = decode(include_str!("golden/single.json"));
    assert_eq!(numbering(&decoded), Some((1, 1234, Some(1230))));
    expect(&decoded, &[("2026-11-22T01:20:00.123Z", &[(DISTANCE, 48_211_300.0), (VOLTAGE, 12.41)])]);
    assert_eq!(faults(&decoded), [r#"P0301 "7E8" 47 Some(2)"#]);
}

#[test]
fn samples() {
    let decoded = decode(include_str!("golden/samples.json"));
    assert_eq!(numbering(&decoded), Some((1, 1235, None)));
    expect(&decoded, &[("2026-11-22T01:20:01Z", &[(VOLTAGE, 12.4)]), ("2026-11-22T01:20:02Z", &[(VOLTAGE, 12.38)])]);
}

#[test]
fn unnumbered() {
    let decoded = decode(include_str!("golden/unnumbered.json"));
    assert_eq!(numbering(&decoded), None);
    expect(&decoded, &[("2026-11-22T01:20:00Z", &[(DISTANCE, 48_211_300.0)])]);
}

#[test]
fn seen_only() {
    let decoded = decode(include_str!("golden/seen_only.json"));
    assert_eq!(decoded.seen.len(), 1);
    assert!(decoded.samples.is_empty());
}

#[test]
fn newer_vehicle() {
    let decoded = decode(include_str!("golden/newer_vehicle.json"));
    assert_eq!(numbering(&decoded), Some((9_007_199_254_740_993, i64::MAX as u64, None)));
    expect(&decoded, &[("2026-11-22T01:20:00.123456Z", &[(DISTANCE, 1.0)])]);
    assert_eq!(faults(&decoded), [r#"P0A80-16 "" 0 None"#]);
    assert_eq!(decoded.refused.iter().count(), 1);
}

#[test]
fn escapes() {
    let decoded = decode(include_str!("golden/escapes.json"));
    expect(&decoded, &[("2026-11-22T01:20:00Z", &[(DISTANCE, 1_500.0), (VOLTAGE, -0.0)])]);
    assert_eq!(faults(&decoded), [r#"U0100 "7E8" 9 None"#]);
}
