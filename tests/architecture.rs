//! The direction of imports, and what the core may know of the world.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use engine::crm::line_state::LineState;
use engine::crm::order_state::OrderState;
use rules::case::{NoticeStage, Verdict};
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

fn engine_code() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    engine_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("engine/src"), &mut sources);
    sources
}

/// What the dealer's side may not know: it gets values and gives values.
#[test]
fn the_dealers_side_is_pure() {
    for (name, code) in engine_code().iter().filter(|(name, _)| name.starts_with("crm/")) {
        for worldly in ["sqlx", "axum", "tokio", "Utc::now", "crate::clock", "SystemTime", "crate::store"] {
            assert!(!code.contains(worldly), "{name} names {worldly}");
        }
    }
}

/// Whether a function's text holds a statement that writes.
fn has_writing_sql(body: &str) -> bool {
    let begins = |at: usize| body[..at].trim_end_matches([' ', '\n']).ends_with(['"', '(', '#']);
    let verbs = ["insert into ", "update ", "delete from "];
    verbs.iter().any(|verb| body.match_indices(verb).any(|(at, _)| begins(at)))
}

/// Functions of the store that write, themselves or by a private one of their file; by file and name.
fn writers(sources: &[(String, String)]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (file, code) in sources {
        let Some(stem) = file.strip_prefix("store/").and_then(|file| file.strip_suffix(".rs")) else { continue };
        let marked = code.replace("\npub async fn ", "\nasync fn pub ");
        let name = |text: &str| text.split(['(', '<']).next().unwrap_or_default().to_owned();
        let (public, private): (Vec<&str>, Vec<&str>) =
            marked.split("\nasync fn ").skip(1).partition(|part| part.starts_with("pub "));
        let helpers: Vec<String> = private.into_iter().filter(|body| has_writing_sql(body)).map(name).collect();
        for body in public {
            let body = body.trim_start_matches("pub ");
            if has_writing_sql(body) || helpers.iter().any(|helper| body.contains(&format!("{helper}("))) {
                found.push((stem.to_owned(), name(body)));
            }
        }
    }
    found
}

/// Whether a file calls a function of the store: by its module, by another name of it, or bare.
fn calls(code: &str, stem: &str, name: &str) -> bool {
    let rename = format!("{stem} as ");
    let renamed = code.match_indices(&rename).map(|(at, found)| {
        code[at + found.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    });
    let modules = std::iter::once(stem.to_owned()).chain(renamed);
    // An act of the same name takes the act that is being carried out.
    let by_module = modules.into_iter().any(|module| {
        let call = format!("{module}::{name}(");
        code.match_indices(&call).any(|(at, _)| !code[at + call.len()..].starts_with("&mut acting"))
    });
    let bare = code.lines().filter(|line| line.starts_with(&format!("use crate::store::{stem}::")));
    by_module || bare.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_')).any(|word| word == name)
}

/// Pages and commands parse, call an act and say what came of it: what they do goes through `engine/src/act`.
#[test]
fn doors_write_nothing() {
    let sources = engine_code();
    let writers = writers(&sources);
    for known in ["move_on", "judge", "answer", "mark_read", "reveal", "command", "start_session"] {
        assert!(writers.iter().any(|(_, name)| name == known), "`{known}` is not seen to write: {writers:?}");
    }
    for (name, code) in sources.iter().filter(|(name, _)| name.starts_with("http/") || name.starts_with("command/")) {
        // A replay runs in a database that it makes, and drops when it ends.
        assert!(name == "command/replay.rs" || !has_writing_sql(code), "{name} holds a statement that writes");
        for (stem, writer) in &writers {
            assert!(!calls(code, stem, writer), "{name} writes by store::{stem}::{writer}: give it an act");
        }
    }
}

/// The text literals of a file; enough for queries.
fn literals(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find('"') {
        let raw = rest[..at].ends_with("r#");
        let inside = &rest[at + 1..];
        let end = if raw { inside.find("\"#") } else { inside.replace("\\\"", "__").find('"') };
        let Some(end) = end else { break };
        found.push(&inside[..end]);
        rest = &inside[end + 1..];
    }
    found
}

/// Words of closed sets come from their enums as parameters: a list in a query is one that nobody finds when a state is
/// added. A case's own `status` is not one of them.
#[test]
fn queries_hold_no_closed_words() {
    let order: Vec<&str> = OrderState::ALL.map(OrderState::word).to_vec();
    let line: Vec<&str> = [LineState::ALL.map(LineState::word).as_slice(), &Verdict::ALL.map(Verdict::word)].concat();
    let stage: Vec<&str> = NoticeStage::ALL.map(NoticeStage::word).to_vec();
    let mut looked_at = 0;
    for (name, code) in engine_code().iter().filter(|(name, _)| name.starts_with("store/")) {
        for query in literals(code) {
            for (table, words) in [("work_order", &order), ("work_order_line", &line), ("notification", &stage)] {
                if !query.contains(table) || !query.contains(['=', '(']) {
                    continue;
                }
                looked_at += 1;
                for word in words {
                    let quoted = format!("'{word}'");
                    let is_state = |(at, _): (usize, &str)| {
                        let before = query[..at].trim_end_matches([' ', '=', '<', '>']);
                        !before.ends_with("status")
                    };
                    assert!(
                        !query.match_indices(&quoted).any(is_state),
                        "{name}: {quoted} stands in a query of {table}"
                    );
                }
            }
        }
    }
    assert!(looked_at > 30, "{looked_at}");
}
