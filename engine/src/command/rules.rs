//! `premend rules`: what rules there are, whether a directory of them is sound, and their examples.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use rules::author::example;
use rules::learned::Precision;
use rules::rule_set::RuleSet;
use rules::unit::nearest;

use crate::clock::Clock;
use crate::config::Config;
use crate::history::journal;
use crate::rules_in_force::{activation, overlay, safety};
use crate::store::open;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the rules: the shipped ones with the configured overlay.
    List {
        /// As the engine on the configured database runs them, with how often each was right.
        #[arg(long)]
        in_force: bool,
    },
    /// Show one rule as it is in force: its text, what it reads and what it remembers.
    Show {
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Print the reference of functions and signals as Markdown.
    Reference,
    /// Print the JSON schema of rule files, for editors.
    Schema,
    /// Write rule files in the house style; comments stay.
    Fmt {
        /// Files, or directories of them.
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<PathBuf>,
        /// Change nothing; fail if something would be.
        #[arg(long)]
        check: bool,
    },
    /// Compile the catalogue with a directory laid over it and print everything that is wrong, and what of safety it
    /// would lose.
    Check {
        /// Laid out like `rules/catalogue/`; without it, the configured overlay.
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Run the rules' own examples.
    Test {
        /// Only rules whose key contains this.
        #[arg(value_name = "KEY")]
        only: Option<String>,
    },
}

pub async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    match &args.action {
        Action::List { in_force: false } => list(set(config.catalogue.overlay.as_deref())?.as_ref()),
        Action::List { in_force: true } => list_with_precision(in_force(&config).await?.as_ref()),
        Action::Check { directory } => {
            let set = set(directory.as_deref().or(config.catalogue.overlay.as_deref()))?;
            return check(set.as_ref());
        }
        Action::Show { key } => show(set(config.catalogue.overlay.as_deref())?.as_ref(), key)?,
        Action::Reference => {
            print!("{}", rules::author::reference::markdown(&set(config.catalogue.overlay.as_deref())?.catalogue));
        }
        Action::Schema => print!("{}", rules::author::schema::json()),
        Action::Fmt { paths, check } => return fmt(paths, *check),
        Action::Test { only } => return test(set(config.catalogue.overlay.as_deref())?.as_ref(), only.as_deref()),
    }
    Ok(ExitCode::SUCCESS)
}

fn set(directory: Option<&Path>) -> anyhow::Result<Arc<RuleSet>> {
    journal::rule_set(Arc::new(overlay::catalogue(directory)?))
}

/// Whether a set compiles and keeps what keeps people safe.
fn check(set: &RuleSet) -> anyhow::Result<ExitCode> {
    let proof = safety::proof_of(set)?;
    for loss in &proof.losses {
        println!("{loss}");
    }
    if !proof.losses.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    println!("{} rules in {} instances, no errors", set.catalogue.rules.len(), set.rules.len());
    if proof.examples + proof.courses > 0 {
        println!(
            "safety holds: {} examples of S1 and S2 rules, {} drives of the S1 drill",
            proof.examples, proof.courses
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn list(set: &RuleSet) {
    for rule in &set.catalogue.rules {
        let severity = rule.severity.map_or_else(|| "S?".to_owned(), |severity| severity.to_string());
        println!("{severity}  {:<28} v{:<3} {:<28} {}", rule.key, rule.version, rule.component, rule.title.en);
    }
}

async fn in_force(config: &Config) -> anyhow::Result<Arc<RuleSet>> {
    let store = open::open(config, &Clock::system()).await.context("opening the store")?;
    activation::in_force(&store.pools.jobs).await?.context("no engine has run on this database yet")
}

fn list_with_precision(set: &RuleSet) {
    println!("S   {:<28} {:<4} {:<8} {:>9} {:>8} {:>10}", "rule", "v", "mode", "precision", "at least", "verdicts");
    for rule in &set.catalogue.rules {
        let learned = set.catalogue.learned.precision.of(&rule.key, rule.version);
        let tally = learned.map(Precision::tally).unwrap_or_default();
        let demoted = learned.is_some_and(|learned| learned.demoted.is_some());
        println!(
            "{:<3} {:<28} v{:<3} {:<8} {:>9.2} {:>8.2} {:>10.1}",
            rule.severity.map_or_else(|| "S?".to_owned(), |severity| severity.to_string()),
            rule.key,
            rule.version,
            if demoted { "demoted" } else { rule.mode.word() },
            tally.precision(),
            tally.lower(),
            tally.weight()
        );
    }
}

fn show(set: &RuleSet, key: &str) -> anyhow::Result<()> {
    let Some(rule) = set.catalogue.rules.iter().find(|rule| rule.key == key) else {
        let near = nearest(key, set.catalogue.rules.iter().map(|rule| rule.key.as_str()));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        anyhow::bail!("there is no rule `{key}`{hint}");
    };
    println!("{}", toml::to_string_pretty(rule).context("writing the rule down")?);
    for instance in set.rules.iter().filter(|instance| instance.source.key == key) {
        let signals = &set.catalogue.signals;
        let reads: Vec<&str> = instance.when.slots().iter().map(|slot| signals.get(*slot).path.as_str()).collect();
        let subject = if instance.subject.is_empty() { "it" } else { &instance.subject };
        println!("# {subject} reads {}; {} memory cells", reads.join(", "), instance.cells());
    }
    Ok(())
}

fn fmt(paths: &[PathBuf], check: bool) -> anyhow::Result<ExitCode> {
    let mut changed = 0;
    for path in paths {
        let files = if path.is_dir() {
            overlay::read(path)?.into_iter().map(|(name, text)| (path.join(name), text)).collect()
        } else {
            let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            vec![(path.clone(), text)]
        };
        for (file, text) in files {
            let formatted = formatted(&text).with_context(|| format!("in {}", file.display()))?;
            if formatted == text {
                continue;
            }
            changed += 1;
            println!("{} {}", if check { "not in the house style:" } else { "written:" }, file.display());
            if !check {
                std::fs::write(&file, formatted).with_context(|| format!("writing {}", file.display()))?;
            }
        }
    }
    Ok(if check && changed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A file in the house style: four blanks, 120 columns, keys in the author's order.
fn formatted(text: &str) -> anyhow::Result<String> {
    let broken = taplo::parser::parse(text).errors;
    if let Some(error) = broken.first() {
        anyhow::bail!("{error}");
    }
    let options = taplo::formatter::Options {
        column_width: 120,
        indent_string: "    ".to_owned(),
        reorder_keys: false,
        array_auto_collapse: false,
        ..taplo::formatter::Options::default()
    };
    Ok(taplo::formatter::format(text, options))
}

fn test(set: &RuleSet, only: Option<&str>) -> anyhow::Result<ExitCode> {
    let (mut passed, mut failed) = (0, 0);
    for rule in set.catalogue.rules.iter().filter(|rule| only.is_none_or(|only| rule.key.contains(only))) {
        for one in &rule.examples {
            match example::run(set, rule, one) {
                Ok(came) if came == one.expect => passed += 1,
                Ok(came) => {
                    failed += 1;
                    println!("{}: {}: expected {:?}, it {came:?}", rule.key, one.name, one.expect);
                }
                Err(error) => {
                    failed += 1;
                    println!("{}: {}: {error}", rule.key, one.name);
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
