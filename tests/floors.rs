//! The floors inside two crates: a folder imports only folders below it.
//!
//! `cargo test --workspace --test promises floors -- --nocapture` (or `deploy/setup/floors.sh`) prints the table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Places of `rules/src`, top first. `campaign` stands apart: nothing imports it, and it imports nothing.
const RULES: [&str; 16] = [
    "author",
    "stage",
    "state",
    "rule_set",
    "catalogue",
    "estimate",
    "language",
    "learned",
    "case",
    "observed",
    "entry",
    "compact",
    "vehicle",
    "unit",
    "campaign",
    "lib",
];

/// Places of `engine/src`, top first.
const ENGINE: [&str; 20] = [
    "main",
    "command",
    "app",
    "http",
    "job",
    "outbox",
    "connector",
    "act",
    "lane",
    "backtest",
    "rules_in_force",
    "history",
    "seed",
    "store",
    "crypto",
    "crm",
    "metrics",
    "clock",
    "config",
    "lib",
];

/// Imports of `rules` that go up, by file and place, and why they may. At most ten.
const UP_IN_RULES: &[(&str, &str, &str)] =
    &[("vehicle::reading", "entry", "a fault report carries its code, a value of four bytes that the table explains")];

/// Imports of `engine` that go up. At most six.
const UP_IN_ENGINE: &[(&str, &str, &str)] = &[];

/// One crate as its imports draw it.
struct House {
    /// Files by module path, such as `stage::recipe`; a folder's `mod.rs` by the folder's path.
    files: BTreeMap<String, String>,
    /// From one file to another.
    arrows: BTreeSet<(String, String)>,
}

impl House {
    /// Reads the crate below `src`; its tests are no part of it.
    fn read(src: &Path) -> Self {
        let mut paths = Vec::new();
        collect(src, &mut paths);
        let files: BTreeMap<String, String> = paths.iter().map(|path| (module(src, path), code(path))).collect();
        let mut house = Self { files, arrows: BTreeSet::new() };
        for (from, text) in &house.files {
            for path in imports(from, text) {
                if let Some(to) = house.home(&path).filter(|to| to != from) {
                    house.arrows.insert((from.clone(), to));
                }
            }
        }
        house
    }

    /// The file that defines what a path names: a folder's face hands names on.
    fn home(&self, path: &[String]) -> Option<String> {
        let longest = (1..=path.len()).rev().find(|count| self.files.contains_key(&path[..*count].join("::")))?;
        let module = path[..longest].join("::");
        let Some(name) = path.get(longest) else { return Some(module) };
        for (_, reexport) in uses(&self.files[&module]).into_iter().filter(|(public, _)| *public) {
            let [head, rest @ ..] = reexport.as_slice() else { continue };
            let is_named = reexport.last() == Some(name) || reexport.last().is_some_and(|last| last == "*");
            let child = if head == "self" { rest } else { reexport.as_slice() };
            let child_module = child.first().map(|first| format!("{module}::{first}"));
            if let Some(file) = child_module.filter(|file| is_named && self.files.contains_key(file)) {
                return Some(file);
            }
        }
        Some(module)
    }

    fn places(&self) -> BTreeSet<&str> {
        self.files.keys().map(|file| place(file)).collect()
    }

    /// Arrows between places, each once.
    fn between_places(&self) -> BTreeSet<(&str, &str)> {
        let all = self.arrows.iter().map(|(from, to)| (place(from), place(to)));
        all.filter(|(from, to)| from != to).collect()
    }

    /// Arrows of files to places above their own.
    fn upward(&self, floors: &[&str]) -> BTreeSet<(&str, &str)> {
        let floor = |of: &str| floors.iter().position(|known| *known == of);
        let goes_up = |(from, to): &(&str, &str)| floor(to) < floor(place(from)) && place(from) != *to;
        self.arrows.iter().map(|(from, to)| (from.as_str(), place(to))).filter(goes_up).collect()
    }

