//! The promises, as black-box tests: one binary, a module per promise.
//!
//! `world` starts what they need; `make test` provides the database cluster and the built binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod docs;
mod set_up;
mod world;
