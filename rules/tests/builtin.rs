//! The shipped catalogue compiles as a whole.

use std::sync::Arc;

use rules::catalogue::Catalogue;
use rules::rule_set::RuleSet;

#[test]
fn every_shipped_rule_compiles() {
    let catalogue = Catalogue::builtin().unwrap_or_else(|error| panic!("{error}"));
    let count = catalogue.rules.len();
    let set = RuleSet::compile(Arc::new(catalogue), [0; 32])
        .unwrap_or_else(|errors| panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")));
    assert!(count >= 12 && set.rules.len() >= count, "{count} rules");
    eprintln!("{count} rules, {} instances, {} cells, {} slots", set.rules.len(), set.cell_count(), set.slot_count());
}
