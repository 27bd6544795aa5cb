//! The contact budget: how often one person may be written to of our own accord, whatever about.
//!
//! Windows roll instead of starting at midnight, so that two messages never come an hour apart
//! around it. Counted are matters, not channels: the same notice by two channels is one contact.

use rules::unit::{Span, Time};

/// At most so many contacts within a span; DOMAIN 8.2.
const CAPS: [(usize, Span); 3] = [(1, Span::from_days(1)), (3, Span::from_days(7)), (6, Span::from_days(30))];

/// How far back contacts count at all.
pub const LONGEST_BUDGET: Span = Span::from_days(30);

/// When one more contact is within the budget, if it is not now.
pub fn hold_until(contacts: &[Time], now: Time) -> Option<Time> {
    let mut newest_first = contacts.to_vec();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    CAPS.iter()
        .filter_map(|(cap, window)| {
            // The window is full until the cap-th newest contact leaves it.
            let leaves = *newest_first.get(cap - 1)? + *window;
            (leaves > now).then_some(leaves)
        })
        .max()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(hours: i64) -> Time {
        Time::from_secs(1_700_000_000) + Span::from_hours(hours)
    }

    #[test]
    fn allows_the_first_contact() {
        assert_eq!(hold_until(&[], at(0)), None);
    }

    #[test]
    fn allows_one_a_day() {
        assert_eq!(hold_until(&[at(0)], at(23)), Some(at(24)));
        assert_eq!(hold_until(&[at(0)], at(24)), None);
    }

    #[test]
    fn allows_three_a_week() {
        assert_eq!(hold_until(&[at(0), at(24), at(48)], at(100)), Some(at(168)));
    }

    #[test]
    fn allows_six_a_month() {
        let contacts: Vec<Time> = (0..6).map(|n| at(n * 72)).collect();
        assert_eq!(hold_until(&contacts, at(500)), Some(at(720)));
    }

    proptest! {
        /// Whoever obeys the answer never exceeds a cap.
        #[test]
        fn keeps_every_cap(waits in prop::collection::vec(0_i64..100, 1..60)) {
            let mut now = at(0);
            let mut sent: Vec<Time> = Vec::new();
            for wait in waits {
                now = now + Span::from_hours(wait);
                if let Some(until) = hold_until(&sent, now) {
                    now = until;
                }
                prop_assert_eq!(hold_until(&sent, now), None);
                sent.push(now);
                for (cap, window) in CAPS {
                    let within = sent.iter().filter(|time| now.since(**time) < window).count();
                    prop_assert!(within <= cap);
                }
            }
        }
    }
}
