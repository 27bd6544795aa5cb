//! Every S1 and S2 rule of the product does what its examples say, sent through admission. A rule that a set has
//! changed is judged by its own examples instead: the product's would only say that it is another rule.

use super::{Loss, Roads};
use crate::author::example::{self, Straight};
use crate::entry::rule::{Expect, Mode, RuleSource};
use crate::rule_set::RuleSet;
use crate::unit::Severity;

/// How many examples of all grave rules, or of `only` one, were run, and what they lost.
pub fn losses(shipped: &RuleSet, set: &RuleSet, only: Option<&str>, roads: Roads<'_>) -> (usize, Vec<Loss>) {
    let road = roads(set);
    let (mut count, mut losses) = (0, Vec::new());
    for ours in shipped.catalogue.rules.iter().filter(|rule| only.is_none_or(|only| rule.key == only)) {
        let Some(severity) = gravity(shipped, ours) else { continue };
        let mut lost = |lost: String| {
            losses.push(Loss { severity, rule: ours.key.clone(), lost, cause: String::new() });
        };
        let Some(theirs) = set.catalogue.rules.iter().find(|rule| rule.key == ours.key) else {
            lost("is missing".to_owned());
            continue;
        };
        let changed = ours.means_other_than(theirs);
        if changed && severity == Severity::S2 && !is_grave_and_live(theirs) {
            lost("is no longer live and urgent".to_owned());
            continue;
        }
        let examples = if changed { &theirs.examples } else { &ours.examples };
        let said = if changed { set } else { shipped };
        if changed && !examples.iter().any(|one| one.expect == Expect::Fires) {
            lost("was changed and has no example that fires".to_owned());
            continue;
        }
        // What a fault code does not do any more because it does something worse is not lost.
        let by_code = ours.is_by_code();
        for one in examples.iter().filter(|one| !by_code || one.expect == Expect::Fires) {
            count += 1;
            match example::run_through(set, theirs, one, &said.catalogue.signals, &*road) {
                Ok((came, _)) if came == one.expect => {}
                Ok((_, Some(worst))) if by_code && worst < severity => {}
                Ok(_) if one.expect == Expect::Fires => lost(format!("no longer fires (example `{}`)", one.name)),
                Ok((came, _)) => lost(format!("{} in its example `{}`", words(came), one.name)),
                Err(error) => lost(format!("cannot run its example `{}`: {error}", one.name)),
            }
        }
    }
    (count, losses)
}

/// The severity of a rule of the product that concerns safety; one by fault code is as severe as what it fires on.
fn gravity(shipped: &RuleSet, rule: &RuleSource) -> Option<Severity> {
    let fires = rule.examples.iter().filter(|one| one.expect == Expect::Fires);
    let worst = |one| example::run_through(shipped, rule, one, &shipped.catalogue.signals, &Straight).ok()?.1;
    let severity = rule.severity.or_else(|| fires.filter_map(worst).min());
    severity.filter(|severity| rule.mode == Mode::Live && *severity <= Severity::S2)
}

const fn words(came: Expect) -> &'static str {
    match came {
        Expect::Fires => "fires and does not clear",
        Expect::Silent => "stays silent",
        Expect::Clears => "clears too soon",
    }
}

fn is_grave_and_live(rule: &RuleSource) -> bool {
    let grave = rule.severity.is_none_or(|severity| severity <= Severity::S2);
    grave && rule.mode == Mode::Live && rule.scope.tier.is_empty()
}
