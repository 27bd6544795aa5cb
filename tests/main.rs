//! The promises, as black-box tests: one binary, a module per promise.
//!
//! `world` starts what they need; `make test` provides the database cluster and the built binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod agreement;
mod architecture;
mod archive;
mod backtest;
mod bad_input;
mod campaigns;
mod clock_step;
mod commands;
mod consent;
mod console;
mod dealers;
mod docs;
mod event_time;
mod explained;
mod floors;
mod gaps;
mod learned;
mod lives;
mod never_lost;
mod numbers;
mod one_engine;
mod operations;
mod outage;
mod past_pages;
mod poisoned;
mod reload;
mod safety;
mod score;
mod set_up;
mod silence;
mod strangers;
mod whole_way;
mod world;
