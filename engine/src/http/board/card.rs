//! What a card of the board says, from the rows of the store.

use std::collections::HashMap;

use uuid::Uuid;

use crate::crm::line_state::LineState;
use crate::http::case::titles::Titles;
use crate::http::page::layout::Page;
use crate::http::page::show::{Moment, SeverityTag};
use crate::http::words::named;
use crate::store::board::{BoardCase, BoardLine, BoardOrder, BoardWarning};
use crate::store::person::MaskedVehicle;

/// One order, or a stop-now case that has none.
#[derive(Clone, Debug)]
pub struct Card {
    /// Id in the page; the same card keeps it.
    pub id: String,
    pub href: String,
    pub tag: SeverityTag,
    pub number: Option<i64>,
    pub state: String,
    pub model: String,
    pub sign: String,
    pub dealer: Option<String>,
    pub what: String,
    pub why: String,
    /// The other lines of the bundle.
    pub more: Vec<String>,
    pub since: Moment,
    pub since_ago: String,
    pub due: Option<Moment>,
    pub due_in: String,
    pub overdue: bool,
    pub appointment: Option<Moment>,
    pub flagged: Option<String>,
    pub extra_work: bool,
}

/// The cards of one severity.
#[derive(Clone, Debug)]
pub struct Group {
    pub tag: SeverityTag,
    pub hint: String,
    pub empty: String,
    pub cards: Vec<Card>,
}

/// What cards are named with.
pub struct Signs<'a> {
    pub titles: &'a Titles,
    pub masked: &'a HashMap<String, MaskedVehicle>,
    /// People who see several dealers are told which one.
    pub names_dealer: bool,
}

impl Signs<'_> {
    /// The masked plate, or the opaque id where there is none.
    pub fn sign(&self, vehicle_id: &str) -> String {
        let plate = self.masked.get(vehicle_id).and_then(|masked| masked.plate.clone());
        plate.unwrap_or_else(|| vehicle_id.to_owned())
    }

    fn dealer(&self, name: String) -> Option<String> {
        self.names_dealer.then_some(name)
    }

    fn model(&self, key: &str, year: i16) -> String {
        format!("{} {year}", self.titles.model(key))
    }
}

/// Sorts cards into the four groups, each in the order the cards come in.
pub fn groups(p: &Page, cards: Vec<Card>) -> Vec<Group> {
    let w = &p.w;
    let words = [
        (1, &w.severity.s1_hint, &w.board.empty_s1),
        (2, &w.severity.s2_hint, &w.board.empty_s2),
        (3, &w.severity.s3_hint, &w.board.empty_s3),
        (4, &w.severity.s4_hint, &w.board.empty_s4),
    ];
    let mut groups: Vec<Group> = words
        .into_iter()
        .map(|(number, hint, empty)| Group {
            tag: p.severity(number),
            hint: hint.clone(),
            empty: empty.clone(),
            cards: Vec::new(),
        })
        .collect();
    for card in cards {
        if let Some(group) = groups.iter_mut().find(|group| group.tag.number == card.tag.number) {
            group.cards.push(card);
        }
    }
    groups.retain(|group| group.tag.number < 4 || !group.cards.is_empty());
    groups
}

/// Orders with their lines.
pub fn cards_of_orders(p: &Page, signs: &Signs<'_>, orders: Vec<BoardOrder>, lines: Vec<BoardLine>) -> Vec<Card> {
    let mut by_order: HashMap<Uuid, Vec<BoardLine>> = HashMap::new();
    for line in lines {
        by_order.entry(line.order_id).or_default().push(line);
    }
    orders
        .into_iter()
        .map(|order| {
            let lines = by_order.remove(&order.order_id).unwrap_or_default();
            card_of_order(p, signs, order, &lines)
        })
        .collect()
}

fn card_of_order(p: &Page, signs: &Signs<'_>, order: BoardOrder, lines: &[BoardLine]) -> Card {
    let times = p.times();
    let worst = lines.first();
    let since = worst.map_or(order.opened_at, |line| line.opened_at);
    let reason = worst.and_then(|line| line.reason.as_ref());
    Card {
        id: format!("order-{}", order.number),
        href: format!("/orders/{}", order.order_id),
        tag: p.severity(order.severity),
        number: Some(order.number),
        state: named(&p.w.state, &order.state).to_owned(),
        model: signs.model(&order.model, order.model_year),
        sign: signs.sign(&order.vehicle_id),
        dealer: signs.dealer(order.dealer_name),
        what: worst.map(|line| signs.titles.component(&line.component)).unwrap_or_default(),
        why: reason.map(|reason| signs.titles.stored(reason)).unwrap_or_default(),
        more: lines.iter().skip(1).map(|line| signs.titles.component(&line.component)).collect(),
        since: times.moment(since),
        since_ago: times.ago(since),
        due: Some(times.moment(order.due_at)),
        due_in: times.until(order.due_at),
        overdue: order.due_at < p.now,
        appointment: order.appointment_at.map(|at| times.moment(at)),
        flagged: order.flagged_because.map(|because| signs.titles.worded(&because)),
        extra_work: lines.iter().any(|line| line.extra_work && line.state == LineState::Open.word()),
    }
}

/// Stop-now cases without an order.
pub fn cards_of_cases(p: &Page, signs: &Signs<'_>, cases: Vec<BoardCase>) -> Vec<Card> {
    let of = |case: BoardCase| Card {
        id: format!("case-{}", case.case_id),
        what: signs.titles.component(&case.component),
        why: case.reason.as_ref().map(|reason| signs.titles.stored(reason)).unwrap_or_default(),
        model: signs.model(&case.model, case.model_year),
        dealer: signs.dealer(case.dealer_name),
        ..unordered(p, signs, &case.vehicle_id, case.opened_at)
    };
    cases.into_iter().map(of).collect()
}

/// Stop-now notices that went out while the case still waits for missing messages.
pub fn cards_of_warnings(p: &Page, signs: &Signs<'_>, warnings: Vec<BoardWarning>) -> Vec<Card> {
    let of = |warning: BoardWarning| Card {
        id: format!("case-{}", warning.case_id),
        what: named(&p.w.stage, "stop_now").to_owned(),
        why: p.w.board.case_only.clone(),
        model: signs.model(&warning.model, warning.model_year),
        dealer: signs.dealer(warning.dealer_name),
        ..unordered(p, signs, &warning.vehicle_id, warning.created_at)
    };
    warnings.into_iter().map(of).collect()
}

fn unordered(p: &Page, signs: &Signs<'_>, vehicle_id: &str, since: chrono::DateTime<chrono::Utc>) -> Card {
    let times = p.times();
    Card {
        id: String::new(),
        href: format!("/vehicles/{vehicle_id}"),
        tag: p.severity(1),
        number: None,
        state: p.w.board.no_order.clone(),
        model: String::new(),
        sign: signs.sign(vehicle_id),
        dealer: None,
        what: String::new(),
        why: String::new(),
        more: Vec::new(),
        since: times.moment(since),
        since_ago: times.ago(since),
        due: None,
        due_in: String::new(),
        overdue: false,
        appointment: None,
        flagged: None,
        extra_work: false,
    }
}
