//! The demonstration's dealers, people and vehicles.

pub mod demo;
mod people;
