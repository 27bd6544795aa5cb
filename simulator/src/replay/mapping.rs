//! Mapping files: which column of a log is which signal, and how time is read.
//!
//! ```toml
//! model = "sedan-ice-2014"        # of the catalogue; decides the service plan
//! vehicle = "id"                  # column that names the vehicle, for back-tests
//! delimiter = ","                 # this is the default
//!
//! [time]
//! column = "t"                    # without it, rows come at the fixed period
//! unit = "s"                      # s, ms or rfc3339
//! period = "490ms"                # between rows, where no column tells
//!
//! [trips]                         # each file is one trip
//! gap = "9h"                      # parking between trips, where no column has dates
//! begin = [{ signal = "Vehicle.LowVoltageSystemState", word = "ON" }]
//! end = [{ signal = "Vehicle.LowVoltageSystemState", word = "OFF" }]
//!
//! [[column]]
//! name = "speed (mph)"            # as in the header, without blanks around it
//! signal = "Vehicle.Speed"
//! convert = "mph_to_kmh"          # a named conversion, then
//! scale = 1.0                     # value * scale + offset
//! offset = 0.0
//!
//! [[integral]]                    # a signal that a log lacks, summed up from another
//! signal = "Vehicle.TraveledDistance"
//! of = "Vehicle.Speed"            # per second
//! scale = 0.2777777777777778
//! start = 0.0
//! every = "30s"
//! ```
//!
//! Ties of the time column are spread evenly up to the next time it names.

use std::borrow::Cow;

use rules::entry::signal::{Kind, Signals};
use rules::unit::Span;
use serde::Deserialize;

/// A mapping file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    pub model: String,
    /// Column that names the vehicle of a row; back-tests need it, replays have one vehicle.
    pub vehicle: Option<String>,
    #[serde(default = "comma")]
    pub delimiter: char,
    pub time: TimeRule,
    #[serde(default)]
    pub trips: Trips,
    #[serde(rename = "column")]
    pub columns: Vec<Column>,
    #[serde(default, rename = "integral")]
    pub integrals: Vec<Integral>,
}

/// How rows get their time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRule {
    pub column: Option<String>,
    #[serde(default)]
    pub unit: TimeUnit,
    pub period: Span,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    #[default]
    S,
    Ms,
    /// Calendar time; trips then keep their own dates.
    Rfc3339,
}

/// How files become trips of one vehicle.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trips {
    pub gap: Span,
    pub begin: Vec<Marker>,
    pub end: Vec<Marker>,
}

impl Default for Trips {
    fn default() -> Self {
        Self { gap: Span::from_hours(9), begin: Vec::new(), end: Vec::new() }
    }
}

/// A reading that a log does not have, at the beginning or end of each trip.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    pub signal: String,
    pub word: Cow<'static, str>,
}

/// One column that is a signal.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    pub name: String,
    pub signal: String,
    #[serde(default)]
    pub convert: Conversion,
    #[serde(default = "one")]
    pub scale: f64,
    #[serde(default)]
    pub offset: f64,
}

/// A signal summed up from another.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Integral {
    pub signal: String,
    pub of: String,
    #[serde(default = "one")]
    pub scale: f64,
    #[serde(default)]
    pub start: f64,
    pub every: Span,
}

/// Conversions that have a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    #[default]
    None,
    MphToKmh,
    MilesToM,
    KmToM,
    FahrenheitToCelsius,
    KelvinToCelsius,
    PsiToKpa,
    BarToKpa,
    MvToV,
    MaToA,
    FractionToPercent,
    MinToS,
    HToS,
}

impl Conversion {
    fn apply(self, value: f64) -> f64 {
        match self {
            Self::None => value,
            Self::MphToKmh => value * 1.609_344,
            Self::MilesToM => value * 1_609.344,
            Self::KmToM => value * 1_000.0,
            Self::FahrenheitToCelsius => (value - 32.0) / 1.8,
            Self::KelvinToCelsius => value - 273.15,
            Self::PsiToKpa => value * 6.894_757,
            Self::BarToKpa | Self::FractionToPercent => value * 100.0,
            Self::MvToV | Self::MaToA => value / 1_000.0,
            Self::MinToS => value * 60.0,
            Self::HToS => value * 3_600.0,
        }
    }
}

impl Column {
    /// The signal's value for what the log says.
    pub fn value(&self, logged: f64) -> f64 {
        self.convert.apply(logged) * self.scale + self.offset
    }
}

