//! Ways to reach people. To add one: a file here that implements [`Channel`], and a line in
//! `engine/src/app/services.rs`, where [`Channels`] are built.
//!
//! A channel carries a notice and says what became of it; it never decides whether to. When it may
//! not, cannot or must not now, is settled by the relay's re-check before it is asked.

mod by_connector;
mod console_inbox;
mod in_car;
mod rendering;

use std::fmt;
use std::sync::Arc;

use rules::case::Audience;
use uuid::Uuid;

pub use self::by_connector::ByConnector;
pub use self::console_inbox::ConsoleInbox;
pub use self::in_car::{Downlink, InCar};
pub use self::rendering::{Render, Rendering, render_with};
pub use crate::connector::{Outcome, Pending};
use crate::crm::notice::{Reach, Route, Routes};
use crate::store::notice::Notice;

/// A notice on its way out.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The id that lets the receiver drop repeats.
    pub outbox: Uuid,
    pub notice: Notice,
    pub rendering: Rendering,
}

/// A way to reach somebody.
pub trait Channel: Send + Sync {
    /// The word in `outbox.channel` and in metrics.
    fn key(&self) -> &'static str;

    /// Which notices it is asked for.
    fn audience(&self) -> Audience;

    /// Whether it needs a person to reach; a car and an inbox do not.
    fn reach(&self) -> Reach {
        Reach::Place
    }

    /// Carries the notice. May be called again for the same `outbox` id after a crash.
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Pending<'a, Outcome>;

    /// Reads again what the channel remembers of the store; at start and every minute.
    fn refresh(&self) -> Pending<'_, sqlx::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// Takes a delivered notice back, where that is possible at all.
    fn take_back<'a>(&'a self, _notice: &'a Notice) -> Option<Pending<'a, Outcome>> {
        None
    }

    /// Whether [`Channel::take_back`] gives anything.
    fn can_take_back(&self) -> bool {
        false
    }
}

/// The channels of this engine.
#[derive(Clone)]
pub struct Channels(Arc<[Arc<dyn Channel>]>);

impl Channels {
    pub fn new(channels: Vec<Arc<dyn Channel>>) -> Self {
        Self(channels.into())
    }

    pub fn get(&self, key: &str) -> Option<&Arc<dyn Channel>> {
        self.0.iter().find(|channel| channel.key() == key)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Channel>> {
        self.0.iter()
    }

    pub fn keys(&self) -> Vec<&'static str> {
        self.0.iter().map(|channel| channel.key()).collect()
    }

    /// The channels that a notice goes out by.
    pub fn routes(&self) -> Routes {
        let route = |channel: &Arc<dyn Channel>| Route {
            channel: channel.key(),
            audience: channel.audience(),
            reach: channel.reach(),
        };
        Routes::new(self.0.iter().map(route))
    }

    /// Channels to owners: those that need their consent.
    pub fn to_owners(&self) -> Vec<String> {
        self.keys_where(|channel| channel.audience() == Audience::Owner)
    }

    pub fn that_take_back(&self) -> Vec<String> {
        self.keys_where(|channel| channel.can_take_back())
    }

    fn keys_where(&self, wanted: impl Fn(&Arc<dyn Channel>) -> bool) -> Vec<String> {
        self.0.iter().filter(|channel| wanted(channel)).map(|channel| channel.key().to_owned()).collect()
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys()).finish()
    }
}
