//! The standing proof of safety: complete for what the product ships. How it is tried by attacks, through real
//! admission, stands in the engine's tests.

use std::collections::BTreeSet;

use rules::author::safety::courses;
use rules::catalogue::Catalogue;
use rules::entry::rule::Mode;
use rules::unit::Severity;
use rules::vehicle::Powertrain;

#[test]
fn every_rule_that_stops_a_car_has_a_course_for_every_powertrain_of_its_scope() {
    let catalogue = Catalogue::builtin().unwrap();
    let urgent = catalogue.rules.iter().filter(|rule| {
        rule.mode == Mode::Live && (rule.severity == Some(Severity::S1) || rule.key == "fault_code.stop_now")
    });
    let mut count = 0;
    for rule in urgent {
        count += 1;
        let every = vec![Powertrain::Ice, Powertrain::Hev, Powertrain::Bev];
        let wanted = if rule.scope.powertrain.is_empty() { every } else { rule.scope.powertrain.clone() };
        let driven: BTreeSet<Powertrain> = courses()
            .iter()
            .filter(|course| course.rule == rule.key)
            .flat_map(|course| if course.powertrain.is_empty() { wanted.clone() } else { course.powertrain.clone() })
            .collect();
        assert_eq!(driven, wanted.into_iter().collect(), "{}", rule.key);
    }
    assert!(count >= 18, "{count} rules");
    for course in courses() {
        assert!(catalogue.rules.iter().any(|rule| rule.key == course.rule), "{}: no such rule", course.rule);
    }
}