    /// Files that import each other in a loop, largest loop first; a folder's face counts as its folder does not.
    fn circles(&self) -> Vec<BTreeSet<&str>> {
        let mut reach: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for file in self.files.keys() {
            let mut seen = BTreeSet::new();
            let mut left = vec![file.as_str()];
            while let Some(at) = left.pop() {
                // A folder's face hands its files' names on; that ties nothing.
                let is_face = |to: &str| to.strip_prefix(at).is_some_and(|rest| rest.starts_with("::"));
                let next = self.arrows.iter().filter(|(from, _)| from == at).map(|(_, to)| to.as_str());
                let next = next.filter(|to| !is_face(to));
                left.extend(next.filter(|to| seen.insert(*to)));
            }
            reach.insert(file, seen);
        }
        let mut circles: BTreeSet<BTreeSet<&str>> = BTreeSet::new();
        for (file, seen) in &reach {
            let circle: BTreeSet<&str> = seen.iter().copied().filter(|to| reach[to].contains(file)).collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        let mut circles: Vec<_> = circles.into_iter().collect();
        circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
        circles
    }

    fn table(&self, floors: &[&str]) -> String {
        let circles = self.circles();
        let largest = circles.first().map_or(0, BTreeSet::len);
        format!(
            "{} places, {} arrows between them, {} imports upward, {} circles of files (the largest of {largest})",
            self.places().len(),
            self.between_places().len(),
            self.upward(floors).len(),
            circles.len(),
        )
    }
}

fn place(file: &str) -> &str {
    file.split("::").next().unwrap_or(file)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|stem| {
            ["tests", "fixture"].iter().any(|word| stem.to_str().is_some_and(|stem| stem.contains(word)))
        });
        if is_test {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn module(src: &Path, file: &Path) -> String {
    let path = file.strip_prefix(src).unwrap().with_extension("");
    let parts = path.iter().map(|part| part.to_str().unwrap()).filter(|part| *part != "mod");
    parts.collect::<Vec<_>>().join("::")
}

/// What a file holds besides its tests and comments.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let is_comment = |line: &&str| !line.trim_start().starts_with("//");
    before_tests.lines().filter(is_comment).collect::<Vec<_>>().join("\n").replace("#[cfg(test)]\nuse ", "// ")
}

/// Every path that a file names, from the root of its crate.
fn imports(from: &str, text: &str) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = uses(text).into_iter().filter_map(|(_, path)| absolute(from, path)).collect();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':') {
            continue;
        }
        let path = text[at..].split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').next().unwrap_or_default();
        let parts: Vec<String> = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        found.extend(absolute(from, parts));
    }
    found
}

/// `self` and `super` spelled out; `None` for what another crate has.
fn absolute(from: &str, path: Vec<String>) -> Option<Vec<String>> {
    let own: Vec<String> = from.split("::").map(str::to_owned).collect();
    match path.first().map(String::as_str) {
        Some("crate") => Some(path[1..].to_vec()),
        Some("self") => Some([own, path[1..].to_vec()].concat()),
        Some("super") => {
            let up = path.iter().take_while(|part| *part == "super").count();
            Some([own[..own.len().checked_sub(up)?].to_vec(), path[up..].to_vec()].concat())
        }
        _ => None,
    }
}

/// Leaves of every `use`, and whether it hands them on.
fn uses(text: &str) -> Vec<(bool, Vec<String>)> {
    let mut found = Vec::new();
    for statement in text.split(';') {
        let Some(at) = statement.rfind("use ") else { continue };
        let before = statement[..at].lines().last().unwrap_or_default().trim();
        let (tree, public) = (statement[at + 4..].trim(), before.starts_with("pub"));
        let is_use = before.is_empty() || before.starts_with("pub");
        if is_use && !tree.contains(['=', '(', '"']) {
            leaves(tree, &[], &mut |path| found.push((public, path)));
        }
    }
    found
}

