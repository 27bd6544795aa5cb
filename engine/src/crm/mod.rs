//! The dealer's side, pure: order states, roles, hours, masks, and the policy of notices.

pub mod hours;
pub mod line_state;
pub mod mask;
pub mod notice;
pub mod order_state;
pub mod role;
