//! What variables of texts stand for: which names there are, and what a rule gives for them.
//!
//! A number always comes from a signal, with the unit of that signal: `{value}`, `{v}` and `{p}` are the deciding
//! signal, `{limit}` and `{p0}` the rule's limit, every other name is one that the rule gives with
//! `says = { name = "Signal.Path" }`, which also replaces the usual ones. So a text can be held to what is measured
//! before it takes effect (`catalogue/check_words.rs`).

use crate::entry::rule::RuleSource;
use crate::entry::signal::{Kind, Signal};
use crate::unit::Text;

/// Names that stand for the deciding signal unless the rule says otherwise.
pub const DECIDING: [&str; 3] = ["value", "v", "p"];
/// Names that stand for the rule's limit, in the unit of the deciding signal.
pub const LIMIT: [&str; 2] = ["limit", "p0"];
/// Filled in when a notice is delivered: by the store, or by a channel that reaches only the person.
pub const AT_DELIVERY: [&str; 17] = [
    "dealer",
    "tel",
    "hours",
    "brand",
    "name",
    "plate_tail",
    "link",
    "slot1",
    "slot2",
    "slot3",
    "price",
    "warranty",
    "free",
    "wdate",
    "wkm",
    "finding",
    "parts",
];

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Title of the rule, or meaning of the fault code.
    Fault,
    /// Title of the component.
    Item,
    /// What the driver must (not) do until help comes, by the component.
    Caution,
    Wheel,
    /// The value of `each`.
    Each,
    Code,
    Since,
    /// Days within which it should be looked at: by the severity, as the order is due.
    Days,
    /// When a service item is due; of items of the plan only, never of a failure.
    Due,
    Date,
    Km,
    AtDelivery,
    /// A number that the rule gives.
    Number,
}

impl Name {
    /// What a name stands for; whatever has no meaning of its own is a number of the rule's.
    pub fn of(name: &str) -> Self {
        match name {
            "fault" => Self::Fault,
            "item" => Self::Item,
            "caution" => Self::Caution,
            "wheel" => Self::Wheel,
            "each" => Self::Each,
            "code" => Self::Code,
            "since" => Self::Since,
            "days" => Self::Days,
            "due" => Self::Due,
            "date" => Self::Date,
            "km" => Self::Km,
            other if AT_DELIVERY.contains(&other) => Self::AtDelivery,
            _ => Self::Number,
        }
    }
}

/// Where a number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A signal that the rule names, `{each}` not yet replaced.
    Signal(&'a str),
    Deciding,
    Limit,
}

/// Where a rule takes a number from; `None` if it gives none.
pub fn source<'a>(rule: &'a RuleSource, name: &str) -> Option<Source<'a>> {
    match rule.says.get(name) {
        Some(path) if path.is_empty() => None,
        Some(path) => Some(Source::Signal(path)),
        None if DECIDING.contains(&name) => Some(Source::Deciding),
        None if LIMIT.contains(&name) && rule.limit.is_some() => Some(Source::Limit),
        None => None,
    }
}

/// Why a text may not show the values of a signal.
pub fn unfit(signal: &Signal) -> Option<&'static str> {
    match &signal.kind {
        Kind::Number if signal.forecast.is_some() => Some("says when a part fails, and no text may"),
        Kind::Number if signal.unit.is_score() => Some("is in standard deviations, which tell a reader nothing"),
        Kind::Number => None,
        Kind::Flag | Kind::Words(_) => Some("is no number"),
    }
}

/// A wheel in words; `None` for anything else.
pub fn wheel(subject: &str) -> Option<Text> {
    let (zh_cn, en) = match subject {
        "Row1.Wheel.Left" => ("左前", "front left"),
        "Row1.Wheel.Right" => ("右前", "front right"),
        "Row2.Wheel.Left" => ("左后", "rear left"),
        "Row2.Wheel.Right" => ("右后", "rear right"),
        _ => return None,
    };
    Some(Text { zh_cn: zh_cn.to_owned(), en: en.to_owned() })
}
