//! A compiled expression: a flat program for the machine, and what the engine must know to run it.

use std::sync::Arc;

use super::memory::{Asks, Memory, Sequence};
use super::probe::{Probe, Read};
use super::tree::{Binary, Kind, Node, Unary};
use crate::vehicle::Slot;

/// Most intermediate values at once.
pub(super) const STACK: usize = 32;
/// As many as nearly every rule needs.
pub(super) const SHALLOW: usize = 4;

/// One instruction of the stack machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    Const(f64),
    Probe(Probe),
    /// The most frequent triple: a signal against a limit, joined with what was before.
    Test(Test),
    Unary(Unary),
    Binary(Binary),
    Choose,
    /// Go on at this instruction, and keep the value, if it is false.
    SkipIfFalse(u16),
    /// Go on at this instruction, and keep the value, if it is true.
    SkipIfTrue(u16),
    /// Index into `Program::memories`.
    Remember(u16),
}

/// Whether the value of a signal lies between two limits, both included, or outside.
///
/// Every comparison with a constant is one of these, as a float has a neighbour: one instruction
/// without branches instead of six with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Test {
    pub read: Read,
    pub low: f64,
    pub high: f64,
    pub outside: bool,
    pub join: Join,
}

/// What becomes of the outcome of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    Push,
    And,
    Or,
}

impl Test {
    /// `None` where a comparison is none of these: with NaN, or at the ends of what floats can tell apart.
    fn new(read: Read, op: Binary, limit: f64) -> Option<Self> {
        let (low, high, outside) = match op {
            Binary::Less => (f64::NEG_INFINITY, limit.next_down(), false),
            Binary::LessEqual => (f64::NEG_INFINITY, limit, false),
            Binary::Greater => (limit.next_up(), f64::INFINITY, false),
            Binary::GreaterEqual => (limit, f64::INFINITY, false),
            Binary::Equal => (limit, limit, false),
            Binary::NotEqual => (limit, limit, true),
            _ => return None,
        };
        limit.is_finite().then_some(Self { read, low, high, outside, join: Join::Push })
    }

    /// 1 or 0; NaN for unknown.
    #[inline]
    #[expect(clippy::needless_bitwise_bool, reason = "a branch here is taken at random, and mispredicted")]
    pub fn judge(&self, value: f64) -> f64 {
        let holds = ((value >= self.low) & (value <= self.high)) ^ self.outside;
        // NaN lies nowhere, and must come out as itself.
        if value.is_nan() { value } else { f64::from(u8::from(holds)) }
    }
}

/// A compiled expression. Cheap to clone; holds no state of any vehicle.
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) ops: Arc<[Op]>,
    /// What its probes point into.
    pub(super) reads: Arc<[Read]>,
    pub(super) memories: Arc<[Memory]>,
    /// Most intermediate values at once.
    depth: usize,
    cells: usize,
    pub(super) cold: Arc<Cold>,
}

/// What running does not need.
#[derive(Debug)]
pub(super) struct Cold {
    pub tree: Node,
    /// The source text of every node, by the order of [`Node::walk`].
    pub texts: Vec<String>,
    pub source: String,
    slots: Vec<Slot>,
    evidence: Vec<Slot>,
    touches: Touches,
    /// Everything in it that time alone can change.
    pub alarms: Vec<Alarm>,
}

/// A part of an expression that time alone can change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Alarm {
    Probe(Probe),
    Sequence(Sequence),
}

#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked by name")]
struct Touches {
    code: bool,
    faults: bool,
    service: bool,
    absence: bool,
    silence: bool,
}

impl Program {
    #[inline]
    pub(super) const fn is_shallow(&self) -> bool {
        self.depth <= SHALLOW
    }

    /// The slots it reads, in order, each once. A step that touches none of them, and nothing else
    /// that it reads, need not run it.
    pub fn slots(&self) -> &[Slot] {
        &self.cold.slots
    }

    /// The slots whose values it judges, in the order of the text; silence alone is no value.
    pub fn evidence_slots(&self) -> &[Slot] {
        &self.cold.evidence
    }

