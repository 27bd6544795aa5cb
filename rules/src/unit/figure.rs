//! Numbers as people read them: the unit that a text writes behind a variable, and as many digits as it deserves.
//!
//! A text names the unit itself ("{v} V", "{km}公里"), so that every language says it as it should. What is written
//! there is understood here; the value is converted to it, and a unit of another quantity is an error at load.

use crate::unit::{Locale, Unit};

/// How texts write units that the catalogue writes otherwise; the longer of two that begin alike comes first.
const WRITTEN: &[(&str, &str)] = &[
    ("kPa a day", "kPa/d"),
    ("kPa/天", "kPa/d"),
    ("kPa a minute", "kPa/min"),
    ("kPa/分钟", "kPa/min"),
    ("V a day", "V/d"),
    ("V/天", "V/d"),
    ("l per 1,000 km", "l/1000km"),
    ("升/1000公里", "l/1000km"),
    ("°C", "degC"),
    ("℃", "degC"),
    ("摄氏度", "degC"),
    ("％", "%"),
    ("千帕", "kPa"),
    ("千米", "km"),
    ("volts", "V"),
    ("kilometres", "km"),
    ("kilometers", "km"),
    ("Ω/V", "ohm/V"),
    ("kΩ", "kOhm"),
    ("Ω", "Ohm"),
    ("公里", "km"),
    ("days", "d"),
    ("day", "d"),
    ("天", "d"),
    ("hours", "h"),
    ("小时", "h"),
    ("minutes", "min"),
    ("分钟", "min"),
    ("seconds", "s"),
    ("秒", "s"),
    ("升", "l"),
    ("毫伏", "mV"),
    ("伏", "V"),
];

/// More digits are given until what is left out is less than this share of the value.
const NEGLIGIBLE: f64 = 0.025;
const MOST_DIGITS: usize = 3;

/// The unit that a text writes at its beginning, blanks before it left out; `None` where a bare word or nothing stands.
pub fn unit_at_start(text: &str) -> Option<Unit> {
    let rest = text.trim_start_matches([' ', '\u{a0}', '\u{2009}']);
    let ends = |word: &str| {
        let joins = |text: &str, at_end: bool| {
            let edge = if at_end { text.chars().next_back() } else { text.chars().next() };
            edge.is_some_and(|letter| letter.is_ascii_alphanumeric())
        };
        rest.strip_prefix(word).is_some_and(|behind| !(joins(word, true) && joins(behind, false)))
    };
    if let Some((_, unit)) = WRITTEN.iter().find(|(word, _)| ends(word)) {
        return Unit::parse(unit).ok();
    }
    let part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '%' | '/' | '*' | '.');
    let token = rest.split(|letter: char| !part(letter)).next().unwrap_or_default().trim_end_matches(['.', '/']);
    let is_unit = token.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '%');
    Unit::parse(token).ok().filter(|_| is_unit)
}

/// A value in the unit that a text writes behind it; `None` where it is another quantity, a score, or no number.
pub fn figure(value: f64, unit: &Unit, written: Option<&Unit>, locale: Locale) -> Option<String> {
    let (factor, summand) = conversion(unit, written)?;
    let shown = value.mul_add(factor, summand);
    shown.is_finite().then(|| digits(shown, written, locale))
}

/// Factor and summand to the unit that is written. A share is never turned into a plain number unseen, and a score in
/// standard deviations is nothing that people read.
pub fn conversion(unit: &Unit, written: Option<&Unit>) -> Option<(f64, f64)> {
    let plain = Unit::default();
    let written = written.unwrap_or(&plain);
    let same_kind = !unit.is_ratio() || unit == written;
    let is_shown = !unit.is_score() && !written.is_score() && same_kind && unit.is_point() == written.is_point();
    if is_shown { unit.conversion(written).ok() } else { None }
}

