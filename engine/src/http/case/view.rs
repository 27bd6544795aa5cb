//! A case as a person judges it: what, why, how sure, and the evidence drawn.
//!
//! Used by the review queue and the work order alike, so that both show the same.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use rules::entry::fault_code::{Shown, UdsStatus};
use rules::state::Vehicle;
use rules::unit::Time;
use rules::vehicle::Told;
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::chart::{self, Chart};
use super::chart_scale::series_step;
use super::titles::Titles;
use crate::http::page::failure::Failure;
use crate::http::page::layout::Page;
use crate::http::page::show::{self, Moment, SeverityTag};
use crate::http::words::named;
use crate::store::order::{self, Change, FindingRow};
use crate::store::vehicle::{self, Fullness, Point, Window};

/// What is known of a case before its findings are read.
#[derive(Clone, Debug)]
pub struct CaseHead {
    pub case_id: Uuid,
    pub vehicle_id: String,
    pub component: String,
    pub severity: i16,
    pub open: bool,
    pub confidence: f64,
}

/// A case with everything that explains it.
#[derive(Clone, Debug)]
pub struct CaseView {
    pub case_id: Uuid,
    pub component: String,
    pub tag: SeverityTag,
    pub open: bool,
    pub confidence: String,
    /// Worst first; the first is the one that is charted.
    pub findings: Vec<FindingView>,
    pub charts: Vec<ChartView>,
    pub history: Vec<ChangeView>,
}

#[derive(Clone, Debug)]
pub struct FindingView {
    pub tag: SeverityTag,
    pub reason: String,
    pub rule: String,
    pub rule_key: String,
    pub rule_version: i32,
    pub subject: String,
    pub open: bool,
    pub closed_because: Option<String>,
    pub opened: Moment,
    pub since: Option<Moment>,
    pub value: Option<String>,
    pub limit: Option<String>,
    pub odometer: Option<String>,
    /// What was done with the vehicle's own times, if they did not stand.
    pub clock: Option<String>,
    pub readings: Vec<ReadingView>,
    pub faults: Vec<FaultView>,
}

#[derive(Clone, Debug)]
pub struct ReadingView {
    pub title: String,
    pub value: String,
    pub at: Moment,
}

#[derive(Clone, Debug)]
pub struct FaultView {
    pub code: String,
    pub meaning: String,
    pub ecu: String,
    /// The byte in hexadecimal, as workshop tools show it.
    pub byte: String,
    pub words: Vec<String>,
    pub active: bool,
    pub first: Option<Moment>,
    pub last: Option<Moment>,
}

#[derive(Clone, Debug)]
pub struct ChartView {
    pub title: String,
    pub svg: String,
}

#[derive(Clone, Debug)]
pub struct ChangeView {
    pub kind: String,
    pub because: String,
    pub at: Moment,
}

/// `rules::case::Evidence` as any version wrote it: what is missing is not shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Evidence {
    signals: Vec<EvidenceSignal>,
    limit: Option<f64>,
    above_limit: Option<bool>,
    readings: Vec<EvidenceReading>,
    faults: Vec<EvidenceFault>,
    since: Option<Time>,
    value: Option<f64>,
    odometer_km: Option<f64>,
    clock: Told,
    clock_shift_s: f64,
}

#[derive(Clone, Debug, Deserialize)]
struct EvidenceSignal {
    no: i16,
}

#[derive(Clone, Debug, Deserialize)]
struct EvidenceReading {
    signal: i16,
    at: Time,
    value: f64,
}

#[derive(Clone, Debug, Deserialize)]
struct EvidenceFault {
    code: String,
    #[serde(default)]
    ecu: String,
    #[serde(default)]
    status: u8,
    first_at: Option<Time>,
    at: Option<Time>,
}

/// Charts of at most this many signals per case.
const CHARTS: usize = 3;
/// How far back charts reach, by how often the signal speaks: the shortest with enough readings.
const LOOK_BACK: [TimeDelta; 5] =
    [TimeDelta::hours(1), TimeDelta::hours(6), TimeDelta::days(1), TimeDelta::days(7), TimeDelta::days(30)];
/// A chart shows its signal well from so many readings in so many of twelve parts on.
const ENOUGH: Fullness = Fullness { readings: 24, parts: 8 };

/// Reads and words everything about these cases, in their order.
pub async fn views(
    conn: &mut PgConnection,
    p: &Page,
    titles: &Titles,
    heads: Vec<CaseHead>,
) -> Result<Vec<CaseView>, Failure> {
    let ids: Vec<Uuid> = heads.iter().map(|head| head.case_id).collect();
    let mut findings = by_case(order::findings(conn, &ids).await?, |finding| finding.case_id);
    let mut changes = by_case(order::changes(conn, &ids).await?, |change| change.case_id);
    let mut views = Vec::with_capacity(heads.len());
    for head in heads {
        let found = findings.remove(&head.case_id).unwrap_or_default();
        let charts = match found.first() {
            Some(worst) => charts(conn, p, titles, &head.vehicle_id, worst).await?,
            None => Vec::new(),
        };
        views.push(CaseView {
            case_id: head.case_id,
            component: titles.component(&head.component),
            tag: p.severity(head.severity),
            open: head.open,
            confidence: show::percent(head.confidence),
            findings: found.into_iter().map(|finding| finding_view(p, titles, finding)).collect(),
            charts,
            history: changes
                .remove(&head.case_id)
                .unwrap_or_default()
                .into_iter()
                .map(|c| change_view(p, titles, c))
                .collect(),
        });
    }
    Ok(views)
}

