//! The readings around a finding as inline SVG: line, limit, moment of opening, gaps left open.
//!
//! Drawn twice, for wide and for narrow screens, because text in a scaled drawing cannot be read on
//! a phone. Colours come from the stylesheet, so that dark mode holds. Silence is not health: where
//! the signal was silent for longer than its `max_gap` the line is broken.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};

use super::chart_scale::{Scale, time_ticks, value_ticks};
use crate::http::page::show::{Times, escape, number};
use crate::store::vehicle::{Point, Window};

/// What is to be drawn.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    pub title: &'a str,
    pub unit: &'a str,
    /// Names of the values 0, 1, 2…; empty for numbers. Such signals are drawn as steps.
    pub names: &'a [String],
    pub points: &'a [Point],
    pub window: Window,
    pub max_gap: TimeDelta,
    pub limit: Option<f64>,
    /// On which side of the limit the finding holds, if the rule says so.
    pub above_limit: Option<bool>,
    /// The value that opened the finding, and when.
    pub opened: Option<(DateTime<Utc>, Option<f64>)>,
    pub closed_at: Option<DateTime<Utc>>,
    pub limit_word: &'a str,
    pub opened_word: &'a str,
}

struct Frame {
    class: &'static str,
    /// Whether it may be stretched out of proportion.
    stretch: bool,
    width: f64,
    height: f64,
    time_ticks: usize,
}

const WIDE: Frame = Frame { class: "plot wide", stretch: false, width: 760.0, height: 230.0, time_ticks: 7 };
const NARROW: Frame = Frame { class: "plot narrow", stretch: false, width: 350.0, height: 210.0, time_ticks: 4 };
const SPARK: Frame = Frame { class: "spark", stretch: true, width: 240.0, height: 56.0, time_ticks: 0 };
const LEFT: f64 = 50.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 24.0;

/// Both drawings of a chart, or nothing where there is nothing to draw.
pub fn drawn(chart: &Chart<'_>, times: &Times<'_>) -> Option<String> {
    if chart.points.is_empty() {
        return None;
    }
    Some(format!("{}{}", framed(chart, times, &WIDE), framed(chart, times, &NARROW)))
}

/// A small line without axes.
pub fn spark(chart: &Chart<'_>) -> Option<String> {
    if chart.points.len() < 2 {
        return None;
    }
    let scale = spark_scale(chart);
    let mut svg = head(chart, &SPARK);
    line(&mut svg, chart, &scale);
    svg.push_str("</svg>");
    Some(svg)
}

fn framed(chart: &Chart<'_>, times: &Times<'_>, frame: &Frame) -> String {
    let scale = scale(chart, frame);
    let mut svg = head(chart, frame);
    value_axis(&mut svg, chart, &scale);
    time_axis(&mut svg, chart, times, &scale, frame);
    limit(&mut svg, chart, &scale);
    line(&mut svg, chart, &scale);
    opening(&mut svg, chart, &scale);
    svg.push_str("</svg>");
    svg
}

fn head(chart: &Chart<'_>, frame: &Frame) -> String {
    let Frame { class, width, height, .. } = frame;
    let stretch = if frame.stretch { " preserveAspectRatio=\"none\"" } else { "" };
    format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\"{stretch} role=\"img\" aria-label=\"{}\">",
        escape(chart.title)
    )
}

fn scale(chart: &Chart<'_>, frame: &Frame) -> Scale {
    Scale {
        window: chart.window,
        range: value_range(chart),
        left: LEFT,
        right: frame.width - RIGHT,
        top: TOP,
        bottom: frame.height - BOTTOM,
    }
}

fn spark_scale(chart: &Chart<'_>) -> Scale {
    let range = value_range(chart);
    Scale { window: chart.window, range, left: 2.0, right: SPARK.width - 2.0, top: 4.0, bottom: SPARK.height - 4.0 }
}

