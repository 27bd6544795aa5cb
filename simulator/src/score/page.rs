//! The score card as one page without anything beside it: figures, and plots of what they come from.

use std::fmt::Write as _;

use super::figures::quantile;
use super::{Score, Whole};

const STYLE: &str = "body{margin:0;padding:1.5rem clamp(1rem,4vw,3rem);font:15px/1.5 system-ui,sans-serif;color-scheme:light dark;--ink:light-dark(#1d232b,#e6e9ee);--soft:light-dark(#5c6773,#9aa5b1);--line:light-dark(#d7dce2,#39414b);--accent:light-dark(#1d6fb8,#6fb3ee);color:var(--ink)}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}p{color:var(--soft)}.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.35rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}th:first-child,td:first-child,.plain td{text-align:left}.plain td{white-space:normal}svg{max-width:640px;width:100%;height:auto;display:block}.dot{fill:var(--accent);fill-opacity:.55}.ring{fill:none;stroke:var(--soft)}.axis{stroke:var(--line)}.mark{stroke:var(--accent);stroke-width:2}.tick{fill:var(--soft);font-size:10px}";
const WIDTH: f64 = 620.0;

/// Draws the page.
pub fn page(whole: &Whole) -> String {
    let score = &whole.score;
    let mut text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Score card</title><style>{STYLE}</style></head><body><h1>Score card</h1><p>Seed {}, {:.0} vehicle-days, {} messages.</p>",
        score.seed, score.vehicle_days, score.messages
    );
    summary(&mut text, whole);
    faults(&mut text, score);
    leads(&mut text, score);
    reliability(&mut text, score);
    fans(&mut text, score);
    text.push_str("</body></html>\n");
    text
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
}

fn summary(text: &mut String, whole: &Whole) {
    let Score { sound, due_date, pads, soh, .. } = &whole.score;
    let mut rows: Vec<(&str, String)> = vec![
        (
            "false automatic orders per 1,000 vehicle-months",
            format!(
                "{:.2} (at most {:.2} with 95 %)",
                sound.false_orders_per_1000_vehicle_months, sound.false_orders_upper95
            ),
        ),
        ("notices per 1,000 vehicle-months", format!("{:.2}", sound.notices_per_1000_vehicle_months)),
        (
            "due date, median error 14 / 30 / 60 days ahead",
            format!(
                "{} / {} / {} d",
                shown(due_date.median_days_14),
                shown(due_date.median_days_30),
                shown(due_date.median_days_60)
            ),
        ),
        ("due date, coverage of the 80 % interval", shown(due_date.coverage80)),
        ("pads, relative error of the distance left", shown(pads.km_left_median_error)),
        (
            "state of health, error after 12 / 24 / 36 months",
            format!("{} / {} / {} %", shown(soh.rmse_12m), shown(soh.rmse_24m), shown(soh.rmse_36m)),
        ),
        (
            "age of 80 %, median error after three years, coverage",
            format!("{} years, {}", shown(soh.t80_median_error_years_36m), shown(soh.t80_coverage80)),
        ),
        (
            "cases from bad data; twins found",
            format!("{}; {} of {}", whole.bad.bad_data_cases, whole.bad.twins_found, whole.bad.twins_total),
        ),
    ];
    if let Some(trips) = &whole.carobd {
        rows.push((
            "real trips: false cases; planted found",
            format!(
                "{} in {:.1} h; {} of {}",
                trips.false_cases, trips.hours, trips.planted_found, trips.planted_total
            ),
        ));
    }
    for (name, set) in &whole.battery {
        rows.push((
            "real cells",
            format!(
                "{name}: health 50 cycles ahead {} (line {}), cycles to 0.90 {} (line {}), coverage {}",
                set.soh_mae_50.map_or_else(String::new, |mae| format!("{mae:.4}")),
                set.floor_mae_50.map_or_else(String::new, |mae| format!("{mae:.4}")),
                shown(set.cycles_to_090_median_error),
                shown(set.floor_cycles_to_090_median_error),
                shown(set.coverage80)
            ),
        ));
    }
    text.push_str("<table class=\"plain\">");
    for (what, value) in rows {
        let _ = write!(text, "<tr><td>{what}</td><td>{value}</td></tr>");
    }
    text.push_str("</table>");
}

fn faults(text: &mut String, score: &Score) {
    text.push_str("<h2>Faults</h2><p>Recall of typical and severe ones; precision over all vehicles.</p><div class=\"scroll\"><table><tr><th>Fault</th><th>Planted</th><th>Recall</th><th>Small / typical / severe</th><th>Within 10 trips (typical, severe)</th><th>Precision</th><th>Lead days p10 / p50 / p90</th><th>At least 7 days before</th><th>Before the limit</th></tr>");
    for (key, of) in &score.faults {
        let by = |magnitude: &str| shown(of.by_magnitude.get(magnitude).and_then(|by| by.recall));
        let ten = |magnitude: &str| shown(of.by_magnitude.get(magnitude).and_then(|by| by.recall_10_trips));
        let _ = write!(
            text,
            "<tr><td>{key}</td><td>{}</td><td>{}</td><td>{} / {} / {}</td><td>{}, {}</td><td>{}</td><td>{} / {} / {}</td><td>{}</td><td>{}</td></tr>",
            of.planted,
            shown(of.recall),
            by("small"),
            by("typical"),
            by("severe"),
            ten("typical"),
            ten("severe"),
            shown(of.precision),
            shown(of.lead_days_p10),
            shown(of.lead_days_p50),
            shown(of.lead_days_p90),
            shown(of.recall_7_days),
            shown(of.recall_before_limit)
        );
    }
    text.push_str("</table></div>");
}

