//! The demonstration's dealers, people and vehicles.

mod demo;
mod people;

pub use self::demo::*;
