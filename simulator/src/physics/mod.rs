//! The physics of a vehicle, one file per system.
//!
//! Each system has a state, a step that moves it on by the seconds and loads of one sampling step,
//! and functions that read its sensors. Lags are relaxed exponentially, so that any step length is
//! stable. What is broken reaches a system only through [`Strain`].

pub mod after_treatment;
pub mod altitude;
pub mod brake;
pub mod engine;
pub mod gauge;
pub mod low_voltage;
pub mod memory;
pub mod monitor;
pub mod strain;
pub mod traction;
pub mod tyre;

pub use strain::Strain;

/// Moves `value` towards `target` with the time constant `tau` over `secs`.
pub fn relax(value: f64, target: f64, secs: f64, tau: f64) -> f64 {
    target + (value - target) * (-secs / tau).exp()
}

/// Power at the wheels in kW to roll a vehicle along at a mean speed.
pub fn rolling_kw(mass_kg: f64, drag_m2: f64, metres_per_sec: f64) -> f64 {
    let rolling = 0.011 * mass_kg * 9.81;
    let air = 0.6 * drag_m2 * metres_per_sec * metres_per_sec;
    (rolling + air) * metres_per_sec / 1_000.0
}
