//! Chances: exact tails of the binomial distribution, bounds of a share, and many tests at once.

/// The chance of at least `hits` in `trials`, each with the chance `share`.
pub fn at_least(hits: u32, trials: u32, share: f64) -> f64 {
    if hits == 0 || share >= 1.0 {
        return 1.0;
    }
    if hits > trials || share <= 0.0 {
        return 0.0;
    }
    let up = f64::from(hits) > f64::from(trials) * share;
    // Summed away from the middle, so that what underflows is what counts for nothing.
    let tail = if up { sum_up(hits, trials, share) } else { 1.0 - sum_down(hits - 1, trials, share) };
    tail.clamp(0.0, 1.0)
}

fn sum_up(hits: u32, trials: u32, share: f64) -> f64 {
    let odds = share / (1.0 - share);
    let (mut term, mut sum) = (exactly(hits, trials, share), 0.0);
    for hit in hits..=trials {
        sum += term;
        term *= f64::from(trials - hit) / f64::from(hit + 1) * odds;
    }
    sum
}

fn sum_down(hits: u32, trials: u32, share: f64) -> f64 {
    let odds = (1.0 - share) / share;
    let (mut term, mut sum) = (exactly(hits, trials, share), 0.0);
    for hit in (0..=hits).rev() {
        sum += term;
        term *= f64::from(hit) / f64::from(trials - hit + 1) * odds;
    }
    sum
}

fn exactly(hits: u32, trials: u32, share: f64) -> f64 {
    let few = hits.min(trials - hits);
    let ways: f64 = (1..=few).map(|n| (f64::from(trials - few + n) / f64::from(n)).ln()).sum();
    (ways + f64::from(hits) * share.ln() + f64::from(trials - hits) * (-share).ln_1p()).exp()
}

/// Both bounds of a share of which `hits` of `trials` were seen, after Clopper and Pearson; `doubt` is shared by both.
pub fn share_bounds(hits: u32, trials: u32, doubt: f64) -> (f64, f64) {
    let lower = if hits == 0 { 0.0 } else { solve(|share| at_least(hits, trials, share) - doubt / 2.0) };
    let upper = if hits == trials { 1.0 } else { solve(|share| at_least(hits + 1, trials, share) - 1.0 + doubt / 2.0) };
    (lower, upper)
}

/// Where a function that rises from below zero to above it between 0 and 1 is zero.
fn solve(rising: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..52 {
        let middle = f64::midpoint(low, high);
        if rising(middle) < 0.0 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// For each chance the least share of false discoveries at which it would be one, after Benjamini and Yekutieli:
/// however the tests depend on one another.
pub fn q_values(chances: &[f64]) -> Vec<f64> {
    let harmonic: f64 = (1..=chances.len()).map(|rank| 1.0 / rank as f64).sum();
    step_up(chances, harmonic)
}

/// Benjamini and Hochberg's procedure, each chance multiplied by `factor` first.
fn step_up(chances: &[f64], factor: f64) -> Vec<f64> {
    let count = chances.len() as f64;
    let mut order: Vec<(usize, f64)> = chances.iter().copied().enumerate().collect();
    order.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut q = vec![1.0; chances.len()];
    let mut least = 1.0_f64;
    for (rank, (place, chance)) in order.into_iter().enumerate().rev() {
        least = least.min(chance * factor * count / (rank + 1) as f64);
        if let Some(q) = q.get_mut(place) {
            *q = least;
        }
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1e-12), "{found} instead of {expected}");
    }

    #[test]
    fn tails_are_those_of_the_tables() {
        // By hand: 11 + 55... ways of 1024; (1/6)^4; all but none.
        close(at_least(8, 10, 0.5), 56.0 / 1024.0);
        close(at_least(4, 4, 1.0 / 6.0), 1.0 / 1296.0);
        close(at_least(1, 20, 0.05), 1.0 - 0.95_f64.powi(20));
        close(at_least(3, 10, 0.5), 1.0 - 56.0 / 1024.0);
        assert_eq!((at_least(0, 9, 0.3), at_least(10, 9, 0.3)), (1.0, 0.0));
    }

    #[test]
    fn a_rare_hit_in_many_trials_has_poissons_tail() {
        // P(X >= 12) for a mean of 1.9 is 9.40e-7.
        let mut term = (-1.9_f64).exp();
        let mut below = 0.0;
        for count in 0..12 {
            below += term;
            term *= 1.9 / f64::from(count + 1);
        }
        let (poisson, trials) = (1.0 - below, 10_000_000);
        assert!((at_least(12, trials, 1.9 / f64::from(trials)) / poisson - 1.0).abs() < 1e-4);
    }

    #[test]
    fn far_below_the_middle_nothing_underflows_to_a_discovery() {
        assert_eq!(at_least(100, 5000, 0.5), 1.0);
        assert!(at_least(4900, 5000, 0.5) < 1e-300);
    }

    #[test]
    fn bounds_of_a_share_are_clopper_and_pearsons() {
        // 7 of 10: 0.3475 to 0.9333; none of 10: 0 to 0.3085.
        let (lower, upper) = share_bounds(7, 10, 0.05);
        assert!((lower - 0.347_547).abs() < 1e-5 && (upper - 0.933_260).abs() < 1e-5, "{lower} {upper}");
        let (lower, upper) = share_bounds(0, 10, 0.05);
        assert!(lower == 0.0 && (upper - 0.308_498).abs() < 1e-5, "{upper}");
    }

    #[test]
    fn the_worked_example_of_benjamini_and_hochberg_has_four_discoveries() {
        // Their paper of 1995, section 3.2: fifteen endpoints of a heart study, q = 0.05.
        let chances = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0,
        ];
        let found = |q: Vec<f64>| q.into_iter().filter(|q| *q <= 0.05).count();
        assert_eq!(found(step_up(&chances, 1.0)), 4);
        close(step_up(&chances, 1.0)[3], 0.0095 * 15.0 / 4.0);
        // Under any dependence: the first three.
        assert_eq!(found(q_values(&chances)), 3);
        close(q_values(&chances)[0], 0.0001 * 15.0 * 3.318_228_993);
        assert!(q_values(&[]).is_empty());
    }

    #[test]
    fn q_values_keep_the_order_of_the_chances() {
        let q = step_up(&[0.04, 0.01, 0.03], 1.0);
        assert_eq!(q, [0.04, 0.03, 0.04]);
    }
}
