//! The board: every order that is not over, live.

pub mod card;
pub mod live;
pub mod page;
