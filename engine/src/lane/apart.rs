//! Apart: a batch that cannot be taken as a whole is taken in halves, until what is at fault stands
//! alone and is refused.
//!
//! The vehicles it touched are rewound to what is committed, from the store and only once; each
//! half then keeps an image of its vehicles for the case that it fails too.

use std::collections::BTreeSet;
use std::sync::Arc;

use ingest::admit::Refusal;
use ingest::source::Delivery;
use rules::rule_set::RuleSet;
use rules::state::Vehicle;
use rules::vehicle::{Reason, VehicleId};

use super::Lane;
use super::commit::Outcome;
use super::own::Held;
use super::recipe::envelope;
use crate::history::journal::{self, Position, RuleSets};
use crate::lane::draft::Draft;
use crate::lane::inbox::{Arrived, Item};

/// Vehicles as they are committed; `None` if they are not known yet.
type Images = Vec<(VehicleId, Option<(Vehicle, Arc<RuleSet>, Position)>)>;

/// What became of trying a batch.
pub(super) enum Tried {
    Taken,
    Failed(Reason),
    /// An id of this vehicle stands for something else.
    Collided(VehicleId),
}

impl Lane {
    /// Rewinds what a failed batch touched and takes it again, in parts.
    pub(super) async fn isolate(&mut self, arrived: &[Arrived], draft: &Draft, reason: Reason) -> anyhow::Result<()> {
        self.rewind(touched(arrived, draft)).await?;
        if reason == Reason::Poison
            && let Some(held) = draft.timing.as_ref().and_then(|id| self.vehicles.get_mut(id))
        {
            tracing::error!(lane = self.no, vehicle = %held.vehicle.id, "its timer cannot be processed, none until its next message");
            held.timer = None;
        }
        self.apart = true;
        let taken = self.take_apart(arrived, reason).await;
        self.apart = false;
        taken
    }

    async fn take_apart(&mut self, arrived: &[Arrived], reason: Reason) -> anyhow::Result<()> {
        if let [one] = arrived {
            tracing::error!(lane = self.no, reason = reason.label(), "an input is refused for good");
            return self.refuse_for_good(one, reason).await;
        }
        let (first, second) = arrived.split_at(arrived.len() / 2);
        for half in [first, second].into_iter().filter(|half| !half.is_empty()) {
            self.take_part(half).await?;
        }
        Ok(())
    }

    /// Takes a part, whose vehicles may have to begin another life before; in parts of its own if it cannot be taken.
    async fn take_part(&mut self, part: &[Arrived]) -> anyhow::Result<()> {
        loop {
            let before = self.images(part);
            match self.try_batch(part, &mut Draft::default()).await? {
                Tried::Taken => return Ok(()),
                Tried::Failed(reason) => {
                    self.put_back(before);
                    return Box::pin(self.take_apart(part, reason)).await;
                }
                Tried::Collided(vehicle) => {
                    self.put_back(before);
                    self.begin_life(&vehicle);
                }
            }
        }
    }

    async fn refuse_for_good(&mut self, one: &Arrived, reason: Reason) -> anyhow::Result<()> {
        let mut draft = Draft::default();
        match &one.item {
            Item::Delivery(Delivery::Message(published)) => {
                let vehicle = VehicleId::try_new(published.vehicle()).ok();
                let envelope = envelope(published, vehicle.as_ref(), one.received_at);
                let profile = vehicle.as_ref().and_then(|id| self.vehicles.get(id)).map(|held| &held.vehicle.profile);
                let admitted = self.admission.admit_in(published.dialect, &envelope, profile, &mut self.effects.shelf);
                let sequence = admitted.ok().and_then(|admitted| admitted.message.sequence);
                let refusal = Refusal::new(reason, "it cannot be processed", vehicle, sequence, &published.payload);
                self.refuse(&refusal, one.received_at, &mut draft);
            }
            Item::Delivery(Delivery::Refused(refused, _)) => {
                let refusal = Refusal::new(reason, "it cannot be processed", Some(refused.vehicle.clone()), None, b"");
                self.note_rejection(&refusal, one.received_at, &mut draft);
            }
            Item::Delivery(Delivery::Connected(_) | Delivery::Listening(_)) => {}
            Item::Command(ordered) => draft.commands.push(ordered.command_id),
        }
        if self.commit(&mut draft).await? != Outcome::Committed {
            anyhow::bail!("the store refuses even the refusal of an input");
        }
        self.acknowledge(&draft);
        Ok(())
    }

    /// Forgets what of these vehicles is not committed: the same way a start takes.
    pub(super) async fn rewind(&mut self, touched: BTreeSet<VehicleId>) -> anyhow::Result<()> {
        let pool = &self.common.store.pools.lanes;
        let mut sets = RuleSets::new(pool.clone(), Arc::clone(&self.set));
        let (vehicles, _) = journal::restore(pool, &mut sets, &self.common.bounds, Some(&touched)).await?;
        for id in &touched {
            self.vehicles.remove(id);
        }
        self.hold(vehicles.into_values());
        Ok(())
    }

    fn images(&self, arrived: &[Arrived]) -> Images {
        let ids: BTreeSet<VehicleId> = named(arrived).collect();
        let image = |id: VehicleId| {
            let held = self.vehicles.get(&id).map(|held| (held.vehicle.clone(), Arc::clone(&held.set), held.position));
            (id, held)
        };
        ids.into_iter().map(image).collect()
    }

    fn put_back(&mut self, images: Images) {
        for (id, image) in images {
            let Some((vehicle, set, position)) = image else {
                self.vehicles.remove(&id);
                continue;
            };
            let told = self.vehicles.remove(&id).map(|held| held.told).unwrap_or_default();
            let timer = self.wake(&vehicle, &set);
            if let Some(at) = timer {
                self.timers.push(std::cmp::Reverse((at, id.clone())));
            }
            self.vehicles.insert(id, Box::new(Held { vehicle, set, position, told, timer }));
        }
    }
}

/// Vehicles that a batch changed, or was about to.
pub(super) fn touched(arrived: &[Arrived], draft: &Draft) -> BTreeSet<VehicleId> {
    named(arrived).chain(draft.changed.iter().cloned()).chain(draft.timing.clone()).collect()
}

/// Vehicles that what arrived is about.
fn named(arrived: &[Arrived]) -> impl Iterator<Item = VehicleId> {
    arrived.iter().filter_map(|one| match &one.item {
        Item::Delivery(Delivery::Message(published)) => VehicleId::try_new(published.vehicle()).ok(),
        Item::Delivery(Delivery::Refused(refused, _)) => Some(refused.vehicle.clone()),
        Item::Command(ordered) => Some(ordered.vehicle.clone()),
        Item::Delivery(Delivery::Connected(_) | Delivery::Listening(_)) => None,
    })
}
