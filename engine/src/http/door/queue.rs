//! The queue before the passwords: few are verified at once, some wait for their turn, the rest come again.
//!
//! A place is the right to verify one password, with the memory for it, so memory follows from the number
//! of places and not from the number of strangers. Addresses take turns: one that sends a thousand tries delays
//! others by one. Those who go ahead (a browser that is known, or somebody who was sent away
//! before) have a line of their own, which is served first but never alone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::oneshot;

use super::peer::Origin;
use crate::crypto::password::Memory;

/// Waiting from one address, and from all; each costs some kilobytes.
const OF_ONE_ADDRESS: usize = 128;
const OF_ALL: usize = 256;
const AHEAD_OF_ONE_ADDRESS: usize = 8;
const AHEAD_OF_ALL: usize = 64;
/// Served from the line ahead before the other line gets one.
const AHEAD_IN_A_ROW: u32 = 4;
/// Longer than a person waits for a page; by then the browser is told to ask again.
const WAIT: Duration = Duration::from_secs(8);

/// Half of the cores: the other half is the lanes'.
pub fn places() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

/// Everybody who wants to have a password verified.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    lines: Mutex<Lines>,
    waiting: IntGauge,
}

#[derive(Debug, Default)]
struct Lines {
    /// Memory of places that nobody has.
    free: Vec<Memory>,
    ahead: VecDeque<Waiting>,
    by_address: BTreeMap<Origin, VecDeque<Waiting>>,
    /// Addresses with somebody waiting, the next one first.
    turns: VecDeque<Origin>,
    ahead_in_a_row: u32,
}

#[derive(Debug)]
struct Waiting {
    origin: Origin,
    place: oneshot::Sender<Place>,
}

/// Too many wait, or it took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// The right to verify one password; goes to the next in line when it is dropped.
#[derive(Debug)]
pub struct Place {
    memory: Option<Memory>,
    queue: Queue,
}

impl Place {
    /// The memory to verify with.
    pub fn memory(&mut self) -> &mut Memory {
        self.memory.get_or_insert_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            self.queue.hand_on(memory);
        }
    }
}

impl Queue {
    pub fn new(places: usize, waiting: IntGauge) -> Self {
        let free = (0..places).map(|_| Memory::default()).collect();
        Self(Arc::new(Shared { lines: Mutex::new(Lines { free, ..Lines::default() }), waiting }))
    }

