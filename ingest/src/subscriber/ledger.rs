//! Which deliveries are still to be acknowledged, in the order in which the broker sent them.
//!
//! MQTT wants acknowledgements in that order, lanes commit in any. So one goes out when everything
//! before it is committed. A new connection begins a new page: the broker sends again what it was
//! not told of, and an acknowledgement of the old page would confuse it.

use std::collections::VecDeque;

use crate::source::Token;

/// The deliveries of the present connection. `P` is what the broker needs to recognise one.
#[derive(Debug)]
pub struct Ledger<P> {
    /// The token of the oldest entry; the others follow it without gaps.
    oldest: u64,
    entries: VecDeque<Entry<P>>,
}

#[derive(Debug)]
struct Entry<P> {
    publish: P,
    committed: bool,
}

impl<P> Ledger<P> {
    /// Tokens begin at 1; 0 is for what needs no acknowledgement.
    pub fn new() -> Self {
        Self { oldest: 1, entries: VecDeque::new() }
    }

    /// Notes a delivery.
    pub fn note(&mut self, publish: P) -> Token {
        self.entries.push_back(Entry { publish, committed: false });
        Token(self.oldest + self.entries.len() as u64 - 1)
    }

    /// Marks one as committed; tokens of former connections mean nothing.
    pub fn commit(&mut self, token: Token) {
        let place = token.0.checked_sub(self.oldest).and_then(|place| usize::try_from(place).ok());
        if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
            entry.committed = true;
        }
    }

    /// The next to acknowledge, if everything before it is.
    pub fn next(&mut self) -> Option<P> {
        if !self.entries.front()?.committed {
            return None;
        }
        self.oldest += 1;
        self.entries.pop_front().map(|entry| entry.publish)
    }

    /// Forgets this connection's deliveries.
    pub fn turn_page(&mut self) {
        self.oldest += self.entries.len() as u64;
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(ledger: &mut Ledger<u32>) -> Vec<u32> {
        std::iter::from_fn(|| ledger.next()).collect()
    }

    #[test]
    fn acknowledges_in_order_whatever_order_lanes_commit_in() {
        let mut ledger = Ledger::new();
        let tokens: Vec<Token> = (0..4).map(|n| ledger.note(n)).collect();
        ledger.commit(tokens[1]);
        ledger.commit(tokens[2]);
        assert!(all(&mut ledger).is_empty());
        ledger.commit(tokens[0]);
        assert_eq!(all(&mut ledger), [0, 1, 2]);
        ledger.commit(tokens[3]);
        assert_eq!(all(&mut ledger), [3]);
    }

    #[test]
    fn tokens_of_a_former_connection_mean_nothing() {
        let mut ledger = Ledger::new();
        let old = ledger.note(0);
        ledger.turn_page();
        let new = ledger.note(1);
        assert_ne!(old, new);
        ledger.commit(old);
        ledger.commit(Token(0));
        ledger.commit(Token(u64::MAX));
        assert!(all(&mut ledger).is_empty());
        ledger.commit(new);
        assert_eq!(all(&mut ledger), [1]);
    }

    proptest! {
        #[test]
        fn each_is_acknowledged_once_and_in_order(order in Just((0..50).collect::<Vec<usize>>()).prop_shuffle()) {
            let mut ledger = Ledger::new();
            let tokens: Vec<Token> = (0..50).map(|n| ledger.note(n)).collect();
            let mut acknowledged = Vec::new();
            for place in order {
                ledger.commit(tokens[place]);
                acknowledged.extend(all(&mut ledger));
            }
            prop_assert_eq!(acknowledged, (0..50).collect::<Vec<u32>>());
        }
    }
}
