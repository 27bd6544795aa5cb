//! Tries to read and change another dealer's rows through every function of the store.
//!
//! Row-level security must answer each with nothing. Run by tests and by `premend doctor`; nothing
//! is kept, every transaction is rolled back. A test below compares the list with the files, so that
//! a new function cannot be forgotten.

use chrono::{DateTime, TimeDelta, Utc};
use rules::case::Verdict;
use rules::vehicle::{Command, VehicleId};
use sqlx::{PgConnection, PgPool, query};
use uuid::Uuid;

use super::session::{As, Scope, begin_as};
use super::{account, board, console, order, person, review, vehicle};
use crate::crm::line_state::LineState;
use crate::crm::order_state::OrderState;
use crate::crypto::person_keys::PersonKeys;
use crate::store::person::{Access, PersonError};
use crate::store::vehicle::Window;

/// What belongs to one dealer, to be tried as another one.
#[derive(Clone, Debug)]
pub struct Foreign {
    pub dealer_id: Uuid,
    pub vehicle_id: String,
    pub owner: Option<Uuid>,
    pub order_id: Uuid,
    pub order_number: i64,
    pub case_id: Uuid,
    pub message_id: Uuid,
    pub account_id: Uuid,
}

/// Finds something of every kind that is another dealer's; `None` if there is no such dealer yet.
pub async fn foreign(pool: &PgPool, own_dealer: Uuid) -> sqlx::Result<Option<Foreign>> {
    let mut tx = begin_as(pool, As::Engine).await?;
    let row = query!(
        r#"select o.dealer_id, o.vehicle_id, o.order_id, o.number, l.case_id,
                  (select person_id from vehicle_role r where r.vehicle_id = o.vehicle_id and valid_to is null limit 1) as owner,
                  (select console_message_id from console_message m where m.dealer_id = o.dealer_id limit 1) as message
           from work_order o join work_order_line l using (order_id) where o.dealer_id <> $1 order by o.number limit 1"#,
        own_dealer
    )
    .fetch_optional(&mut *tx)
    .await?;
    drop(tx);
    let Some(row) = row else { return Ok(None) };
    let audit = As::Person { dealer: Scope::Dealer(row.dealer_id), account: None, purpose: "isolation check" };
    let mut tx = begin_as(pool, audit).await?;
    let account = query!("select account_id from person.account where dealer_id = $1 limit 1", row.dealer_id);
    let account = account.fetch_optional(&mut *tx).await?;
    Ok(Some(Foreign {
        dealer_id: row.dealer_id,
        vehicle_id: row.vehicle_id,
        owner: row.owner,
        order_id: row.order_id,
        order_number: row.number,
        case_id: row.case_id,
        message_id: row.message.unwrap_or_default(),
        account_id: account.map(|account| account.account_id).unwrap_or_default(),
    }))
}

/// Names of the functions through which `own_dealer` reaches what is foreign; empty when all is well.
pub async fn leaks(
    pool: &PgPool,
    keys: &PersonKeys,
    own_dealer: Uuid,
    foreign: &Foreign,
    now: DateTime<Utc>,
) -> Result<Vec<&'static str>, PersonError> {
    let mut tried = Tried::default();
    let mut tx = begin_as(pool, As::Console { dealer: own_dealer }).await?;
    lists(&mut tx, foreign, &mut tried).await?;
    one_order(&mut tx, foreign, &mut tried).await?;
    one_vehicle(&mut tx, foreign, now, &mut tried).await?;
    changes(&mut tx, foreign, now, &mut tried).await?;
    drop(tx);
    let own = As::Person { dealer: Scope::Dealer(own_dealer), account: None, purpose: "isolation check" };
    let mut tx = begin_as(pool, own).await?;
    people(&mut tx, keys, foreign, &mut tried).await?;
    drop(tx);
    // Refused by an error, which ends its transaction: the last thing tried.
    let mut tx = begin_as(pool, As::Console { dealer: own_dealer }).await?;
    let commanded = match VehicleId::try_new(&foreign.vehicle_id) {
        Ok(id) => {
            console::command(&mut tx, &id, &Command::CloseCase { case: foreign.case_id, why: String::new() }).await
        }
        Err(_) => Ok(()),
    };
    tried.note("command", commanded.is_ok());
    Ok(tried.leaked)
}

/// What answered although it should not.
#[derive(Default)]
struct Tried {
    leaked: Vec<&'static str>,
}

impl Tried {
    fn note(&mut self, name: &'static str, answered: bool) {
        if answered {
            self.leaked.push(name);
        }
    }
}

