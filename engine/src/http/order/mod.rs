//! One order: its page, its transitions, and the review queue before it.

pub mod page;
pub mod review;
pub mod transition;
pub mod view;
