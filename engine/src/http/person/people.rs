//! The owner and the signs of a car: masked, and in full for a reason that is logged.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::gate::Visitor;
use crate::act;
use crate::http::HttpState;
use crate::http::page::failure::Failure;
use crate::http::page::layout::{Page, Part, html};
use crate::http::words::{fill, named};
use crate::store::person::{self, MaskedVehicle, Revealed};
use crate::store::session::begin_as;
use crate::store::vehicle::{self, VehicleRow};

/// What the card shows; masked unless a reason was given.
#[derive(Clone, Debug, Default)]
pub struct PeopleCard {
    pub vehicle_id: String,
    pub has_owner: bool,
    pub name: Option<String>,
    pub phone: Option<String>,
    pub language: Option<String>,
    pub plate: Option<String>,
    pub vin: Option<String>,
    pub consents: Vec<String>,
    pub may_reveal: bool,
    /// Why it is shown in full.
    pub revealed: Option<String>,
}

#[derive(Template)]
#[template(path = "reveal.html")]
struct RevealPage {
    p: Page,
    people: PeopleCard,
}

#[derive(Deserialize)]
pub struct RevealForm {
    reason: String,
}

/// Reads the card of a vehicle, masked.
pub async fn card(state: &HttpState, who: &Visitor, p: &Page, profile: &VehicleRow) -> Result<PeopleCard, Failure> {
    let role = who.account.role;
    let consents = profile.consents.iter().map(|word| named(&p.w.purpose, word).to_owned()).collect();
    let mut card = PeopleCard {
        vehicle_id: profile.vehicle_id.clone(),
        has_owner: profile.owner.is_some(),
        consents,
        may_reveal: role.may_reveal(),
        ..PeopleCard::default()
    };
    if !role.sees_masked() {
        return Ok(card);
    }
    let mut tx = begin_as(&state.pool, who.sees_people("masked")).await?;
    let ids = [profile.vehicle_id.clone()];
    let mut masked = person::masked_vehicles(&mut tx, &state.keys, &ids).await?;
    let MaskedVehicle { plate, vin } = masked.remove(&profile.vehicle_id).unwrap_or_default();
    card.plate = plate;
    card.vin = vin;
    if let Some(owner) = profile.owner
        && let Some(person) = person::masked_person(&mut tx, &state.keys, owner).await?
    {
        card.name = Some(person.name);
        card.phone = person.phone;
        card.language = Some(person.locale.tag().to_owned());
    }
    Ok(card)
}

/// `POST /vehicles/{id}/reveal`: shows everything, once, and writes down who asked and why.
pub async fn reveal(
    State(state): State<HttpState>,
    who: Visitor,
    Path(vehicle_id): Path<String>,
    Form(form): Form<RevealForm>,
) -> Result<Response, Failure> {
    let reason = form.reason.trim();
    let failed = |error| Failure::of_act(error, "/board");
    let mut acting = who.acting(&state).await?;
    let revealed = act::vehicle::reveal(&mut acting, &state.keys, &vehicle_id, reason).await.map_err(failed)?;
    acting.commit().await.map_err(failed)?;
    let Revealed { name, phone, plate, vin } = revealed;

    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let p = Page::of(&mut tx, &state, &who, Part::Elsewhere).await?;
    let profile = vehicle::vehicle(&mut tx, &vehicle_id).await?.ok_or(Failure::NotFound)?;
    drop(tx);
    let mut people = card(&state, &who, &p, &profile).await?;
    people = PeopleCard { name, phone, plate, vin, ..people };
    people.revealed = Some(fill(&p.w.vehicle.revealed, "why", reason));
    html(&RevealPage { p, people })
}

#[cfg(test)]
mod tests {
    use crate::http::fixture;
    use crate::store::person;
    use crate::store::session::{As, Scope, begin_as};

    #[sqlx::test]
    async fn masks_until_asked_with_a_reason_and_logs_the_answer(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let cookie = console.log_in("li").await;
        let page = console.page("/vehicles/v-1", &cookie).await;
        assert!(page.contains("138····") && !page.contains("1380000"));

        let none = console.post("/vehicles/v-1/reveal", &cookie, &[("reason", " ")]).send().await.unwrap();
        assert_eq!(none.status(), 422);
        let asked = console.post("/vehicles/v-1/reveal", &cookie, &[("reason", "致电车主")]).send().await.unwrap();
        assert!(asked.text().await.unwrap().contains("1380000"));

        let audit = As::Person { dealer: Scope::All, account: None, purpose: "audit" };
        let mut tx = begin_as(&console.pool, audit).await.unwrap();
        let logged: Vec<(String, String)> =
            sqlx::query_as("select subject, purpose from person.access_log order by access_log_id")
                .fetch_all(&mut *tx)
                .await
                .unwrap();
        assert_eq!(logged[0], ("vehicle/v-1".to_owned(), "致电车主".to_owned()));
        assert_eq!(logged.len(), 2, "the owner was looked at too");
        assert!(person::broken_links(&mut tx).await.unwrap().is_empty());
    }

    #[sqlx::test]
    async fn a_changed_row_of_the_access_log_shows(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let cookie = console.log_in("li").await;
        for vehicle in ["v-1", "v-2", "v-4"] {
            let path = format!("/vehicles/{vehicle}/reveal");
            console.post(&path, &cookie, &[("reason", "check-in")]).send().await.unwrap();
        }
        let audit = As::Person { dealer: Scope::All, account: None, purpose: "audit" };
        let mut tx = begin_as(&console.pool, audit).await.unwrap();
        let tampered = sqlx::query("update person.access_log set purpose = 'x'").execute(&mut *tx).await;
        assert!(tampered.is_err(), "the log is append-only for the product");
        drop(tx);
        // Whoever owns the database can still change it, and is found out.
        let mut owner = console.pool.begin().await.unwrap();
        sqlx::raw_sql("alter table person.access_log disable row level security").execute(&mut *owner).await.unwrap();
        sqlx::query("update person.access_log set purpose = 'x' where access_log_id = 2")
            .execute(&mut *owner)
            .await
            .unwrap();
        sqlx::query("delete from person.access_log where access_log_id = 4").execute(&mut *owner).await.unwrap();
        assert_eq!(person::broken_links(&mut owner).await.unwrap(), [2, 5]);
    }

    #[sqlx::test]
    async fn technicians_and_the_manufacturer_may_not_ask(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        for login in ["wang", "oem", "ops"] {
            let cookie = console.log_in(login).await;
            let asked = console.post("/vehicles/v-1/reveal", &cookie, &[("reason", "curious")]).send().await.unwrap();
            assert_eq!(asked.status(), 403, "{login}");
        }
    }
}