fn digits(value: f64, written: Option<&Unit>, locale: Locale) -> String {
    let unit = written.map_or("", Unit::as_str);
    let usual = match unit {
        "V" if value.abs() < 6.0 => 2,
        "V" | "kPa/d" | "l/1000km" => 1,
        "V/d" => 2,
        _ => 0,
    };
    let lost = |digits: usize| {
        let scale = 10_f64.powi(digits as i32);
        ((value * scale).round() / scale - value).abs() > NEGLIGIBLE * value.abs()
    };
    let needed = (usual..=MOST_DIGITS).find(|digits| !lost(*digits)).unwrap_or(MOST_DIGITS);
    let text = format!("{value:.needed$}");
    let text = if text.trim_start_matches(['-', '0', '.']).is_empty() { text.trim_start_matches('-') } else { &text };
    grouped(text, locale)
}

/// English groups thousands; Chinese does from ten thousand on.
fn grouped(text: &str, locale: Locale) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, part) = rest.split_once('.').map_or((rest, ""), |(whole, _)| (whole, &rest[whole.len()..]));
    let from = if locale == Locale::En { 4 } else { 5 };
    if whole.len() < from {
        return text.to_owned();
    }
    let mut shown = sign.to_owned();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown + part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(text: &str) -> Unit {
        Unit::parse(text).unwrap()
    }

    #[test]
    fn finds_the_unit_that_a_text_writes() {
        for (text, found) in [
            (" V for 120 s", "V"),
            ("V持续120秒", "V"),
            ("%:可能泄漏", "%"),
            (" %)", "%"),
            (" °C, above", "degC"),
            (" kPa a day", "kPa/d"),
            ("kPa/天", "kPa/d"),
            (" kPa within two days", "kPa"),
            ("公里后", "km"),
            (" days;", "d"),
            ("天内", "d"),
            ("Ω/V:", "ohm/V"),
            (" Nm.", "Nm"),
            (" V/s", "V/s"),
        ] {
            assert_eq!(unit_at_start(text).map(|unit| unit.as_str().to_owned()), Some(found.to_owned()), "{text}");
        }
        for text in ["", ".", " times in", "次", "级报警", ", above", " dayside", " a day", "缸", " 20 km"] {
            assert_eq!(unit_at_start(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_is_told_in_the_unit_that_is_written() {
        let said = |value, own: &str, written: Option<&str>| {
            let written = written.map(unit);
            figure(value, &unit(own), written.as_ref(), Locale::En)
        };
        assert_eq!(said(2_400_000.0, "m", Some("km")).unwrap(), "2,400");
        assert_eq!(said(0.1, "V", Some("mV")).unwrap(), "100");
        assert_eq!(said(20.0, "", None).unwrap(), "20");
        // Another quantity, a share as a number, a point as a difference, a score, nothing that is a number.
        for (own, written) in
            [("degC", Some("V")), ("%", None), ("", Some("%")), ("degC", Some("K")), ("sd", None), ("V", None)]
        {
            assert_eq!(said(30.0, own, written), None, "{own} {written:?}");
        }
        assert_eq!(said(f64::NAN, "V", Some("V")), None);
    }

    #[test]
    fn digits_are_those_that_matter() {
        let said = |value, written: &str| digits(value, Some(&unit(written)), Locale::En);
        assert_eq!([said(11.94, "V"), said(4.352, "V"), said(0.05, "V/d")], ["11.9", "4.35", "0.05"]);
        assert_eq!([said(118.4, "degC"), said(0.43, "kPa/d"), said(2.5, "K")], ["118", "0.43", "2.5"]);
        assert_eq!([said(-0.2, "degC"), said(0.0, "%"), said(-1_234.0, "km")], ["-0.2", "0", "-1,234"]);
        assert_eq!(digits(2_400.0, Some(&unit("km")), Locale::ZhCn), "2400");
        assert_eq!(digits(12_400.0, Some(&unit("km")), Locale::ZhCn), "12,400");
    }
}
