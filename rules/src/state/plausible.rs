//! Whether a reading can be true: what physics lets a signal do in the time since it was last believed.
//!
//! A reading that it cannot have reached waits for two more that agree with it, as in the median of five (DOMAIN 5.0):
//! one false reading in a hundred makes two in a row somewhere every day. Where nothing fresh speaks against a reading,
//! one more is enough. What waits is bounded: two readings of a signal.

use crate::entry::signal::Signal;
use crate::observed::last::Last;
use crate::observed::suspect::{Former, Suspect};
use crate::state::Vehicle;
use crate::unit::{Span, Time};
use crate::vehicle::{Reason, Slot};

/// After a silence this long, and longer than the signal's `max_gap`, its old value says nothing about a new one.
const SILENCE: Span = Span::from_mins(10);

/// A reading before it is believed, and what it is held against.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub slot: Slot,
    pub signal: &'a Signal,
    /// The last value that was believed.
    pub last: Last,
    /// In the unit of the signal.
    pub value: f64,
    pub at: Time,
}

impl Claim<'_> {
    /// As one that waits for witnesses.
    const fn suspect(&self) -> Suspect {
        Suspect::new(self.slot, self.value, self.at)
    }
}

/// What is thought of a reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judged {
    /// It fits what was known, and nothing waited.
    Believed,
    /// It fits what was known, and the reading that waited did not.
    Refuted,
    /// It bears out the readings that waited, which were true as well.
    Confirmed(Suspect),
    /// It waits itself. `refutes`: what waited before does not any more.
    Waits { reason: Reason, refutes: bool },
}

/// Judges a reading against the last one that was believed and against what waits; a refused one waits from now on.
pub fn judge(vehicle: &mut Vehicle, claim: &Claim<'_>) -> Judged {
    let Claim { slot, signal, last, value, .. } = *claim;
    let Some(jump) = signal.jump() else { return Judged::Believed };
    let is_close = (value - last.value).abs() <= jump / 2.0;
    if is_close && vehicle.suspects.is_empty() && vehicle.former.is_empty() {
        return Judged::Believed;
    }
    let former = vehicle.former.iter().position(|former| former.slot == slot);
    let former = former.map(|place| vehicle.former.remove(place));
    let judged = weigh(vehicle, claim, former);
    let before = match judged {
        Judged::Believed | Judged::Refuted if last.at == Time::NEVER || is_close || signal.is_quick() => None,
        Judged::Believed | Judged::Refuted => Some(Former { slot, last }),
        Judged::Confirmed(_) => None,
        Judged::Waits { .. } => former,
    };
    if let Some(before) = before {
        vehicle.former.push(before);
    }
    judged
}

fn weigh(vehicle: &mut Vehicle, claim: &Claim<'_>, former: Option<Former>) -> Judged {
    let Claim { slot, signal, last, value, at } = *claim;
    let held = vehicle.suspects.iter().position(|suspect| suspect.slot == slot);
    let held = held.map(|place| vehicle.suspects.swap_remove(place));
    if let Some(held) = held.filter(|held| held.at == at) {
        // The same instant told again is no second witness.
        vehicle.suspects.push(held);
        let reason = if value == held.value { Reason::Suspect } else { Reason::SameTimeOtherContent };
        return Judged::Waits { reason, refutes: false };
    }
    // Back from a false reading that was just within reach, or the true ones would be measured against it.
    let returns = former.is_some_and(|former| witnesses(&Claim { last: former.last, ..*claim }) == 0);
    let needed = if returns { 0 } else { witnesses(claim) };
    let Some(held) = held else {
        return if needed == 0 { Judged::Believed } else { wait(vehicle, needed, false, claim.suspect()) };
    };
    if !agrees(claim, held) {
        return if needed == 0 { Judged::Refuted } else { wait(vehicle, needed, true, claim.suspect()) };
    }
    // The last word before a silence is what the first one after it is compared with.
    let needed = if is_silent(signal, at.since(held.at)) { needed.min(1) } else { needed };
    match needed {
        0 if !is_nearer(held, last, value) => Judged::Refuted,
        _ if held.agreeing + 1 >= needed => Judged::Confirmed(held),
        _ => {
            let agreeing = held.agreeing + 1;
            wait(vehicle, needed, false, Suspect { agreeing, before: held.last(), ..claim.suspect() })
        }
    }
}

fn wait(vehicle: &mut Vehicle, needed: u8, refutes: bool, suspect: Suspect) -> Judged {
    vehicle.suspects.push(suspect);
    let reason = if needed == 1 { Reason::Unwitnessed } else { Reason::Suspect };
    Judged::Waits { reason, refutes }
}

/// How many more readings must agree with one before it is believed.
fn witnesses(claim: &Claim<'_>) -> u8 {
    let Claim { signal, last, value, at, .. } = *claim;
    let change = (value - last.value).abs();
    if signal.jump().is_none_or(|jump| change <= jump) {
        return 0;
    }
    if last.at == Time::NEVER {
        // Not believed alone, or the true ones after a false one would be measured against it.
        return 1;
    }
    let gap = at.since(last.at);
    if !is_silent(signal, gap) && change > signal.reach(gap) {
        return 2;
    }
    // What can be anywhere within a minute is borne out by no second reading.
    u8::from(gap > signal.max_gap && signal.max_jump.is_some() && !signal.is_quick())
}

fn is_silent(signal: &Signal, gap: Span) -> bool {
    gap > signal.max_gap.max(SILENCE)
}

/// Whether the next reading bears out one that waits: the signal can have come from there, or moves on the same way, as a
/// cell does that heats by 20 K from reading to reading.
fn agrees(claim: &Claim<'_>, held: Suspect) -> bool {
    let Claim { signal, last, value, at, .. } = *claim;
    let gap = at.since(held.at);
    if (value - held.value).abs() <= signal.reach(gap) || is_silent(signal, gap) && signal.is_quick() {
        return true;
    }
    let alone = last.at == Time::NEVER || at.since(last.at) > signal.max_gap;
    !alone && (held.value > last.value) == (value > held.value)
}

/// Whether a value that the signal can have reached from either is nearer to the one that waits.
fn is_nearer(held: Suspect, last: Last, value: f64) -> bool {
    (value - held.value).abs() < (value - last.value).abs()
}
