//! Frames as a sound car would send them on the road, to be bent by a test.

use rules::unit::{Span, Time};
use simulator::frame::{CodeReport, Frame};
use simulator::signal;

/// One frame of a petrol car at 60 km/h, everything in order. `tick` makes the readings move a little,
/// as real sensors do.
pub fn petrol(at: Time, tick: u64) -> Frame {
    let sway = (tick % 7) as f64;
    let mut frame = Frame::new(at);
    frame.word(signal::IGNITION, "ON");
    frame.number(signal::SPEED, 58.0 + sway, 10.0);
    frame.number(signal::ENGINE_SPEED, 1_900.0 + 10.0 * sway, 1.0);
    frame.number(signal::COOLANT, 88.0 + 0.5 * sway, 10.0);
    frame.number(signal::VOLTAGE_12, 14.0 + 0.02 * sway, 100.0);
    frame
}

/// One frame of an electric car at 60 km/h, everything in order.
pub fn electric(at: Time, tick: u64) -> Frame {
    let sway = (tick % 7) as f64;
    let mut frame = Frame::new(at);
    frame.word(signal::IGNITION, "ON");
    frame.number(signal::SPEED, 58.0 + sway, 10.0);
    frame.number(signal::SOC, 70.0 - 0.001 * tick as f64, 1_000.0);
    frame.number(signal::CELL_HOT, 32.0 + 0.2 * sway, 10.0);
    frame.number(signal::VOLTAGE_12, 13.8 + 0.02 * sway, 100.0);
    frame
}

/// Frames of a petrol car every `every` from `from` on, before `to`.
pub fn trip(from: Time, to: Time, every: Span) -> impl Iterator<Item = Frame> {
    let count = to.since(from).micros() / every.micros().max(1);
    (0..count).map(move |tick| petrol(from + Span::from_micros(every.micros() * tick), tick as u64))
}

/// Replaces or adds a number.
#[must_use]
pub fn with(mut frame: Frame, path: &'static str, value: f64) -> Frame {
    frame.readings.retain(|(own, _)| own != path);
    frame.number(path, value, 1_000.0);
    frame
}

/// Adds a fault code with its UDS status.
#[must_use]
pub fn with_code(mut frame: Frame, code: &'static str, status: u8) -> Frame {
    frame.codes.push(CodeReport { code: code.into(), ecu: "7E8".into(), status, count: Some(1) });
    frame
}
