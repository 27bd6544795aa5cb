//! The forecaster itself: one health in, two experts, their blend out.

use serde::{Deserialize, Serialize};

use super::law;
use super::line::Line;
use super::noise::Noise;
use super::race::{Margin, Race};

// The constants below were chosen on MIT cells 1 to 40.

/// Half-lives of the straight expert and of the lines that follow the present rate, in samples.
const SLOW: f64 = 30.0;
const FAST: f64 = 9.0;
/// Before so many samples there is neither noise nor score.
const SETTLED: u32 = 10;
/// The straight expert starts at its own level within so many standard deviations of the filtered value.
const ANCHOR: f64 = 0.5;
/// The accelerating expert's rate is at most so many times the fast straight one.
const LIFT: f64 = 1.25;
/// The t-value at which evidence of acceleration weighs a half, and what the accelerating expert weighs with all of it.
const HALF_EVIDENCE: f64 = 3.0;
const PRIOR: f64 = 2.0;
/// Least standard error of a rate, against division by nothing.
const LEAST_SE: f64 = 1e-9;
/// Errors of the experts below this are noise, at the horizon and at half of it.
const ERROR_FLOORS: [f64; 2] = [0.0005, 0.000_25];
/// Scale of an interval: parts of the forecast loss, of the experts' disagreement, and standard deviations.
const OF_LOSS: f64 = 0.25;
const OF_DISAGREEMENT: f64 = 0.25;
const OF_NOISE: f64 = 2.0;
/// Times of the accelerating expert are so much shorter: real knees sharpen beyond its power.
const SHARPENED: f64 = 0.87;
/// Ends of the interval of a time, as parts of the earliest and of the central one. Fixed: a battery comes
/// to a limit once, so there is nothing to learn from.
const EARLY: f64 = 0.8;
const LATE: f64 = 1.25;

/// The longest of the rings of every pace: values under the median, and forecasts within the horizon.
const RAW: usize = 11;
const OPEN: usize = 10;

/// What a sample is, and how far is looked ahead: not kept per battery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Samples ahead at which forecasts are scored, a multiple of twice the stride.
    horizon: u32,
    /// A forecast is kept for scoring every so many samples.
    stride: u32,
    /// Values of the median that keeps outliers out.
    median: u32,
}

impl Pace {
    /// A capacity at every full cycle, as in a laboratory.
    pub const CYCLES: Self = Self { horizon: 50, stride: 5, median: 11 };
    /// The mean health of a month, as of a vehicle.
    pub const MONTHS: Self = Self { horizon: 10, stride: 1, median: 3 };

    const fn open(self) -> u32 {
        self.horizon / self.stride
    }
}

const _: () = assert!(Pace::CYCLES.open() <= OPEN as u32 && Pace::CYCLES.median <= RAW as u32);
const _: () = assert!(Pace::MONTHS.open() <= OPEN as u32 && Pace::MONTHS.median <= RAW as u32);

/// A forecast with the ends of its 80 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub central: f64,
    pub high: f64,
}

/// What both experts say of one sample ahead, as health.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Both {
    line: f64,
    knee: f64,
}

/// A forecast that waits to be scored: losses, for which single precision suffices, at the horizon and half of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Said {
    line: f32,
    knee: f32,
    line_half: f32,
    knee_half: f32,
    blend: f32,
    scale: f32,
}

/// What follows from the sums at the newest sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Present {
    health: f64,
    /// Where the straight expert starts, and its loss a sample.
    line_health: f64,
    line_rate: f64,
    knee_rate: f64,
    /// Weight of the accelerating expert.
    weight: f64,
}

/// Health of one battery, 1 when new. Half a kilobyte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Knee {
    samples: u32,
    /// Forecasts made so far; the last of them are in `said`.
    made: u32,
    raw: [f32; RAW],
    said: [Said; OPEN],
    /// Over the loss, slow and fast, and over the straightened loss.
    slow: Line,
    mid: Line,
    fast: Line,
    noise: Noise,
    /// At the horizon and at half of it.
    races: [Race; 2],
    margin: Margin,
    present: Present,
}

impl Default for Knee {
    fn default() -> Self {
        Self::new()
    }
}

impl Knee {
    /// A new battery of which nothing is known: full health, no fade.
    pub fn new() -> Self {
        Self {
            samples: 0,
            made: 0,
            raw: [0.0; RAW],
            said: [Said::default(); OPEN],
            slow: Line::default(),
            mid: Line::default(),
            fast: Line::default(),
            noise: Noise::default(),
            races: [Race::default(); 2],
            margin: Margin::default(),
            present: Present { health: 1.0, line_health: 1.0, line_rate: 0.0, knee_rate: 0.0, weight: 0.0 },
        }
    }

    /// Takes the next sample, as a part of the health when new.
    pub fn take(&mut self, health: f64, pace: Pace) {
        if !health.is_finite() {
            return;
        }
        let filtered = self.filter(health, pace);
        if self.samples > SETTLED {
            let fit = self.mid.fit();
            self.noise.take(health - (1.0 - (fit.level + fit.rise)));
        }
        self.present.health = filtered;
        self.slow.take(1.0 - filtered, SLOW);
        self.mid.take(1.0 - filtered, FAST);
        self.fast.take(law::straight(law::z_of(filtered)), FAST);
        self.weigh();
        if self.samples > SETTLED && self.samples.is_multiple_of(pace.stride) {
            self.score(pace);
        }
    }

