//! The direction of imports, and what the core may know of the world.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// From left to right: each may import what stands before it.
const CRATES: [&str; 4] = ["rules", "ingest", "simulator", "engine"];
/// What would let the world into the core.
const WORLDLY: [&str; 9] = ["tokio", "sqlx", "rumqttc", "rumqttd", "prometheus", "tracing", "rand", "reqwest", "axum"];

/// Direct dependencies of a crate, without those of its tests.
fn dependencies(name: &str) -> BTreeSet<String> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == name).unwrap();
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    dependencies
        .filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn imports_point_one_way() {
    for (place, name) in CRATES.iter().enumerate() {
        let dependencies = dependencies(name);
        for later in &CRATES[place..] {
            assert!(!dependencies.contains(*later), "{name} imports {later}");
        }
    }
}

#[test]
fn the_core_knows_nothing_of_the_world() {
    let dependencies = dependencies("rules");
    for worldly in WORLDLY {
        assert!(!dependencies.contains(worldly), "rules imports {worldly}");
    }
}
