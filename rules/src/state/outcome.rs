//! The evidence of a rule over samples, trips or days.

use crate::entry::rule::{Evidence, Per};
use crate::language::expr::Tri;
use crate::state::watches::Watch;
use crate::unit::Time;

/// Takes a verdict into the evidence of a rule; one that is unknown is none.
pub(crate) fn take_outcome(watch: &mut Watch, evidence: Evidence, held: Tri, trip: u32, now: Time) -> Tri {
    if held == Tri::Unknown {
        return Tri::Unknown;
    }
    let period = match evidence.per {
        Per::Sample => i32::MAX,
        Per::Trip => trip as i32,
        Per::Day => now.day(),
    };
    if watch.period != period || evidence.per == Per::Sample {
        watch.outcomes <<= 1;
        watch.judged <<= 1;
        watch.period = period;
    }
    let window = u32::MAX >> (32 - u32::from(evidence.of.clamp(1, 32)));
    // The last word of a period is its outcome.
    watch.outcomes = ((watch.outcomes & !1) | u32::from(held == Tri::True)) & window;
    watch.judged = (watch.judged | 1) & window;
    let enough = watch.outcomes.count_ones() >= u32::from(evidence.n);
    let none = watch.outcomes == 0 && watch.judged == window;
    if enough {
        return Tri::True;
    }
    // An open finding ends only with a full window in which nothing was true.
    if watch.open_at().is_some() && !none { Tri::Unknown } else { Tri::False }
}
