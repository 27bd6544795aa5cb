//! The machine: runs a program to a verdict. The hottest loop of the product.
//!
//! A stack of floats, NaN for unknown; no allocation, no strings, no maps. Stack positions are
//! masked instead of checked: the compiler has bounded the depth.

use super::cell::Cell;
use super::probe::value;
use super::program::{Op, Program, STACK};
use super::tree::choose;
use super::tri::Tri;
use super::view::View;

const MASK: usize = STACK - 1;

/// Runs a program for a vehicle at one step, or for a Timer: a view whose `now` is after `newest`
/// is no step and changes no cell. Too few cells make `held` unknown.
pub fn run(program: &Program, view: &View<'_>, cells: &mut [Cell]) -> Tri {
    Tri::of_number(execute(program, view, cells))
}

#[inline]
fn execute(program: &Program, view: &View<'_>, cells: &mut [Cell]) -> f64 {
    let mut stack = [0.0_f64; STACK];
    // The next free place.
    let mut top = 0_usize;
    let mut at = 0_usize;
    while let Some(op) = program.ops.get(at) {
        at += 1;
        match *op {
            Op::Const(number) => {
                stack[top & MASK] = number;
                top += 1;
            }
            Op::Probe(probe) => {
                stack[top & MASK] = probe.ask(&program.reads, view);
                top += 1;
            }
            Op::Compare { read, with, limit } => {
                let reading = program.reads.get(usize::from(read)).map_or(f64::NAN, |read| value(*read, view));
                stack[top & MASK] = with.apply(reading, limit);
                top += 1;
            }
            Op::Unary(op) => {
                let place = top.wrapping_sub(1) & MASK;
                stack[place] = op.apply(stack[place]);
            }
            Op::Binary(op) => {
                top = top.wrapping_sub(1);
                let place = top.wrapping_sub(1) & MASK;
                stack[place] = op.apply(stack[place], stack[top & MASK]);
            }
            Op::Choose => {
                top = top.wrapping_sub(2);
                let place = top.wrapping_sub(1) & MASK;
                stack[place] = choose(stack[place], stack[top & MASK], stack[(top + 1) & MASK]);
            }
            Op::SkipIfFalse(target) => {
                if stack[top.wrapping_sub(1) & MASK] == 0.0 {
                    at = usize::from(target);
                }
            }
            Op::SkipIfTrue(target) => {
                if stack[top.wrapping_sub(1) & MASK] == 1.0 {
                    at = usize::from(target);
                }
            }
            Op::Remember(index) => {
                let Some(memory) = program.memories.get(usize::from(index)) else { return f64::NAN };
                top = top.wrapping_sub(memory.parts() - 1);
                let place = top.wrapping_sub(1) & MASK;
                stack[place] = memory.apply([stack[place], stack[top & MASK]], view, cells);
            }
        }
    }
    stack[0]
}
