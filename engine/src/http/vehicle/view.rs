//! What the vehicle page says, from the rows of the store.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::http::case::chart::{Chart, spark};
use crate::http::case::titles::Titles;
use crate::http::case::view::scaled;
use crate::http::page::layout::Page;
use crate::http::page::show::{Moment, SeverityTag, number, percent};
use crate::http::words::{fill, named};
use crate::store::vehicle::{
    CaseRow, LastValue, NoticeRow, OrderRow, Point, RejectionRow, ServiceRow, VehicleRow, Window,
};

#[derive(Clone, Debug)]
pub struct Profile {
    pub vehicle_id: String,
    pub model: String,
    pub powertrain: String,
    pub delivered: String,
    pub dealer: String,
    pub registered: String,
    pub heard: Option<Moment>,
    pub heard_ago: String,
    /// Silent for more than three days.
    pub silent: bool,
}

impl Profile {
    pub fn new(p: &Page, titles: &Titles, row: &VehicleRow, heard: Option<DateTime<Utc>>) -> Self {
        let times = p.times();
        Self {
            vehicle_id: row.vehicle_id.clone(),
            model: format!("{} {}", titles.model(&row.model), row.model_year),
            powertrain: named(&p.w.powertrain, &row.powertrain).to_owned(),
            delivered: times.day(row.delivered_at),
            dealer: row.dealer_name.clone(),
            registered: named(&p.w.registered, &row.registered_by).to_owned(),
            heard: heard.map(|at| times.moment(at)),
            heard_ago: heard.map(|at| times.ago(at)).unwrap_or_default(),
            silent: heard.is_none_or(|at| p.now - at > TimeDelta::days(3)),
        }
    }
}

/// A signal's last fortnight in small.
#[derive(Clone, Debug)]
pub struct Trend {
    pub title: String,
    pub last: String,
    pub svg: String,
}

/// Mini charts of the signals that have readings.
pub fn trends(p: &Page, titles: &Titles, signals: &[i16], points: &[Point], window: Window) -> Vec<Trend> {
    let one = |no: &i16| {
        let sign = titles.signal(*no)?;
        let own: Vec<Point> = points.iter().filter(|point| point.signal == *no).copied().collect();
        let last = own.last().map(|point| sign.value(point.mean))?;
        let shown = scaled(&own, sign.factor);
        let chart = Chart {
            title: &sign.title,
            unit: sign.unit,
            names: sign.names,
            points: &shown,
            window,
            max_gap: sign.max_gap,
            limit: None,
            above_limit: None,
            opened: None,
            closed_at: None,
            limit_word: &p.w.order.chart_limit,
            opened_word: &p.w.order.chart_opened,
        };
        let svg = spark(&chart)?;
        Some(Trend { title: sign.title, last, svg })
    };
    signals.iter().filter_map(one).collect()
}

/// The last value of a signal and how old it is.
#[derive(Clone, Debug)]
pub struct ValueLine {
    pub title: String,
    pub value: String,
    pub at: Moment,
    pub ago: String,
    pub feature: bool,
}

impl ValueLine {
    pub fn of(p: &Page, titles: &Titles, last: &[LastValue]) -> Vec<Self> {
        let times = p.times();
        let line = |value: &LastValue| {
            let sign = titles.signal(value.signal)?;
            let shown = sign.value(value.value);
            Some(Self {
                title: sign.title,
                value: shown,
                at: times.moment(value.measured_at),
                ago: times.ago(value.measured_at),
                feature: sign.feature,
            })
        };
        last.iter().filter_map(line).collect()
    }
}

#[derive(Clone, Debug)]
pub struct CaseLine {
    pub tag: SeverityTag,
    pub component: String,
    pub reason: String,
    pub rule: String,
    pub opened: Moment,
    pub opened_ago: String,
    pub closed: Option<Moment>,
    pub withdrawn: Option<String>,
    pub confidence: String,
    pub order: Option<(Uuid, i64)>,
}

impl CaseLine {
    pub fn new(p: &Page, titles: &Titles, case: CaseRow) -> Self {
        let times = p.times();
        Self {
            tag: p.severity(case.severity),
            component: titles.component(&case.component),
            reason: case.reason.as_ref().map(|reason| titles.stored(reason)).unwrap_or_default(),
            rule: format!("{} v{}", case.rule_key, case.rule_version),
            opened: times.moment(case.opened_at),
            opened_ago: times.ago(case.opened_at),
            closed: case.closed_at.map(|at| times.moment(at)),
            withdrawn: (case.status == "withdrawn").then(|| named(&p.w.change, "withdraw").to_owned()),
            confidence: percent(case.confidence),
            order: case.order_id.zip(case.order_number),
        }
    }
}

#[derive(Clone, Debug)]
pub struct OrderLine {
    pub order_id: Uuid,
    pub number: i64,
    pub tag: SeverityTag,
    pub state: String,
    pub what: String,
    pub opened: Moment,
}

impl OrderLine {
    pub fn new(p: &Page, titles: &Titles, order: OrderRow) -> Self {
        let what: Vec<String> = order.components.iter().map(|key| titles.component(key)).collect();
        Self {
            order_id: order.order_id,
            number: order.number,
            tag: p.severity(order.severity),
            state: named(&p.w.state, &order.state).to_owned(),
            what: what.join(" · "),
            opened: p.times().moment(order.opened_at),
        }
    }
}

#[derive(Clone, Debug)]
pub struct ServiceLine {
    pub item: String,
    pub done: String,
    pub odometer: String,
    pub order_id: Option<Uuid>,
}

impl ServiceLine {
    pub fn new(p: &Page, titles: &Titles, service: ServiceRow) -> Self {
        Self {
            item: titles.component(&format!("service.{}", service.item)),
            done: p.times().day(service.done_at),
            odometer: format!("{} km", number(service.odometer_km.round())),
            order_id: service.order_id,
        }
    }
}

#[derive(Clone, Debug)]
pub struct NoticeLine {
    pub stage: String,
    pub channel: String,
    pub state: String,
    pub good: bool,
    pub detail: String,
    pub at: Moment,
    pub seen: Option<Moment>,
    pub order_id: Option<Uuid>,
}

impl NoticeLine {
    pub fn new(p: &Page, notice: NoticeRow) -> Self {
        let state = notice.state.unwrap_or_else(|| "queued".to_owned());
        let mut detail = Vec::new();
        if notice.attempts > 1 {
            detail.push(fill(&p.w.vehicle.attempts, "n", notice.attempts));
        }
        detail.extend(notice.because);
        detail.extend(notice.last_detail.filter(|_| state != "delivered"));
        Self {
            stage: named(&p.w.stage, &notice.stage).to_owned(),
            channel: notice.channel.map(|word| named(&p.w.channel, &word).to_owned()).unwrap_or_default(),
            good: state == "delivered",
            state: named(&p.w.delivery, &state).to_owned(),
            detail: detail.join(" · "),
            at: p.times().moment(notice.created_at),
            seen: notice.seen_at.map(|at| p.times().moment(at)),
            order_id: notice.order_id,
        }
    }
}

#[derive(Clone, Debug)]
pub struct RejectionLine {
    pub reason: String,
    pub detail: String,
    pub count: String,
    pub last: Moment,
}

impl RejectionLine {
    pub fn new(p: &Page, row: RejectionRow) -> Self {
        Self {
            reason: row.reason.replace('_', " "),
            detail: row.detail.unwrap_or_default(),
            count: number(row.count as f64),
            last: p.times().moment(row.last_at),
        }
    }
}
