//! The weather a vehicle lives in: ambient temperature by season, hour and day.
//!
//! A pure function of place, seed and instant, so that a vehicle can be asked about any time and
//! two vehicles of one place share their weather.

use rules::unit::{Span, Time};
use serde::{Deserialize, Serialize};

use crate::random::hash01;

/// Local time of the fleet: UTC+8, without daylight saving.
pub const LOCAL_OFFSET: Span = Span::from_hours(8);

/// Where a vehicle lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Climate {
    /// Cold winters, hot summers.
    North,
    East,
    /// Mild winters, long hot summers.
    South,
}

impl Climate {
    pub const ALL: [Self; 3] = [Self::North, Self::East, Self::South];

    /// Annual mean, seasonal and daily amplitude, in degC.
    const fn shape(self) -> (f64, f64, f64) {
        match self {
            Self::North => (11.0, 14.0, 5.0),
            Self::East => (16.5, 11.5, 4.0),
            Self::South => (22.5, 6.5, 3.5),
        }
    }

    /// Ambient temperature in degC.
    pub fn temperature(self, seed: u64, at: Time) -> f64 {
        let (mean, season, daily) = self.shape();
        let local = (at + LOCAL_OFFSET).micros() as f64 / 86.4e9;
        let tau = std::f64::consts::TAU;
        // Warmest on day 200 of the year and at three in the afternoon.
        let year = (tau * (local - 200.0) / 365.25).cos();
        let day = (tau * (local.fract() - 0.625)).cos();
        mean + season * year + daily * day + self.weather(seed, local)
    }

    /// Slow deviation of the weather, some degrees either way, smooth from day to day.
    fn weather(self, seed: u64, local_days: f64) -> f64 {
        let today = local_days.floor();
        let blend = local_days - today;
        let blend = blend * blend * (3.0 - 2.0 * blend);
        let draw = |day: f64| {
            let key = (day as i64 as u64).wrapping_mul(8).wrapping_add(self as u64);
            hash01(seed, key) + hash01(seed, key ^ 0x5555_0000_0000) - 1.0
        };
        7.0 * (draw(today) * (1.0 - blend) + draw(today + 1.0) * blend)
    }
}

/// Air pressure at an altitude, kPa: 1.2 less for every 100 m near the sea.
pub fn air_kpa(altitude_m: f64) -> f64 {
    101.3 * (1.0 - 2.2558e-5 * altitude_m).max(0.1).powf(5.2559)
}

/// The local day of an instant, counted from 1970-01-01.
pub fn local_day(at: Time) -> i64 {
    (at + LOCAL_OFFSET).micros().div_euclid(86_400_000_000)
}

/// The instant of a local day and hour.
pub fn local_time(day: i64, hour: f64) -> Time {
    Time::from_micros(day * 86_400_000_000 + (hour * 3.6e9) as i64) - LOCAL_OFFSET
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_what_cars_meet_and_follows_the_season() {
        let start = Time::parse("2026-01-01T00:00:00Z").unwrap();
        for climate in Climate::ALL {
            let at = |day: i64| climate.temperature(7, start + Span::from_days(day));
            let coldest = (0..365).map(at).fold(f64::MAX, f64::min);
            let warmest = (0..365).map(at).fold(f64::MIN, f64::max);
            assert!(coldest > -16.0 && warmest < 42.0, "{climate:?} {coldest} {warmest}");
            assert!(at(200) > at(15) + 5.0);
        }
    }

    #[test]
    fn changes_slowly() {
        let start = Time::from_secs(1_780_000_000);
        for minute in 0..3_000 {
            let one = Climate::North.temperature(3, start + Span::from_mins(minute));
            let next = Climate::North.temperature(3, start + Span::from_mins(minute + 1));
            assert!((one - next).abs() < 0.1);
        }
    }

    #[test]
    fn air_thins_with_altitude() {
        assert!((air_kpa(0.0) - air_kpa(100.0) - 1.2).abs() < 0.05);
        assert!((79.0..80.0).contains(&air_kpa(2_000.0)));
    }

    #[test]
    fn local_days_and_times_agree() {
        let at = local_time(20_000, 7.5);
        assert_eq!(local_day(at), 20_000);
        assert_eq!(at.to_string(), "2024-10-03T23:30:00Z");
    }
}
