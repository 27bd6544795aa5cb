//! Units of signals, and what may be compared and combined with what.
//!
//! A [`Unit`] is text that was understood: it knows its dimension (exponents of the base
//! quantities) and its scale against SI. Two quantities may be compared, added or subtracted only
//! if both are equal; `m` and `km` are never mixed silently. Temperatures in `degC` are points on
//! a scale with an offset: their difference is in `K`, and only a difference may be multiplied.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Length, mass, time, current, temperature, angle.
const BASES: usize = 6;

/// A unit as written in the catalogue, such as `kPa`, `degC`, `m/s2` or `l/100km`; empty for plain
/// numbers. Two units are equal if they mean the same: `Wh` equals `V*A*h`.
#[derive(Clone, Debug)]
pub struct Unit {
    text: Box<str>,
    measure: Measure,
}

/// What a unit means.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Measure {
    exponents: [i8; BASES],
    /// Value in SI = value x scale + offset.
    scale: f64,
    offset: f64,
}

/// Why a text is not a unit, or why two units do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    #[error("unknown unit `{0}`")]
    Unknown(String),
    #[error("`{0}` and `{1}` are different quantities")]
    Dimension(String, String),
    #[error("`{0}` and `{1}` are the same quantity at different scales")]
    Scale(String, String),
    #[error("`{0}` is a point on a scale, not an amount: subtract another temperature first")]
    Point(String),
    #[error("`{0}` is too large a power")]
    Power(String),
}

const NUMBER: Measure = measure([0, 0, 0, 0, 0, 0], 1.0);

const fn measure(exponents: [i8; BASES], scale: f64) -> Measure {
    Measure { exponents, scale, offset: 0.0 }
}

/// Symbols with their meaning; `true`: SI prefixes may stand before them.
#[rustfmt::skip]
const SYMBOLS: &[(&str, Measure, bool)] = &[
    // length, area, volume; mass; time
    ("m",     measure([1, 0, 0, 0, 0, 0], 1.0), true),
    ("l",     measure([3, 0, 0, 0, 0, 0], 1e-3), true),
    ("g",     measure([0, 1, 0, 0, 0, 0], 1e-3), true),
    ("s",     measure([0, 0, 1, 0, 0, 0], 1.0), true),
    ("min",   measure([0, 0, 1, 0, 0, 0], 60.0), false),
    ("h",     measure([0, 0, 1, 0, 0, 0], 3_600.0), false),
    ("d",     measure([0, 0, 1, 0, 0, 0], 86_400.0), false),
    ("month", measure([0, 0, 1, 0, 0, 0], 86_400.0 * 30.436_875), false),
    ("year",  measure([0, 0, 1, 0, 0, 0], 86_400.0 * 365.242_5), false),
    ("Hz",    measure([0, 0, -1, 0, 0, 0], 1.0), true),
    // mechanics
    ("N",     measure([1, 1, -2, 0, 0, 0], 1.0), true),
    ("Nm",    measure([2, 1, -2, 0, 0, 0], 1.0), true),
    ("Pa",    measure([-1, 1, -2, 0, 0, 0], 1.0), true),
    ("bar",   measure([-1, 1, -2, 0, 0, 0], 1e5), true),
    ("J",     measure([2, 1, -2, 0, 0, 0], 1.0), true),
    ("W",     measure([2, 1, -3, 0, 0, 0], 1.0), true),
    ("Wh",    measure([2, 1, -2, 0, 0, 0], 3_600.0), true),
    // electricity
    ("A",     measure([0, 0, 0, 1, 0, 0], 1.0), true),
    ("Ah",    measure([0, 0, 1, 1, 0, 0], 3_600.0), true),
    ("V",     measure([2, 1, -3, -1, 0, 0], 1.0), true),
    ("Ohm",   measure([2, 1, -3, -2, 0, 0], 1.0), true),
    ("ohm",   measure([2, 1, -3, -2, 0, 0], 1.0), true),
    // temperature
    ("K",     measure([0, 0, 0, 0, 1, 0], 1.0), true),
    ("degC",  Measure { exponents: [0, 0, 0, 0, 1, 0], scale: 1.0, offset: 273.15 }, false),
    ("degF",  Measure { exponents: [0, 0, 0, 0, 1, 0], scale: 5.0 / 9.0, offset: 459.67 * 5.0 / 9.0 }, false),
    // angle, in turns
    ("turn",  measure([0, 0, 0, 0, 0, 1], 1.0), false),
    ("deg",   measure([0, 0, 0, 0, 0, 1], 1.0 / 360.0), false),
    ("degrees", measure([0, 0, 0, 0, 0, 1], 1.0 / 360.0), false),
    ("rad",   measure([0, 0, 0, 0, 0, 1], 1.0 / std::f64::consts::TAU), true),
    ("rpm",   measure([0, 0, -1, 0, 0, 1], 1.0 / 60.0), false),
    // shares
    ("%",     measure([0, 0, 0, 0, 0, 0], 1e-2), false),
    ("percent", measure([0, 0, 0, 0, 0, 0], 1e-2), false),
    ("ppm",   measure([0, 0, 0, 0, 0, 0], 1e-6), false),
    ("sd",    NUMBER, false), // standard deviations: a score that rules compare and no text shows
];

