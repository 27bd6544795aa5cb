//! The standing proof of safety: what keeps people safe still works under a set that somebody proposes.
//!
//! Nobody can agree to a set without it, neither one person nor two. Four parts, cheapest first:
//!
//! 1. `signals`: what S1 rules read is admitted and believed at least as widely as the product ships it
//! 2. `codes`: a fault code that is S1 in a situation stays S1 in it
//! 3. `examples`: every S1 and S2 rule does what its examples say; one that was changed brings its own
//! 4. `courses`: for every S1 rule of the product a recorded course, sent through admission, still gives the S1
//!    case and the stop-now notice in every language, for every model
//!
//! What is lost is named with the field that takes it away (`cause`).

mod cause;
mod codes;
mod courses;
mod examples;
mod signals;

use std::fmt;

use serde::{Deserialize, Serialize};

use cause::By;
pub use courses::{Course, courses};

use crate::author::rule_change::{RuleChange, differences};
use crate::catalogue::entries;
use crate::entry::signal::Signals;
use crate::rule_set::RuleSet;
use crate::unit::Severity;
use crate::vehicle::{Message, Profile, Sample};

/// Losses that are told; a set that loses more is told as many.
const MOST_LOSSES: usize = 12;

/// The way of a sample from the wire into the recipe, under the admission of the set that is judged.
pub trait Road {
    /// What is admitted of a sample that a vehicle sends in the words of the product's own signals.
    fn admit(&self, said: &Signals, profile: &Profile, sample: &Sample, seq: u64) -> Option<Message>;
}

/// Builds the road of a set.
pub type Roads<'a> = &'a dyn Fn(&RuleSet) -> Box<dyn Road>;

/// What was proved, as the console and the history say it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub examples: usize,
    pub courses: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<Loss>,
}

/// Something that keeps people safe and would not any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Loss {
    pub severity: Severity,
    pub rule: String,
    /// What it no longer does.
    pub lost: String,
    /// Which field of which entry takes it away.
    pub cause: String,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: {}", self.severity, self.rule, self.lost, self.cause)
    }
}

/// Proves a set against the product's own; what is lost is in the proof.
pub fn prove(shipped: &RuleSet, set: &RuleSet, roads: Roads<'_>) -> Proof {
    let changes = differences(&entries(shipped.catalogue.files()), &entries(set.catalogue.files()));
    let mut proof = Proof::default();
    if changes.is_empty() {
        return proof;
    }
    let mut losses = signals::losses(shipped, &changes);
    losses.extend(codes::losses(shipped, set));
    if losses.is_empty() {
        // The rest is run and not read; it names a cause by trying.
        let (count, mut lost) = courses::losses(shipped, set, &changes, roads);
        proof.courses = count;
        cause::name(&mut lost, By::Courses, shipped, set, &changes, roads);
        losses.extend(lost);
        let (count, mut lost) = examples::losses(shipped, set, None, roads);
        proof.examples = count;
        lost.sort();
        cause::name(&mut lost, By::Examples, shipped, set, &changes, roads);
        losses.extend(lost);
    }
    losses.sort();
    losses.dedup();
    losses.truncate(MOST_LOSSES);
    proof.losses = losses;
    proof
}

/// `range of signal Vehicle.Speed: [0, 500] -> [0, 110]`
fn field_of(change: &RuleChange, field: &str) -> String {
    let found = change.fields.iter().find(|one| one.field == field);
    let side = |value: Option<&String>| value.map_or("nothing", String::as_str).to_owned();
    let (before, after) =
        found.map_or_else(Default::default, |one| (side(one.before.as_ref()), side(one.after.as_ref())));
    format!("{field} of {} {}: {before} -> {after}", change.kind.word(), change.key)
}
