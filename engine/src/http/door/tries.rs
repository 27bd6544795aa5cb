//! How often a name and an address may be tried.
//!
//! * A name from one address, or from one known browser: three tries are free, then a delay that grows to five
//!   minutes. It is theirs alone: somebody who guesses elsewhere does not delay the person.
//! * A name from everywhere: beyond a hundred failures an hour, one try every other second. Known browsers pass, and so
//!   does the second try of an address that has not failed yet.
//! * An address: three hundred at once, then one a second. A visitor who was sent away goes ahead at the next try.
//!
//! Names are counted whether they exist or not, as hashes under a key of this process, and all maps are
//! bounded. A restart forgets.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::peer::Origin;
use super::recent::Recent;
use crate::crypto::password::delay_after;

const HOUR: Duration = Duration::from_secs(3_600);
/// Failures of one name within an hour, wherever from, before strangers have to take turns at it.
const OF_A_NAME: u32 = 100;
const NAME_TAKES_TURNS: Duration = Duration::from_secs(2);
/// Tries of an address at once, and how soon it has another one.
const OF_AN_ADDRESS: f64 = 300.0;
const ADDRESS_A_SECOND: f64 = 1.0;
/// A visitor who was sent away goes ahead for so long, but not at once: a flood does not wait.
const RETURNS_WITHIN: Duration = Duration::from_secs(60);
const RETURNS_AFTER: Duration = Duration::from_millis(500);

/// Tries of this process.
#[derive(Clone, Debug)]
pub struct Tries(Arc<Mutex<Counts>>);

/// One log-in.
#[derive(Clone, Debug)]
pub struct Try<'a> {
    pub name: &'a str,
    pub origin: Origin,
    /// The browser's id, if somebody has logged in with this name there before.
    pub browser: Option<&'a str>,
}

/// Why it is not this one's turn, and for how long not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// This name has failed too often.
    Name(Duration),
    /// This address has tried too often.
    Address(Duration),
}

#[derive(Debug)]
struct Counts {
    hashes: RandomState,
    /// Failures of a name at an address or a known browser.
    pairs: Recent<u64, u32>,
    names: Recent<u64, u32>,
    /// Tries that an address had left when it last tried.
    addresses: Recent<Origin, f64>,
    sent_away: Recent<u64, ()>,
}

impl Default for Tries {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Counts {
            hashes: RandomState::new(),
            pairs: Recent::within(HOUR),
            names: Recent::within(HOUR),
            addresses: Recent::within(HOUR),
            sent_away: Recent::within(RETURNS_WITHIN),
        })))
    }
}

impl Tries {
    /// Counts a try, before its password is looked at, so that tries side by side count too. Gives whether
    /// it goes ahead of others.
    pub fn begin(&self, one: &Try<'_>, now: Instant) -> Result<bool, Wait> {
        let mut counts = self.counts();
        let (pair, name) = counts.keys(one);
        let failures = counts.pairs.get(pair, now);
        let wait = failures.map_or(Duration::ZERO, |(last, count)| left(last, delay_after(count), now));
        if !wait.is_zero() {
            return Err(Wait::Name(wait));
        }
        let of_name = counts.names.get(name, now);
        let goes_ahead = one.browser.is_some() || counts.returns(pair, now);
        if one.browser.is_none() {
            // Who has not failed here, was sent away and comes again need not win a race against a flood.
            let comes_again = failures.is_none() && goes_ahead;
            if let Some((last, _)) = of_name.filter(|(_, count)| *count >= OF_A_NAME && !comes_again) {
                let wait = left(last, NAME_TAKES_TURNS, now);
                if !wait.is_zero() {
                    counts.send_away(pair, now);
                    return Err(Wait::Name(wait));
                }
            }
            let tries_left = counts.tries_left(one.origin, now);
            if !goes_ahead && tries_left < 1.0 {
                counts.send_away(pair, now);
                return Err(Wait::Address(Duration::from_secs_f64((1.0 - tries_left) / ADDRESS_A_SECOND)));
            }
            counts.addresses.put(one.origin, now, (tries_left - 1.0).max(0.0));
        }
        counts.sent_away.forget(pair);
        counts.pairs.put(pair, now, failures.map_or(1, |(_, count)| count.saturating_add(1)));
        counts.names.put(name, now, of_name.map_or(1, |(_, count)| count.saturating_add(1)));
        Ok(goes_ahead)
    }

    /// It was the right password: nothing of this try counts.
    pub fn succeeded(&self, one: &Try<'_>, now: Instant) {
        let mut counts = self.counts();
        let (pair, _) = counts.keys(one);
        counts.take_back(one, now);
        counts.pairs.forget(pair);
    }

