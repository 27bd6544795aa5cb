//! How times, numbers and severities are written for people.
//!
//! Times are shown in the dealer's zone; durations in one unit, the way people say them.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::http::words::{TimeWords, Words, fill};

/// A moment for a `<time>` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// RFC 3339, for machines.
    pub exact: String,
    /// As short as today allows.
    pub short: String,
    /// Date and time, for the tooltip.
    pub full: String,
}

/// Shows moments as seen now, here, in this language.
#[derive(Clone, Copy, Debug)]
pub struct Times<'a> {
    pub words: &'a TimeWords,
    pub zone: Tz,
    pub now: DateTime<Utc>,
}

impl Times<'_> {
    /// Today the time, otherwise day and time, the year only where it differs.
    pub fn moment(&self, at: DateTime<Utc>) -> Moment {
        let (local, today) = (at.with_timezone(&self.zone), self.now.with_timezone(&self.zone));
        let short = if local.date_naive() == today.date_naive() {
            local.format("%H:%M").to_string()
        } else if local.year() == today.year() {
            format!("{} {}", local.format(&self.words.day_month), local.format("%H:%M"))
        } else {
            local.format(&self.words.day_month_year).to_string()
        };
        Moment {
            exact: at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            short,
            full: local.format("%Y-%m-%d %H:%M:%S %Z").to_string(),
        }
    }

    /// The day alone.
    pub fn day(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format(&self.words.day_month_year).to_string()
    }

    /// `3 min ago`; moments ahead, from clocks that run fast, are just now.
    pub fn ago(&self, at: DateTime<Utc>) -> String {
        let past = self.now - at;
        if past < TimeDelta::minutes(1) {
            self.words.now.clone()
        } else {
            fill(&self.words.ago, "t", self.length(past))
        }
    }

    /// `in 2 d`, or `overdue 3 h`.
    pub fn until(&self, at: DateTime<Utc>) -> String {
        let left = at - self.now;
        if left >= TimeDelta::zero() {
            fill(&self.words.ahead, "t", self.length(left))
        } else {
            fill(&self.words.overdue, "t", self.length(-left))
        }
    }

    /// A duration in the largest unit of which there are at least two, minutes at the least.
    pub fn length(&self, span: TimeDelta) -> String {
        let minutes = span.num_minutes();
        let (words, count) = match minutes {
            ..120 => (&self.words.minutes, minutes.max(1)),
            120..2880 => (&self.words.hours, span.num_hours()),
            _ => (&self.words.days, span.num_days()),
        };
        fill(words, "n", count)
    }
}

/// A severity as pages show it: `S1` and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityTag {
    /// 1 to 4; the colour's class is `s{number}`.
    pub number: i16,
    pub meaning: String,
}

pub fn severity(words: &Words, number: i16) -> SeverityTag {
    let meaning = match number {
        1 => &words.severity.s1,
        2 => &words.severity.s2,
        3 => &words.severity.s3,
        _ => &words.severity.s4,
    };
    SeverityTag { number: number.clamp(1, 4), meaning: meaning.clone() }
}

/// A number with as many decimals as its size deserves: `1 204`, `48.2`, `12.41`, `0.052`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = if size >= 1000.0 || value.fract() == 0.0 {
        0
    } else if size >= 100.0 {
        1
    } else if size >= 1.0 {
        2
    } else {
        3
    };
    let plain = format!("{value:.decimals$}");
    let plain = if plain.contains('.') { plain.trim_end_matches('0').trim_end_matches('.') } else { &plain };
    grouped(plain)
}

/// Thin spaces between thousands, from ten thousand on.
fn grouped(plain: &str) -> String {
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |rest| ("\u{2212}", rest));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && whole.len() > 4 && (whole.len() - index).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A percentage of a probability, without decimals.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Text made safe for HTML and SVG.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use rules::unit::Locale;

    use super::*;
    use crate::http::words::Dictionary;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn shows_moments_as_short_as_today_allows() {
        let words = Dictionary::load().unwrap().of(Locale::En);
        let times = Times { words: &words.time, zone: Tz::Asia__Shanghai, now: at("2026-11-22T01:20:00Z") };
        assert_eq!(times.moment(at("2026-11-21T23:05:00Z")).short, "07:05");
        assert_eq!(times.moment(at("2026-11-20T06:05:00Z")).short, "20 Nov 14:05");
        assert_eq!(times.moment(at("2025-11-20T06:05:00Z")).short, "20 Nov 2025");
        assert_eq!(times.ago(at("2026-11-22T01:19:40Z")), "just now");
        assert_eq!(times.ago(at("2026-11-21T22:20:00Z")), "3 h ago");
        assert_eq!(times.until(at("2026-11-25T01:20:00Z")), "in 3 d");
        assert_eq!(times.until(at("2026-11-21T22:20:00Z")), "overdue 3 h");
    }

    #[test]
    fn shows_numbers_with_the_decimals_they_deserve() {
        let shown: Vec<_> = [48211.4, 1204.0, 118.25, 12.41, 12.0, 0.0521, -3.5, 0.0].map(number).into();
        assert_eq!(shown, ["48\u{2009}211", "1204", "118.2", "12.41", "12", "0.052", "\u{2212}3.5", "0"]);
    }

    #[test]
    fn escapes_what_could_be_markup() {
        assert_eq!(escape("<b a='\"&'>"), "&lt;b a=&#39;&quot;&amp;&#39;&gt;");
    }
}
