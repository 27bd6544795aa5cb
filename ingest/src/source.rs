//! The seam to whatever carries messages: what a lane gets, and what it gives back.
//!
//! A source reads on its own and puts [`Delivery`]s into the lanes' queues, blocking while those are
//! full. A lane acknowledges after its commit and not before. Two sources exist: the embedded
//! [`Broker`](crate::broker::Broker) and the [`Subscriber`](crate::subscriber::Subscriber).

use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;
use rules::vehicle::VehicleId;
use tokio::sync::watch;

use crate::dialect::{DEFAULT, Dialect};
use crate::refused::Refused;
use crate::topic;
use crate::topics::{Spelling, Topics};

/// Names a delivery to its source. Sources without acknowledgements ignore it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub u64);

/// What reaches a lane, in order within a vehicle.
#[derive(Clone, Debug)]
pub enum Delivery {
    Message(Arrival),
    /// The source did not let something of the vehicle through.
    Refused(Box<Refused>, Token),
    /// The vehicle (re)connected: its next message is answered at once.
    Connected(VehicleId),
    /// The vehicle hears its `down` topic from now on: what it has not seen is repeated.
    Listening(VehicleId),
}

/// One publish of a vehicle, as it came.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub topic: Bytes,
    pub payload: Bytes,
    /// The dialect of its topic.
    pub dialect: &'static dyn Dialect,
    /// Which of the filters that are heard matches its topic.
    pub filter: usize,
    /// Where in the topic the vehicle's part stands.
    vehicle: Range<usize>,
    /// When this process got it; only ever compared with this process's clock.
    pub arrived: Instant,
    pub token: Token,
}

impl Arrival {
    /// A publish on one of the topics that are heard.
    pub fn new(topics: &Topics, topic: Bytes, payload: Bytes, arrived: Instant, token: Token) -> Self {
        let text = std::str::from_utf8(&topic).unwrap_or_default();
        // A topic that no filter matches belongs to no vehicle; admission refuses it.
        let unheard = Spelling { place: 0, vehicle: 0..0, dialect: DEFAULT };
        let Spelling { place: filter, vehicle, dialect } = topics.spelling(text).unwrap_or(unheard);
        Self { topic, payload, dialect, filter, vehicle, arrived, token }
    }

    /// The topic, empty where it is not UTF-8.
    pub fn topic(&self) -> &str {
        std::str::from_utf8(&self.topic).unwrap_or_default()
    }

    /// The vehicle's part of the topic, as claimed.
    pub fn vehicle(&self) -> &str {
        self.topic().get(self.vehicle.clone()).unwrap_or_default()
    }

    /// What it is to a lane: a message, or what a broker of ours refused of one.
    pub fn delivery(self) -> Delivery {
        match topic::refused_of(self.topic()).and_then(|vehicle| Refused::decode(vehicle, &self.payload)) {
            Some(refused) => Delivery::Refused(Box::new(refused), self.token),
            None => Delivery::Message(self),
        }
    }
}

impl Delivery {
    /// What a delivery takes besides its payload, roughly.
    const OVERHEAD: usize = 128;

    /// Bytes that it is counted as.
    pub fn size(&self) -> usize {
        match self {
            Self::Message(arrival) => Self::OVERHEAD + arrival.payload.len(),
            Self::Refused(..) => Self::OVERHEAD + size_of::<Refused>() + crate::redact::MAX_EXCERPT,
            Self::Connected(_) | Self::Listening(_) => Self::OVERHEAD,
        }
    }

    /// The vehicle it belongs to, as claimed.
    pub fn vehicle(&self) -> &str {
        match self {
            Self::Message(arrival) => arrival.vehicle(),
            Self::Refused(refused, _) => refused.vehicle.as_str(),
            Self::Connected(vehicle) | Self::Listening(vehicle) => vehicle.as_str(),
        }
    }
}

/// Whether messages can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Trying to reach what carries the messages.
    Connecting,
    Ready,
    /// Nothing will come any more: closed, or broken for good.
    Ended,
}

/// Something that messages come from.
pub trait Source: Send + Sync {
    /// These deliveries are committed, or refused for good and that is committed.
    fn acknowledge(&self, tokens: &[Token]);

    /// Publishes to the vehicles' `down` topics, in this order. What cannot be sent is lost, and
    /// repeated by the contract: acknowledgements on resend, notices on connect.
    fn publish_down(&self, messages: &[(VehicleId, Bytes)]);

    /// Follows whether messages can come.
    fn status(&self) -> watch::Receiver<Status>;

    /// Takes no more from vehicles. What was taken is still delivered, then the queues end; what is
    /// published down still goes out.
    fn stop_reading(&self);

    /// Lets go of everything.
    fn close(&self);
}
