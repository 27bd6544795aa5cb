//! What reaches a lane: deliveries of the source, commands of people, and the passing of time.

use std::sync::Arc;
use std::time::Duration;

use ingest::queue::LaneQueues;
use ingest::source::{Delivery, Source, Token};
use rules::unit::{Span, Time};
use rules::vehicle::{Command, VehicleId};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::config;

/// Something for a lane, with when it was received.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub received_at: Time,
    pub item: Item,
}

#[derive(Clone, Debug)]
pub enum Item {
    Delivery(Delivery),
    Command(Ordered),
}

/// A command from the inbox table, for a vehicle of the lane.
#[derive(Clone, Debug)]
pub struct Ordered {
    pub command_id: i64,
    pub vehicle: VehicleId,
    pub command: Command,
}

/// Up to when a lane may sleep.
pub struct Until {
    pub clock: Clock,
    /// Next timer, on the product's clock.
    pub timer: Option<Time>,
}

impl Until {
    async fn over(self) {
        match self.timer {
            Some(at) => self.clock.until(at).await,
            None => std::future::pending().await,
        }
    }
}

/// What a lane takes at once.
pub struct Batch {
    pub arrived: Vec<Arrived>,
    /// Steps that the clock had made when it stamped them, added up; `None` if it is one that makes none.
    pub steps: Option<Span>,
}

/// One lane's inputs.
pub struct Inbox {
    queues: LaneQueues,
    lane: usize,
    commands: mpsc::Receiver<Ordered>,
    source: Arc<dyn Source>,
    clock: Clock,
    /// Most messages in one batch.
    batch_max: usize,
    /// Shortest time from one batch to the next.
    pace: Duration,
    taken_at: Instant,
}

impl Inbox {
    pub fn new(
        queues: LaneQueues,
        lane: usize,
        commands: mpsc::Receiver<Ordered>,
        source: Arc<dyn Source>,
        clock: Clock,
        lanes: &config::Lanes,
    ) -> Self {
        let (batch_max, pace) = (lanes.batch_max, lanes.pace.to_std());
        Self { queues, lane, commands, source, clock, batch_max, pace, taken_at: Instant::now() }
    }

    /// Waits for something to do and takes everything that waits, at most one batch. An empty batch
    /// means that time has passed; `None` that nothing will come any more.
    pub async fn next(&mut self, until: Until) -> Option<Batch> {
        let queue = self.queues.lane(self.lane)?;
        let mut first = None;
        tokio::select! {
            biased;
            open = queue.ready() => {
                if !open {
                    return None;
                }
            }
            command = self.commands.recv() => first = command,
            () = until.over() => {}
        }
        // A batch costs a transaction however small it is: under load, more wait for the next one.
        sleep_until(self.taken_at + self.pace).await;
        self.taken_at = Instant::now();
        let mut deliveries = Vec::new();
        queue.take(&mut deliveries, self.batch_max);
        let (received_at, steps) = self.clock.reading();
        let commands = first.into_iter().chain(std::iter::from_fn(|| self.commands.try_recv().ok()));
        let items = deliveries.into_iter().map(Item::Delivery).chain(commands.map(Item::Command));
        Some(Batch { arrived: items.map(|item| Arrived { received_at, item }).collect(), steps })
    }

    /// Tells the source that a batch is committed.
    pub fn acknowledge(&self, arrived: &[Arrived]) {
        let tokens: Vec<Token> = arrived
            .iter()
            .filter_map(|one| match &one.item {
                Item::Delivery(Delivery::Message(arrival)) => Some(arrival.token),
                Item::Delivery(Delivery::Refused(_, token)) => Some(*token),
                Item::Delivery(Delivery::Connected(_) | Delivery::Listening(_)) | Item::Command(_) => None,
            })
            .collect();
        if !tokens.is_empty() {
            self.source.acknowledge(&tokens);
        }
    }
}
