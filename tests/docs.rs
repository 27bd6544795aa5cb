//! The documents tell the truth: every path, command, option, make target, metric and setting that they
//! name exists.
//!
//! Named is what stands in `code` or as the target of a link. What is meant as a form, with `<…>` or `…`
//! in it, is passed over.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use engine::command::Cli;

const DOCUMENTS: [&str; 4] = ["README.md", "ARCHITECTURE.md", "DESIGN.md", "CONTRIBUTING.md"];
/// Written as the product grows; checked as soon as it is there.
const RUNBOOK: &str = "deploy/RUNBOOK.md";

/// A thing that a document names, with the place.
struct Named {
    place: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<(&'static str, String)> {
    let mut documents = Vec::new();
    for name in DOCUMENTS.into_iter().chain(root().join(RUNBOOK).exists().then_some(RUNBOOK)) {
        documents.push((name, fs::read_to_string(root().join(name)).unwrap()));
    }
    documents
}

/// Code spans, and the lines of fenced blocks without their remarks.
fn code() -> Vec<Named> {
    let mut named = Vec::new();
    for (document, text) in documents() {
        let mut fenced = false;
        for (number, line) in text.lines().enumerate() {
            let place = format!("{document}:{}", number + 1);
            if line.starts_with("```") {
                fenced = !fenced;
            } else if fenced {
                let command = line.split('#').next().unwrap_or_default().trim();
                named.push(Named { place, text: command.to_owned() });
            } else {
                for span in line.split('`').skip(1).step_by(2) {
                    named.push(Named { place: place.clone(), text: span.to_owned() });
                }
            }
        }
    }
    named.retain(|one| !one.text.contains('<') && !one.text.contains('…') && !one.text.is_empty());
    named
}

fn links() -> Vec<Named> {
    let mut named = Vec::new();
    for (document, text) in documents() {
        for (number, line) in text.lines().enumerate() {
            for rest in line.split("](").skip(1) {
                let target = rest.split([')', '#']).next().unwrap_or_default();
                if !target.is_empty() && !target.contains("://") {
                    named.push(Named { place: format!("{document}:{}", number + 1), text: target.to_owned() });
                }
            }
        }
    }
    named
}

/// Every file of the folder and below, with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found
}

fn fail_on(wrong: &[String]) {
    assert!(wrong.is_empty(), "the documents name what is not there:\n{}", wrong.join("\n"));
}

#[test]
fn every_link_leads_somewhere() {
    let missing = |link: &Named| {
        let document = Path::new(link.place.split(':').next().unwrap_or_default());
        let folder = document.parent().unwrap_or(Path::new(""));
        !root().join(folder).join(&link.text).exists()
    };
    let wrong: Vec<_> =
        links().into_iter().filter(missing).map(|link| format!("{}: {}", link.place, link.text)).collect();
    fail_on(&wrong);
}

#[test]
fn every_path_exists() {
    let folders = ["rules/", "ingest/", "simulator/", "engine/", "tests/", "benches/", "deploy/", ".ci/"];
    let mut wrong = Vec::new();
    for one in code() {
        let first = one.text.split_whitespace().next().unwrap_or_default();
        if folders.iter().any(|folder| first.starts_with(folder)) && !root().join(first).exists() {
            wrong.push(format!("{}: {first}", one.place));
        }
    }
    fail_on(&wrong);
}

#[test]
fn every_command_and_option_exists() {
    let mut wrong = Vec::new();
    for one in code() {
        let mut words = one.text.split_whitespace();
        if words.next() == Some("premend") {
            let words: Vec<&str> = words.collect();
            if let Err(what) = known_command(&words) {
                wrong.push(format!("{}: premend {}: {what}", one.place, words.join(" ")));
            }
        }
    }
    fail_on(&wrong);
}