/// From the lowest to the highest of readings and limit, with some air.
fn value_range(chart: &Chart<'_>) -> (f64, f64) {
    if !chart.names.is_empty() {
        return (-0.2, chart.names.len() as f64 - 0.8);
    }
    let mut low = chart.limit.unwrap_or(f64::INFINITY);
    let mut high = chart.limit.unwrap_or(f64::NEG_INFINITY);
    if let Some((_, Some(value))) = chart.opened {
        (low, high) = (low.min(value), high.max(value));
    }
    for point in chart.points {
        (low, high) = (low.min(point.low), high.max(point.high));
    }
    let air = ((high - low) * 0.1).max(high.abs() * 0.01).max(0.05);
    (low - air, high + air)
}

fn value_axis(svg: &mut String, chart: &Chart<'_>, scale: &Scale) {
    let ticks: Vec<(f64, String)> = if chart.names.is_empty() {
        value_ticks(scale.range).into_iter().map(|value| (value, number(value))).collect()
    } else {
        chart.names.iter().enumerate().map(|(index, name)| (index as f64, name.clone())).collect()
    };
    for (value, label) in ticks {
        let y = scale.y(value);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            scale.left,
            scale.right,
            scale.left - 6.0,
            y + 4.0,
            escape(&label)
        );
    }
    if !chart.unit.is_empty() {
        let _ = write!(
            svg,
            "<text class=\"axis unit\" x=\"{:.1}\" y=\"11\" text-anchor=\"end\">{}</text>",
            scale.left - 6.0,
            escape(chart.unit)
        );
    }
}

fn time_axis(svg: &mut String, chart: &Chart<'_>, times: &Times<'_>, scale: &Scale, frame: &Frame) {
    for (at, label) in time_ticks(chart.window, times, frame.time_ticks) {
        let x = scale.x(at);
        let anchor = if x < scale.left + 18.0 {
            "start"
        } else if x > scale.right - 18.0 {
            "end"
        } else {
            "middle"
        };
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
             <text class=\"axis\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            scale.bottom,
            scale.bottom + 4.0,
            scale.bottom + 17.0,
            escape(&label)
        );
    }
}

/// The limit, and the side of it where the finding holds.
fn limit(svg: &mut String, chart: &Chart<'_>, scale: &Scale) {
    let Some(limit) = chart.limit else { return };
    let y = scale.y(limit);
    let opened_at = chart.opened.and_then(|(_, value)| value);
    let above = chart.above_limit.or_else(|| opened_at.map(|value| value >= limit));
    if let Some(above) = above {
        let (top, bottom) = if above { (scale.top, y) } else { (y, scale.bottom) };
        let _ = write!(
            svg,
            "<rect class=\"beyond\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            scale.left,
            scale.right - scale.left,
            (bottom - top).max(0.0)
        );
    }
    let text_y = if above == Some(false) { y - 5.0 } else { y + 14.0 };
    let _ = write!(
        svg,
        "<line class=\"limit\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
         <text class=\"limit-text\" x=\"{:.1}\" y=\"{text_y:.1}\">{} {}</text>",
        scale.left,
        scale.right,
        scale.left + 5.0,
        escape(chart.limit_word),
        escape(&number(limit))
    );
}

/// The line, with the band between lowest and highest of each step behind it.
fn line(svg: &mut String, chart: &Chart<'_>, scale: &Scale) {
    for run in runs(chart) {
        if let [only] = run {
            let _ = write!(
                svg,
                "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2\"/>",
                scale.x(only.at),
                scale.y(only.mean)
            );
            continue;
        }
        if run.iter().any(|point| point.high > point.low) && chart.names.is_empty() {
            band(svg, run, scale);
        }
        let mut path = String::new();
        for (index, point) in run.iter().enumerate() {
            let (x, y) = (scale.x(point.at), scale.y(point.mean));
            let _ = match (index, chart.names.is_empty()) {
                (0, _) => write!(path, "M{x:.1} {y:.1}"),
                (_, true) => write!(path, "L{x:.1} {y:.1}"),
                (_, false) => write!(path, "H{x:.1}V{y:.1}"),
            };
        }
        let _ = write!(svg, "<path class=\"line\" d=\"{path}\"/>");
    }
}

fn band(svg: &mut String, run: &[Point], scale: &Scale) {
    let mut path = String::new();
    let above = run.iter().map(|point| (point.at, point.high));
    let below = run.iter().rev().map(|point| (point.at, point.low));
    for (index, (at, value)) in above.chain(below).enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{:.1} {:.1}", scale.x(at), scale.y(value));
    }
    let _ = write!(svg, "<path class=\"band\" d=\"{path}Z\"/>");
}