fn by_case<T>(rows: Vec<T>, case: impl Fn(&T) -> Uuid) -> HashMap<Uuid, Vec<T>> {
    let mut by_case: HashMap<Uuid, Vec<T>> = HashMap::new();
    for row in rows {
        by_case.entry(case(&row)).or_default().push(row);
    }
    by_case
}

fn finding_view(p: &Page, titles: &Titles, finding: FindingRow) -> FindingView {
    let times = p.times();
    let evidence: Evidence = serde_json::from_value(finding.evidence).unwrap_or_default();
    let deciding = evidence.signals.first().and_then(|signal| titles.signal(signal.no));
    let withheld = evidence.signals.first().is_some_and(|signal| titles.withholds(signal.no));
    let worded = |value: f64| deciding.as_ref().map_or_else(|| show::number(value), |sign| sign.value(value));
    FindingView {
        tag: p.severity(finding.severity),
        reason: if withheld { titles.rule(&finding.rule_key) } else { titles.stored(&finding.opened_because) },
        rule: titles.rule(&finding.rule_key),
        rule_key: finding.rule_key,
        rule_version: finding.rule_version,
        subject: finding.subject,
        open: finding.status == "open",
        closed_because: finding.closed_because.map(|because| titles.worded(&because)),
        opened: times.moment(finding.opened_at),
        since: evidence.since.map(|since| times.moment(since.to_utc())),
        value: evidence.value.filter(|_| !withheld).map(&worded),
        limit: evidence.limit.filter(|_| !withheld).map(&worded),
        odometer: evidence.odometer_km.map(|km| format!("{} km", show::number(km.round()))),
        readings: evidence.readings.iter().filter_map(|reading| reading_view(p, titles, reading)).collect(),
        clock: clock(p, evidence.clock, evidence.clock_shift_s),
        faults: evidence.faults.into_iter().map(|fault| fault_view(p, titles, fault)).collect(),
    }
}

/// What was done with the vehicle's own times, if they did not stand.
/// What is done with the times that a vehicle's clock shows, if they do not stand.
pub fn clock_of(p: &Page, vehicle: &Vehicle) -> Option<String> {
    let (told, shift) = vehicle.clock.told();
    clock(p, told, shift.secs_f64())
}

fn clock(p: &Page, told: Told, shift_s: f64) -> Option<String> {
    let words = &p.w.order;
    match told {
        Told::Right => None,
        Told::Corrected => Some(words.clock_corrected.replace("{h}", &format!("{:+.1}", -shift_s / 3_600.0))),
        Told::Received | Told::Unusable => Some(words.clock_replaced.clone()),
    }
}

fn reading_view(p: &Page, titles: &Titles, reading: &EvidenceReading) -> Option<ReadingView> {
    let sign = titles.signal(reading.signal)?;
    let value = sign.value(reading.value);
    Some(ReadingView { title: sign.title, value, at: p.times().moment(reading.at.to_utc()) })
}

fn fault_view(p: &Page, titles: &Titles, fault: EvidenceFault) -> FaultView {
    let status = UdsStatus(fault.status);
    let words = &p.w.dtc;
    let mut said = Vec::new();
    said.push(match status.shown() {
        Some(Shown::Active) => named(words, "active"),
        Some(Shown::Pending) => named(words, "pending"),
        Some(Shown::Stored) => named(words, "stored"),
        None if status.test_not_completed_since_last_clear() => named(words, "untested"),
        None => named(words, "clear"),
    });
    if status.warning_indicator_requested() {
        said.push(named(words, "lamp"));
    }
    let moment = |at: Option<Time>| at.map(|at| p.times().moment(at.to_utc()));
    FaultView {
        meaning: titles.fault(&fault.code),
        code: fault.code,
        ecu: fault.ecu,
        byte: format!("0x{:02X}", fault.status),
        words: said.into_iter().map(str::to_owned).collect(),
        active: status.test_failed(),
        first: moment(fault.first_at),
        last: moment(fault.at),
    }
}

fn change_view(p: &Page, titles: &Titles, change: Change) -> ChangeView {
    let because = titles.worded(&change.because);
    ChangeView { kind: named(&p.w.change, &change.kind).to_owned(), because, at: p.times().moment(change.measured_at) }
}

