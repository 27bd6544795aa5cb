//! Opening hours in words: "Mon–Fri 08:30–18:00, Sat 09:00–17:00".
//!
//! A message that gives a phone number says when somebody answers. Hours that nobody told are not guessed.

use chrono::NaiveTime;
use rules::unit::Text;
use serde_json::Value;

/// Key in the store, Chinese and English name.
const DAYS: [(&str, &str, &str); 7] = [
    ("mon", "周一", "Mon"),
    ("tue", "周二", "Tue"),
    ("wed", "周三", "Wed"),
    ("thu", "周四", "Thu"),
    ("fri", "周五", "Fri"),
    ("sat", "周六", "Sat"),
    ("sun", "周日", "Sun"),
];

/// Days in a row with the same hours.
struct Run {
    first: usize,
    last: usize,
    open: NaiveTime,
    close: NaiveTime,
}

/// Hours as the store has them, `{"mon": ["08:30", "18:00"], …}`; a missing day is closed. `None` if no day is open.
pub fn in_words(hours: &Value) -> Option<Text> {
    let mut runs: Vec<Run> = Vec::new();
    for (day, (key, ..)) in DAYS.iter().enumerate() {
        let Some((open, close)) = hours.get(key).and_then(of_day) else { continue };
        match runs.last_mut() {
            Some(run) if run.last + 1 == day && (run.open, run.close) == (open, close) => run.last = day,
            _ => runs.push(Run { first: day, last: day, open, close }),
        }
    }
    let joined = |name: fn(usize) -> &'static str, to: &str, comma: &str| {
        let one = |run: &Run| {
            let days = if run.first == run.last {
                name(run.first).to_owned()
            } else {
                format!("{}{to}{}", name(run.first), name(run.last))
            };
            format!("{days} {}–{}", run.open.format("%H:%M"), run.close.format("%H:%M"))
        };
        runs.iter().map(one).collect::<Vec<_>>().join(comma)
    };
    let zh = |day: usize| DAYS.get(day).map_or("", |(_, zh, _)| *zh);
    let en = |day: usize| DAYS.get(day).map_or("", |(.., en)| *en);
    (!runs.is_empty()).then(|| Text { zh_cn: joined(zh, "至", "、"), en: joined(en, "–", ", ") })
}

fn of_day(hours: &Value) -> Option<(NaiveTime, NaiveTime)> {
    let time = |at: usize| NaiveTime::parse_from_str(hours.get(at)?.as_str()?, "%H:%M").ok();
    let (open, close) = (time(0)?, time(1)?);
    (open < close).then_some((open, close))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn days_in_a_row_are_said_together() {
        let day = json!(["08:30", "18:00"]);
        let hours = json!({ "mon": day, "tue": day, "wed": day, "fri": day, "sat": ["09:00", "17:00"] });
        let said = in_words(&hours).unwrap();
        assert_eq!(said.en, "Mon–Wed 08:30–18:00, Fri 08:30–18:00, Sat 09:00–17:00");
        assert_eq!(said.zh_cn, "周一至周三 08:30–18:00、周五 08:30–18:00、周六 09:00–17:00");
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        for hours in [json!({}), json!(null), json!({ "mon": "all day" }), json!({ "mon": ["18:00", "08:30"] })] {
            assert_eq!(in_words(&hours), None, "{hours}");
        }
    }
}
