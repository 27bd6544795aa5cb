//! The store: one file per table group, functions that take a connection.
//!
//! `open` gives it: `pool` connects and migrates, `tier` chooses how readings for charts are kept,
//! `partition` makes and drops their days, `rollup` sums them up by the hour. Transactions that
//! write the product's own rows open in `commit`, `outbox` and `session` only.

pub mod account;
pub mod act;
pub mod activation;
pub mod archive;
pub mod board;
pub mod campaign;
pub mod case;
pub mod clock;
pub mod cohort_rate;
pub mod commit;
pub mod committed;
pub mod console;
pub mod effect;
pub mod enrol;
pub mod erase;
pub mod forecast;
mod held;
pub mod isolation;
pub mod journal;
pub mod label;
pub mod life;
pub mod notice;
pub mod open;
pub mod order;
pub mod outbox;
pub mod partition;
pub mod person;
pub mod pool;
pub mod review;
pub mod rollup;
pub mod rule_task;
pub mod sample;
pub mod session;
pub mod snapshot;
pub mod standing;
pub mod tier;
pub mod upkeep;
pub mod vehicle;

/// The error for a word in a column that the program does not know.
fn unknown_word(column: &str, word: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: format!("unknown word `{word}`").into() }
}