async fn lists(conn: &mut PgConnection, foreign: &Foreign, tried: &mut Tried) -> sqlx::Result<()> {
    let is_foreign = |vehicle_id: &String| *vehicle_id == foreign.vehicle_id;
    tried.note("orders", board::orders(conn).await?.iter().any(|row| is_foreign(&row.vehicle_id)));
    tried.note("stop_now_cases", board::stop_now_cases(conn).await?.iter().any(|row| is_foreign(&row.vehicle_id)));
    tried.note("warnings", board::warnings(conn).await?.iter().any(|row| is_foreign(&row.vehicle_id)));
    tried.note("waiting", review::waiting(conn).await?.iter().any(|row| is_foreign(&row.vehicle_id)));
    tried.note("messages", console::messages(conn).await?.iter().any(|row| is_foreign(&row.vehicle_id)));
    tried.note("lines", !board::lines(conn, &[foreign.order_id]).await?.is_empty());
    tried.note("dealer", console::dealer(conn, foreign.dealer_id).await?.is_some());
    // Counts see what lists see: nothing but own rows can be in them.
    let own_reviews = review::waiting(conn).await?.len() as i64;
    tried.note("waiting_reviews", own_reviews < 30 && board::waiting_reviews(conn).await? > own_reviews);
    let own_unread = console::messages(conn).await?.iter().filter(|message| message.read_at.is_none()).count() as i64;
    tried.note("unread", own_unread < 200 && console::unread(conn).await? > own_unread);
    Ok(())
}

async fn one_order(conn: &mut PgConnection, foreign: &Foreign, tried: &mut Tried) -> sqlx::Result<()> {
    tried.note("order", order::order(conn, foreign.order_id).await?.is_some());
    tried.note("lines", !order::lines(conn, foreign.order_id).await?.is_empty());
    tried.note("findings", !order::findings(conn, &[foreign.case_id]).await?.is_empty());
    tried.note("changes", !order::changes(conn, &[foreign.case_id]).await?.is_empty());
    tried.note("transitions", !order::transitions(conn, foreign.order_id).await?.is_empty());
    tried.note("order_by_number", vehicle::order_by_number(conn, foreign.order_number).await?.is_some());
    Ok(())
}

async fn one_vehicle(
    conn: &mut PgConnection,
    foreign: &Foreign,
    now: DateTime<Utc>,
    tried: &mut Tried,
) -> sqlx::Result<()> {
    let id = foreign.vehicle_id.as_str();
    tried.note("vehicle", vehicle::vehicle(conn, id).await?.is_some());
    let values = vehicle::last_values(conn, id).await?;
    tried.note("last_values", !values.is_empty());
    let window = Window { from: now - TimeDelta::days(400), to: now + TimeDelta::days(1) };
    let signals: Vec<i16> = (1..=100).collect();
    tried.note("series", !vehicle::series(conn, id, &signals, window, 3600.0).await?.is_empty());
    let mut readings = 0;
    for signal in [1, 2, 12, 16] {
        let full = vehicle::fullness(conn, id, signal, &[window.from], window.to).await?;
        readings += full.iter().map(|full| full.readings).sum::<i64>();
    }
    tried.note("fullness", readings > 0);
    tried.note("cases", !vehicle::cases(conn, id).await?.is_empty());
    tried.note("orders", !vehicle::orders(conn, id).await?.is_empty());
    tried.note("services", !vehicle::services(conn, id).await?.is_empty());
    tried.note("notices", !vehicle::notices(conn, id).await?.is_empty());
    tried.note("rejections", !vehicle::rejections(conn, id).await?.is_empty());
    Ok(())
}

async fn changes(
    conn: &mut PgConnection,
    foreign: &Foreign,
    now: DateTime<Utc>,
    tried: &mut Tried,
) -> sqlx::Result<()> {
    let nobody = Uuid::nil();
    tried.note("answer", review::answer(conn, foreign.case_id, true, nobody).await?.is_some());
    tried.note("mark_read", console::mark_read(conn, Some(foreign.message_id), nobody).await? > 0);
    tried.note("unflag", order::unflag(conn, foreign.order_id, 1).await?);
    let judgement = order::Judgement {
        order_id: foreign.order_id,
        case_id: foreign.case_id,
        verdict: Verdict::Confirmed,
        note: None,
        state: LineState::Done,
        judged_at: now,
    };
    tried.note("judge", order::judge(conn, 1, &judgement).await?);
    let mut moved = false;
    for from in OrderState::ALL {
        let change = order::Move {
            order_id: foreign.order_id,
            version: 1,
            from,
            to: OrderState::Cancelled,
            because: "isolation check",
            moved_by: nobody,
            moved_at: now,
            odometer_km: None,
            appointment_at: None,
        };
        moved |= order::move_on(conn, &change).await?;
    }
    tried.note("move_on", moved);
    Ok(())
}