/// Why a mapping cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    #[error("read the mapping")]
    Toml(#[source] Box<toml::de::Error>),
    #[error("the catalogue has no signal `{0}`")]
    UnknownSignal(String),
    #[error("`{0}` is a signal of words; a column cannot be mapped to it")]
    NotANumber(String),
    #[error("`{signal}` does not know the word `{word}`")]
    UnknownWord { signal: String, word: String },
    #[error("column `{0}` is mapped twice")]
    SameColumn(String),
    #[error("the integral of `{0}` needs a column mapped to it")]
    NoIntegrand(String),
    #[error("the delimiter must be one ASCII character")]
    Delimiter,
    #[error("the period must be longer than nothing")]
    Period,
}

impl Mapping {
    /// Reads a mapping and checks it against the catalogue.
    pub fn parse(text: &str, signals: &Signals) -> Result<Self, MappingError> {
        let mapping: Self = toml::from_str(text).map_err(|error| MappingError::Toml(Box::new(error)))?;
        if !mapping.delimiter.is_ascii() {
            return Err(MappingError::Delimiter);
        }
        if mapping.time.period <= Span::ZERO {
            return Err(MappingError::Period);
        }
        for (place, column) in mapping.columns.iter().enumerate() {
            number(&column.signal, signals)?;
            if mapping.columns[..place].iter().any(|other| other.name == column.name) {
                return Err(MappingError::SameColumn(column.name.clone()));
            }
        }
        for integral in &mapping.integrals {
            number(&integral.signal, signals)?;
            if !mapping.columns.iter().any(|column| column.signal == integral.of) {
                return Err(MappingError::NoIntegrand(integral.of.clone()));
            }
        }
        for marker in mapping.trips.begin.iter().chain(&mapping.trips.end) {
            word(marker, signals)?;
        }
        Ok(mapping)
    }

    /// The mapping of the carOBD log, which the product ships.
    pub fn carobd(signals: &Signals) -> Result<Self, MappingError> {
        Self::parse(include_str!("../../mappings/carobd.toml"), signals)
    }
}

fn number(path: &str, signals: &Signals) -> Result<(), MappingError> {
    let signal = signals.by_path(path).filter(|signal| !signal.feature);
    let signal = signal.ok_or_else(|| MappingError::UnknownSignal(path.to_owned()))?;
    match signal.kind {
        Kind::Number => Ok(()),
        Kind::Flag | Kind::Words(_) => Err(MappingError::NotANumber(path.to_owned())),
    }
}

fn word(marker: &Marker, signals: &Signals) -> Result<(), MappingError> {
    let unknown =
        || MappingError::UnknownWord { signal: marker.signal.clone(), word: marker.word.clone().into_owned() };
    let signal = signals.by_path(&marker.signal);
    let signal = signal.ok_or_else(|| MappingError::UnknownSignal(marker.signal.clone()))?;
    match &signal.kind {
        Kind::Words(words) if words.iter().any(|word| *word == marker.word) => Ok(()),
        _ => Err(unknown()),
    }
}

const fn comma() -> char {
    ','
}

const fn one() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    use rules::catalogue::Catalogue;

    use super::*;

    const SMALL: &str = r#"
        model = "compact-ice"
        [time]
        period = "1s"
        [[column]]
        name = "mph"
        signal = "Vehicle.Speed"
        convert = "mph_to_kmh"
    "#;

    #[test]
    fn ships_a_mapping_for_carobd() {
        let catalogue = Catalogue::builtin().unwrap();
        let mapping = Mapping::carobd(&catalogue.signals).unwrap();
        assert_eq!(mapping.columns.len(), 18);
        assert!(catalogue.models.contains_key(&mapping.model));
    }

    #[test]
    fn converts_by_name_scale_and_offset() {
        let signals = Catalogue::builtin().unwrap().signals;
        let mapping = Mapping::parse(SMALL, &signals).unwrap();
        assert!((mapping.columns[0].value(60.0) - 96.56).abs() < 0.01);
        let column = Column { scale: 2.0, offset: -40.0, convert: Conversion::None, ..mapping.columns[0].clone() };
        assert_eq!(column.value(50.0), 60.0);
        assert_eq!(Conversion::FahrenheitToCelsius.apply(212.0), 100.0);
    }

    #[test]
    fn refuses_what_the_catalogue_does_not_know() {
        let signals = Catalogue::builtin().unwrap().signals;
        let parse = |from: &str, to: &str| Mapping::parse(&SMALL.replace(from, to), &signals);
        assert!(matches!(parse("Vehicle.Speed", "Vehicle.Sped"), Err(MappingError::UnknownSignal(_))));
        assert!(matches!(parse("Vehicle.Speed", "Vehicle.LowVoltageSystemState"), Err(MappingError::NotANumber(_))));
        assert!(matches!(parse("1s", "0s"), Err(MappingError::Period)));
        assert!(matches!(parse("mph_to_kmh", "furlongs"), Err(MappingError::Toml(_))));
    }
}
