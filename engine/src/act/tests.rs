//! What acts promise, against the real database: who may, what is written, and that once is once.

use rules::case::Verdict;
use rules::unit::Locale;
use rules::vehicle::{ReviewAnswer, VehicleId};
use sqlx::PgPool;
use uuid::Uuid;

use super::campaign::CampaignAnswer;
use super::order::{Judge, MoveOn};
use super::rule::RuleAnswer;
use super::vehicle::{Build, Software};
use super::{ActError, ActRefusal, Acting, Actor, account, campaign, inbox, order, review, rule, vehicle};
use crate::clock::Clock;
use crate::crm::line_state::LineState;
use crate::crm::order_state::{OrderState, Refusal};
use crate::http::fixture::{self, Demo};
use crate::store::account::{Account, by_login};
use crate::store::session::{As, LOG_IN, Scope, begin_as};

/// A dealer's day, and the people who act in it.
struct Desk {
    pool: PgPool,
    demo: Demo,
}

impl Desk {
    async fn open(pool: PgPool) -> Self {
        let demo = fixture::demo(&pool).await;
        Self { pool, demo }
    }

    async fn account(&self, login: &str) -> Account {
        let who = As::Person { dealer: Scope::Nobody, account: None, purpose: LOG_IN };
        let mut tx = begin_as(&self.pool, who).await.unwrap();
        by_login(&mut tx, login).await.unwrap().unwrap().0
    }

    async fn acting<'a>(&self, who: &'a Account, key: Option<&'a str>) -> Acting<'a> {
        Acting::begin(&self.pool, Actor::Person(who), Clock::wall(), key).await.unwrap()
    }

    async fn one<T>(&self, sql: &'static str) -> T
    where
        T: Send + Unpin + sqlx::Type<sqlx::Postgres> + for<'r> sqlx::Decode<'r, sqlx::Postgres>,
    {
        let mut tx = begin_as(&self.pool, As::Engine).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut *tx).await.unwrap()
    }

    /// The acts written down, and the commands of people.
    async fn written(&self) -> (i64, i64) {
        let commands = "select count(*) from command where not body ?| array['Register', 'ServiceDone']";
        (self.one("select count(*) from act").await, self.one(commands).await)
    }
}

const ORDER: &str = "select order_id from work_order where vehicle_id = 'v-2' order by severity limit 1";
const WAITING: &str = "select case_id from review where state = 'waiting' and vehicle_id = 'v-5'";