    /// Waits for a place; the place is free again when it is dropped.
    pub async fn enter(&self, origin: Origin, goes_ahead: bool) -> Result<Place, Busy> {
        let turn = {
            let mut lines = self.lines();
            if let Some(memory) = lines.free.pop() {
                return Ok(Place { memory: Some(memory), queue: self.clone() });
            }
            let (place, turn) = oneshot::channel();
            lines.join(Waiting { origin, place }, goes_ahead)?;
            self.0.waiting.set(lines.len() as i64);
            turn
        };
        match tokio::time::timeout(WAIT, turn).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Busy),
        }
    }

    /// Gives a place to the next who still waits.
    fn hand_on(&self, mut memory: Memory) {
        loop {
            let next = {
                let mut lines = self.lines();
                let next = lines.next();
                self.0.waiting.set(lines.len() as i64);
                let Some(next) = next else {
                    lines.free.push(memory);
                    return;
                };
                next
            };
            // A visitor who has gone gives the memory back.
            match next.place.send(Place { memory: Some(memory), queue: self.clone() }) {
                Ok(()) => return,
                Err(mut place) => memory = place.memory.take().unwrap_or_default(),
            }
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn len(&self) -> usize {
        self.ahead.len() + self.by_address.values().map(VecDeque::len).sum::<usize>()
    }

    fn join(&mut self, one: Waiting, goes_ahead: bool) -> Result<(), Busy> {
        if goes_ahead && self.has_room_ahead(one.origin) {
            self.ahead.push_back(one);
            return Ok(());
        }
        if !self.has_room(one.origin) {
            self.drop_who_has_gone();
            if !self.has_room(one.origin) {
                return Err(Busy);
            }
        }
        let origin = one.origin;
        let line = self.by_address.entry(origin).or_default();
        if line.is_empty() {
            self.turns.push_back(origin);
        }
        line.push_back(one);
        Ok(())
    }

    fn has_room(&self, origin: Origin) -> bool {
        let of_one = self.by_address.get(&origin).map_or(0, VecDeque::len);
        of_one < OF_ONE_ADDRESS && self.len() - self.ahead.len() < OF_ALL
    }

    fn has_room_ahead(&self, origin: Origin) -> bool {
        let of_one = self.ahead.iter().filter(|one| one.origin == origin).count();
        of_one < AHEAD_OF_ONE_ADDRESS && self.ahead.len() < AHEAD_OF_ALL
    }

    fn drop_who_has_gone(&mut self) {
        self.by_address.retain(|_, line| {
            line.retain(|one| !one.place.is_closed());
            !line.is_empty()
        });
        let by_address = &self.by_address;
        self.turns.retain(|origin| by_address.contains_key(origin));
        self.ahead.retain(|one| !one.place.is_closed());
    }

    fn next(&mut self) -> Option<Waiting> {
        if (self.ahead_in_a_row < AHEAD_IN_A_ROW || self.turns.is_empty())
            && let Some(one) = self.ahead.pop_front()
        {
            self.ahead_in_a_row += 1;
            return Some(one);
        }
        self.ahead_in_a_row = 0;
        let origin = self.turns.pop_front()?;
        let line = self.by_address.get_mut(&origin)?;
        let one = line.pop_front();
        if line.is_empty() {
            self.by_address.remove(&origin);
        } else {
            self.turns.push_back(origin);
        }
        one
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::task::JoinHandle;

    use super::*;

    fn address(last: u8) -> Origin {
        Origin::of(Ipv4Addr::new(10, 0, 0, last).into())
    }

    fn queue(places: usize) -> Queue {
        Queue::new(places, IntGauge::new("waiting", "waiting").unwrap())
    }

    /// Somebody who notes when they were let in.
    fn wants(queue: &Queue, last: u8, goes_ahead: bool, order: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<Result<(), Busy>> {
        let (queue, order) = (queue.clone(), Arc::clone(order));
        tokio::spawn(async move {
            let _place = queue.enter(address(last), goes_ahead).await?;
            order.lock().unwrap().push(last);
            Ok(())
        })
    }

    async fn until_waiting(queue: &Queue, count: usize) {
        while queue.lines().len() < count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn addresses_take_turns_and_some_go_ahead() {
        let (queue, order) = (queue(1), Arc::default());
        let first = queue.enter(address(9), false).await.unwrap();
        let mut waiting = Vec::new();
        for (count, (last, goes_ahead)) in
            [(1, false), (1, false), (1, false), (2, false), (3, true)].into_iter().enumerate()
        {
            waiting.push(wants(&queue, last, goes_ahead, &order));
            until_waiting(&queue, count + 1).await;
        }
        drop(first);
        for one in waiting {
            one.await.unwrap().unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [3, 1, 2, 1, 1]);
    }

    #[tokio::test]
    async fn the_line_ahead_never_has_every_place() {
        let (queue, order) = (queue(1), Arc::default());
        let first = queue.enter(address(9), false).await.unwrap();
        let stranger = wants(&queue, 1, false, &order);
        until_waiting(&queue, 1).await;
        let mut waiting = Vec::new();
        for last in 20..28 {
            waiting.push(wants(&queue, last, true, &order));
            until_waiting(&queue, waiting.len() + 1).await;
        }
        drop(first);
        stranger.await.unwrap().unwrap();
        for one in waiting {
            one.await.unwrap().unwrap();
        }
        assert_eq!(order.lock().unwrap().iter().position(|last| *last == 1), Some(4));
    }

    #[tokio::test]
    async fn one_address_has_its_share_and_leaves_room_for_others() {
        let queue = queue(1);
        let _place = queue.enter(address(9), false).await.unwrap();
        let order = Arc::default();
        let _flood: Vec<_> = (0..OF_ONE_ADDRESS).map(|_| wants(&queue, 1, false, &order)).collect();
        until_waiting(&queue, OF_ONE_ADDRESS).await;
        assert!(matches!(queue.enter(address(1), false).await, Err(Busy)));
        let other = wants(&queue, 2, false, &order);
        until_waiting(&queue, OF_ONE_ADDRESS + 1).await;
        assert!(!other.is_finished());
    }

    #[tokio::test]
    async fn a_visitor_who_gave_up_takes_no_place_and_no_room() {
        let (queue, order) = (queue(1), Arc::default());
        let place = queue.enter(address(9), false).await.unwrap();
        let flood: Vec<_> = (0..OF_ONE_ADDRESS).map(|_| wants(&queue, 1, false, &order)).collect();
        until_waiting(&queue, OF_ONE_ADDRESS).await;
        for one in flood {
            one.abort();
            assert!(one.await.is_err());
        }
        let patient = wants(&queue, 1, false, &order);
        while queue.lines().len() != 1 {
            tokio::task::yield_now().await;
        }
        drop(place);
        patient.await.unwrap().unwrap();
        assert_eq!(queue.lines().free.len(), 1, "the place came back");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let queue = queue(1);
        let place = queue.enter(address(1), false).await.unwrap();
        assert!(matches!(queue.enter(address(2), false).await, Err(Busy)));
        drop(place);
        assert!(queue.enter(address(2), false).await.is_ok());
    }
}