    /// Whether it asks for values of a slot above something, or below: by the first comparison with it.
    pub fn asks_above(&self, slot: Slot) -> Option<bool> {
        let reads = |node: &Node| match node.kind {
            Kind::Probe(Probe::Value { read }) => {
                self.reads.get(usize::from(read)).is_some_and(|read| read.slot == slot)
            }
            _ => false,
        };
        let mut found = None;
        self.cold.tree.walk(&mut |node| {
            let Kind::Binary(op, both) = &node.kind else { return };
            let op = match (reads(&both[0]), reads(&both[1])) {
                (true, false) => *op,
                (false, true) => op.mirrored(),
                _ => return,
            };
            found = found.or(match op {
                Binary::Greater | Binary::GreaterEqual => Some(true),
                Binary::Less | Binary::LessEqual => Some(false),
                _ => None,
            });
        });
        found
    }

    /// Whether it looks at all fault codes of the vehicle.
    pub fn reads_faults(&self) -> bool {
        self.cold.touches.faults
    }

    /// Whether it looks at the one fault code it is asked about.
    pub fn reads_code(&self) -> bool {
        self.cold.touches.code
    }

    /// Whether it looks at the service plan.
    pub fn reads_service(&self) -> bool {
        self.cold.touches.service
    }

    /// Whether silence can make it true: it has `stale`, `silent` or `not_followed_by` in it.
    pub fn absence(&self) -> bool {
        self.cold.touches.absence
    }

    /// Whether time alone can change it, by silence or by the calendar of the service plan: it needs
    /// a Timer at [`super::next_change`].
    pub fn needs_timer(&self) -> bool {
        self.absence() || self.reads_service()
    }

    /// Whether every step touches it, because it asks how long the vehicle was silent.
    pub fn every_step(&self) -> bool {
        self.cold.touches.silence
    }

    /// How many state cells [`super::run`] needs.
    #[inline]
    pub const fn cells(&self) -> usize {
        self.cells
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.cold.source
    }
}

/// Lays a checked tree out as instructions; `None` if it needs too many intermediate values.
pub(super) fn emit(tree: Node, texts: Vec<String>, reads: Vec<Read>, cells: u16, source: &str) -> Option<Program> {
    let mut emitter = Emitter { reads: &reads, ops: Vec::new(), memories: Vec::new(), depth: 0, deepest: 0 };
    emitter.node(&tree)?;
    let Emitter { ops, memories, deepest, .. } = emitter;
    let (slots, evidence, touches) = inventory(&tree, &reads);
    let alarms = alarms(&tree);
    let cold = Cold { tree, texts, source: source.to_owned(), slots, evidence, touches, alarms };
    Some(Program {
        ops: ops.into(),
        reads: reads.into(),
        memories: memories.into(),
        depth: deepest,
        cells: cells.into(),
        cold: Arc::new(cold),
    })
}

struct Emitter<'a> {
    reads: &'a [Read],
    ops: Vec<Op>,
    memories: Vec<Memory>,
    depth: usize,
    deepest: usize,
}

