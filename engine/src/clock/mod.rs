//! The product's time, and what wakes tasks that wait for rows.

pub mod anchor;
mod source;
mod wake;

pub use self::source::Clock;
pub use self::wake::Wake;
