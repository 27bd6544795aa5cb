//! What one vehicle was seen to do: last readings, segments, odometer, windows.

pub mod fault_cycle;
pub mod known;
pub mod last;
pub mod odometer;
pub mod readings;
pub mod segment;
pub mod step;
pub mod suspect;
pub mod window;
