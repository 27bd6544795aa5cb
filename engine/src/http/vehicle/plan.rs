//! The service plan of a vehicle as it stands: each item, when it was last done, what is left.
//!
//! Computed by the plan's own pure function from the services on record, the odometer and how hard the vehicle is
//! used; what is left by distance is projected as the vehicle drives. What the engine decides about it arrives as a
//! case.

use rules::entry::plan::{Anchor, Due, Meters, Phase, Plan};
use rules::estimate::usage::Usage;
use rules::learned::forecast::EIGHTY;
use rules::unit::Time;
use rules::vehicle::Powertrain;

use crate::history::journal::Restored;
use crate::http::case::titles::Titles;
use crate::http::page::layout::Page;
use crate::http::page::show::number;
use crate::http::words::{fill, named};
use crate::store::enrol::powertrain_word;
use crate::store::vehicle::{ServiceRow, VehicleRow};

/// One item of the plan.
#[derive(Clone, Debug)]
pub struct PlanLine {
    pub item: String,
    pub phase: String,
    /// The phase's word, as a class.
    pub phase_key: &'static str,
    pub left: String,
    pub last: Option<String>,
}

/// The items of the vehicle's plan, the most urgent first.
pub fn lines(
    p: &Page,
    titles: &Titles,
    row: &VehicleRow,
    services: &[ServiceRow],
    odometer_km: Option<f64>,
    known: Option<&Restored>,
) -> Vec<PlanLine> {
    let all = [Powertrain::Ice, Powertrain::Hev, Powertrain::Bev];
    let powertrain = all.into_iter().find(|kind| powertrain_word(*kind) == row.powertrain);
    let (Some(plan), Some(powertrain)) = (titles.plan(&row.model), powertrain) else { return Vec::new() };
    let share = known.map_or(1.0, |known| known.vehicle.estimates.severity.factor());
    let meters = Meters { odometer_km, engine_h: None };
    let mut dues = dues(plan, powertrain, row, services, (meters, share), Time::from(p.now));
    dues.sort_by(|(_, a, _), (_, b, _)| {
        let days = |due: &Due| due.days_left.unwrap_or(f64::MAX);
        b.phase.cmp(&a.phase).then(days(a).total_cmp(&days(b)))
    });
    let driven = known.map(|known| &known.vehicle.estimates.usage);
    dues.into_iter().map(|(name, due, last)| line(p, titles, name, &due, last, driven)).collect()
}

type ItemDue<'a> = (&'a rules::unit::Text, Due, Option<&'a ServiceRow>);

fn dues<'a>(
    plan: &'a Plan,
    powertrain: Powertrain,
    row: &VehicleRow,
    services: &'a [ServiceRow],
    (meters, share): (Meters, f64),
    now: Time,
) -> Vec<ItemDue<'a>> {
    let mut dues = Vec::new();
    for (_, item) in plan.items(powertrain) {
        let last = services.iter().filter(|service| service.item == item.code).max_by_key(|service| service.done_at);
        let anchor = match last {
            Some(service) => {
                Anchor { km: service.odometer_km, at: Time::from(service.done_at), engine_h: None, done: true }
            }
            None => Anchor { km: 0.0, at: Time::from(row.delivered_at), engine_h: None, done: false },
        };
        let due = item.due(&anchor, now, meters, share);
        dues.push((&item.names, due, last));
    }
    dues
}

fn line(
    p: &Page,
    titles: &Titles,
    name: &rules::unit::Text,
    due: &Due,
    last: Option<&ServiceRow>,
    driven: Option<&Usage>,
) -> PlanLine {
    let words = &p.w.vehicle;
    let phase = due.phase.unwrap_or(Phase::Ok);
    let mut left = Vec::new();
    if let Some(km) = due.km_left {
        let sentence = if km < 0.0 { &words.km_over } else { &words.km_left };
        left.push(fill(sentence, "n", number(km.abs().round())));
        if let Some(usage) = driven.filter(|usage| km > 0.0 && usage.is_known()) {
            let (days, sigma) = usage.project(km);
            let (early, late) = ((days - EIGHTY * sigma).max(0.0), days + EIGHTY * sigma);
            let sentence = fill(&words.driven_in, "days", number(days.round()));
            let sentence = fill(&sentence, "early", number(early.round()));
            left.push(fill(&sentence, "late", number(late.round())));
        }
    }
    if let Some(days) = due.days_left {
        let sentence = if days < 0.0 { &words.days_over } else { &words.days_left };
        left.push(fill(sentence, "n", number(days.abs().round())));
    }
    PlanLine {
        item: titles.text(name),
        phase: named(&p.w.phase, phase.label()).to_owned(),
        phase_key: phase.label(),
        left: left.join(" · "),
        last: last
            .map(|service| format!("{} · {} km", p.times().day(service.done_at), number(service.odometer_km.round()))),
    }
}
