//! What a catalogue entry is, one file per kind: its fields, its units and what makes it valid by itself.

pub mod fault_code;
pub mod model;
pub mod norm;
pub mod operation;
pub mod phrase;
pub mod plan;
pub mod rule;
pub mod signal;
pub mod story;
pub mod template;
pub mod variable;
