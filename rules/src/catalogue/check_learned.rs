//! Checks of what was learned against the rules it is about.

use std::collections::BTreeSet;

use super::layer::{is_overlay, within_layer};
use super::read::{Fault, Place, Placed};
use crate::entry::rule::RuleSource;
use crate::learned::{
    Bands, CalibrationEntry, CalibrationTable, CohortEntry, CohortHead, CohortTable, FOLDER, Precision, PrecisionTable,
};

/// Refuses learned tables in a directory of rules; false for every other file.
pub fn refuse_in_directory(path: &str, faults: &mut Vec<Fault>) -> bool {
    let refused = is_overlay(path) && within_layer(path).starts_with(FOLDER);
    if refused {
        let place = Place { file: path.to_owned(), line: 1 };
        let hint = Some("take the folder away: the tables in force are kept with any rules".to_owned());
        faults.push(Fault { hint, ..place.fault("what was learned is the engine's own and is not written by hand") });
    }
    refused
}

/// The precision of rules; what it says of versions that are not in the catalogue is kept for when these come back.
pub fn precision(precision: Vec<Placed<Precision>>, rules: &[RuleSource], faults: &mut Vec<Fault>) -> PrecisionTable {
    let mut seen = BTreeSet::new();
    for Placed { place, value } in &precision {
        let mut wrong = |what: &str, hint: Option<&str>| {
            let fault = place.fault(format!("precision of rule `{}` version {}: {what}", value.rule, value.version));
            faults.push(Fault { hint: hint.map(str::to_owned), ..fault });
        };
        if !seen.insert((&value.rule, value.version)) {
            wrong("it is given twice", None);
        }
        if ![value.precision, value.lower].iter().all(|share| (0.0..=1.0).contains(share)) {
            wrong("a precision is 0 to 1", None);
        }
        if ![value.confirmed, value.refuted].iter().all(|weight| (0.0..1e9).contains(weight)) {
            wrong("verdicts weigh 0 or more", None);
        }
        let rule = rules.iter().find(|rule| rule.key == value.rule && rule.version == value.version);
        if value.demoted.is_some() && rule.is_some_and(|rule| !rule.may_be_demoted()) {
            let hint = "S1, S2, recalls, the end of a warranty and rules by fault code stay live";
            wrong("it may not be demoted", Some(hint));
        }
    }
    PrecisionTable::new(precision.into_iter().map(|entry| entry.value).collect())
}

/// The bands of mileage; an overlay's replace the shipped ones. Without any, nothing is known of cohorts.
pub fn bands(drafts: Vec<Placed<Bands>>, faults: &mut Vec<Fault>) -> Bands {
    for Placed { place, value } in &drafts {
        let rising = value.from_km.windows(2).all(|pair| pair[0] < pair[1]);
        let sound = value.from_km.iter().all(|from| from.is_finite() && *from >= 0.0);
        if value.from_km.is_empty() || !rising || !sound {
            faults.push(place.fault("`from_km` names where bands begin, from 0 km on, each above the one before"));
        }
        if value.least_vehicles == 0 || value.source.trim().is_empty() {
            faults.push(place.fault("cohorts want at least one vehicle, and a source that says why so many"));
        }
    }
    let over = drafts.iter().find(|draft| is_overlay(&draft.place.file));
    over.or(drafts.first()).map(|draft| draft.value.clone()).unwrap_or_default()
}

/// The table of cohorts; what it says of signals, models and bands that are gone is passed over.
pub fn cohorts(entries: Vec<Placed<CohortEntry>>, head: Option<CohortHead>, faults: &mut Vec<Fault>) -> CohortTable {
    for Placed { place, value } in &entries {
        if !value.value.is_finite() || !(0.0..=1.0).contains(&value.quantile) || value.spread.is_nan() {
            faults.push(place.fault(format!("cohort of `{}`: its figures are no figures", value.signal)));
        }
    }
    CohortTable { head: head.unwrap_or_default(), entries: entries.into_iter().map(|entry| entry.value).collect() }
}

/// The maps of estimators; those of estimators and models that are gone are passed over.
pub fn calibration(entries: Vec<Placed<CalibrationEntry>>, faults: &mut Vec<Fault>) -> CalibrationTable {
    let mut seen = BTreeSet::new();
    for Placed { place, value } in &entries {
        let mut wrong = |what: &str| {
            faults.push(place.fault(format!("calibration of estimator `{}`: {what}", value.estimator)));
        };
        if !seen.insert((&value.estimator, &value.model)) {
            wrong("it is given twice");
        }
        if !value.map.is_sound() || !(0.0..1e9).contains(&value.weight) {
            wrong("its figures are no map: they are finite, `slope` is not negative, and early <= middle <= late");
        }
    }
    CalibrationTable::new(entries.into_iter().map(|entry| entry.value).collect())
}
