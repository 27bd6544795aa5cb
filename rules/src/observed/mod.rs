//! What one vehicle was seen to do: last readings, segments, odometer, windows.

pub mod odometer;
pub mod readings;
pub mod segment;
pub mod window;
