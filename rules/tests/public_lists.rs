//! The catalogue against public lists nobody here made: COVESA VSS 6.0 and the generic SAE codes.
//!
//! The lists are not part of the repository. They are looked for in `PREMEND_DATA`, else in
//! `../shared/data` beside the checkout; without them these tests say so and pass.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use rules::catalogue::Catalogue;
use rules::entry::fault_code::{FaultCode, FaultPattern, TriageInput, UdsStatus, triage};
use rules::entry::signal::{Kind, Signal};

#[expect(clippy::disallowed_methods, reason = "tests may ask where the public lists lie")]
fn public_list(name: &str) -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var("PREMEND_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(name);
    let Ok(file) = File::open(&path) else {
        eprintln!("skipped: {} is not there; set PREMEND_DATA", path.display());
        return None;
    };
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).expect("a readable gzip file");
    Some(text)
}

/// How VSS writes a unit of ours.
fn vss_unit(unit: &str) -> &str {
    match unit {
        "degC" => "Celsius",
        "%" => "percent",
        "m/s2" => "m/s^2",
        "deg" => "degrees",
        other => other,
    }
}

fn check(signal: &Signal, (datatype, unit, allowed): &(String, String, String)) {
    let path = &signal.path;
    assert_eq!(vss_unit(signal.unit.as_str()), unit, "unit of {path}");
    match &signal.kind {
        Kind::Flag => assert_eq!(datatype, "boolean", "{path}"),
        Kind::Number => {
            let number = ["int", "uint", "float", "double"].iter().any(|kind| datatype.starts_with(kind));
            assert!(number && !datatype.ends_with("[]"), "{path} is {datatype}");
        }
        Kind::Words(words) => {
            assert_eq!(datatype, "string", "{path}");
            let ours = format!("['{}']", words.join("', '"));
            assert_eq!(&ours, allowed, "words of {path}");
        }
    }
}

#[test]
fn every_signal_is_as_in_vss_or_marked_custom() {
    let Some(text) = public_list("vss/vss60.csv.gz") else { return };
    let mut nodes = BTreeMap::new();
    for row in csv::Reader::from_reader(text.as_bytes()).records() {
        let row = row.unwrap();
        if row[3].is_empty() {
            nodes.insert(row[0].to_owned(), (row[2].to_owned(), row[4].to_owned(), row[9].to_owned()));
        }
    }
    let catalogue = Catalogue::builtin().unwrap();
    for (_, signal) in catalogue.signals.iter().filter(|(_, signal)| !signal.feature) {
        match nodes.get(&signal.path) {
            Some(node) => {
                assert!(!signal.custom, "{} is in VSS 6.0", signal.path);
                check(signal, node);
            }
            None => assert!(signal.custom, "{} is not in VSS 6.0: fix the path or say custom = true", signal.path),
        }
    }
}

#[test]
fn every_generic_code_parses_and_has_a_class() {
    let Some(text) = public_list("dtc/generic_codes.tsv.gz") else { return };
    let catalogue = Catalogue::builtin().unwrap();
    let mut count = 0;
    for line in text.lines() {
        let (code, _) = line.split_once('\t').unwrap();
        let parsed: FaultCode = code.parse().unwrap();
        assert_eq!(parsed.to_string(), code);
        let class = catalogue.fault_codes.class(parsed);
        assert_ne!(class.pattern, FaultPattern::ANY, "{code} falls through to the last class");
        let input = TriageInput { code: parsed, status: UdsStatus(0x2f), ..TriageInput::default() };
        let verdict = triage(&catalogue.fault_codes, &input);
        assert!(catalogue.components.contains(verdict.component.as_str()), "{code}");
        count += 1;
    }
    assert!(count > 9_000, "{count} codes");
}