const PREFIXES: &[(char, f64)] =
    &[('u', 1e-6), ('m', 1e-3), ('c', 1e-2), ('d', 1e-1), ('h', 1e2), ('k', 1e3), ('M', 1e6), ('G', 1e9)];

impl Unit {
    /// Understands a unit: symbols with SI prefixes and powers, joined by `*`, `.` and `/`, each with
    /// an optional count as in `l/100km`.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let unknown = || UnitError::Unknown(text.to_owned());
        let mut total = NUMBER;
        let mut rest = text;
        let mut sign = 1;
        while !text.is_empty() {
            let end = rest.find(['/', '*', '.']).unwrap_or(rest.len());
            let (factor, tail) = rest.split_at(end);
            let one = factor_of(factor).ok_or_else(unknown)?;
            if one.offset != 0.0 && factor.len() != text.len() {
                return Err(UnitError::Point(factor.to_owned()));
            }
            total = total.times(one, sign).ok_or_else(|| UnitError::Power(text.to_owned()))?;
            total.offset = one.offset;
            let Some(joint) = tail.chars().next() else { break };
            sign = if joint == '/' { -1 } else { 1 };
            rest = tail.get(1..).unwrap_or_default();
        }
        Ok(Self { text: text.into(), measure: total })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_plain(&self) -> bool {
        self.measure.same(NUMBER)
    }

    /// Whether it has no dimension, as `%`.
    pub fn is_ratio(&self) -> bool {
        self.measure.exponents == NUMBER.exponents
    }

