//! A lane: the recipe of a batch, from what arrived to what vehicles are told.
//!
//! Admit and settle every input, commit once, then acknowledge. A lane owns the vehicles that hash
//! to it and shares nothing with the others. Each input runs through `rules::stage::recipe::take`; nothing
//! here decides. A batch is whatever arrived while the last commit ran.
//!
//! If the store is away the batch waits. If the store refuses it, or a message makes the core
//! panic, it is taken apart until the one message is found and refused.

pub mod answer;
mod apart;
mod commit;
mod correct;
pub mod dirty;
pub mod dispatch;
pub mod draft;
pub mod inbox;
mod lives;
mod own;
mod recipe;
mod rejection;
pub mod restraint;
mod skipped;
mod tell;
mod timers;

pub use self::own::{Common, Lane};