/// Every found fault as a dot over its lead time.
fn leads(text: &mut String, score: &Score) {
    let rows: Vec<_> = score.faults.iter().filter(|(_, of)| !of.leads.is_empty()).collect();
    let longest = rows.iter().flat_map(|(_, of)| &of.leads).copied().fold(30.0, f64::max);
    let x = |days: f64| 150.0 + (WIDTH - 160.0) * (days.max(-5.0) + 5.0) / (longest + 5.0);
    let height = 24.0 * rows.len() as f64 + 24.0;
    let _ = write!(
        text,
        "<h2>Lead times</h2><p>Days before failure at which each was found; the bar is the middle.</p><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"lead times by fault\">"
    );
    for days in [0.0, 7.0, 30.0, 60.0, 120.0, 240.0].into_iter().filter(|days| *days <= longest) {
        let _ = write!(
            text,
            "<line class=\"axis\" x1=\"{0:.1}\" y1=\"0\" x2=\"{0:.1}\" y2=\"{1}\"/><text class=\"tick\" x=\"{0:.1}\" y=\"{2}\" text-anchor=\"middle\">{days}</text>",
            x(days),
            height - 16.0,
            height - 3.0
        );
    }
    for (row, (key, of)) in rows.iter().enumerate() {
        let y = 24.0 * row as f64 + 14.0;
        let _ = write!(text, "<text class=\"tick\" x=\"0\" y=\"{}\">{key}</text>", y + 4.0);
        for lead in &of.leads {
            let _ = write!(text, "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{y}\" r=\"4\"/>", x(*lead));
        }
        if let Some(middle) = quantile(&of.leads, 0.5) {
            let _ = write!(
                text,
                "<line class=\"mark\" x1=\"{0:.1}\" y1=\"{1}\" x2=\"{0:.1}\" y2=\"{2}\"/>",
                x(middle),
                y - 8.0,
                y + 8.0
            );
        }
    }
    text.push_str("</svg>");
}

fn reliability(text: &mut String, score: &Score) {
    text.push_str("<h2>Reliability</h2><p>Failure within 30 days: what was said against what was seen; the line is where both agree. Rings are what the estimator gives, dots what is told once it was calibrated on other vehicles.</p>");
    for (estimator, held) in score.reliability.iter().filter(|(_, held)| held.raw.judged > 0) {
        let _ = write!(
            text,
            "<h3>{estimator}</h3><p>{} forecasts, calibrated (as given): Brier score {} ({}), calibration error {} ({}); {} intervals of 80 % contained {} ({})</p><svg viewBox=\"0 0 240 180\" style=\"max-width:300px\" role=\"img\" aria-label=\"reliability of {estimator}\"><line class=\"axis\" x1=\"30\" y1=\"150\" x2=\"230\" y2=\"10\"/><line class=\"axis\" x1=\"30\" y1=\"150\" x2=\"230\" y2=\"150\"/><text class=\"tick\" x=\"130\" y=\"172\" text-anchor=\"middle\">said</text><text class=\"tick\" x=\"2\" y=\"80\">seen</text>",
            held.told.judged,
            shown(held.told.brier),
            shown(held.raw.brier),
            shown(held.told.calibration_error),
            shown(held.raw.calibration_error),
            held.interval.judged,
            shown(held.interval.covered),
            shown(held.raw_interval.covered)
        );
        for (of, class) in [(&held.raw, "ring"), (&held.told, "dot")] {
            for [said, seen, count] in of.bins.iter().filter(|bin| bin[2] > 0.0) {
                let _ = write!(
                    text,
                    "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{:.1}\"/>",
                    30.0 + 200.0 * said,
                    150.0 - 140.0 * seen,
                    2.0 + count.ln_1p()
                );
            }
        }
        text.push_str("</svg>");
    }
}

/// True age of 80 % against the forecast interval of every battery.
fn fans(text: &mut String, score: &Score) {
    let mut fans = score.soh.fans.clone();
    if fans.is_empty() {
        return;
    }
    fans.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let x = |place: usize| 36.0 + (WIDTH - 46.0) * place as f64 / fans.len() as f64;
    let y = |years: f64| 200.0 - 190.0 * years.min(20.0) / 20.0;
    let _ = write!(
        text,
        "<h2>Age of 80 % health</h2><p>Every battery after three years: interval and middle of the forecast, and the truth as a dot; years.</p><svg viewBox=\"0 0 {WIDTH} 214\" role=\"img\" aria-label=\"forecast age of 80 percent health\">"
    );
    for years in [0.0, 5.0, 10.0, 15.0, 20.0] {
        let _ = write!(
            text,
            "<line class=\"axis\" x1=\"30\" y1=\"{0:.1}\" x2=\"{WIDTH}\" y2=\"{0:.1}\"/><text class=\"tick\" x=\"4\" y=\"{1:.1}\">{years}</text>",
            y(years),
            y(years) + 4.0
        );
    }
    for (place, [truth, early, central, late]) in fans.iter().enumerate() {
        let _ = write!(
            text,
            "<line class=\"mark\" x1=\"{0:.1}\" y1=\"{1:.1}\" x2=\"{0:.1}\" y2=\"{2:.1}\" stroke-opacity=\".4\"/><line class=\"mark\" x1=\"{3:.1}\" y1=\"{4:.1}\" x2=\"{5:.1}\" y2=\"{4:.1}\"/><circle class=\"dot\" cx=\"{0:.1}\" cy=\"{6:.1}\" r=\"3.5\"/>",
            x(place),
            y(*early),
            y(*late),
            x(place) - 3.0,
            y(*central),
            x(place) + 3.0,
            y(*truth)
        );
    }
    text.push_str("</svg>");
}
