//! The documents tell the truth: every path, command, option, make target, metric and setting that they
//! name exists, and so does every section of the domain notes that anything cites.
//!
//! Named is what stands in `code` or as the target of a link. What is meant as a form, with `<…>` or `…`
//! in it, is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use engine::command::Cli;

const DOCUMENTS: [&str; 5] = ["README.md", "ARCHITECTURE.md", "DESIGN.md", "CONTRIBUTING.md", DOMAIN];
/// What is known about vehicles, workshops and the law; the rest of the repository cites its sections.
const DOMAIN: &str = "docs/DOMAIN.md";
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

/// The fragment by which a heading is linked.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    heading.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

#[test]
fn every_link_to_a_heading_finds_it() {
    let mut wrong = Vec::new();
    for (document, text) in documents() {
        let folder = root().join(document).parent().unwrap().to_owned();
        for (number, line) in text.lines().enumerate() {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next()?.split_once('#'));
            for (file, fragment) in targets.filter(|(file, _)| !file.contains("://")) {
                let other = fs::read_to_string(folder.join(file));
                let text = if file.is_empty() { &text } else { &other.unwrap_or_default() };
                if !text.lines().any(|line| line.starts_with('#') && anchor(line) == fragment) {
                    wrong.push(format!("{document}:{}: {file}#{fragment}", number + 1));
                }
            }
        }
    }
    fail_on(&wrong);
}

#[test]
fn every_path_exists() {
    let folders = ["rules/", "ingest/", "simulator/", "engine/", "tests/", "benches/", "deploy/", "docs/", ".ci/"];
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

/// Number of each section of the domain notes, and the lines up to the next one.
fn sections(notes: &str) -> BTreeMap<String, Vec<&str>> {
    let mut sections: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut current = None;
    for line in notes.lines() {
        let number = line.starts_with('#').then(|| line.split_whitespace().nth(1)).flatten();
        if let Some(number) = number.filter(|number| number.starts_with(|c: char| c.is_ascii_digit())) {
            current = Some(sections.entry(number.trim_end_matches('.').to_owned()).or_default());
        } else if let Some(lines) = &mut current {
            lines.push(line);
        }
    }
    sections
}

/// What the rest of a line cites, with what follows: a section such as `5.2a`, and a row, bit, text or requirement.
fn citation(rest: &str) -> Option<(String, Option<String>, &str)> {
    let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, after) = rest.split_at(rest[..number].trim_end_matches('.').len());
    let letter = after.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    let letter = if letter.len() == 1 { letter.as_str() } else { "" };
    let mut after = &after[letter.len()..];
    let mut item = None;
    for (kind, prefix) in [(" row ", ""), (" bit ", ""), (" text ", ""), (" P", "P")] {
        let Some(named) = after.strip_prefix(kind) else { continue };
        let end = named.find(|c: char| !c.is_ascii_digit()).unwrap_or(named.len());
        if end > 0 {
            item = Some(format!("{prefix}{}", &named[..end]));
            after = &named[end..];
        }
    }
    number.starts_with(|c: char| c.is_ascii_digit()).then(|| (format!("{number}{letter}"), item, after))
}

/// Every section that a line cites. A list goes on after a comma or `and`, beyond what stands in brackets. After a
/// semicolon a number is a section where no unit can follow: before a colon, a comma, the end, or "minimum evidence".
fn citations(line: &str) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for rest in line.split("DOMAIN").skip(1) {
        let rest = rest.strip_prefix(".md").unwrap_or(rest).trim_start_matches(" section");
        for (clause, text) in rest.split("; ").enumerate() {
            let mut next = if clause > 0 { Some(text) } else { text.strip_prefix(' ') };
            while let Some((section, item, after)) = next.and_then(citation) {
                let ends = after.is_empty() || [":", ", ", "\"", " minimum"].iter().any(|end| after.starts_with(end));
                if clause > 0 && !ends {
                    break;
                }
                found.push((section, item));
                let beyond = after.strip_prefix(" (").and_then(|text| Some(text.split_once(')')?.1)).unwrap_or(after);
                next = [", ", " and "].iter().find_map(|separator| beyond.strip_prefix(separator));
            }
        }
    }
    found
}

#[test]
fn a_line_cites_all_that_it_lists() {
    let cited = |line| citations(line).into_iter().map(|(section, _)| section).collect::<Vec<_>>().join(" ");
    assert_eq!(cited("DOMAIN 5.2a: about 150 / dSOC percent"), "5.2a");
    assert_eq!(cited("DOMAIN 4.1 (states), 4.3 (told early)"), "4.1 4.3");
    assert_eq!(cited("DOMAIN 1.2 row 23 (S1), 3 bit 13: 20 % is ours"), "1.2 3");
    assert_eq!(cited("DOMAIN 5.3 and 5.7. DOMAIN.md 6.1."), "5.3 5.7 6.1");
    assert_eq!(cited("DOMAIN 8.3 text 4; 5.2, 5.8\""), "8.3 5.2 5.8");
    assert_eq!(cited("DOMAIN 5.5: 85 %; 5.0 minimum evidence; 60,000 km; 2 % more"), "5.5 5.0");
}

#[test]
fn every_citation_of_the_domain_has_its_heading() {
    let notes = fs::read_to_string(root().join(DOMAIN)).unwrap();
    let sections = sections(&notes);
    let folders = ["rules", "ingest", "engine", "simulator", "tests", "benches", "deploy", "docs"];
    let mut paths: BTreeSet<PathBuf> = folders.into_iter().flat_map(|folder| files(folder, "")).collect();
    paths.extend(DOCUMENTS.map(|document| root().join(document)));
    let (mut found, mut wrong) = (0, Vec::new());
    for path in &paths {
        // What is no text, such as a picture, cites nothing.
        let Ok(text) = fs::read_to_string(path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for (section, item) in citations(line) {
                found += 1;
                let lines = sections.get(&section);
                let starts = item.as_ref().map(|item| [format!("| {item} |"), format!("| {item}, ")]);
                let holds = |line: &&str| starts.iter().flatten().any(|start| line.starts_with(start.as_str()));
                if lines.is_none_or(|lines| item.is_some() && !lines.iter().any(holds)) {
                    let place = path.strip_prefix(root()).unwrap().display();
                    wrong.push(format!("{place}:{}: DOMAIN {section} {}", number + 1, item.unwrap_or_default()));
                }
            }
        }
    }
    assert!(found > 500, "only {found} citations were found");
    fail_on(&wrong);
}
