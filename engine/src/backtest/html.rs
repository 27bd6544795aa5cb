//! The report as one page without anything beside it: to send by mail and keep with the rule's change.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use askama::Template;

use super::report::{Report, RuleReport, Verdict};
use super::tally::CaseRow;

/// Cases listed on the page; all of them are in the JSON.
const LISTED: usize = 200;
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 90.0;
const LEFT: f64 = 34.0;
const BOTTOM: f64 = 18.0;

#[derive(Template)]
#[template(path = "backtest.html")]
struct Page<'a> {
    report: &'a Report,
    plots: Vec<Vec<Plot<'a>>>,
    /// What only one of two sets has, under its heading.
    only: Vec<(&'static str, Vec<&'a CaseRow>)>,
    listed: usize,
}

struct Plot<'a> {
    rule: &'a RuleReport,
    of: &'a Verdict,
    weekly: String,
}

/// Draws the page.
pub fn page(report: &Report) -> Result<String, askama::Error> {
    let weeks = weeks(report);
    let plots = report
        .sets
        .iter()
        .map(|set| {
            let told = set.rules.iter().filter_map(|rule| Some((rule, rule.verdict.as_ref()?)));
            let with_cases = told.filter(|(_, of)| of.cases > 0);
            with_cases.map(|(rule, of)| Plot { rule, of, weekly: bars(of, &weeks) }).collect()
        })
        .collect();
    let only = report.difference.iter().flat_map(|difference| {
        [("Only in the first", &difference.only_in_first), ("Only in the second", &difference.only_in_second)]
    });
    let only = only.map(|(title, cases)| (title, cases.iter().take(LISTED).collect())).collect();
    Page { report, plots, only, listed: LISTED }.render()
}

/// Mondays of every week in which anything happened, and those between.
fn weeks(report: &Report) -> Vec<String> {
    let (Some(from), Some(to)) = (report.read.from, report.read.to) else { return Vec::new() };
    let mut monday = super::tally::week_of(from);
    let mut weeks = Vec::new();
    while monday <= to && weeks.len() < 520 {
        weeks.push(monday.to_utc().format("%Y-%m-%d").to_string());
        monday = monday + rules::unit::Span::from_days(7);
    }
    weeks
}

/// Cases by week as bars.
fn bars(of: &Verdict, weeks: &[String]) -> String {
    let highest = of.weeks.values().map(|week| week.cases).max().unwrap_or(1).max(1);
    let step = (WIDTH - LEFT) / weeks.len().max(1) as f64;
    let nothing = BTreeMap::new();
    let counts = if of.weeks.is_empty() { &nothing } else { &of.weeks };
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"cases by week\"><text class=\"tick\" x=\"{}\" y=\"10\" text-anchor=\"end\">{highest}</text><text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">0</text><line class=\"axis\" x1=\"{LEFT}\" y1=\"{y}\" x2=\"{WIDTH}\" y2=\"{y}\"/>",
        LEFT - 4.0,
        LEFT - 4.0,
        HEIGHT - BOTTOM,
        y = HEIGHT - BOTTOM,
    );
    for (place, monday) in weeks.iter().enumerate() {
        let Some(week) = counts.get(monday) else { continue };
        let tall = (HEIGHT - BOTTOM - 6.0) * week.cases as f64 / highest as f64;
        let (x, y) = (LEFT + step * place as f64, HEIGHT - BOTTOM - tall);
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{tall:.1}\"><title>{monday}: {} cases, {} contacts, {:.1} bay-hours, {} parts</title></rect>",
            (step - 1.0).max(1.0),
            week.cases,
            week.contacts,
            week.bay_hours,
            week.parts
        );
    }
    for (place, anchor) in [(weeks.first(), "start"), (weeks.last(), "end")] {
        let x = if anchor == "start" { LEFT } else { WIDTH };
        if let Some(monday) = place {
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{monday}</text>",
                HEIGHT - 4.0
            );
        }
    }
    svg.push_str("</svg>");
    svg
}
