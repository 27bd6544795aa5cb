//! One connection per client id: a new one ends the former and waits until it is gone.
//!
//! rumqttd would drop the former by itself, but then the former may still speak to the router under
//! a connection number that is no longer its own, and the router panics on that.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Who is connected.
#[derive(Default)]
pub struct Seats(Mutex<HashMap<String, Seat>>);

#[derive(Clone)]
struct Seat {
    number: u64,
    /// To the one that sits: leave.
    leave: CancellationToken,
    /// To the next one: it is free.
    free: CancellationToken,
}

/// The right to speak as one client, until dropped.
pub struct Seated {
    seats: Arc<Seats>,
    client: String,
    seat: Seat,
}

impl Seats {
    /// Takes the client's seat when whoever has it has left.
    pub async fn take(self: &Arc<Self>, client: &str) -> Seated {
        let (seat, former) = {
            let mut seats = self.lock();
            let former = seats.get(client).cloned();
            let number = former.as_ref().map_or(0, |former| former.number + 1);
            let seat = Seat { number, leave: CancellationToken::new(), free: CancellationToken::new() };
            seats.insert(client.to_owned(), seat.clone());
            (seat, former)
        };
        let seated = Seated { seats: Arc::clone(self), client: client.to_owned(), seat };
        if let Some(former) = former {
            former.leave.cancel();
            former.free.cancelled().await;
        }
        seated
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seated {
    /// Done when another connection of this client waits.
    pub fn leave(&self) -> CancellationToken {
        self.seat.leave.clone()
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        if let Entry::Occupied(entry) = self.seats.lock().entry(std::mem::take(&mut self.client))
            && entry.get().number == self.seat.number
        {
            entry.remove();
        }
        self.seat.free.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_next_one_waits_until_the_former_has_left() {
        let seats = Arc::new(Seats::default());
        let first = seats.take("a").await;
        let (also, next) = (
            Arc::clone(&seats),
            tokio::spawn({
                let seats = Arc::clone(&seats);
                async move { seats.take("a").await }
            }),
        );
        first.leave().cancelled().await;
        assert!(!next.is_finished());
        drop(first);
        let second = next.await.unwrap();
        assert!(!second.leave().is_cancelled());
        drop(second);
        assert!(also.lock().is_empty());
    }

    #[tokio::test]
    async fn clients_do_not_disturb_each_other() {
        let seats = Arc::new(Seats::default());
        let (a, b) = (seats.take("a").await, seats.take("b").await);
        assert!(!a.leave().is_cancelled() && !b.leave().is_cancelled());
    }
}