/// Stretches without a gap.
fn runs<'a>(chart: &Chart<'a>) -> Vec<&'a [Point]> {
    let steps: Vec<TimeDelta> = chart.points.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    // Charts keep fewer readings than rules saw: what is usual between two kept ones is no gap.
    let mut sorted = steps.clone();
    sorted.sort_unstable();
    let usual = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let gap = chart.max_gap.max(usual * 3);
    chart.points.chunk_by(|before, after| after.at - before.at <= gap).collect()
}

fn opening(svg: &mut String, chart: &Chart<'_>, scale: &Scale) {
    let Some((at, value)) = chart.opened else { return };
    let x = scale.x(at);
    let anchor = if x > scale.right - 60.0 { "end" } else { "start" };
    let dx = if anchor == "end" { -5.0 } else { 5.0 };
    let _ = write!(
        svg,
        "<line class=\"open\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
         <text class=\"open-text\" x=\"{:.1}\" y=\"11\" text-anchor=\"{anchor}\">{}</text>",
        scale.top - 6.0,
        scale.bottom,
        x + dx,
        escape(chart.opened_word)
    );
    if let Some(value) = value {
        let _ = write!(svg, "<circle class=\"hit\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"4\"/>", scale.y(value));
    }
    if let Some(closed_at) = chart.closed_at {
        let x = scale.x(closed_at);
        let _ = write!(
            svg,
            "<line class=\"closed\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
            scale.top, scale.bottom
        );
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use rules::unit::Locale;

    use super::*;
    use crate::http::words::Dictionary;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap()
    }

    fn point(minute: i64, value: f64) -> Point {
        Point { signal: 1, at: at(minute), low: value, mean: value, high: value }
    }

    fn chart<'a>(points: &'a [Point], names: &'a [String]) -> Chart<'a> {
        Chart {
            title: "Coolant <hot>",
            unit: "°C",
            names,
            points,
            window: Window { from: at(0), to: at(60) },
            max_gap: TimeDelta::minutes(5),
            limit: Some(115.0),
            above_limit: Some(true),
            opened: Some((at(30), Some(118.0))),
            closed_at: None,
            limit_word: "limit",
            opened_word: "opened",
        }
    }

    fn svg(chart: &Chart<'_>) -> String {
        let words = Dictionary::load().unwrap().of(Locale::En);
        drawn(chart, &Times { words: &words.time, zone: Tz::UTC, now: at(60) }).unwrap()
    }

    #[test]
    fn draws_line_limit_and_opening_for_both_widths() {
        let points: Vec<Point> = (0..60).map(|minute| point(minute, 90.0 + minute as f64 / 2.0)).collect();
        let svg = svg(&chart(&points, &[]));
        for class in
            ["plot wide", "plot narrow", "class=\"line\"", "class=\"limit\"", "class=\"open\"", "class=\"beyond\""]
        {
            assert!(svg.contains(class), "{class}");
        }
        assert!(svg.contains("Coolant &lt;hot&gt;") && !svg.contains("<hot>"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn breaks_the_line_where_the_signal_was_silent() {
        let points: Vec<Point> = (0..60).filter(|m| !(20..40).contains(m)).map(|m| point(m, 90.0)).collect();
        assert_eq!(runs(&chart(&points, &[])).len(), 2);
    }

    #[test]
    fn draws_words_as_steps() {
        let names = ["OFF".to_owned(), "ON".to_owned()];
        let points = [point(0, 0.0), point(3, 1.0)];
        let svg = svg(&Chart { limit: None, ..chart(&points, &names) });
        assert!(svg.contains(">ON</text>") && svg.contains('V'));
    }

    #[test]
    fn draws_nothing_of_nothing_and_one_reading_as_a_dot() {
        let words = Dictionary::load().unwrap().of(Locale::En);
        let times = Times { words: &words.time, zone: Tz::UTC, now: at(60) };
        assert!(drawn(&chart(&[], &[]), &times).is_none());
        assert!(drawn(&chart(&[point(1, 90.0)], &[]), &times).unwrap().contains("class=\"dot\""));
    }
}
