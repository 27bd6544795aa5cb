//! A directory of rules each of which is wrong in one way: what their author reads.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rules::catalogue::Catalogue;

/// Path below the directory, and text.
fn broken() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken/rules");
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, String)> = entries
        .map(|path| {
            (format!("rules/{}", path.file_name().unwrap().to_str().unwrap()), fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_broken_rule_is_named_once_with_its_place() {
    let files = broken();
    assert!(files.len() >= 30, "{} files", files.len());
    let error = Catalogue::builtin().unwrap().overlay(&files).unwrap_err().to_string();
    let mut named = BTreeMap::new();
    let mut report = String::new();
    for (path, _) in &files {
        for line in error.lines().filter(|line| line.contains(path)) {
            *named.entry(path).or_insert(0) += 1;
            writeln!(report, "{}", line.trim()).unwrap();
        }
    }
    for (path, _) in &files {
        assert_eq!(named.get(path), Some(&1), "{path} in\n{error}");
    }
    insta::assert_snapshot!(report);
}
