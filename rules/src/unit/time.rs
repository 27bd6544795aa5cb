//! Instants and durations of the product: microseconds, UTC, plain integers.
//!
//! One representation for the vehicle's clock (`measured_at`) and ours (`received_at`), equal to
//! PostgreSQL's `timestamptz` resolution, so that a value survives journal, store and wire
//! unchanged. Nothing here reads a clock.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Time(i64);

/// A signed duration, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

/// Why a text is not a duration or an instant.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TimeError {
    #[error("`{0}` is not a duration: write a number and one of ms, s, m, h, d, as in \"10m\"")]
    Span(String),
    #[error("`{0}` is not an RFC 3339 time")]
    Time(String),
}

impl Time {
    /// Before everything: the value of "never measured".
    pub const NEVER: Self = Self(i64::MIN);

    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000_000)
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339, any offset; finer digits than microseconds are cut off.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        DateTime::parse_from_rfc3339(text)
            .map(|time| Self(time.timestamp_micros()))
            .map_err(|_| TimeError::Time(text.to_owned()))
    }

    /// The calendar form, for display and SQL.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// The time since `earlier`; saturates, so that `NEVER` is very long ago.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The same instant after a step of the clock that told it. What stands for no instant at all stays: never, the
    /// epoch, and the end of time.
    #[must_use]
    pub const fn stepped(self, by: Span) -> Self {
        match self.0 {
            i64::MIN | 0 | i64::MAX => self,
            micros => Self(micros.saturating_add(by.0)),
        }
    }

    /// The UTC day this instant falls on, counted from 1970-01-01.
    pub const fn day(self) -> i32 {
        self.0.div_euclid(86_400_000_000) as i32
    }
}

impl From<DateTime<Utc>> for Time {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_micros())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Add<Span> for Time {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Time {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Span {
    pub const ZERO: Self = Self(0);

    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000)
    }

    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000_000)
    }

    pub const fn from_mins(mins: i64) -> Self {
        Self::from_secs(mins * 60)
    }

    pub const fn from_hours(hours: i64) -> Self {
        Self::from_mins(hours * 60)
    }

    pub const fn from_days(days: i64) -> Self {
        Self::from_hours(days * 24)
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Half of it.
    pub const fn half(self) -> Self {
        Self(self.0 / 2)
    }

    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// As the standard library has it; a negative one is nothing.
    pub fn to_std(self) -> Duration {
        Duration::from_micros(u64::try_from(self.0).unwrap_or(0))
    }

    pub fn secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    pub fn days_f64(self) -> f64 {
        self.0 as f64 / 86.4e9
    }

    /// Rounded to days: calendars move by whole ones.
    pub const fn whole_days(self) -> i32 {
        self.0.saturating_add(43_200_000_000).div_euclid(86_400_000_000) as i32
    }

    /// Parses "250ms", "30s", "10m", "4h", "30d".
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let wrong = || TimeError::Span(text.to_owned());
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: i64 = text[..digits].parse().map_err(|_| wrong())?;
        let unit = match &text[digits..] {
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            _ => return Err(wrong()),
        };
        count.checked_mul(unit).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, micros) in [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000)] {
            if self.0 != 0 && self.0 % micros == 0 {
                return write!(f, "{}{unit}", self.0 / micros);
            }
        }
        write!(f, "{}ms", self.0 / 1_000)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes what [`Span`]'s `Deserialize` reads.
impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

/// Reads "10m" from configuration and catalogues, plain microseconds from binary state.
impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Self::parse(&text).map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_spans_and_prints_them_back() {
        for text in ["250ms", "30s", "10m", "4h", "30d"] {
            assert_eq!(Span::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "10", "m", "1.5h", "10 m", "99999999999999999d"] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn keeps_microseconds_and_offsets_of_rfc_3339() {
        let time = Time::parse("2026-11-22T09:20:00.123456789+08:00").unwrap();
        assert_eq!(time.to_string(), "2026-11-22T01:20:00.123456Z");
    }

    #[test]
    fn never_is_long_ago() {
        assert!(Time::from_secs(0).since(Time::NEVER) > Span::from_days(36_500));
    }
}