    /// The symbols that units are made of, without prefixes.
    pub fn symbols() -> impl Iterator<Item = &'static str> {
        SYMBOLS.iter().map(|(symbol, ..)| *symbol)
    }

    /// Whether values are standard deviations: outside of a rule they tell nobody anything.
    pub fn is_score(&self) -> bool {
        &*self.text == "sd"
    }

    /// Whether values are points on a scale with an offset, as `degC`.
    pub fn is_point(&self) -> bool {
        self.measure.offset != 0.0
    }

    /// Whether values of both may be compared as they are.
    pub fn agree(&self, other: &Self) -> Result<(), UnitError> {
        if self == other {
            return Ok(());
        }
        let (mine, yours) = (self.named(), other.named());
        Err(if self.measure.exponents != other.measure.exponents {
            UnitError::Dimension(mine, yours)
        } else if self.is_point() != other.is_point() {
            UnitError::Point(if self.is_point() { mine } else { yours })
        } else {
            UnitError::Scale(mine, yours)
        })
    }

    /// The unit of a sum; a difference of temperatures may be added to a temperature.
    pub fn plus(&self, other: &Self) -> Result<Self, UnitError> {
        match (self.is_point(), other.is_point()) {
            (false, false) => self.agree(other).map(|()| self.clone()),
            (true, true) => Err(UnitError::Point(other.named())),
            (true, false) => self.step().agree(other).map(|()| self.clone()),
            (false, true) => other.step().agree(self).map(|()| other.clone()),
        }
    }

    /// The unit of a difference; two temperatures give `K`.
    pub fn minus(&self, other: &Self) -> Result<Self, UnitError> {
        match (self.is_point(), other.is_point()) {
            (false, false) => self.agree(other).map(|()| self.clone()),
            (true, true) => self.agree(other).map(|()| self.step()),
            (true, false) => self.step().agree(other).map(|()| self.clone()),
            (false, true) => Err(UnitError::Point(other.named())),
        }
    }

    /// The unit of a product.
    pub fn times(&self, other: &Self) -> Result<Self, UnitError> {
        self.combine(other, 1)
    }

    /// The unit of a quotient.
    pub fn per(&self, other: &Self) -> Result<Self, UnitError> {
        self.combine(other, -1)
    }

    /// Factor and summand that turn a value of this unit into one of `target`.
    pub fn conversion(&self, target: &Self) -> Result<(f64, f64), UnitError> {
        if self.measure.exponents != target.measure.exponents {
            return Err(UnitError::Dimension(self.named(), target.named()));
        }
        let factor = self.measure.scale / target.measure.scale;
        Ok((factor, (self.measure.offset - target.measure.offset) / target.measure.scale))
    }

    /// The unit of differences of this one.
    #[must_use]
    pub fn step(&self) -> Self {
        let text = match &*self.text {
            _ if !self.is_point() => self.text.clone(),
            "degC" => "K".into(),
            other => format!("{other} difference").into(),
        };
        Self { text, measure: Measure { offset: 0.0, ..self.measure } }
    }

    fn combine(&self, other: &Self, sign: i8) -> Result<Self, UnitError> {
        for unit in [self, other] {
            if unit.is_point() {
                return Err(UnitError::Point(unit.named()));
            }
        }
        let measure = self.measure.times(other.measure, sign).ok_or_else(|| UnitError::Power(self.named()))?;
        let text = match (self.is_plain(), other.is_plain(), sign) {
            _ if measure.same(NUMBER) => "".into(),
            (_, true, _) => self.text.clone(),
            (true, false, 1) => other.text.clone(),
            (true, false, _) => format!("1/{other}").into(),
            (false, false, 1) => format!("{self}*{other}").into(),
            (false, false, _) => format!("{self}/{}", other.text.replace('/', "*")).into(),
        };
        Ok(Self { text, measure })
    }

    fn named(&self) -> String {
        if self.text.is_empty() { "plain number".to_owned() } else { self.text.to_string() }
    }
}

impl Measure {
    fn times(self, other: Self, sign: i8) -> Option<Self> {
        let mut exponents = [0; BASES];
        for ((sum, mine), yours) in exponents.iter_mut().zip(self.exponents).zip(other.exponents) {
            *sum = mine.checked_add(yours.checked_mul(sign)?).filter(|power| power.abs() <= 12)?;
        }
        let scale = self.scale * other.scale.powi(sign.into());
        scale.is_normal().then(|| measure(exponents, scale))
    }

    fn same(self, other: Self) -> bool {
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
        self.exponents == other.exponents && close(self.scale, other.scale) && close(self.offset, other.offset)
    }
}

/// One factor: an optional count, a symbol with an optional prefix, an optional power.
fn factor_of(text: &str) -> Option<Measure> {
    let count_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, rest) = text.split_at(count_end);
    let scale = if count.is_empty() { 1.0 } else { count.parse::<u32>().ok().filter(|n| *n > 0)?.into() };
    if rest.is_empty() {
        return (!count.is_empty()).then_some(measure(NUMBER.exponents, scale));
    }
    let symbol = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    let power = rest.strip_prefix(symbol)?;
    let power: i8 = if power.is_empty() { 1 } else { power.parse().ok().filter(|n| (1..=4).contains(n))? };
    let one = symbol_of(symbol)?;
    let mut total = measure(NUMBER.exponents, scale);
    for _ in 0..power {
        total = total.times(one, 1)?;
    }
    let offset = if power == 1 && count.is_empty() { one.offset } else { 0.0 };
    (one.offset == offset).then_some(Measure { offset, ..total })
}