async fn people(
    conn: &mut PgConnection,
    keys: &PersonKeys,
    foreign: &Foreign,
    tried: &mut Tried,
) -> Result<(), PersonError> {
    let access = Access { account_id: None, dealer_id: None, purpose: "isolation check" };
    let ids = [foreign.vehicle_id.clone()];
    tried.note("masked_vehicles", !person::masked_vehicles(conn, keys, &ids).await?.is_empty());
    let owner = foreign.owner.unwrap_or_default();
    tried.note("masked_person", person::masked_person(conn, keys, owner).await?.is_some());
    tried.note("contact", person::contact(conn, keys, owner, access).await?.is_some());
    let revealed = person::reveal(conn, keys, &foreign.vehicle_id, foreign.owner, access).await?;
    tried.note("reveal", revealed != person::Revealed::default());
    tried.note("names", !account::names(conn, &[foreign.account_id]).await?.is_empty());
    let found = foreign_sign(conn, keys, foreign).await?;
    tried.note("find_vehicle", found);
    Ok(())
}

/// A plate or VIN that exists is not found from outside: tried with every sign there is.
async fn foreign_sign(conn: &mut PgConnection, keys: &PersonKeys, foreign: &Foreign) -> sqlx::Result<bool> {
    let visible = query!("select vehicle_id from person.vehicle_identity").fetch_all(&mut *conn).await?;
    let named = person::find_vehicle(conn, keys, &foreign.vehicle_id).await?;
    Ok(visible.iter().any(|row| row.vehicle_id == foreign.vehicle_id) || named.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::http::fixture;

    /// Not tried above, and why that is right.
    const EXEMPT: &[(&str, &str)] = &[
        ("by_login", "logs in: whose dealer is not known yet"),
        ("by_session", "logs in"),
        ("name_of", "tells whether two accounts are one person's, and a proposal's author may be of any dealer"),
        ("start_session", "logs in"),
        ("end_session", "logs out"),
        ("set_locale", "changes the visitor's own account"),
        ("exists", "run when accounts are made"),
        ("add", "run when people and accounts are made"),
        ("identify", "run when vehicles are registered"),
        ("broken_links", "the audit's"),
        ("depths", "the engine's: counts without rows"),
        ("refused_since", "the engine's: counts without rows"),
        ("all_applied", "the engine's: counts without rows"),
        ("begin_as", "opens the transaction"),
        ("act_as", "opens the transaction"),
    ];

    #[sqlx::test]
    async fn dealer_a_reaches_nothing_of_dealer_b(pool: PgPool) {
        let demo = fixture::demo(&pool).await;
        for own in [demo.dealer_a, demo.dealer_b] {
            let foreign = foreign(&pool, own).await.unwrap().unwrap();
            assert_ne!(foreign.dealer_id, own);
            let leaked = leaks(&pool, &demo.keys, own, &foreign, Clock::wall().to_utc()).await.unwrap();
            assert!(leaked.is_empty(), "{leaked:?}");
        }
    }

    #[sqlx::test]
    async fn the_check_itself_finds_what_is_ones_own(pool: PgPool) {
        let demo = fixture::demo(&pool).await;
        let own = foreign(&pool, demo.dealer_b).await.unwrap().unwrap();
        let reached = leaks(&pool, &demo.keys, own.dealer_id, &own, Clock::wall().to_utc()).await.unwrap();
        for name in ["orders", "lines", "order", "vehicle", "series", "cases", "reveal", "find_vehicle", "command"] {
            assert!(reached.contains(&name), "{name} found nothing even of its own dealer: {reached:?}");
        }
    }

    #[test]
    fn every_function_of_the_store_is_tried() {
        let files = [
            include_str!("account.rs"),
            include_str!("board.rs"),
            include_str!("console.rs"),
            include_str!("order.rs"),
            include_str!("person.rs"),
            include_str!("review.rs"),
            include_str!("session.rs"),
            include_str!("vehicle.rs"),
        ];
        let own = include_str!("isolation.rs");
        for line in files.iter().flat_map(|file| file.lines()) {
            let Some(rest) = line.strip_prefix("pub async fn ") else { continue };
            let name = rest.split(['(', '<']).next().unwrap();
            let tried = own.contains(&format!("tried.note(\"{name}\""));
            let exempt = EXEMPT.iter().any(|(exempt, _)| *exempt == name);
            assert!(tried || exempt, "`{name}` is neither tried nor exempt");
        }
    }
}
