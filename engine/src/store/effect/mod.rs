//! Writes one effect of the core. Every insert carries a derived id and does nothing where the row
//! is there already: that is what makes repeating harmless. A row that is there and says something
//! else is another matter: whatever begins with it would be lost without a word.

mod case;
mod finding;
mod notice;
mod order;
mod review;

use rules::entry::rule::Mode;
use rules::stage::effect::Effect;
use rules::unit::{Severity, Text};
use rules::vehicle::VehicleId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::crm::notice::Routes;

/// What stands under an effect's id once it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Stands {
    /// What the effect says, from now on or already.
    This,
    /// Something of an earlier life; the transaction must not be committed.
    Other,
}

/// Writes `effect` of a vehicle that belongs to `dealer`; a notice goes out by the channels of `routes`.
pub async fn write(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    dealer: Uuid,
    effect: &Effect,
    routes: &Routes,
) -> sqlx::Result<Stands> {
    match effect {
        Effect::Case(effect) => case::write(conn, vehicle, dealer, effect).await,
        Effect::Finding(effect) => finding::write(conn, dealer, effect).await.map(|()| Stands::This),
        Effect::Order(effect) => order::write(conn, vehicle, dealer, effect).await,
        Effect::Review(effect) => review::write(conn, vehicle, dealer, effect).await.map(|()| Stands::This),
        Effect::Notice(effect) => notice::write(conn, vehicle, dealer, effect, routes).await,
    }
}

/// A reason of the engine's in a column of text: in every language, as pages read it.
fn both(because: &Text) -> String {
    serde_json::json!(because).to_string()
}

impl Stands {
    const fn if_same(same: bool) -> Self {
        if same { Self::This } else { Self::Other }
    }
}

fn level(severity: Severity) -> i16 {
    i16::from(severity.number())
}

fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "live",
        Mode::Shadow => "shadow",
        Mode::Canary => "canary",
    }
}

fn ended_word(withdrawn: bool) -> &'static str {
    if withdrawn { "withdrawn" } else { "closed" }
}