    /// Samples taken.
    pub const fn samples(&self) -> u32 {
        self.samples
    }

    /// The present health: the median of the newest samples.
    pub const fn health(&self) -> f64 {
        self.present.health
    }

    /// How much the fade is held to accelerate, 0 to 1.
    pub const fn acceleration(&self) -> f64 {
        self.present.weight
    }

    /// Health so many samples ahead, as the median will show it, which lags by half its length. The width of the
    /// interval is learned at the horizon of the pace.
    pub fn health_at(&self, ahead: f64) -> Interval {
        let both = self.both(ahead);
        let (central, scale) = (self.blend(both), self.scale(both));
        Interval { low: central - self.margin.below() * scale, central, high: central + self.margin.above() * scale }
    }

    /// Samples until the health is down to a limit: early, central, late; infinite where that is not in sight.
    pub fn time_to(&self, limit: f64) -> Interval {
        let own = self.present;
        if own.health <= limit {
            return Interval { low: 0.0, central: 0.0, high: 0.0 };
        }
        let line = if own.line_rate > 0.0 { (own.line_health - limit) / own.line_rate } else { f64::INFINITY };
        let knee = SHARPENED * law::until(law::z_of(own.health), own.knee_rate, law::z_at(limit));
        // Rates are blended, not times: an expert that says "never" only slows the other down.
        let rate = (1.0 - own.weight) / line.max(1.0) + own.weight / knee.max(1.0);
        if rate <= 0.0 {
            return Interval { low: f64::INFINITY, central: f64::INFINITY, high: f64::INFINITY };
        }
        let central = 1.0 / rate;
        Interval { low: EARLY * central.min(knee), central, high: LATE * central }
    }

    /// The median of the newest samples.
    fn filter(&mut self, health: f64, pace: Pace) -> f64 {
        let place = self.samples % pace.median;
        if let Some(oldest) = self.raw.get_mut(place as usize) {
            *oldest = health as f32;
        }
        self.samples += 1;
        let mut raw = self.raw;
        let count = self.samples.min(pace.median) as usize;
        let Some(known) = raw.get_mut(..count) else { return health };
        known.sort_unstable_by(f32::total_cmp);
        let at = |place: usize| known.get(place).copied().map_or(health, f64::from);
        f64::midpoint(at((count - 1) / 2), at(count / 2))
    }

    /// Where the experts start, their rates, and the weight between them.
    fn weigh(&mut self) {
        let own = &mut self.present;
        let sd = self.noise.sd();
        let z = law::z_of(own.health);
        let slow = self.slow.fit();
        let mid_rate = self.mid.fit().rise;
        own.line_rate = slow.rise;
        own.line_health = (1.0 - slow.level).min(own.health + ANCHOR * sd).max(own.health - ANCHOR * sd);
        own.knee_rate = law::rate(z, self.fast.fit().rise).min(LIFT * mid_rate.max(0.0));
        // The standard error of a slope over about three half-lives of evenly spaced samples.
        let se = sd * 12.0_f64.sqrt() / (3.0 * FAST).powf(1.5);
        let t = ((mid_rate - slow.rise.max(0.0)) / se.max(LEAST_SE)).max(0.0);
        let evidence = PRIOR * t * t / (t * t + HALF_EVIDENCE * HALF_EVIDENCE);
        let odds: f64 = self.races.iter().zip(ERROR_FLOORS).map(|(race, floor)| race.odds(floor)).product();
        own.weight = evidence * odds / (evidence * odds + 1.0);
    }

    /// Scores the forecasts made for now, at both horizons, and makes the next.
    fn score(&mut self, pace: Pace) {
        let loss = 1.0 - self.present.health;
        let open = pace.open();
        if let Some(said) = self.said(open / 2, pace) {
            self.races[1].take(f64::from(said.line_half) - loss, f64::from(said.knee_half) - loss);
        }
        if let Some(said) = self.said(open, pace) {
            self.races[0].take(f64::from(said.line) - loss, f64::from(said.knee) - loss);
            self.margin.take(f64::from(said.blend) - loss, f64::from(said.scale));
            self.weigh();
        }
        let (both, half) = (self.both(f64::from(pace.horizon)), self.both(f64::from(pace.horizon) / 2.0));
        let lost = |health: f64| (1.0 - health) as f32;
        let said = Said {
            line: lost(both.line),
            knee: lost(both.knee),
            line_half: lost(half.line),
            knee_half: lost(half.knee),
            blend: lost(self.blend(both)),
            scale: self.scale(both) as f32,
        };
        if let Some(oldest) = self.said.get_mut((self.made % open) as usize) {
            *oldest = said;
        }
        self.made += 1;
    }

