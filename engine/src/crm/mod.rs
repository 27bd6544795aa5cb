//! The dealer's side: people, work orders and what may be done with them.

pub mod crypto;
pub mod hours;
pub mod mask;
pub mod order_state;
pub mod password;
pub mod role;
pub mod seed;
mod seed_people;