    /// The password was never looked at: the try does not count, and the next one goes ahead.
    pub fn not_tried(&self, one: &Try<'_>, now: Instant) {
        let mut counts = self.counts();
        let (pair, _) = counts.keys(one);
        counts.take_back(one, now);
        counts.send_away(pair, now);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Of the name at its address or browser, and of the name.
    fn keys(&self, one: &Try<'_>) -> (u64, u64) {
        let pair = match one.browser {
            Some(browser) => self.hashes.hash_one((one.name, browser)),
            None => self.hashes.hash_one((one.name, one.origin)),
        };
        (pair, self.hashes.hash_one(one.name))
    }

    fn send_away(&mut self, pair: u64, now: Instant) {
        // The first time counts: asking again and again does not make somebody a newcomer.
        if self.sent_away.get(pair, now).is_none() {
            self.sent_away.put(pair, now, ());
        }
    }

    fn returns(&self, pair: u64, now: Instant) -> bool {
        let since = self.sent_away.get(pair, now);
        since.is_some_and(|(at, ())| now.saturating_duration_since(at) >= RETURNS_AFTER)
    }

    fn tries_left(&self, origin: Origin, now: Instant) -> f64 {
        self.addresses.get(origin, now).map_or(OF_AN_ADDRESS, |(at, had)| {
            (had + now.saturating_duration_since(at).as_secs_f64() * ADDRESS_A_SECOND).min(OF_AN_ADDRESS)
        })
    }

    fn take_back(&mut self, one: &Try<'_>, now: Instant) {
        let (pair, name) = self.keys(one);
        for (counted, key) in [(&mut self.pairs, pair), (&mut self.names, name)] {
            match counted.get(key, now) {
                Some((at, count)) if count > 1 => counted.put(key, at, count - 1),
                _ => counted.forget(key),
            }
        }
        if one.browser.is_none() {
            let tries_left = self.tries_left(one.origin, now);
            self.addresses.put(one.origin, now, (tries_left + 1.0).min(OF_AN_ADDRESS));
        }
    }
}

/// What is left of a wait that began at `since`.
fn left(since: Instant, wait: Duration, now: Instant) -> Duration {
    (since + wait).saturating_duration_since(now)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn one(name: &str, last: u8) -> Try<'_> {
        Try { name, origin: Origin::of(Ipv4Addr::new(10, 0, 0, last).into()), browser: None }
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn three_are_free_and_then_it_takes_longer_and_longer() {
        let (tries, start) = (Tries::default(), Instant::now());
        for _ in 0..3 {
            assert_eq!(tries.begin(&one("li", 1), start), Ok(false));
        }
        assert_eq!(tries.begin(&one("li", 1), start), Err(Wait::Name(seconds(2))));
        assert_eq!(tries.begin(&one("li", 1), start + seconds(2)), Ok(false));
        assert_eq!(tries.begin(&one("li", 1), start + seconds(2)), Err(Wait::Name(seconds(4))));
        // Asking meanwhile does not make it longer, and an hour later all is forgotten.
        assert!(tries.begin(&one("li", 1), start + seconds(6)).is_ok());
        assert_eq!(tries.begin(&one("li", 1), start + seconds(4_000)), Ok(false));
    }

    #[test]
    fn who_guesses_elsewhere_does_not_delay_the_person() {
        let (tries, start) = (Tries::default(), Instant::now());
        for _ in 0..50 {
            let _ = tries.begin(&one("li", 1), start);
        }
        assert_eq!(tries.begin(&one("li", 2), start), Ok(false));
        let known = Try { browser: Some("b1"), ..one("li", 1) };
        assert_eq!(tries.begin(&known, start), Ok(true), "at the same address, in a browser of hers");
    }

    #[test]
    fn a_name_that_is_tried_from_everywhere_takes_turns() {
        let (tries, start) = (Tries::default(), Instant::now());
        for last in 0..100 {
            assert_eq!(tries.begin(&one("li", last), start), Ok(false));
        }
        assert_eq!(tries.begin(&one("li", 100), start), Err(Wait::Name(seconds(2))));
        assert_eq!(tries.begin(&one("li", 101), start + seconds(2)), Ok(false));
        assert_eq!(tries.begin(&one("li", 102), start + seconds(3)), Err(Wait::Name(seconds(1))));
        assert_eq!(tries.begin(&one("li", 100), start + seconds(3)), Ok(true), "was sent away and comes again");
        assert!(tries.begin(&one("li", 100), start + seconds(3)).is_err(), "it has failed now");
        let known = Try { browser: Some("b1"), ..one("li", 103) };
        assert_eq!(tries.begin(&known, start), Ok(true));
        assert_eq!(tries.begin(&one("anna", 100), start), Ok(false), "another name");
    }

    #[test]
    fn an_address_runs_out_and_who_was_sent_away_goes_ahead() {
        let (tries, start) = (Tries::default(), Instant::now());
        for n in 0..300 {
            assert_eq!(tries.begin(&one(&format!("made up {n}"), 1), start), Ok(false));
        }
        assert_eq!(tries.begin(&one("li", 1), start), Err(Wait::Address(seconds(1))));
        assert_eq!(tries.begin(&one("li", 2), start), Ok(false), "another address");
        assert!(tries.begin(&one("li", 1), start + Duration::from_millis(10)).is_err(), "asked at once");
        assert_eq!(tries.begin(&one("li", 1), start + Duration::from_millis(600)), Ok(true));
        assert!(tries.begin(&one("li", 1), start + Duration::from_millis(700)).is_err(), "once");
        assert_eq!(tries.begin(&one("anna", 1), start + seconds(2)), Ok(false), "it fills again");
    }

    #[test]
    fn what_was_right_or_never_tried_does_not_count() {
        let (tries, start) = (Tries::default(), Instant::now());
        for _ in 0..1_000 {
            tries.begin(&one("li", 1), start).unwrap();
            tries.succeeded(&one("li", 1), start);
        }
        for n in 0..1_000 {
            let now = start + seconds(n);
            tries.begin(&one("anna", 1), now).unwrap();
            tries.not_tried(&one("anna", 1), now);
        }
        assert_eq!(tries.begin(&one("anna", 1), start + seconds(1_001)), Ok(true));
    }
}
