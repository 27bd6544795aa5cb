//! The machine: runs a program to a verdict. The hottest loop of the product.
//!
//! A stack of floats, NaN for unknown; no allocation, no strings, no maps. Stack positions are
//! masked instead of checked: the compiler has bounded the depth.

use super::cell::Cell;
use super::probe::value;
use super::program::{Join, Op, Program, SHALLOW, STACK};
use super::tree::choose;
use super::tri::{self, Tri};
use super::view::View;

/// Runs a program for a vehicle at one step, or for a Timer: a view whose `now` is after `newest`
/// is no step and changes no cell. Too few cells make `held` unknown.
pub fn run(program: &Program, view: &View<'_>, cells: &mut [Cell]) -> Tri {
    // Clearing a deep stack would cost more than most programs do.
    let outcome = if program.is_shallow() {
        execute::<SHALLOW>(program, view, cells)
    } else {
        execute::<STACK>(program, view, cells)
    };
    Tri::of_number(outcome)
}

/// `DEPTH` is a power of two.
#[inline]
fn execute<const DEPTH: usize>(program: &Program, view: &View<'_>, cells: &mut [Cell]) -> f64 {
    // What lies below the uppermost value, which is at hand.
    let mut stack = [0.0_f64; DEPTH];
    let mut top = 0_usize;
    let mut upper = f64::NAN;
    let mut at = 0_usize;
    while let Some(op) = program.ops.get(at) {
        at += 1;
        match op {
            Op::Test(test) => {
                let outcome = test.judge(value(test.read, view));
                upper = match test.join {
                    Join::And => tri::and(upper, outcome),
                    Join::Or => tri::or(upper, outcome),
                    Join::Push => {
                        stack[top & (DEPTH - 1)] = upper;
                        top += 1;
                        outcome
                    }
                };
            }
            Op::Const(number) => {
                stack[top & (DEPTH - 1)] = upper;
                top += 1;
                upper = *number;
            }
            Op::Probe(probe) => {
                stack[top & (DEPTH - 1)] = upper;
                top += 1;
                upper = probe.ask(&program.reads, view);
            }
            Op::Unary(op) => upper = op.apply(upper),
            Op::Binary(op) => {
                top = top.wrapping_sub(1);
                upper = op.apply(stack[top & (DEPTH - 1)], upper);
            }
            Op::Choose => {
                top = top.wrapping_sub(2);
                upper = choose(stack[top & (DEPTH - 1)], stack[(top + 1) & (DEPTH - 1)], upper);
            }
            Op::SkipIfFalse(target) => {
                if upper == 0.0 {
                    at = usize::from(*target);
                }
            }
            Op::SkipIfTrue(target) => {
                if upper == 1.0 {
                    at = usize::from(*target);
                }
            }
            Op::Remember(index) => {
                let Some(memory) = program.memories.get(usize::from(*index)) else { return f64::NAN };
                upper = if memory.parts() == 2 {
                    top = top.wrapping_sub(1);
                    memory.apply([stack[top & (DEPTH - 1)], upper], view, cells)
                } else {
                    memory.apply([upper, f64::NAN], view, cells)
                };
            }
        }
    }
    upper
}
