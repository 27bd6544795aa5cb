//! What must be true of every expression.

use proptest::prelude::*;

use super::*;
use crate::language::expr::compile::build;

const LEVEL: &str = "Feature.Level";
const MOVING: &str = "Vehicle.IsMoving";

/// Numbers without a unit.
fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => Just(LEVEL.to_owned()),
        2 => (-100_i32..=100).prop_map(|n| n.to_string()),
        1 => (-10.0_f64..10.0).prop_map(|n| format!("{n:.3}")),
        1 => Just("age(Vehicle.IsMoving) / to(1, \"s\")".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (two.clone(), prop::sample::select(&["+", "-", "*", "/", "%"][..]))
                .prop_map(|((a, b), op)| format!("({a} {op} {b})")),
            (two, prop::sample::select(&["min", "max"][..])).prop_map(|((a, b), f)| format!("{f}({a}, {b})")),
            (inner.clone(), prop::sample::select(&["abs", "floor"][..])).prop_map(|(a, f)| format!("{f}({a})")),
            inner.prop_map(|a| format!("(-({a}))")),
        ]
    })
}

/// Conditions over three signals, with every operator and stateful function.
fn condition() -> impl Strategy<Value = String> {
    let compared = (number(), number(), prop::sample::select(&["<", "<=", ">", ">=", "==", "!="][..]));
    let leaf = prop_oneof![
        4 => compared.prop_map(|(a, b, op)| format!("{a} {op} {b}")),
        2 => Just(MOVING.to_owned()),
        1 => prop::bool::ANY.prop_map(|truth| truth.to_string()),
        1 => Just("Vehicle.LowVoltageSystemState in ['ON', 'OFF']".to_owned()),
        1 => (1_u32..40).prop_map(|s| format!("stale(Feature.Level, '{s}s')")),
        1 => (1_u32..40).prop_map(|s| format!("silent('{s}s')")),
        1 => Just("has(Feature.Level)".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), 1_u32..40).prop_map(|(a, s)| format!("held({a}, '{s}s')")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
}

/// What is measured at one step.
#[derive(Clone, Debug)]
struct Moment {
    seconds: i64,
    level: Option<f64>,
    moving: Option<bool>,
    state: Option<u8>,
}

fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let level = prop::option::of(prop_oneof![-100.0_f64..100.0, Just(0.0), Just(1.0)]);
    let one = (0_i64..15, level, prop::option::of(any::<bool>()), prop::option::of(0_u8..4));
    prop::collection::vec(
        one.prop_map(|(seconds, level, moving, state)| Moment { seconds, level, moving, state }),
        1..20,
    )
}

/// Runs a program over moments; the outcome at each, and what `trace` says of it.
fn outcomes(program: &Program, moments: &[Moment]) -> Vec<(Tri, Value)> {
    let mut car = Car::new();
    car.cells = vec![Cell::EMPTY; program.cells()];
    let mut now = 0;
    let step = |moment: &Moment| {
        now += moment.seconds;
        let mut readings = Vec::new();
        readings.extend(moment.level.map(|level| (LEVEL, level)));
        readings.extend(moment.moving.map(|moving| (MOVING, f64::from(u8::from(moving)))));
        readings.extend(moment.state.map(|state| (STATE, f64::from(state))));
        car.at(now, &readings);
        let outcome = car.run(program);
        let root = trace(program, &car.view(), &car.cells).swap_remove(0).value;
        (outcome, root)
    };
    moments.iter().map(step).collect()
}

