//! Service plans: what a vehicle needs at which distance, time or running hours, and how far along it is.
//!
//! Only clock-stable facts are kept (when an item was last done); its state is a pure function of
//! those, now and the meters, because a stored state is wrong tomorrow. Whichever comes first
//! counts, unless an item says `last`.

mod interval;
mod item;
pub mod items;
mod phase;

pub use interval::{Anchor, Combinator, Due, Interval, Meters};
pub use item::{Applies, Free, Item, Plan, PlanHead};
pub use phase::{Margin, Margins, Phase};
