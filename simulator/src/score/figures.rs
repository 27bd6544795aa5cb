//! Figures that are reported with what they come from: quantiles, shares, and bounds of rare things.

use serde::Serialize;

/// Early, middle and late of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    pub p10: Option<f64>,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
}

impl Quantiles {
    pub fn of(values: &[f64]) -> Self {
        Self { p10: quantile(values, 0.1), p50: quantile(values, 0.5), p90: quantile(values, 0.9) }
    }
}

/// The value below which a share of the values lies, between neighbours in proportion; `None` of nothing.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let place = share * (sorted.len().checked_sub(1)?) as f64;
    let (low, high) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    if low == high { Some(*low) } else { Some(low + (high - low) * place.fract()) }
}

pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Hits of tries; `None` without tries.
pub fn share(hits: usize, tries: usize) -> Option<f64> {
    (tries > 0).then(|| hits as f64 / tries as f64)
}

pub fn root_mean_square(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().map(|value| value * value).sum();
    (!values.is_empty()).then(|| (sum / values.len() as f64).sqrt())
}

/// Upper 95 % bound of a rate of rare things: Poisson, by the count that is seen as rarely with 5 %.
pub fn upper95(count: u64, exposure: f64) -> f64 {
    let (mut low, mut high) = (0.0, 10.0 + 4.0 * count as f64);
    for _ in 0..60 {
        let mean = f64::midpoint(low, high);
        if at_most(count, mean) > 0.05 { low = mean } else { high = mean }
    }
    high / exposure
}

/// The probability of at most `count` where `mean` are expected.
fn at_most(count: u64, mean: f64) -> f64 {
    let mut term = (-mean).exp();
    let mut sum = term;
    for k in 1..=count {
        term *= mean / k as f64;
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), Some(2.5));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[1.0, f64::INFINITY], 0.0), Some(1.0));
    }

    #[test]
    fn three_is_the_bound_of_none() {
        // The rule of three: nothing seen in n tries is less than 3/n with 95 %.
        assert!((upper95(0, 1.0) - 2.9957).abs() < 1e-3);
        assert!((upper95(1, 2.0) - 4.7439 / 2.0).abs() < 1e-3);
    }
}
