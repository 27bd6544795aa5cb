//! When a notice may go out: pure policy over what stands in the store at that moment.

mod budget;
mod quiet;
mod recheck;
mod route;

pub use self::budget::{LONGEST_BUDGET, hold_until};
pub use self::quiet::QuietHours;
pub use self::recheck::{
    Addressee, CancelReason, CaseStanding, HoldReason, OrderStanding, Situation, Told, Verdict, recheck, take_back,
};
pub use self::route::{Reach, Route, Routes};
