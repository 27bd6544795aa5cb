//! One simulated vehicle: an iterator over the frames of its life.
//!
//! It parks, drives and charges as its driver's agenda says, samples as a telematics unit would,
//! and carries the faults planted in it. Everything follows from seed and specification: the same
//! pair yields the same frames, bit for bit.

#[cfg(test)]
mod courses;
mod diary;
mod life;
mod sampling;
#[cfg(test)]
mod scatter;
#[cfg(test)]
mod tests;

pub use life::Vehicle;
pub use sampling::Sampling;
