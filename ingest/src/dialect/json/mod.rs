//! A strict JSON reader for hostile payloads: borrows, allocates for escaped strings only, and lets
//! its caller refuse one value without losing the document.
//!
//! Why not serde_json: a number beyond `f64` must refuse its reading, not the message around it;
//! duplicate keys, depth and counts are checked while reading; and it is faster on our shape. The
//! tests hold it to serde_json's judgement on what is a document.

mod number;
mod reader;
#[cfg(test)]
mod tests;
mod text;

pub use number::Number;
pub use reader::{MAX_DEPTH, Reader, Value};
