//! By which channels a notice goes out: the core says for whom it is, every channel says whom it reaches.
//!
//! A person stands in a notice only with consent, so a channel that needs a person is asked for nothing that lacks
//! it. Whether it still holds when the notice leaves is the re-check's business.

use std::sync::Arc;

use rules::case::Audience;
use uuid::Uuid;

/// What a channel needs to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A place where somebody of the audience is: a car, an inbox.
    Place,
    /// A person's own device or mailbox: only what is addressed to a person.
    Person,
}

/// One channel, as far as choosing it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The word in `outbox.channel`.
    pub channel: &'static str,
    pub audience: Audience,
    pub reach: Reach,
}

/// The channels that there are; clones share them. Without any, nothing is enqueued on a channel.
#[derive(Clone, Debug, Default)]
pub struct Routes(Arc<[Route]>);

impl Routes {
    pub fn new(routes: impl Iterator<Item = Route>) -> Self {
        Self(routes.collect())
    }

    /// The channels that a notice is enqueued on.
    pub fn channels(&self, audience: Audience, person: Option<Uuid>) -> Vec<&'static str> {
        let is_asked = |route: &&Route| route.audience == audience && (route.reach == Reach::Place || person.is_some());
        self.0.iter().filter(is_asked).map(|route| route.channel).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        let route = |channel, audience, reach| Route { channel, audience, reach };
        let all = [
            route("in_car", Audience::Owner, Reach::Place),
            route("letter", Audience::Owner, Reach::Person),
            route("console", Audience::Dealer, Reach::Place),
        ];
        Routes::new(all.into_iter())
    }

    #[test]
    fn every_channel_of_the_audience_is_asked() {
        assert_eq!(routes().channels(Audience::Owner, Some(Uuid::nil())), ["in_car", "letter"]);
        assert_eq!(routes().channels(Audience::Dealer, None), ["console"]);
    }

    #[test]
    fn without_a_person_only_places_are_asked() {
        assert_eq!(routes().channels(Audience::Owner, None), ["in_car"]);
    }
}
