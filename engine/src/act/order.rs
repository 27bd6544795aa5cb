//! What people do with a work order: move it on, judge its lines, answer its flag.
//!
//! `crm::order_state` decides; every change is guarded by the version that the person saw.

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use rules::case::Verdict;
use rules::vehicle::{Command, Component, VehicleId};
use uuid::Uuid;

use super::{ActError, ActRefusal, Acting};
use crate::crm::line_state::LineState;
use crate::crm::order_state::{self, Facts, OrderState};
use crate::crm::role::Role;
use crate::store::console;
use crate::store::order::{self, Judgement, Line, Move, Order};

/// A move that somebody asks for.
#[derive(Clone, Debug)]
pub struct MoveOn<'a> {
    pub order: Uuid,
    /// The version the person saw.
    pub version: i32,
    pub to: OrderState,
    pub because: &'a str,
    pub odometer_km: Option<f64>,
    /// By the dealer's clock.
    pub appointment: Option<NaiveDateTime>,
}

/// What a technician says of a line.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    pub order: Uuid,
    pub case: Uuid,
    pub version: i32,
    pub verdict: Verdict,
    pub work: LineState,
    pub note: Option<&'a str>,
}

/// Moves an order on, and tells the vehicle's lane what it must know of it.
pub async fn move_on(acting: &mut Acting<'_>, wanted: &MoveOn<'_>) -> Result<(), ActError> {
    const ACT: &str = "order.move_on";
    let subject = subject(wanted.order);
    let account = acting.may(|role| role.may_move_to(wanted.to))?;
    if acting.earlier::<()>(ACT, &subject).await?.is_some() {
        return Ok(());
    }
    let moved_at = acting.now.to_utc();
    let row = order::order(acting.conn(), wanted.order).await?.ok_or(ActRefusal::NotFound)?;
    let lines = order::lines(acting.conn(), wanted.order).await?;
    let appointment_at = match wanted.appointment {
        Some(local) => Some(in_the_dealers_zone(local, zone(acting, &row).await?)?),
        None => None,
    };
    let facts = facts(&row, &lines, wanted.odometer_km, appointment_at);
    let step = order_state::step(row.state, wanted.to, &facts, wanted.because)?;
    let change = Move {
        order_id: wanted.order,
        version: wanted.version,
        from: row.state,
        to: step.to,
        because: wanted.because.trim(),
        moved_by: account.account_id,
        moved_at,
        odometer_km: wanted.odometer_km,
        appointment_at,
    };
    if !order::move_on(acting.conn(), &change).await? {
        return Err(ActRefusal::Changed.into());
    }
    if let Some(event) = step.tell {
        let vehicle = VehicleId::try_new(&row.vehicle_id).map_err(|error| ActError::Broken(error.into()))?;
        let command = Command::Order { order: wanted.order, event, effective_at: moved_at.into() };
        console::command(acting.conn(), &vehicle, &command).await?;
    }
    acting.write_down(ACT, &subject, &()).await
}

/// Writes down what a technician found.
pub async fn judge(acting: &mut Acting<'_>, said: &Judge<'_>) -> Result<(), ActError> {
    const ACT: &str = "order.judge";
    let subject = subject(said.order);
    acting.may(Role::gives_verdict)?;
    if said.work == LineState::Withdrawn {
        return Err(ActRefusal::Unusable("work").into());
    }
    if acting.earlier::<()>(ACT, &subject).await?.is_some() {
        return Ok(());
    }
    let row = order::order(acting.conn(), said.order).await?.ok_or(ActRefusal::NotFound)?;
    if !row.state.in_workshop() {
        return Err(ActRefusal::Changed.into());
    }
    let judgement = Judgement {
        order_id: said.order,
        case_id: said.case,
        verdict: said.verdict,
        note: said.note,
        state: said.work,
        judged_at: acting.now.to_utc(),
    };
    if !order::judge(acting.conn(), said.version, &judgement).await? {
        return Err(ActRefusal::Changed.into());
    }
    acting.write_down(ACT, &subject, &()).await
}

/// An order's flag was looked at.
pub async fn unflag(acting: &mut Acting<'_>, order: Uuid, version: i32) -> Result<(), ActError> {
    const ACT: &str = "order.unflag";
    let subject = subject(order);
    acting.may(Role::advises)?;
    if acting.earlier::<()>(ACT, &subject).await?.is_some() {
        return Ok(());
    }
    if !order::unflag(acting.conn(), order, version).await? {
        return Err(ActRefusal::Changed.into());
    }
    acting.write_down(ACT, &subject, &()).await
}

fn subject(order: Uuid) -> String {
    format!("order/{order}")
}

fn facts(row: &Order, lines: &[Line], odometer_km: Option<f64>, appointment: Option<DateTime<Utc>>) -> Facts {
    let done = lines.iter().filter(|line| line.state == LineState::Done).map(|line| Component::new(&line.component));
    Facts {
        odometer_km: odometer_km.or(row.odometer_km),
        has_appointment: appointment.is_some(),
        verdicts_missing: verdicts_missing(lines),
        done: done.collect(),
    }
}

/// Lines that a technician has still to judge.
pub fn verdicts_missing(lines: &[Line]) -> usize {
    lines.iter().filter(|line| line.verdict.is_none() && line.state.asks_verdict()).count()
}

async fn zone(acting: &mut Acting<'_>, row: &Order) -> Result<Tz, ActError> {
    let dealer = console::dealer(acting.conn(), row.dealer_id).await?;
    Ok(dealer.and_then(|dealer| dealer.timezone.parse().ok()).unwrap_or(Tz::UTC))
}

/// What the dealer's clock shows, as an instant; an hour that is skipped there never comes.
fn in_the_dealers_zone(local: NaiveDateTime, zone: Tz) -> Result<DateTime<Utc>, ActRefusal> {
    let at = zone.from_local_datetime(&local).earliest();
    at.map(|at| at.to_utc()).ok_or(ActRefusal::Unusable("appointment"))
}
