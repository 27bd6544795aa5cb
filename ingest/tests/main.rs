//! Tests of the crate from outside, in one binary.

mod broker;
mod dialects;
mod golden;
mod subscriber;
mod support;