impl Emitter<'_> {
    fn node(&mut self, node: &Node) -> Option<()> {
        match &node.kind {
            Kind::Const(value) => self.push(Op::Const(*value)),
            Kind::Probe(probe) => self.push(Op::Probe(*probe)),
            Kind::Unary(op, of) => {
                self.node(of)?;
                self.ops.push(Op::Unary(*op));
                Some(())
            }
            Kind::Remember(memory, of) => {
                for part in of {
                    self.node(part)?;
                }
                self.depth -= memory.parts() - 1;
                self.ops.push(Op::Remember(self.memories.len() as u16));
                self.memories.push(*memory);
                Some(())
            }
            Kind::Binary(op, both) => self.binary(*op, both),
            Kind::Choose(three) => {
                for part in three.iter() {
                    self.node(part)?;
                }
                self.depth -= 2;
                self.ops.push(Op::Choose);
                Some(())
            }
            Kind::Text(_) => None,
        }
    }

    fn binary(&mut self, op: Binary, [left, right]: &[Node; 2]) -> Option<()> {
        if let Some(test) = self.test(op, left, right) {
            return self.push(Op::Test(test));
        }
        self.node(left)?;
        if let (Some(join), Kind::Binary(op, both)) = (join_of(op), &right.kind)
            && let Some(test) = self.test(*op, &both[0], &both[1])
        {
            self.ops.push(Op::Test(Test { join, ..test }));
            return Some(());
        }
        let is_logic = matches!(op, Binary::And | Binary::Or);
        // State must see every step, and skipping a single instruction costs more than running it.
        let skip = is_logic && !right.keeps_state() && !right.children().is_empty();
        let jump = self.ops.len();
        if skip {
            self.ops.push(Op::Choose);
        }
        self.node(right)?;
        self.ops.push(Op::Binary(op));
        self.depth -= 1;
        let target = u16::try_from(self.ops.len()).ok()?;
        if let Some(place) = self.ops.get_mut(jump).filter(|_| skip) {
            *place = if op == Binary::And { Op::SkipIfFalse(target) } else { Op::SkipIfTrue(target) };
        }
        Some(())
    }

    fn test(&self, op: Binary, left: &Node, right: &Node) -> Option<Test> {
        let (read, op, limit) = match (&left.kind, &right.kind) {
            (Kind::Probe(Probe::Value { read }), Kind::Const(limit)) => (*read, op, *limit),
            (Kind::Const(limit), Kind::Probe(Probe::Value { read })) => (*read, op.mirrored(), *limit),
            _ => return None,
        };
        self.reads.get(usize::from(read)).and_then(|read| Test::new(*read, op, limit))
    }

    fn push(&mut self, op: Op) -> Option<()> {
        self.ops.push(op);
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        (self.depth <= STACK).then_some(())
    }
}

fn join_of(op: Binary) -> Option<Join> {
    match op {
        Binary::And => Some(Join::And),
        Binary::Or => Some(Join::Or),
        _ => None,
    }
}

fn alarms(tree: &Node) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    tree.walk(&mut |node| match node.kind {
        Kind::Remember(Memory::Sequence(sequence), _) if sequence.asks == Asks::NotFollowed => {
            alarms.push(Alarm::Sequence(sequence));
        }
        Kind::Probe(
            probe @ (Probe::Stale { .. }
            | Probe::Silent { .. }
            | Probe::Service { .. }
            | Probe::ServiceProbability { .. }),
        ) => alarms.push(Alarm::Probe(probe)),
        _ => {}
    });
    alarms
}

fn inventory(tree: &Node, reads: &[Read]) -> (Vec<Slot>, Vec<Slot>, Touches) {
    let (mut slots, mut evidence, mut touches) = (Vec::new(), Vec::new(), Touches::default());
    let slot_of = |read: u16| reads.get(usize::from(read)).map(|read| read.slot);
    tree.walk(&mut |node| {
        if let Kind::Remember(Memory::Sequence(Sequence { asks: Asks::NotFollowed, .. }), _) = node.kind {
            touches.absence = true;
        }
        let Kind::Probe(probe) = node.kind else { return };
        match probe {
            Probe::Value { read } | Probe::Window { read, .. } => {
                slots.extend(slot_of(read));
                evidence.extend(slot_of(read).filter(|slot| !evidence.contains(slot)));
            }
            Probe::Known { read } | Probe::Age { read } | Probe::Cohort { read, .. } => slots.extend(slot_of(read)),
            Probe::Stale { read, .. } => {
                slots.extend(slot_of(read));
                touches.absence = true;
            }
            Probe::Silent { .. } => {
                touches.absence = true;
                touches.silence = true;
            }
            Probe::Fault { .. } | Probe::FaultCount { .. } | Probe::FaultTrips { .. } => touches.faults = true,
            Probe::Code(_) => touches.code = true,
            Probe::Service { .. } | Probe::ServiceProbability { .. } => touches.service = true,
        }
    });
    slots.sort_unstable();
    slots.dedup();
    (slots, evidence, touches)
}