    /// The forecast made so many forecasts ago.
    fn said(&self, ago: u32, pace: Pace) -> Option<Said> {
        let number = self.made.checked_sub(ago)?;
        self.said.get((number % pace.open()) as usize).copied()
    }

    fn both(&self, ahead: f64) -> Both {
        let own = self.present;
        Both {
            line: own.line_health - own.line_rate * ahead,
            knee: law::health_of(law::ahead(law::z_of(own.health), own.knee_rate, ahead)),
        }
    }

    fn blend(&self, both: Both) -> f64 {
        let weight = self.present.weight;
        weight * both.knee + (1.0 - weight) * both.line
    }

    fn scale(&self, both: Both) -> f64 {
        OF_NOISE * self.noise.sd()
            + OF_LOSS * (self.present.health - self.blend(both)).abs()
            + OF_DISAGREEMENT * (both.knee - both.line).abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Health after so many samples when the rate of fade grows as the loss and 0.01 to the power of 1.5: z^-0.5 is
    /// straight. From 1, losing `rate` at first.
    fn accelerating(rate: f64, sample: f64) -> f64 {
        let z0 = 0.01_f64;
        let root = z0.powf(-0.5) - 0.5 * rate * z0.powf(-1.5) * sample;
        1.01 - root.powi(-2)
    }

    fn fed(samples: u32, pace: Pace, health: impl Fn(f64) -> f64) -> Knee {
        let mut knee = Knee::new();
        for sample in 0..samples {
            knee.take(health(f64::from(sample)), pace);
        }
        knee
    }

    /// Even noise of a size, the same each time.
    fn noise(sample: f64, size: f64) -> f64 {
        size * ((sample * 0.618_034).fract() + (sample * 0.414_214).fract() - 1.0)
    }

    #[test]
    fn is_small_and_survives_being_stored() {
        assert!(size_of::<Knee>() <= 600, "{}", size_of::<Knee>());
        let knee = fed(120, Pace::CYCLES, |sample| accelerating(5e-5, sample));
        let stored = postcard::to_allocvec(&knee).unwrap();
        assert_eq!(postcard::from_bytes::<Knee>(&stored).unwrap(), knee);
    }

    #[test]
    fn says_nothing_of_a_battery_it_has_not_seen() {
        let knee = Knee::new();
        assert_eq!(knee.health_at(50.0), Interval { low: 1.0, central: 1.0, high: 1.0 });
        assert_eq!(knee.time_to(0.9).central, f64::INFINITY);
    }

    #[test]
    fn continues_a_straight_fade_straight() {
        for (pace, samples, rate) in [(Pace::CYCLES, 300, 1e-4), (Pace::MONTHS, 36, 2e-3)] {
            let knee = fed(samples, pace, |sample| 1.0 - rate * sample + noise(sample, 2.0 * rate));
            assert!(knee.acceleration() < 0.15, "{}", knee.acceleration());
            let ahead = f64::from(pace.horizon);
            let expected = 1.0 - rate * (f64::from(samples - 1 - pace.median / 2) + ahead);
            let said = knee.health_at(ahead);
            assert!((said.central - expected).abs() < 0.1 * rate * ahead, "{said:?} for {expected}");
            assert!(said.low < said.central && said.central < said.high, "{said:?}");
        }
    }

    #[test]
    fn sees_a_knee_come() {
        let (rate, limit) = (4e-5, 0.9);
        let due = (0..1000_u32).find(|sample| accelerating(rate, f64::from(*sample)) <= limit).unwrap();
        // From a health of 0.963 on: earlier the cap of the law makes it late on so clean a curve.
        for now in [270, 290, 310] {
            let knee = fed(now, Pace::CYCLES, |sample| accelerating(rate, sample) + noise(sample, 2e-4));
            let left = f64::from(due + Pace::CYCLES.median / 2 - (now - 1));
            let said = knee.time_to(limit);
            assert!(knee.acceleration() > 0.8, "{} at {now}", knee.acceleration());
            assert!((said.central / left - 1.0).abs() < 0.15, "{said:?} for {left} at {now}");
            assert!(said.low <= left && left <= said.high, "{said:?} for {left} at {now}");
        }
    }

    #[test]
    fn is_not_moved_by_one_outlier() {
        let clean = |sample: f64| accelerating(4e-5, sample) + noise(sample, 2e-4);
        let calm = fed(270, Pace::CYCLES, clean);
        let struck = fed(270, Pace::CYCLES, |sample| if sample == 260.0 { 0.5 } else { clean(sample) });
        let (calm, struck) = (calm.health_at(50.0), struck.health_at(50.0));
        assert!((calm.central - struck.central).abs() < 3e-3, "{calm:?} {struck:?}");
        assert!(struck.high - struck.low < 2.0 * (calm.high - calm.low), "{calm:?} {struck:?}");
    }

    #[test]
    fn ignores_what_is_no_number() {
        let mut knee = fed(40, Pace::MONTHS, |sample| 1.0 - 1e-3 * sample);
        let before = knee.clone();
        knee.take(f64::NAN, Pace::MONTHS);
        knee.take(f64::INFINITY, Pace::MONTHS);
        assert_eq!(knee, before);
    }
}
