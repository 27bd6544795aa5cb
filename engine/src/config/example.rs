//! Keeps `deploy/premend.example.toml` true: it loads, shows the built-in values, and misses no key.

use toml::{Table, Value};

use super::Config;

const EXAMPLE: &str = include_str!("../../../deploy/premend.example.toml");
/// Keys without a built-in value, which `print` leaves out and the example must still mention.
const OPTIONAL: [&str; 9] = [
    "username",
    "password",
    "public_url",
    "default_dealer",
    "key_file",
    "retired",
    "overlay",
    "origin",
    "PREMEND_PERSON__KEY",
];

#[test]
fn the_example_shows_every_built_in_value() {
    let example: Config = toml::from_str(EXAMPLE).unwrap();
    assert_eq!(example.to_toml().unwrap(), Config::default().to_toml().unwrap());
    example.validate().unwrap();
}

#[test]
fn the_example_mentions_every_key() {
    let written: Table = toml::from_str(EXAMPLE).unwrap();
    let known: Table = toml::from_str(&Config::default().to_toml().unwrap()).unwrap();
    let mut missing = Vec::new();
    compare("", &known, &written, &mut missing);
    missing.extend(OPTIONAL.iter().filter(|key| !EXAMPLE.contains(*key)).map(ToString::to_string));
    assert!(missing.is_empty(), "not in deploy/premend.example.toml: {missing:?}");
}

fn compare(path: &str, known: &Table, written: &Table, missing: &mut Vec<String>) {
    for (key, value) in known {
        let here = format!("{path}{key}");
        match (value, written.get(key)) {
            (Value::Table(inner), Some(Value::Table(other))) => compare(&format!("{here}."), inner, other, missing),
            // An empty list is shown by a commented entry, which OPTIONAL checks.
            (Value::Array(list), _) if list.is_empty() => {}
            (_, Some(_)) => {}
            (_, None) => missing.push(here),
        }
    }
}