fn refused<T: std::fmt::Debug>(outcome: Result<T, ActError>) -> ActRefusal {
    match outcome {
        Err(ActError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

const fn to(order: Uuid, to: OrderState, because: &str) -> MoveOn<'_> {
    MoveOn { order, version: 1, to, because, odometer_km: None, appointment: None }
}

#[sqlx::test]
async fn an_order_moves_once_under_one_key(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let (li, order): (_, Uuid) = (desk.account("li").await, desk.one(ORDER).await);
    for _ in 0..2 {
        let mut acting = desk.acting(&li, Some("k-1")).await;
        order::move_on(&mut acting, &to(order, OrderState::Cancelled, "sold")).await.unwrap();
        acting.commit().await.unwrap();
    }
    assert_eq!(desk.written().await, (1, 1));
    let actor: String = desk.one("select actor from act where act = 'order.move_on' and outcome = 'null'").await;
    assert_eq!(actor, format!("account/{}", li.account_id));

    let mut acting = desk.acting(&li, Some("k-1")).await;
    assert_eq!(refused(order::unflag(&mut acting, order, 2).await), ActRefusal::KeyTaken);
    drop(acting);
    // Somebody else's key is another key, and finds the order moved.
    let chen = desk.account("chen").await;
    let mut acting = desk.acting(&chen, Some("k-1")).await;
    let again = order::move_on(&mut acting, &to(order, OrderState::Cancelled, "sold")).await;
    assert!(matches!(refused(again), ActRefusal::Order(Refusal::NotNext(..))));
}

#[sqlx::test]
async fn a_refusal_writes_nothing(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let (li, order): (_, Uuid) = (desk.account("li").await, desk.one(ORDER).await);
    let before = desk.written().await;
    let mut acting = desk.acting(&li, Some("k")).await;
    let early = order::move_on(&mut acting, &to(order, OrderState::Cancelled, " ")).await;
    assert_eq!(refused(early), ActRefusal::Order(Refusal::ReasonMissing));
    drop(acting);
    let mut acting = desk.acting(&li, Some("k")).await;
    let old = MoveOn { version: 7, ..to(order, OrderState::Cancelled, "sold") };
    assert_eq!(refused(order::move_on(&mut acting, &old).await), ActRefusal::Changed);
    drop(acting);
    let mut acting = desk.acting(&li, None).await;
    let nowhere = to(Uuid::nil(), OrderState::Cancelled, "sold");
    assert_eq!(refused(order::move_on(&mut acting, &nowhere).await), ActRefusal::NotFound);
    drop(acting);
    let key = "k".repeat(200);
    assert!(Acting::begin(&desk.pool, Actor::Person(&li), Clock::wall(), Some(&key)).await.is_err());
    assert_eq!(desk.written().await, before);
}

#[sqlx::test]
async fn without_the_right_nothing_is_done(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let (ops, oem) = (desk.account("ops").await, desk.account("oem").await);
    let (order, case): (Uuid, Uuid) = (desk.one(ORDER).await, desk.one(WAITING).await);
    let vehicle = VehicleId::try_new("v-1").unwrap();
    let keys = &desk.demo.keys;
    let said = Judge { order, case, version: 1, verdict: Verdict::Confirmed, work: LineState::Done, note: None };
    let mut acting = desk.acting(&ops, None).await;
    let all = [
        refused(order::move_on(&mut acting, &to(order, OrderState::Triaged, "")).await),
        refused(order::judge(&mut acting, &said).await),
        refused(order::unflag(&mut acting, order, 1).await),
        refused(review::answer(&mut acting, case, ReviewAnswer::Accept).await),
        refused(inbox::mark_read(&mut acting, None).await),
        refused(campaign::answer(&mut acting, 1, CampaignAnswer::Accept, "").await),
        refused(vehicle::tell_build(&mut acting, &vehicle, &Build::default()).await),
        refused(vehicle::reveal(&mut acting, keys, "v-1", "curious").await),
        refused(vehicle::erase(&mut acting, &vehicle).await),
        refused(rule::answerable(&mut acting, 1).await),
        refused(rule::answer(&mut acting, 1, RuleAnswer::Approve).await),
        refused(rule::returnable(&mut acting, 1).await),
        refused(rule::close_task(&mut acting, 1).await),
        rule::may_propose(&ops, None, "why not").unwrap_err(),
    ];
    drop(acting);
    assert!(all.iter().all(|refusal| *refusal == ActRefusal::NotAllowed), "{all:?}");
    let mut acting = desk.acting(&oem, None).await;
    assert_eq!(refused(order::unflag(&mut acting, order, 1).await), ActRefusal::NotAllowed, "orders are the dealer's");
    drop(acting);
    assert_eq!(desk.written().await, (0, 0));
}

#[sqlx::test]
async fn another_dealers_things_are_not_there(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let anna = desk.account("anna").await;
    let (order, case): (Uuid, Uuid) = (desk.one(ORDER).await, desk.one(WAITING).await);
    let mut acting = desk.acting(&anna, None).await;
    let moved = order::move_on(&mut acting, &to(order, OrderState::Cancelled, "sold")).await;
    assert_eq!(refused(moved), ActRefusal::NotFound);
    let answered = review::answer(&mut acting, case, ReviewAnswer::Accept).await;
    assert_eq!(refused(answered), ActRefusal::Changed);
    let revealed = vehicle::reveal(&mut acting, &desk.demo.keys, "v-1", "check-in").await;
    assert_eq!(refused(revealed), ActRefusal::NotFound);
}

#[sqlx::test]
async fn a_line_is_judged_in_the_workshop_only(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let wang = desk.account("wang").await;
    let order: Uuid = desk.one("select order_id from work_order where vehicle_id = 'v-4' limit 1").await;
    let case: Uuid = desk
        .one("select case_id from work_order_line join work_order using (order_id) where vehicle_id = 'v-4' limit 1")
        .await;
    let planned: Uuid = desk.one(ORDER).await;
    let version: i32 = desk.one("select version from work_order where vehicle_id = 'v-4' limit 1").await;
    let said = Judge { order, case, version, verdict: Verdict::NoFaultFound, work: LineState::Done, note: Some("dry") };
    let mut acting = desk.acting(&wang, Some("j")).await;
    order::judge(&mut acting, &said).await.unwrap();
    acting.commit().await.unwrap();
    let verdict: String = desk
        .one("select verdict from work_order_line join work_order using (order_id) where vehicle_id = 'v-4' limit 1")
        .await;
    assert_eq!(verdict, Verdict::NoFaultFound.word());
    let mut acting = desk.acting(&wang, None).await;
    let withdrawn = Judge { work: LineState::Withdrawn, ..said };
    assert_eq!(refused(order::judge(&mut acting, &withdrawn).await), ActRefusal::Unusable("work"));
    let early = Judge { order: planned, ..said };
    assert_eq!(refused(order::judge(&mut acting, &early).await), ActRefusal::Changed);
}

#[sqlx::test]
async fn an_answer_reaches_the_lane_once(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let (li, case): (_, Uuid) = (desk.account("li").await, desk.one(WAITING).await);
    for _ in 0..2 {
        let mut acting = desk.acting(&li, Some("r")).await;
        review::answer(&mut acting, case, ReviewAnswer::Accept).await.unwrap();
        acting.commit().await.unwrap();
    }
    assert_eq!(desk.written().await, (1, 1));
    let mut acting = desk.acting(&li, None).await;
    let late = review::answer(&mut acting, case, ReviewAnswer::Dismiss).await;
    assert_eq!(refused(late), ActRefusal::Changed);
}

#[sqlx::test]
async fn reading_the_inbox_tells_again_what_it_told(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let li = desk.account("li").await;
    let mut told = Vec::new();
    for key in [Some("i"), Some("i"), None] {
        let mut acting = desk.acting(&li, key).await;
        told.push(inbox::mark_read(&mut acting, None).await.unwrap());
        acting.commit().await.unwrap();
    }
    assert_eq!(told, [4, 4, 0]);
}

#[sqlx::test]
async fn a_build_is_told_once_and_its_software_reaches_the_lane(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let (oem, id) = (desk.account("oem").await, VehicleId::try_new("v-1").unwrap());
    let since = "2026-03-02".parse().unwrap();
    let build = |version: &str| Build {
        produced_on: Some(since),
        software: Some(Software { version: version.to_owned(), since }),
    };
    for _ in 0..2 {
        let mut acting = desk.acting(&oem, Some("b")).await;
        vehicle::tell_build(&mut acting, &id, &build("2.3.1")).await.unwrap();
        acting.commit().await.unwrap();
    }
    assert_eq!(desk.written().await, (1, 1));
    let mut acting = desk.acting(&oem, None).await;
    let empty = vehicle::tell_build(&mut acting, &id, &build(" ")).await;
    assert_eq!(refused(empty), ActRefusal::Unusable("version"));
    let nobody = VehicleId::try_new("nobody").unwrap();
    assert_eq!(refused(vehicle::tell_build(&mut acting, &nobody, &build("1")).await), ActRefusal::NotFound);
}

#[sqlx::test]
async fn only_the_operator_has_a_vehicle_erased(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let id = VehicleId::try_new("v-1").unwrap();
    let mut acting = Acting::begin(&desk.pool, Actor::Operator, Clock::wall(), None).await.unwrap();
    vehicle::erase(&mut acting, &id).await.unwrap();
    acting.commit().await.unwrap();
    assert_eq!(desk.written().await, (1, 1));
    assert_eq!(desk.one::<String>("select actor || ' ' || subject from act").await, "operator vehicle/v-1");
}

#[sqlx::test]
async fn a_session_begins_and_ends_and_speaks_the_chosen_language(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let li = desk.account("li").await;
    let mut acting = desk.acting(&li, None).await;
    account::log_in(&mut acting, b"hash", 12, Clock::wall().to_utc()).await.unwrap();
    acting.commit().await.unwrap();
    let mut acting = desk.acting(&li, None).await;
    account::set_locale(&mut acting, Locale::En).await.unwrap();
    acting.commit().await.unwrap();
    assert_eq!(desk.account("li").await.locale, Locale::En);
    let mut acting = desk.acting(&li, None).await;
    account::log_out(&mut acting, b"hash").await.unwrap();
    acting.commit().await.unwrap();
    let acts: String = desk.one("select string_agg(act, ' ' order by act_id) from act").await;
    assert_eq!(acts, "account.log_in account.set_locale account.log_out");
}

#[sqlx::test]
async fn a_reveal_is_logged_and_its_outcome_is_kept_nowhere(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let li = desk.account("li").await;
    let mut acting = desk.acting(&li, Some("p")).await;
    let shown = vehicle::reveal(&mut acting, &desk.demo.keys, "v-1", "call the owner").await.unwrap();
    acting.commit().await.unwrap();
    assert!(shown.phone.is_some());
    assert_eq!(desk.written().await, (0, 0));
    let mut acting = desk.acting(&li, None).await;
    let no_reason = vehicle::reveal(&mut acting, &desk.demo.keys, "v-1", " ").await;
    assert_eq!(refused(no_reason), ActRefusal::Unusable("reason"));
}

#[sqlx::test]
async fn what_is_not_there_is_neither_decided_nor_closed(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let oem = desk.account("oem").await;
    let mut acting = desk.acting(&oem, None).await;
    let dismissed = campaign::answer(&mut acting, 1, CampaignAnswer::Dismiss, " ").await;
    assert_eq!(refused(dismissed), ActRefusal::Unusable("reason"));
    let accepted = campaign::answer(&mut acting, 1, CampaignAnswer::Accept, "").await;
    assert_eq!(refused(accepted), ActRefusal::Changed);
    drop(acting);
    let mut acting = desk.acting(&oem, None).await;
    assert_eq!(refused(rule::close_task(&mut acting, 1).await), ActRefusal::Changed);
    assert_eq!(refused(rule::answerable(&mut acting, 1).await), ActRefusal::NotFound);
    assert_eq!(refused(rule::returnable(&mut acting, 1).await), ActRefusal::NotFound);
}

#[sqlx::test]
async fn people_of_a_dealer_see_what_their_dealer_did_and_nobody_changes_it(pool: PgPool) {
    let desk = Desk::open(pool).await;
    let li = desk.account("li").await;
    let mut acting = desk.acting(&li, None).await;
    inbox::mark_read(&mut acting, None).await.unwrap();
    acting.commit().await.unwrap();
    for (who, seen) in [
        (As::Console { dealer: desk.demo.dealer_a }, 1_i64),
        (As::Console { dealer: desk.demo.dealer_b }, 0),
        (As::Oem, 1),
    ] {
        let mut tx = begin_as(&desk.pool, who).await.unwrap();
        let count: i64 = sqlx::query_scalar("select count(*) from act").fetch_one(&mut *tx).await.unwrap();
        assert_eq!(count, seen, "{who:?}");
    }
    let mut tx = begin_as(&desk.pool, As::Engine).await.unwrap();
    assert!(sqlx::query("update act set act = 'x'").execute(&mut *tx).await.is_err(), "rows are only added");
}