async fn charts(
    conn: &mut PgConnection,
    p: &Page,
    titles: &Titles,
    vehicle_id: &str,
    finding: &FindingRow,
) -> Result<Vec<ChartView>, Failure> {
    let evidence = Evidence::deserialize(&finding.evidence).unwrap_or_default();
    let signals: Vec<i16> = evidence.signals.iter().map(|signal| signal.no).take(CHARTS).collect();
    let Some(first) = signals.first() else { return Ok(Vec::new()) };
    let window = window(conn, vehicle_id, *first, finding, &evidence, p.now).await?;
    let points = vehicle::series(conn, vehicle_id, &signals, window, series_step(window)).await?;
    let mut drawn = Vec::new();
    for (index, no) in signals.iter().enumerate() {
        let mut own: Vec<Point> = points.iter().filter(|point| point.signal == *no).copied().collect();
        let deciding = index == 0;
        // What the rule saw may lie between the readings that are kept.
        for seen in evidence.readings.iter().filter(|seen| seen.signal == *no) {
            let (at, value) = (seen.at.to_utc(), seen.value);
            let place = own.partition_point(|point| point.at < at);
            if (window.from..=window.to).contains(&at) && own.get(place).is_none_or(|point| point.at != at) {
                own.insert(place, Point { signal: *no, at, low: value, mean: value, high: value });
            }
        }
        drawn.extend(draw(p, titles, *no, &own, window, if deciding { Some(&evidence) } else { None }, finding));
    }
    Ok(drawn)
}

fn draw(
    p: &Page,
    titles: &Titles,
    no: i16,
    points: &[Point],
    window: Window,
    deciding: Option<&Evidence>,
    finding: &FindingRow,
) -> Option<ChartView> {
    let sign = titles.signal(no)?;
    let points = scaled(points, sign.factor);
    let chart = Chart {
        title: &sign.title,
        unit: sign.unit,
        names: sign.names,
        points: &points,
        window,
        max_gap: sign.max_gap,
        limit: deciding.and_then(|evidence| evidence.limit).map(|limit| limit * sign.factor),
        above_limit: deciding.and_then(|evidence| evidence.above_limit),
        opened: Some((
            finding.opened_at,
            deciding.and_then(|evidence| evidence.value).map(|value| value * sign.factor),
        )),
        closed_at: finding.closed_at.filter(|at| *at <= window.to),
        limit_word: &p.w.order.chart_limit,
        opened_word: &p.w.order.chart_opened,
    };
    let svg = chart::drawn(&chart, &p.times())?;
    Some(ChartView { title: sign.title, svg })
}

/// Points in the unit that is shown.
pub fn scaled(points: &[Point], factor: f64) -> Vec<Point> {
    let scale = |point: &Point| Point {
        low: point.low * factor,
        mean: point.mean * factor,
        high: point.high * factor,
        ..*point
    };
    points.iter().map(scale).collect()
}

/// From when enough readings are there to see how it came, to a while after it opened.
async fn window(
    conn: &mut PgConnection,
    vehicle_id: &str,
    signal: i16,
    finding: &FindingRow,
    evidence: &Evidence,
    now: DateTime<Utc>,
) -> Result<Window, Failure> {
    let opened_at = finding.opened_at;
    let froms: Vec<DateTime<Utc>> = LOOK_BACK.iter().map(|back| opened_at - *back).collect();
    let full = vehicle::fullness(conn, vehicle_id, signal, &froms, opened_at).await?;
    let enough = full.iter().position(|full| full.readings >= ENOUGH.readings && full.parts >= ENOUGH.parts);
    let enough = enough.unwrap_or(LOOK_BACK.len() - 1);
    let back = LOOK_BACK.get(enough).copied().unwrap_or(TimeDelta::days(30));
    let since = evidence.since.map_or(opened_at, Time::to_utc).max(opened_at - TimeDelta::days(30));
    let from = (opened_at - back).min(since - (opened_at - since) / 4);
    let to = (opened_at + (opened_at - from) / 2).min(now.max(opened_at));
    Ok(Window { from, to: to.max(opened_at + TimeDelta::seconds(30)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_evidence_that_the_core_writes_and_less() {
        let whole = serde_json::json!({
            "signals": [{ "no": 12, "path": "x" }], "limit": 115.0,
            "readings": [{ "signal": 12, "at": 1_000_000, "value": 118.0 }],
            "faults": [{ "code": "P0217", "ecu": "7E8", "status": 47, "first_at": 1, "at": 2 }],
            "since": 5, "value": 118.0, "odometer_km": null, "days_left": null, "km_left": null,
            "clock": "corrected", "clock_shift_s": -43_200.0,
        });
        let evidence: Evidence = serde_json::from_value(whole).unwrap();
        assert_eq!(evidence.signals[0].no, 12);
        assert_eq!(evidence.faults[0].status, 47);
        assert_eq!((evidence.clock, evidence.clock_shift_s), (Told::Corrected, -43_200.0));
        let less: Evidence = serde_json::from_value(serde_json::json!({ "limit": 3.0 })).unwrap();
        assert_eq!(less.limit, Some(3.0));
    }
}
