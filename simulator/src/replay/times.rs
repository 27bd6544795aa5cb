//! When each row of a trip was measured.

use rules::unit::{Span, Time};

/// What the time column says in one row, in microseconds; `None` where it says nothing.
pub type Told = Option<i64>;

/// The time of each row since the first, never decreasing.
///
/// A run of equal times is spread evenly up to the next time, but not over a gap in the log: rows
/// never stand further apart than twice the period unless the column says so. Rows without a time,
/// and rows after the column jumped back, follow at the period.
pub fn since_first(told: &[Told], period: Span) -> Vec<Span> {
    let mut times = Vec::with_capacity(told.len());
    let mut at = Span::ZERO;
    let mut row = 0;
    while row < told.len() {
        let run = told[row..].iter().take_while(|next| **next == told[row]).count();
        let forward = match (told[row], told.get(row + run).copied().flatten()) {
            (Some(now), Some(next)) if next > now => Some(next - now),
            _ => None,
        };
        let count = run as i64;
        let usual = period.micros() * count;
        let spread = forward.map_or(usual, |forward| forward.min(2 * usual));
        for place in 0..count {
            times.push(Span::from_micros(at.micros() + spread * place / count));
        }
        at = Span::from_micros(at.micros() + forward.unwrap_or(usual));
        row += run;
    }
    times
}

/// What a field of the time column says.
pub fn read(field: &str, unit: super::mapping::TimeUnit) -> Told {
    use super::mapping::TimeUnit;
    let number = || field.parse::<f64>().ok().filter(|number| number.is_finite());
    match unit {
        TimeUnit::S => number().map(|secs| (secs * 1e6).round() as i64),
        TimeUnit::Ms => number().map(|millis| (millis * 1e3).round() as i64),
        TimeUnit::Rfc3339 => Time::parse(field).ok().map(Time::micros),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(told: &[Option<f64>]) -> Vec<i64> {
        let told: Vec<_> = told.iter().map(|secs| secs.map(|secs| (secs * 1e6) as i64)).collect();
        since_first(&told, Span::from_millis(490)).into_iter().map(|span| span.micros() / 1_000).collect()
    }

    fn secs(told: &[f64]) -> Vec<i64> {
        millis(&told.iter().copied().map(Some).collect::<Vec<_>>())
    }

    #[test]
    fn spreads_ties_up_to_the_next_time() {
        assert_eq!(secs(&[0.0, 0.0, 0.0, 0.0, 2.0, 2.0]), [0, 500, 1_000, 1_500, 2_000, 2_490]);
    }

    #[test]
    fn does_not_spread_over_a_gap() {
        assert_eq!(secs(&[3.0, 3.0, 18.0]), [0, 980, 15_000]);
    }

    #[test]
    fn goes_on_at_the_period_when_time_is_missing_or_jumps_back() {
        assert_eq!(secs(&[9.0, 0.0, 1.0]), [0, 490, 1_490]);
        assert_eq!(millis(&[None, None, Some(7.0)]), [0, 490, 980]);
    }
}
