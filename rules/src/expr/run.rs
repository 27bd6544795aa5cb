//! The machine: runs a program to a verdict. The hottest loop of the product.
//!
//! A stack of floats, NaN for unknown; no allocation, no strings, no maps. Stack positions are
//! masked instead of checked: the compiler has bounded the depth.

use super::cell::Cell;
use super::probe::value;
use super::program::{Join, Op, Program, STACK};
use super::tree::choose;
use super::tri::{self, Tri};
use super::view::View;

const MASK: usize = STACK - 1;

/// Runs a program for a vehicle at one step, or for a Timer: a view whose `now` is after `newest`
/// is no step and changes no cell. Too few cells make `held` unknown.
pub fn run(program: &Program, view: &View<'_>, cells: &mut [Cell]) -> Tri {
    Tri::of_number(execute(program, view, cells))
}

#[inline]
fn execute(program: &Program, view: &View<'_>, cells: &mut [Cell]) -> f64 {
    // What lies below the uppermost value, which is at hand.
    let mut stack = [0.0_f64; STACK];
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
                        stack[top & MASK] = upper;
                        top += 1;
                        outcome
                    }
                };
            }
            Op::Const(number) => {
                stack[top & MASK] = upper;
                top += 1;
                upper = *number;
            }
            Op::Probe(probe) => {
                stack[top & MASK] = upper;
                top += 1;
                upper = probe.ask(&program.reads, view);
            }
            Op::Unary(op) => upper = op.apply(upper),
            Op::Binary(op) => {
                top = top.wrapping_sub(1);
                upper = op.apply(stack[top & MASK], upper);
            }
            Op::Choose => {
                top = top.wrapping_sub(2);
                upper = choose(stack[top & MASK], stack[(top + 1) & MASK], upper);
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
                    memory.apply([stack[top & MASK], upper], view, cells)
                } else {
                    memory.apply([upper, f64::NAN], view, cells)
                };
            }
        }
    }
    upper
}