fn leaves(tree: &str, above: &[String], take: &mut dyn FnMut(Vec<String>)) {
    let (head, group) = match tree.split_once('{') {
        Some((head, group)) => (head, group.trim_end().strip_suffix('}')),
        None => (tree, None),
    };
    let own = head.split(" as ").next().unwrap_or_default().split("::").map(str::trim).filter(|part| !part.is_empty());
    let path: Vec<String> = above.iter().cloned().chain(own.map(str::to_owned)).collect();
    let Some(group) = group else {
        take(
            path.into_iter()
                .enumerate()
                .filter(|(at, part)| *at == 0 || part != "self")
                .map(|(_, part)| part)
                .collect(),
        );
        return;
    };
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in group.char_indices().chain([(group.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !group[start..at].trim().is_empty() {
                    leaves(group[start..at].trim(), &path, take);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

fn source(name: &str) -> PathBuf {
    let root = std::env::var_os("PREMEND_FLOORS_OF").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    root.join(name).join("src")
}

fn stands(name: &str, floors: &[&str], allowed: &[(&str, &str, &str)], most: usize) {
    let house = House::read(&source(name));
    println!("{name}: {}", house.table(floors));
    for circle in house.circles() {
        println!("  circle: {}", circle.into_iter().collect::<Vec<_>>().join(", "));
    }
    if std::env::var_os("PREMEND_FLOORS_OF").is_some() {
        return;
    }
    let strangers: Vec<_> = house.places().into_iter().filter(|place| !floors.contains(place)).collect();
    assert!(strangers.is_empty(), "{name}/src: no floor for {strangers:?}");
    let upward = house.upward(floors);
    let known: BTreeSet<(&str, &str)> = allowed.iter().map(|(file, to, _)| (*file, *to)).collect();
    let unknown: Vec<_> = upward.difference(&known).collect();
    assert!(unknown.is_empty(), "{name}/src: these imports go up: {unknown:#?}");
    let gone: Vec<_> = known.difference(&upward).collect();
    assert!(gone.is_empty(), "{name}/src: these need no exception any more: {gone:?}");
    assert!(allowed.len() <= most, "{name}: {} exceptions are more than {most}", allowed.len());
    let spanning: Vec<_> = house
        .circles()
        .into_iter()
        .filter(|circle| circle.iter().map(|file| place(file)).collect::<BTreeSet<_>>().len() > 1)
        .collect();
    assert!(spanning.is_empty(), "{name}/src: files of several floors import each other in a loop: {spanning:#?}");
}

#[test]
fn rules_imports_only_downward() {
    stands("rules", &RULES, UP_IN_RULES, 10);
}

#[test]
fn engine_imports_only_downward() {
    stands("engine", &ENGINE, UP_IN_ENGINE, 6);
}

/// The reader of imports itself, on a house of four files.
#[test]
fn an_import_is_traced_to_the_file_that_defines_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "top/mod.rs",
        "pub mod a;\nuse crate::low::{Kept, deep::{self, Other}};\n#[cfg(test)]\nmod tests {\n    use crate::top::a;\n}\n",
    );
    write("top/a.rs", "use super::super::low::deep;\nfn f() -> crate::low::Kept { todo!() }\n");
    write("low/mod.rs", "mod kept;\npub mod deep;\npub use self::kept::Kept;\n");
    write("low/kept.rs", "use crate::top::a::Name as Alias;\npub struct Kept;\n");
    write("low/deep.rs", "// use crate::top::a;\npub struct Other;\n");
    let house = House::read(folder.path());
    let arrow = |from: &str, to: &str| house.arrows.contains(&(from.to_owned(), to.to_owned()));
    assert!(arrow("top", "low::kept") && arrow("top", "low::deep") && arrow("top::a", "low::deep"));
    assert!(arrow("top::a", "low::kept"), "a path in the code is an import too");
    assert!(!arrow("low::deep", "top::a") && !arrow("top", "top::a"), "comments and tests are none");
    assert_eq!(house.upward(&["top", "low"]), BTreeSet::from([("low::kept", "top")]));
    assert_eq!(house.circles(), [BTreeSet::from(["low::kept", "top::a"])]);
}