fn symbol_of(text: &str) -> Option<Measure> {
    let exact = |name: &str| SYMBOLS.iter().find(|(symbol, ..)| *symbol == name);
    if let Some((_, found, _)) = exact(text) {
        return Some(*found);
    }
    let mut chars = text.chars();
    let first = chars.next()?;
    let (_, factor) = PREFIXES.iter().find(|(prefix, _)| *prefix == first)?;
    let (_, found, prefixed) = exact(chars.as_str())?;
    prefixed.then_some(Measure { scale: found.scale * factor, ..*found })
}

impl Default for Unit {
    fn default() -> Self {
        Self { text: "".into(), measure: NUMBER }
    }
}

impl PartialEq for Unit {
    fn eq(&self, other: &Self) -> bool {
        self.measure.same(other.measure)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Unit {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        Self::parse(text)
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(text: &str) -> Unit {
        Unit::parse(text).unwrap()
    }

    #[test]
    fn understands_every_unit_of_the_catalogues() {
        for text in [
            "", "1", "kPa", "V", "mV", "degC", "K", "km/h", "rpm", "%", "Ah", "kWh", "kOhm", "ohm/V", "kPa/min",
            "kPa/d", "K/min", "m", "km", "mm", "s", "h", "d", "min", "Pa", "A", "l/100km", "deg", "m/s2", "1/km",
            "g/s", "l", "Nm", "kW", "Wh/km", "V/s", "1/d", "km/d", "%/month", "bar", "%/year", "mOhm", "l/h", "sd",
        ] {
            assert_eq!(unit(text).as_str(), text);
        }
        for text in ["volt", "kkPa", "k%", "m/", "/m", "m//s", "m s", "degC/min", "kdegC", "m9", "degC2", "°C"] {
            assert!(Unit::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn equal_meaning_is_equal() {
        assert_eq!(unit("V*A*h"), unit("Wh"));
        assert_eq!(unit("%"), unit("percent"));
        assert_ne!(unit("km"), unit("m"));
        assert_ne!(unit("degC"), unit("K"));
        assert_ne!(unit("rpm"), unit("Hz"));
    }

    #[test]
    fn tells_another_scale_from_another_quantity() {
        assert!(matches!(unit("km").agree(&unit("m")), Err(UnitError::Scale(..))));
        assert!(matches!(unit("kPa").agree(&unit("V")), Err(UnitError::Dimension(..))));
        assert!(matches!(unit("%").agree(&unit("")), Err(UnitError::Scale(..))));
    }

    #[test]
    fn combines_products_and_quotients() {
        assert_eq!(unit("V").times(&unit("A")).unwrap(), unit("W"));
        assert_eq!(unit("kPa").per(&unit("min")).unwrap(), unit("kPa/min"));
        assert!(unit("V").per(&unit("V")).unwrap().is_plain());
        assert_eq!(unit("V").per(&unit("A")).unwrap(), unit("Ohm"));
    }

    #[test]
    fn keeps_points_and_differences_of_temperature_apart() {
        let (point, step) = (unit("degC"), unit("K"));
        assert_eq!(point.minus(&point).unwrap(), step);
        assert_eq!(point.plus(&step).unwrap(), point);
        assert_eq!(point.minus(&step).unwrap(), point);
        assert!(point.plus(&point).is_err());
        assert!(step.minus(&point).is_err());
        assert!(point.times(&unit("m")).is_err());
    }

    #[test]
    fn converts_with_factor_and_offset() {
        let (factor, summand) = unit("degF").conversion(&unit("degC")).unwrap();
        assert!((212.0f64.mul_add(factor, summand) - 100.0).abs() < 1e-9);
        assert_eq!(unit("km").conversion(&unit("m")).unwrap(), (1_000.0, 0.0));
        assert!(unit("km").conversion(&unit("V")).is_err());
    }

    #[test]
    fn travels_as_plain_text() {
        let json = serde_json::to_string(&unit("l/100km")).unwrap();
        assert_eq!(json, "\"l/100km\"");
        assert_eq!(serde_json::from_str::<Unit>(&json).unwrap(), unit("l/100km"));
        assert!(serde_json::from_str::<Unit>("\"parsec\"").is_err());
    }
}
