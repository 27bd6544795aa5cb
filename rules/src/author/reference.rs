//! The reference of the rule language and of the signals, written from the code that checks rules.

use std::fmt::Write as _;

use crate::catalogue::Catalogue;
use crate::entry::signal::Kind;
use crate::language::expr::FUNCTIONS;

/// The reference as Markdown: functions with what they do when data is not perfect, then signals.
pub fn markdown(catalogue: &Catalogue) -> String {
    let mut text = String::from(
        "# Rule reference\n\n\
         Made by `premend rules reference`; do not edit. Expressions have CEL's grammar and three truth values: what \
         cannot be known is *unknown*, which neither opens nor closes a finding. `&&`, `||` and `!` follow Kleene: \
         false and unknown is false, true or unknown is true.\n\n## Functions\n\n",
    );
    for function in FUNCTIONS {
        let example = function.example;
        let _ = write!(
            text,
            "### `{}`\n\n{}\n\n```cel\n{example}\n```\n\n",
            function.signature,
            function.description.trim_end()
        );
    }
    text.push_str("## When data is not perfect\n\n| function | gap | missing | late | tick |\n|---|---|---|---|---|\n");
    for function in FUNCTIONS {
        let what = &function.behaviour;
        let _ =
            writeln!(text, "| `{}` | {} | {} | {} | {} |", function.name, what.gap, what.missing, what.late, what.tick);
    }
    text.push_str(
        "\n*gap*: two readings are further apart than the signal's `max_gap`. *missing*: there is no reading, or it is \
         too old. *late*: a reading arrives after a younger one was folded. *tick*: time passes without a reading.\n\n\
         ## Signals\n\n| signal | unit | range | usable for | meaning |\n|---|---|---|---|---|\n",
    );
    for (_, signal) in catalogue.signals.iter() {
        let kind = match &signal.kind {
            Kind::Number => signal.unit.to_string(),
            Kind::Flag => "true, false".to_owned(),
            Kind::Words(words) => words.join(", "),
        };
        let range = match signal.kind {
            Kind::Number => format!("{} to {}", signal.range.0, signal.range.1),
            Kind::Flag | Kind::Words(_) => String::new(),
        };
        let _ = writeln!(text, "| `{}` | {kind} | {range} | {} | {} |", signal.path, signal.max_gap, signal.title.en);
    }
    text
}
