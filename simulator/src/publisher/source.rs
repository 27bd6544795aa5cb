//! Where a unit's frames come from.

use crate::frame::Frame;
use crate::truth::Truth;
use crate::vehicle::Vehicle;

/// Where frames come from.
pub enum Source {
    Vehicle(Box<Vehicle>),
    /// A recorded log, or anything else.
    Frames(Box<dyn Iterator<Item = Frame> + Send>),
}

impl Source {
    pub(super) fn next(&mut self) -> Option<Frame> {
        match self {
            Self::Vehicle(vehicle) => vehicle.next(),
            Self::Frames(frames) => frames.next(),
        }
    }

    pub(super) fn news(&mut self) -> Vec<Truth> {
        match self {
            Self::Vehicle(vehicle) => vehicle.news(),
            Self::Frames(_) => Vec::new(),
        }
    }
}
