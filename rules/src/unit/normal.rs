//! The normal distribution, for probabilities of dates and features.

/// Probability that something due in `left` days, give or take `sigma`, is due within `horizon`.
pub fn probability_within(horizon: f64, left: f64, sigma: f64) -> f64 {
    if left.is_nan() || sigma.is_nan() {
        f64::NAN
    } else if sigma <= 0.0 {
        f64::from(u8::from(horizon >= left))
    } else {
        phi((horizon - left) / sigma)
    }
}

/// The distribution function of the standard normal distribution.
pub fn phi(x: f64) -> f64 {
    0.5 * erfc(-x / std::f64::consts::SQRT_2)
}

/// The complementary error function by a Chebyshev fit of exponent and reciprocal; relative error
/// below 1.2e-7 everywhere (Numerical Recipes, section 6.2).
fn erfc(x: f64) -> f64 {
    const FIT: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x.abs());
    let fit = FIT.iter().rev().fold(0.0, |sum, factor| sum * t + factor);
    let tail = t * (-x * x + fit).exp();
    if x >= 0.0 { tail } else { 2.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_tabled_values() {
        for (x, p) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746),
            (-1.0, 0.158_655_254),
            (1.281_551_566, 0.9),
            (1.959_963_985, 0.975),
            (-3.0, 0.001_349_898),
            (6.0, 0.999_999_999),
        ] {
            assert!((phi(x) - p).abs() < 2e-7, "{x}: {}", phi(x));
        }
    }

    #[test]
    fn without_spread_the_date_decides() {
        assert_eq!(probability_within(21.0, 21.0, 0.0), 1.0);
        assert_eq!(probability_within(20.0, 21.0, 0.0), 0.0);
        assert!(probability_within(20.0, f64::NAN, 1.0).is_nan());
        assert!(probability_within(20.0, 5.0, f64::NAN).is_nan());
        assert!((probability_within(21.0, 21.0, 5.0) - 0.5).abs() < 1e-6);
    }
}
