//! The direction of imports, and what the core may know of the world.

use std::collections::BTreeSet;
use std::path::Path;
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

/// Files that may take a connection by other means than `begin_as`, and why. None of them asks for a second one.
const TAKE_CONNECTIONS: [(&str, &str); 5] = [
    ("store/session.rs", "opens every other transaction, and guards it"),
    ("store/partition.rs", "single statements of the schema's owner"),
    ("store/rollup.rs", "one transaction of the schema's owner"),
    ("store/tier.rs", "one transaction of the schema's owner, at the start"),
    ("store/pool.rs", "looks at the migrations"),
];

/// Files of the engine without their tests, by path below `engine/src`.
fn engine_sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            engine_sources(&path, found);
            continue;
        }
        let name = path.to_str().unwrap().rsplit_once("engine/src/").unwrap().1.to_owned();
        let is_test = ["tests.rs", "fixture.rs"].iter().any(|end| name.ends_with(end));
        if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            found.push((name, code));
        }
    }
}

/// The guard against holding one connection while asking for another sits in `begin_as`: there must be no way around.
#[test]
fn connections_are_taken_in_one_place() {
    let mut sources = Vec::new();
    engine_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("engine/src"), &mut sources);
    assert!(sources.len() > 150, "{}", sources.len());
    let ways = ["pool.begin()", "pool.acquire()"];
    let pools = ["(pool)", "(&pool)", "(&self.pool)", "(&state.pool)"];
    let mut used = BTreeSet::new();
    for (name, code) in &sources {
        let directly = ways.iter().any(|way| code.contains(way))
            || ["fetch_one", "fetch_all", "fetch_optional", "execute"]
                .iter()
                .any(|call| pools.iter().any(|pool| code.contains(&format!(".{call}{pool}"))));
        // The doctor looks at a set-up on a pool of its own, one look after the other.
        if directly && !name.starts_with("command/doctor/") {
            let known = TAKE_CONNECTIONS.iter().find(|(file, _)| file == name);
            used.insert(known.unwrap_or_else(|| panic!("{name} takes a connection beside `begin_as`")).0);
        }
        let holds_in_a_head = code.lines().map(str::trim_start).any(|line| {
            let is_head = ["for ", "match ", "if let ", "while let "].iter().any(|head| line.starts_with(head));
            is_head && line.contains("begin_as(")
        });
        assert!(!holds_in_a_head, "{name}: what a head opens stays open in its body; open it in a line of its own");
    }
    assert_eq!(used.len(), TAKE_CONNECTIONS.len(), "a file of the list takes none any more: {used:?}");
}
