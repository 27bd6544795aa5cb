//! What the work-order page says, from the rows of the store.

use std::collections::HashMap;

use uuid::Uuid;

use crate::crm::line_state::LineState;
use crate::crm::order_state::{Asks, OrderState};
use crate::http::case::titles::Titles;
use crate::http::case::view::{CaseHead, CaseView};
use crate::http::page::layout::Page;
use crate::http::page::show::{Moment, SeverityTag, number};
use crate::http::person::people::PeopleCard;
use crate::http::words::{fill, named};
use crate::store::order::{Line, Order, Transition};
use crate::store::vehicle::CaseRow;

/// The top of the page.
#[derive(Clone, Debug)]
pub struct OrderHead {
    pub order_id: Uuid,
    pub number: i64,
    pub version: i32,
    pub tag: SeverityTag,
    pub hint: String,
    pub state: String,
    pub over: bool,
    pub what: String,
    pub and_more: Option<String>,
    pub vehicle_id: String,
    pub sign: String,
    pub model: String,
    pub due: Moment,
    pub due_in: String,
    pub overdue: bool,
    pub opened: Moment,
    pub opened_ago: String,
    pub appointment: Option<Moment>,
    pub odometer: Option<String>,
    pub labour: String,
    pub flagged: Option<String>,
}

impl OrderHead {
    pub fn new(p: &Page, titles: &Titles, row: &Order, lines: &[Line], people: &PeopleCard) -> Self {
        let times = p.times();
        let live: Vec<&Line> = lines.iter().filter(|line| line.state != LineState::Withdrawn).collect();
        let labour: f64 = live.iter().map(|line| line.labour_h).sum();
        let over = row.state.is_over();
        let more = live.len().saturating_sub(1);
        Self {
            order_id: row.order_id,
            number: row.number,
            version: row.version,
            tag: p.severity(row.severity),
            hint: hint(p, row.severity),
            state: named(&p.w.state, row.state.word()).to_owned(),
            over,
            what: live
                .first()
                .or(lines.first().as_ref())
                .map(|line| titles.component(&line.component))
                .unwrap_or_default(),
            and_more: (more > 0).then(|| fill(&p.w.order.and_more, "n", more + usize::from(p.counts_all()))),
            vehicle_id: row.vehicle_id.clone(),
            sign: people.plate.clone().unwrap_or_else(|| row.vehicle_id.clone()),
            model: format!("{} {}", titles.model(&row.model), row.model_year),
            due: times.moment(row.due_at),
            due_in: times.until(row.due_at),
            overdue: !over && row.due_at < p.now,
            opened: times.moment(row.opened_at),
            opened_ago: times.ago(row.opened_at),
            appointment: row.appointment_at.map(|at| times.moment(at)),
            odometer: row.odometer_km.map(|km| format!("{} km", number(km.round()))),
            labour: fill(&p.w.order.hours, "n", number(labour)),
            flagged: row.flagged_because.as_deref().map(|because| titles.worded(because)),
        }
    }
}

fn hint(p: &Page, severity: i16) -> String {
    let words = &p.w.severity;
    match severity {
        1 => &words.s1_hint,
        2 => &words.s2_hint,
        3 => &words.s3_hint,
        _ => &words.s4_hint,
    }
    .clone()
}

/// The cases of an order's lines.
pub fn heads(row: &Order, lines: &[Line]) -> Vec<CaseHead> {
    let head = |line: &Line| CaseHead {
        case_id: line.case_id,
        vehicle_id: row.vehicle_id.clone(),
        component: line.component.clone(),
        severity: line.severity,
        open: line.case_status == "open",
        confidence: line.confidence,
    };
    lines.iter().map(head).collect()
}

/// One line: a case and what is to be done about it.
#[derive(Clone, Debug)]
pub struct LineView {
    pub case: CaseView,
    pub operations: Vec<String>,
    pub parts: Vec<String>,
    pub labour: String,
    pub extra_work: bool,
    pub withdrawn: bool,
    pub ended: bool,
    pub work: String,
    pub work_word: String,
    pub verdict: Option<String>,
    pub verdict_word: Option<String>,
    pub note: String,
}

impl LineView {
    pub fn new(p: &Page, titles: &Titles, line: &Line, case: CaseView) -> Self {
        let words = &p.w.order;
        let work_word = match line.state {
            LineState::Done => &words.work_done,
            LineState::Declined => &words.work_declined,
            LineState::Open | LineState::Withdrawn => &words.work_open,
        };
        Self {
            operations: line.operations.iter().map(|key| titles.operation(key)).collect(),
            parts: line.parts.iter().map(|key| titles.part(key)).collect(),
            labour: fill(&words.hours, "n", number(line.labour_h)),
            extra_work: line.extra_work,
            withdrawn: line.state == LineState::Withdrawn,
            ended: line.state != LineState::Withdrawn && !case.open,
            work: line.state.word().to_owned(),
            work_word: work_word.clone(),
            verdict_word: line.verdict.map(|verdict| named(&p.w.verdict, verdict.word()).to_owned()),
            verdict: line.verdict.map(|verdict| verdict.word().to_owned()),
            note: line.verdict_note.clone().unwrap_or_default(),
            case,
        }
    }
}

/// A move that may be made, with what it asks for.
#[derive(Clone, Debug)]
pub struct NextStep {
    pub to: &'static str,
    pub title: String,
    pub asks: Asks,
    /// Verdicts are missing: shown, but cannot be pressed.
    pub blocked: bool,
}

impl NextStep {
    pub fn new(p: &Page, to: OrderState, verdicts_missing: usize) -> Self {
        let asks = to.asks();
        Self {
            to: to.word(),
            title: named(&p.w.act, to.word()).to_owned(),
            asks,
            blocked: asks.verdicts && verdicts_missing > 0,
        }
    }
}

/// An open case of the vehicle that is not on this order.
#[derive(Clone, Debug)]
pub struct OtherCase {
    pub tag: SeverityTag,
    pub component: String,
    pub reason: String,
    pub since_ago: String,
    pub order: Option<(Uuid, i64)>,
}

impl OtherCase {
    pub fn of(p: &Page, titles: &Titles, cases: Vec<CaseRow>, lines: &[Line]) -> Vec<Self> {
        let on_this = |case: &CaseRow| lines.iter().any(|line| line.case_id == case.case_id);
        let view = |case: CaseRow| Self {
            tag: p.severity(case.severity),
            component: titles.component(&case.component),
            reason: case.reason.as_ref().map(|reason| titles.stored(reason)).unwrap_or_default(),
            since_ago: p.times().ago(case.opened_at),
            order: case.order_id.zip(case.order_number),
        };
        cases.into_iter().filter(|case| case.status == "open" && !on_this(case)).map(view).collect()
    }
}

/// A move that was made.
#[derive(Clone, Debug)]
pub struct LogEntry {
    pub at: Moment,
    pub to: String,
    pub by: String,
    pub because: String,
}

impl LogEntry {
    pub fn new(p: &Page, titles: &Titles, moved: Transition, names: &HashMap<Uuid, String>) -> Self {
        let by = match moved.moved_by {
            None => p.w.order.by_engine.clone(),
            Some(id) => names.get(&id).cloned().unwrap_or_else(|| "·".to_owned()),
        };
        Self {
            at: p.times().moment(moved.moved_at),
            to: named(&p.w.state, &moved.to_state).to_owned(),
            by,
            because: titles.worded(&moved.because),
        }
    }
}
