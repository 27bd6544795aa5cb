//! When a rate changed: the split of the weeks into before and after that explains the counts best.

use super::cohort::Week;
use super::rate::Rate;

/// How many of the weeks, the newest first, belong to the higher rate; `None` if no split shows a rise.
///
/// Maximum likelihood of two Poisson rates with the change between two weeks.
pub fn change_point(weeks: &[Week]) -> Option<usize> {
    let all: Rate = weeks.iter().fold(Rate::default(), |sum, week| sum + *week);
    let mut best = None;
    let mut after = Rate::default();
    for (index, week) in weeks.iter().enumerate() {
        after += *week;
        let before = all - after;
        if after.vehicle_days == 0 || before.vehicle_days == 0 || after.per_day() <= before.per_day() {
            continue;
        }
        let likelihood = likelihood(after) + likelihood(before);
        if best.is_none_or(|(_, highest)| likelihood > highest) {
            best = Some((index + 1, likelihood));
        }
    }
    best.map(|(weeks, _)| weeks)
}

/// Logarithm of the likelihood at the best rate, without what is the same for every split.
fn likelihood(rate: Rate) -> f64 {
    if rate.faults == 0 { 0.0 } else { f64::from(rate.faults) * rate.per_day().ln() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks(faults: &[u32]) -> Vec<Week> {
        faults.iter().map(|faults| Week { faults: *faults, vehicle_days: 700 }).collect()
    }

    #[test]
    fn finds_the_week_from_which_faults_are_more() {
        assert_eq!(change_point(&weeks(&[6, 5, 7, 1, 0, 1, 2, 0, 1])), Some(3));
        assert_eq!(change_point(&weeks(&[4, 0, 0, 0])), Some(1));
    }

    #[test]
    fn a_fall_and_a_constant_rate_are_no_rise() {
        assert_eq!(change_point(&weeks(&[0, 1, 5, 6])), None);
        assert_eq!(change_point(&weeks(&[2, 2, 2])), None);
        assert_eq!(change_point(&[]), None);
    }

    #[test]
    fn weeks_in_which_nobody_drove_say_nothing() {
        let mut all = weeks(&[5, 6, 1, 1]);
        all.push(Week::default());
        assert_eq!(change_point(&all), Some(2));
    }
}
