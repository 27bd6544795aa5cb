//! The fade of a traction battery: a straight line over its age with a yearly swing, regularised by what batteries
//! do, in constant memory. DOMAIN 5.2c.
//!
//! Bayesian least squares over every weighing by its own certainty, instead of a median of slopes over a ring of
//! monthly medians: outliers are kept out before, and what is left is worth more than its median. The first half year
//! is left out, it fades faster and bends the line.

use crate::unit::normal::phi;
use serde::{Deserialize, Serialize};

/// Level at birth, slope, and the two parts of the yearly swing.
const TERMS: usize = 4;
/// What batteries do before anything is known of this one: mean and standard deviation. Level at birth less the fast first loss,
/// percent, of a reference that is known to a percent [GK]; DOMAIN 5.2: slope N(-2.5, 1.2) %/year, swing about 1 %.
const PRIOR: [(f64, f64); TERMS] = [(98.3, 1.2), (-2.5, 1.2), (0.0, 0.8), (0.0, 0.8)];
/// Scatter of a weighing beyond its own, percent: temperature and use.
const SWING_SD: f64 = 0.4;
/// Sums are of what is above this, percent, so that single precision suffices.
const ORIGIN: f64 = 90.0;
/// Intervals are scaled by this, as conformal scaling would have it: with 0.75 the 80 % interval of simulated batteries
/// held 68 and 80 % of 60 (seeds 21 and 2000), with 1.3 92 % of 24 (seed 7).
const CONFORMAL: f64 = 0.85;
/// Nothing is said of later, years.
const FARTHEST: f64 = 40.0;

/// Normal equations of the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fade {
    /// Upper triangle by rows.
    squares: [f32; 10],
    products: [f32; TERMS],
    count: u16,
}

/// What the weighings say, with the prior.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FadeLine {
    /// At an age of 0, percent.
    pub level: f64,
    /// Percent a year.
    pub slope: f64,
    level_variance: f64,
    slope_variance: f64,
    covariance: f64,
}

/// The terms at an age; ages are counted in years, so that they name the season too.
fn terms(age: f64) -> [f64; TERMS] {
    let phase = age * std::f64::consts::TAU;
    [1.0, age, phase.cos(), phase.sin()]
}

impl Fade {
    /// Takes a weighing, percent, and its standard error.
    pub fn take(&mut self, age: f64, health: f64, se: f64) {
        let terms = terms(age);
        let weight = 1.0 / (se * se + SWING_SD * SWING_SD);
        let mut place = 0;
        for row in 0..TERMS {
            for column in row..TERMS {
                self.squares[place] += (weight * terms[row] * terms[column]) as f32;
                place += 1;
            }
            self.products[row] += (weight * terms[row] * (health - ORIGIN)) as f32;
        }
        self.count = self.count.saturating_add(1);
    }

    pub const fn count(&self) -> u16 {
        self.count
    }

    /// The line: the prior alone before the first month.
    #[expect(clippy::needless_range_loop, reason = "a triangle of a matrix by row and column")]
    pub fn line(&self) -> FadeLine {
        let mut matrix = [[0.0; TERMS]; TERMS];
        let mut right = [0.0; TERMS];
        let mut place = 0;
        for row in 0..TERMS {
            for column in row..TERMS {
                matrix[row][column] = f64::from(self.squares[place]);
                matrix[column][row] = matrix[row][column];
                place += 1;
            }
            let (mean, sd) = PRIOR[row];
            let mean = if row == 0 { mean - ORIGIN } else { mean };
            matrix[row][row] += 1.0 / (sd * sd);
            right[row] = f64::from(self.products[row]) + mean / (sd * sd);
        }
        let inverse = inverse(matrix);
        let solved = |row: usize| (0..TERMS).map(|column| inverse[row][column] * right[column]).sum::<f64>();
        FadeLine {
            level: ORIGIN + solved(0),
            slope: solved(1),
            level_variance: inverse[0][0],
            slope_variance: inverse[1][1],
            covariance: inverse[0][1],
        }
    }
}

impl FadeLine {
    /// Health at an age and its standard error, percent, without the season.
    pub fn at(&self, age: f64) -> (f64, f64) {
        let variance = self.level_variance + 2.0 * age * self.covariance + age * age * self.slope_variance;
        (self.level + age * self.slope, CONFORMAL * variance.max(0.0).sqrt())
    }

    /// The probability that health is below a limit at an age.
    pub fn below(&self, limit: f64, age: f64) -> f64 {
        let (health, se) = self.at(age);
        phi((limit - health) / se.max(1e-6))
    }

    /// Ages at which it is below a limit with a probability of 10, 50 and 90 %, not before `from`; 40 where never.
    pub fn reaches(&self, limit: f64, from: f64) -> [f64; 3] {
        [0.1, 0.5, 0.9].map(|chance| {
            let (mut low, mut high) = (from, FARTHEST);
            if self.below(limit, high) < chance {
                return FARTHEST;
            }
            for _ in 0..40 {
                let middle = f64::midpoint(low, high);
                if self.below(limit, middle) < chance { low = middle } else { high = middle }
            }
            high
        })
    }
}

/// Of a symmetric positive definite matrix, by Gauss and Jordan; the prior keeps its pivots from 0.
fn inverse(mut matrix: [[f64; TERMS]; TERMS]) -> [[f64; TERMS]; TERMS] {
    let mut inverse = [[0.0; TERMS]; TERMS];
    for (row, line) in inverse.iter_mut().enumerate() {
        line[row] = 1.0;
    }
    for pivot in 0..TERMS {
        let scale = matrix[pivot][pivot];
        for column in 0..TERMS {
            matrix[pivot][column] /= scale;
            inverse[pivot][column] /= scale;
        }
        let (own, own_inverse) = (matrix[pivot], inverse[pivot]);
        for row in (0..TERMS).filter(|row| *row != pivot) {
            let factor = matrix[row][pivot];
            for column in 0..TERMS {
                matrix[row][column] -= factor * own[column];
                inverse[row][column] -= factor * own_inverse[column];
            }
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_only_the_prior_at_first() {
        let line = Fade::default().line();
        assert!((line.level - 98.3).abs() < 1e-9 && (line.slope + 2.5).abs() < 1e-9, "{line:?}");
    }

    #[test]
    fn finds_the_fade_below_the_seasons() {
        let mut fade = Fade::default();
        for month in 6..42 {
            let age = f64::from(month) / 12.0;
            fade.take(age, 98.0 - 1.8 * age + 1.2 * (age * std::f64::consts::TAU).sin(), 0.8);
        }
        let line = fade.line();
        assert!((line.slope + 1.8).abs() < 0.15, "{line:?}");
        let [early, central, late] = line.reaches(80.0, 3.5);
        assert!((9.0..11.0).contains(&central) && early < central && central < late, "{early} {central} {late}");
    }

    #[test]
    fn inverts() {
        let matrix = [[4.0, 1.0, 0.5, 0.0], [1.0, 3.0, 0.2, 0.1], [0.5, 0.2, 2.0, 0.3], [0.0, 0.1, 0.3, 1.0]];
        let inverse = inverse(matrix);
        for (row, own) in matrix.iter().enumerate() {
            for column in 0..TERMS {
                let product: f64 = own.iter().zip(&inverse).map(|(one, other)| one * other[column]).sum();
                assert!((product - f64::from(u8::from(row == column))).abs() < 1e-12);
            }
        }
    }
}
