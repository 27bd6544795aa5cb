//! A straight line through what was last seen, forgotten exponentially: seven numbers instead of samples.
//!
//! Exponentially weighted least squares of y over x, DOMAIN 5.0. The origin moves along: sums are kept
//! about the newest x and about the first y, or single precision would drown a slope of hundredths in an
//! odometer or a pressure.

use crate::unit::normal::phi;
use serde::{Deserialize, Serialize};

use crate::learned::forecast::{Due, EIGHTY};

/// Weighted sums about the newest x.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    weight: f32,
    x: f32,
    xx: f32,
    y: f32,
    xy: f32,
    yy: f32,
    /// The first y; all sums are of what is above it.
    origin: f32,
    count: u16,
}

/// The line at the newest x, where x is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub level: f64,
    /// Of y per x.
    pub slope: f64,
    pub level_se: f64,
    pub slope_se: f64,
    /// How errors of level and slope go together.
    pub covariance: f64,
    /// Of a single y about the line.
    pub residual_sd: f64,
}

impl Trend {
    /// Takes y at `dx` after the last one; what lies `half_life` behind counts half.
    pub fn take(&mut self, dx: f64, y: f64, half_life: f64) {
        if self.count == 0 {
            self.origin = y as f32;
        } else {
            self.advance(dx.max(0.0), half_life);
        }
        let above = y - f64::from(self.origin);
        self.weight += 1.0;
        self.y += above as f32;
        self.yy += (above * above) as f32;
        self.count = self.count.saturating_add(1);
    }

    fn advance(&mut self, dx: f64, half_life: f64) {
        let decay = 0.5_f64.powf(dx / half_life);
        let [weight, x, xx, y, xy, yy] = [self.weight, self.x, self.xx, self.y, self.xy, self.yy].map(f64::from);
        self.weight = (decay * weight) as f32;
        self.x = (decay * (x - dx * weight)) as f32;
        self.xx = (decay * (xx - 2.0 * dx * x + dx * dx * weight)) as f32;
        self.y = (decay * y) as f32;
        self.xy = (decay * (xy - dx * y)) as f32;
        self.yy = (decay * yy) as f32;
    }

    /// How many were taken since it began.
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// The line; `None` before three values apart. Errors are those of independent scatter about it.
    pub fn line(&self) -> Option<Line> {
        self.line_of(None)
    }

    /// The line where a single y is known to scatter by at least `sd`: a few values that happen to lie on a
    /// line prove nothing.
    pub fn line_with(&self, sd: f64) -> Option<Line> {
        self.line_of(Some(sd))
    }

    fn line_of(&self, least_sd: Option<f64>) -> Option<Line> {
        let [weight, x, xx, y, xy, yy] = [self.weight, self.x, self.xx, self.y, self.xy, self.yy].map(f64::from);
        let spread = weight * xx - x * x;
        if self.count < 3 || weight < 2.5 || spread <= 1e-9 * weight * xx.max(1e-12) {
            return None;
        }
        let slope = (weight * xy - x * y) / spread;
        let above = (y - slope * x) / weight;
        let squares = yy - above * y - slope * xy;
        let variance = (squares / (weight - 2.0).max(0.5)).max(0.0).max(least_sd.map_or(0.0, |sd| sd * sd));
        Some(Line {
            level: f64::from(self.origin) + above,
            slope,
            level_se: (variance * xx / spread).sqrt(),
            slope_se: (variance * weight / spread).sqrt(),
            covariance: -variance * x / spread,
            residual_sd: variance.sqrt(),
        })
    }
}

impl Line {
    /// Value and standard error at `x`.
    pub fn at(&self, x: f64) -> (f64, f64) {
        let variance = self.level_se.powi(2) + 2.0 * x * self.covariance + (x * self.slope_se).powi(2);
        (self.level + self.slope * x, variance.max(0.0).sqrt())
    }

