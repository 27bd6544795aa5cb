//! Tests of the crate from outside, in one binary.

mod broker;
mod golden;
mod subscriber;
mod support;
