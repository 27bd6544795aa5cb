//! Simulated vehicles straight into the core: the wire's bytes are admitted and judged by the rules
//! that ship, without broker, lanes and store.

mod deliveries;
mod every_rule;
mod healthy;
mod judge;
mod planted;
mod sampling;