/// Follows the subcommands, then looks up each option.
fn known_command(words: &[&str]) -> Result<(), String> {
    let mut command = Cli::command();
    for word in words {
        if let Some(option) = word.strip_prefix("--") {
            let option = option.split('=').next().unwrap_or_default();
            if !["help", "version", "config"].contains(&option) && !has_option(&command, option) {
                return Err(format!("no option --{option}"));
            }
        } else if command.has_subcommands() {
            // `check|print` names two.
            for name in word.split('|') {
                command.find_subcommand(name).ok_or_else(|| format!("no command {name}"))?;
            }
            let name = word.split('|').next().unwrap_or_default();
            command = command.find_subcommand(name).cloned().unwrap();
        }
    }
    Ok(())
}

fn has_option(command: &Command, name: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some(name))
}

#[test]
fn every_make_target_exists() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let mut wrong = Vec::new();
    for one in code() {
        if let Some(target) = one.text.strip_prefix("make ")
            && !makefile.lines().any(|line| line.starts_with(&format!("{target}:")))
        {
            wrong.push(format!("{}: make {target}", one.place));
        }
    }
    fail_on(&wrong);
}

#[test]
fn every_metric_is_exported() {
    let mut sources = String::new();
    for folder in ["engine/src", "ingest/src"] {
        for file in files(folder, ".rs") {
            sources.push_str(&fs::read_to_string(file).unwrap());
        }
    }
    let known = |metric: &str| {
        // Ingest puts its prefix in front of every name.
        let noun = metric.strip_prefix("premend_ingest_").unwrap_or(metric);
        sources.contains(&format!("\"{metric}\"")) || sources.contains(&format!("\"{noun}\""))
    };
    let named = code().into_iter().filter(|one| one.text.starts_with("premend_") && one.text.matches('_').count() > 1);
    let wrong: Vec<_> =
        named.filter(|one| !known(&one.text)).map(|one| format!("{}: {}", one.place, one.text)).collect();
    fail_on(&wrong);
}

/// `section.key` of every setting, as the commented example lists them.
fn settings() -> BTreeSet<String> {
    let example = fs::read_to_string(root().join("deploy/premend.example.toml")).unwrap();
    let mut section = String::new();
    let mut settings = BTreeSet::new();
    for line in example.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(name) = line.strip_prefix('[') {
            name.trim_matches(['[', ']']).clone_into(&mut section);
        } else if let Some((key, _)) = line.split_once(" = ") {
            settings.insert(format!("{section}.{key}"));
        }
    }
    settings
}

#[test]
fn every_setting_exists() {
    let settings = settings();
    let sections: BTreeSet<&str> = settings.iter().filter_map(|key| key.split('.').next()).collect();
    let mut wrong = Vec::new();
    for one in code() {
        let is_key = one.text.split_once('.').is_some_and(|(section, key)| {
            sections.contains(section)
                && key.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c))
                && !key.contains("..")
        });
        // Files such as `rules.rs` are no settings.
        let is_file = Path::new(&one.text).extension().is_some_and(|kind| kind == "rs" || kind == "md");
        if is_key && !is_file && !settings.contains(&one.text) {
            wrong.push(format!("{}: {}", one.place, one.text));
        }
    }
    fail_on(&wrong);
}

#[test]
fn every_variable_is_read_by_something() {
    let settings = settings();
    let mut readers = String::new();
    let scripts = files("deploy/setup", ".sh")
        .into_iter()
        .chain(files("engine/src", ".rs"))
        .chain(files("tests", ".rs"))
        .chain(files("rules/tests", ".rs"));
    for file in scripts.chain([root().join(".ci/run")]) {
        readers.push_str(&fs::read_to_string(file).unwrap());
    }
    let mut wrong = Vec::new();
    for one in code() {
        let Some(name) = one.text.strip_prefix("PREMEND_") else { continue };
        let name = name.split('=').next().unwrap_or_default();
        let setting = name.to_lowercase().replace("__", ".");
        if name != "*" && !settings.contains(&setting) && !readers.contains(&format!("PREMEND_{name}")) {
            wrong.push(format!("{}: PREMEND_{name}", one.place));
        }
    }
    fail_on(&wrong);
}
