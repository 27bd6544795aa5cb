//! What must be true of every expression.

use proptest::prelude::*;

use super::*;