fn with_all<T>(run: impl FnOnce(&Context<'_>) -> T) -> T {
    let (signals, items) = (signals(), items());
    run(&Context {
        signals: &signals,
        items: &items,
        windows: &RefCell::default(),
        cohorts: &RefCell::default(),
        by_code: true,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn no_text_can_make_it_panic(text in "\\PC{0,200}") {
        with_all(|context| { let _ = compile(&text, context); });
    }

    #[test]
    fn no_row_of_tokens_can_make_it_panic(tokens in prop::collection::vec(prop::sample::select(&[
        "(", ")", "[", "]", ",", ".", "?", ":", "!", "-", "+", "*", "/", "%", "<", ">=", "==", "&&", "||", " ", "in",
        "1", "2.5", "1e9", "99999999999999999999", "'10s'", "\"ON\"", "true", "null", "held", "has", "all", "map", "x",
        "fault", "service", "code", "Vehicle.Speed", "Vehicle.IsMoving", "due", ".5", "exists_one", "\n", "if",
        "Vehicle.LowVoltageSystemState", "min", "to", "'km'", "stale", "P0301", "'P*'", "optional", "1.", "size",
    ][..]), 0..30)) {
        with_all(|context| {
            let _ = compile(&tokens.concat(), context);
            let _ = compile(&tokens.join(" "), context);
        });
    }

    #[test]
    fn folding_skipping_and_tracing_agree(text in condition(), moments in moments()) {
        with_all(|context| {
            let Ok(program) = compile(&text, context) else { return Ok(()) };
            let plain = build(&text, None, context, |tree| tree).unwrap();
            let results = outcomes(&program, &moments);
            for ((folded, traced), (unfolded, _)) in results.iter().zip(outcomes(&plain, &moments)) {
                prop_assert_eq!(*folded, unfolded, "{}", text);
                prop_assert_eq!(&Value::Truth(*folded), traced, "{}", text);
            }
            Ok(())
        })?;
    }

    #[test]
    fn the_laws_of_logic_hold_whatever_is_missing(a in condition(), b in condition(), moments in moments()) {
        let same = |left: String, right: String| with_all(|context| {
            let (Ok(left), Ok(right)) = (compile(&left, context), compile(&right, context)) else { return Ok(()) };
            prop_assert_eq!(outcomes(&left, &moments), outcomes(&right, &moments));
            Ok(())
        });
        same(format!("!(({a}) && ({b}))"), format!("!({a}) || !({b})"))?;
        same(format!("({a}) && ({b})"), format!("({b}) && ({a})"))?;
        same(format!("({a}) || (({a}) && ({b}))"), format!("({a}) || (({b}) && ({a}))"))?;
        same(format!("!!({a})"), a)?;
    }

    #[test]
    fn held_does_not_depend_on_extra_steps_at_which_it_is_true(
        steps in prop::collection::vec((1_i64..=10, any::<bool>()), 2..20),
        extra in prop::collection::vec(0_i64..10, 20),
    ) {
        let program = compiled("held(Vehicle.IsMoving, '15s')");
        let (mut sparse, mut dense) = (Car::new(), Car::new());
        let (mut now, mut before) = (0, false);
        for ((seconds, moving), offset) in steps.into_iter().zip(extra) {
            // Between two true readings within `max_gap`, another true one says nothing new.
            if before && moving && offset > 0 && offset < seconds {
                dense.at(now + offset, &[(MOVING, 1.0)]).run(&program);
            }
            now += seconds;
            let reading = [(MOVING, f64::from(u8::from(moving)))];
            let (one, other) = (sparse.at(now, &reading).run(&program), dense.at(now, &reading).run(&program));
            prop_assert_eq!(one, other);
            before = moving;
        }
    }

    #[test]
    fn a_second_look_at_the_same_step_changes_nothing(text in condition(), moments in moments()) {
        with_all(|context| {
            let Ok(program) = compile(&text, context) else { return Ok(()) };
            let mut car = Car::new();
            car.cells = vec![Cell::EMPTY; program.cells()];
            let mut now = 0;
            for moment in &moments {
                now += moment.seconds;
                car.at(now, &[(LEVEL, moment.level.unwrap_or(1.0))]);
                let once = car.run(&program);
                let cells = car.cells.clone();
                prop_assert_eq!(car.run(&program), once);
                prop_assert_eq!(&car.cells, &cells);
            }
            Ok(())
        })?;
    }
}
