//! The law of the knee: with z the loss and a small offset, dz/dn grows as a power of z, until it is capped.
//!
//! `dz/dn = rate * (z / z0) ^ KAPPA` from a present z0. A function of z, `straight`, is then a line over n. A power
//! above 1 reaches infinity in finite time and no battery does, hence the cap (`bent`).

/// How fast the rate grows with the loss. Chosen, as all constants here, on MIT cells 1 to 40.
const KAPPA: f64 = 1.5;
/// Offset of the loss: a new battery fades too.
const OFFSET: f64 = 0.01;
/// The rate grows at most to so many times the present one.
const MOST_GROWTH: f64 = 2.0;
/// Beyond this loss no further acceleration is assumed: cells there end at 0.2.
const MOST_LOSS: f64 = 0.12;
/// How far a health above 1 may push z down, as a part of the offset.
const LEAST: f64 = OFFSET / 4.0;

/// z of a health.
pub(super) fn z_of(health: f64) -> f64 {
    (1.0 - health + OFFSET).max(LEAST)
}

/// z of a limit, which may be any.
pub(super) fn z_at(limit: f64) -> f64 {
    1.0 - limit + OFFSET
}

pub(super) fn health_of(z: f64) -> f64 {
    1.0 + OFFSET - z
}

/// The function of z that is a straight line over samples.
pub(super) fn straight(z: f64) -> f64 {
    (z.powf(1.0 - KAPPA) - 1.0) / (1.0 - KAPPA)
}

/// The rate of z, from the rise of the straightened line.
pub(super) fn rate(z: f64, rise: f64) -> f64 {
    rise * z.powf(KAPPA)
}

/// z where the acceleration ends.
fn bent(z: f64) -> f64 {
    z.max((z * MOST_GROWTH.powf(1.0 / KAPPA)).min(MOST_LOSS + OFFSET))
}

/// Samples from z to a later z under the law without its cap.
fn between(z: f64, rate: f64, later: f64) -> f64 {
    (z / rate) * ((later / z).powf(1.0 - KAPPA) - 1.0) / (1.0 - KAPPA)
}

/// z so many samples ahead.
pub(super) fn ahead(z: f64, rate: f64, samples: f64) -> f64 {
    if rate <= 0.0 {
        return z + rate * samples;
    }
    let end = bent(z);
    let until = between(z, rate, end);
    if samples >= until {
        return end + (end / z).powf(KAPPA) * rate * (samples - until);
    }
    z * (1.0 + (1.0 - KAPPA) * rate * samples / z).powf(1.0 / (1.0 - KAPPA))
}

/// Samples until z has grown to a limit; infinite where it does not grow.
pub(super) fn until(z: f64, rate: f64, limit: f64) -> f64 {
    if limit <= z {
        return 0.0;
    }
    if rate <= 0.0 {
        return f64::INFINITY;
    }
    let end = bent(z);
    let capped_rate = (end / z).powf(KAPPA) * rate;
    between(z, rate, limit.min(end)) + (limit - end).max(0.0) / capped_rate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_distance_agree_below_and_beyond_the_cap() {
        for limit in [0.025, 0.03, 0.05, 0.2] {
            let samples = until(0.02, 1e-4, limit);
            assert!((ahead(0.02, 1e-4, samples) - limit).abs() < 1e-12, "{limit} in {samples}");
        }
    }

    #[test]
    fn straightens_its_own_curve() {
        let [a, b, c] = [0.0, 20.0, 40.0].map(|samples| straight(ahead(0.02, 1e-4, samples)));
        assert!((a + c - 2.0 * b).abs() < 1e-9, "{a} {b} {c}");
        assert!((rate(0.02, (b - a) / 20.0) - 1e-4).abs() < 1e-12);
    }

    #[test]
    fn never_comes_to_a_limit_without_a_rate() {
        assert_eq!(until(0.02, 0.0, 0.03), f64::INFINITY);
        assert_eq!(until(0.02, -1e-4, 0.03), f64::INFINITY);
        assert_eq!(until(0.04, -1e-4, 0.03), 0.0);
    }
}
