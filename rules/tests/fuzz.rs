//! Fuzzing of what people write: expressions and catalogue files. No input may panic, and none may hang.
//!
//! Words of the language and of catalogues in any order get further than bytes in any order, so both
//! are tried. `make test` runs a few seconds of each, `make fuzz` ten minutes; `FUZZ_SECONDS` says how many.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "the core has no clock and no environment; what looks for hangs needs both"
)]

use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use bolero::check;
use rules::catalogue::Catalogue;
use rules::language::expr::{self, FUNCTIONS};
use rules::observed::window::WindowSpecs;
use rules::rule_set::RuleSet;
use rules::unit::Span;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::builtin().unwrap());

/// Longest that reading one input may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

fn test_time() -> Duration {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(3))
}

fn compile(text: &str) {
    let windows = RefCell::new(WindowSpecs::default());
    let context = expr::Context {
        signals: &CATALOGUE.signals,
        items: CATALOGUE.item_codes(),
        windows: &windows,
        cohorts: &RefCell::default(),
        by_code: text.len().is_multiple_of(2),
    };
    let began = Instant::now();
    let compiled = expr::compile_held(text, Span::from_secs(text.len() as i64 % 3), &context);
    if let Err(errors) = compiled {
        assert!(!errors.is_empty(), "an error without a word: {text}");
        for error in errors {
            assert!(!error.to_string().is_empty());
        }
    }
    assert!(began.elapsed() < PATIENCE, "{text}");
}

/// One word of the language for each byte.
fn words(bytes: &[u8]) -> String {
    static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let signals = CATALOGUE.signals.iter().map(|(_, signal)| signal.path.clone()).take(40);
        let functions =
            FUNCTIONS.iter().flat_map(|function| [format!("{}(", function.name), function.example.to_owned()]);
        let marks = [
            "&&",
            "||",
            "!",
            "(",
            ")",
            ",",
            "+",
            "-",
            "*",
            "/",
            "%",
            "<",
            "<=",
            ">",
            ">=",
            "==",
            "!=",
            "?",
            ":",
            "[",
            "]",
            "{",
            "}",
            ".",
            "in",
            "to",
            "true",
            "false",
            "null",
            "0",
            "1",
            "-1",
            "1e308",
            "1e400",
            "0.1",
            "5u",
            "\"10m\"",
            "\"0s\"",
            "\"trip\"",
            "\"charge\"",
            "\"session 30m\"",
            "\"20 readings\"",
            "\"P03**\"",
            "\"confirmed\"",
            "\"oil\"",
            "'ON'",
            "\"km\"",
            "\"degC\"",
            "//x\n",
            "\u{4f60}",
            "has(",
            "x",
            "\\",
        ];
        signals.chain(functions).chain(marks.map(str::to_owned)).collect()
    });
    let word = |byte: &u8| WORDS[usize::from(*byte) % WORDS.len()].as_str();
    bytes.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn expressions_of_words() {
    check!().with_test_time(test_time()).with_type::<Vec<u8>>().for_each(|bytes| compile(&words(bytes)));
}

#[test]
fn expressions_of_bytes() {
    check!().with_test_time(test_time()).for_each(|bytes: &[u8]| compile(&String::from_utf8_lossy(bytes)));
}

#[test]
fn catalogue_files() {
    let files: Vec<(String, String)> = CATALOGUE.files().to_vec();
    check!().with_test_time(test_time()).with_type::<(u8, u16, u16, Vec<u8>, bool)>().for_each(
        |(file, at, cut, bytes, of_words)| {
            let (path, text) = &files[usize::from(*file) % files.len()];
            let put = if *of_words { words(bytes) } else { String::from_utf8_lossy(bytes).into_owned() };
            let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let (from, to) = (floor(usize::from(*at)), floor(usize::from(*at) + usize::from(*cut % 64)));
            let damaged = format!("{}{put}{}", &text[..from], &text[to..]);
            let mut all = files.clone();
            all[usize::from(*file) % files.len()] = (path.clone(), damaged);
            let began = Instant::now();
            match Catalogue::load(&all) {
                Ok(catalogue) => {
                    let _ = RuleSet::compile(std::sync::Arc::new(catalogue), [0; 32]);
                }
                Err(error) => assert!(!error.0.is_empty()),
            }
            assert!(began.elapsed() < PATIENCE, "{path} with {put:?} at {from}");
        },
    );
}
