//! The stages of one input, in their order: settle (in `state/`), fold, estimate, evaluate, decide, respond.
//! [`recipe::take`] calls them.

pub mod apply;
pub mod carry;
pub mod decide;
pub mod doubt;
pub mod effect;
pub mod estimate;
pub mod evaluate;
pub mod evidence;
pub mod fold;
pub mod gate;
pub mod notice;
pub mod peek;
pub mod recipe;
pub mod respond;
pub mod scope;
pub mod service;
pub mod shelf;
pub mod stop_now;
pub mod variables;

#[cfg(test)]
mod tests;