    /// When the line comes to `limit`, with an 80 % interval, if it goes there: falling or rising.
    pub fn due(&self, limit: f64, falls: bool) -> Option<Due> {
        let toward = if falls { -1.0 } else { 1.0 };
        let (left, pace) = ((toward * (limit - self.level)).max(0.0), toward * self.slope);
        let after = |pace: f64| if pace > 0.0 { left / pace } else { f64::INFINITY };
        let spread = EIGHTY * self.slope_se;
        (pace > 0.0).then(|| Due { early: after(pace + spread), central: after(pace), late: after(pace - spread) })
    }

    /// x at which the line comes to `limit`; `None` if it does not.
    pub fn reaches(&self, limit: f64) -> Option<f64> {
        let x = (limit - self.level) / self.slope;
        (x.is_finite() && x >= 0.0).then_some(x)
    }

    /// The probability that y is beyond `limit` at `x`: below it where the line falls from above, else above it.
    pub fn beyond(&self, limit: f64, x: f64, falls: bool) -> f64 {
        let (value, se) = self.at(x);
        let above = (value - limit) / se.max(1e-9);
        phi(if falls { -above } else { above })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[(f64, f64)], half_life: f64) -> Trend {
        let mut trend = Trend::default();
        let mut last = values[0].0;
        for (x, y) in values {
            trend.take(x - last, *y, half_life);
            last = *x;
        }
        trend
    }

    proptest! {
        /// The same as least squares over all values with their weights, computed at once.
        #[test]
        fn is_weighted_least_squares(steps in prop::collection::vec((0.1_f64..3.0, -2.0_f64..2.0), 4..60)) {
            let mut x = 0.0;
            let values: Vec<(f64, f64)> = steps.iter().map(|(dx, noise)| { x += dx; (x, 240.0 - 0.7 * x + noise) }).collect();
            let line = of(&values, 10.0).line().unwrap();
            let newest = values.last().unwrap().0;
            let (mut w, mut sx, mut sxx, mut sy, mut sxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for (x, y) in &values {
                let (weight, x) = (0.5_f64.powf((newest - x) / 10.0), x - newest);
                w += weight; sx += weight * x; sxx += weight * x * x; sy += weight * y; sxy += weight * x * y;
            }
            let slope = (w * sxy - sx * sy) / (w * sxx - sx * sx);
            let level = (sy - slope * sx) / w;
            prop_assert!((line.slope - slope).abs() < 2e-3 && (line.level - level).abs() < 5e-3, "{line:?} {slope} {level}");
        }
    }

    #[test]
    fn says_when_a_limit_comes_and_how_sure_it_is() {
        let falling: Vec<(f64, f64)> =
            (0..20).map(|day| (f64::from(day), 240.0 - f64::from(day) + f64::from(day % 2))).collect();
        let line = of(&falling, 10.0).line().unwrap();
        let days = line.reaches(200.0).unwrap();
        assert!((19.0..23.0).contains(&days), "{days}");
        assert!(line.beyond(200.0, days + 5.0, true) > 0.95 && line.beyond(200.0, days - 5.0, true) < 0.05);
        assert_eq!(line.reaches(260.0), None, "it falls");
    }

    #[test]
    fn a_limit_comes_early_centrally_or_late_and_never_on_the_way_back() {
        let line = Line { level: 10.0, slope: -0.5, level_se: 0.1, slope_se: 0.4, covariance: 0.0, residual_sd: 0.1 };
        let due = line.due(0.0, true).unwrap();
        assert!((due.central - 20.0).abs() < 1e-9 && due.early < 11.0 && due.late.is_infinite(), "{due:?}");
        assert_eq!(line.due(20.0, false), None);
        assert_eq!(line.due(12.0, true).map(|due| due.central), Some(0.0), "it is there");
    }

    #[test]
    fn a_few_values_in_a_row_prove_nothing_where_the_scatter_is_known() {
        let trend = of(&[(0.0, 10.0), (1.0, 9.9), (2.0, 9.8)], 10.0);
        assert!(trend.line().unwrap().slope_se < 1e-3);
        let line = trend.line_with(0.5).unwrap();
        assert!(line.slope / line.slope_se > -1.0, "{line:?}");
        assert_eq!(of(&[(0.0, 1.0), (0.0, 1.0), (0.0, 1.0)], 1.0).line(), None, "no extent");
    }
}
