//! The store: one file per table group, functions that take a connection.

pub mod account;
pub mod board;
pub mod console;
pub mod order;
pub mod person;
pub mod review;
pub mod session;
pub mod vehicle;

/// The error for a word in a column that the program does not know.
fn unknown_word(column: &str, word: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: format!("unknown word `{word}`").into() }
}
