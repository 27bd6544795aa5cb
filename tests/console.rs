//! The console in a real browser: the board changes by itself, the demo fills it, and every page can
//! be read on a desk and on a phone, in both languages.
//!
//! Pictures of every page go to `target/screenshots`; `make screenshots` takes those of the README from there.

use std::path::PathBuf;
use std::time::Duration;

use rules::unit::Span;
use simulator::signal;
use tokio::time::Instant;

use crate::world::road::{petrol, trip, with};
use crate::world::{Browser, Database, Ledger, NewCar, Premend, SOON, Scene, Screen, Setup, eventually, morning};

/// From the start of the built demo to a board with work on it.
const FILLED_WITHIN: Duration = Duration::from_secs(90);

pub async fn log_in(browser: &Browser, premend: &Premend, login: &str) -> anyhow::Result<()> {
    browser.goto(&premend.url("/login")).await?;
    browser.fill("input[name=login]", login).await?;
    browser.fill("input[name=password]", engine::seed::demo::DEMO_PASSWORD).await?;
    browser.click("main form button").await?;
    browser.find("nav.parts").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_board_changes_without_being_loaded_again() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("hot", now)]).await?;
    let mut car = scene.car("hot").await?;
    let browser = Browser::open(Screen::Desk).await?;
    log_in(&browser, &scene.premend, "li").await?;
    browser.find("[data-live]:not([hidden])").await?;
    assert_eq!(browser.count("#group-s1 .card").await?, 0);
    browser.mark().await?;

    car.drive(trip(now - Span::from_mins(3), now - Span::from_mins(1), Span::from_secs(10))).await?;
    let hot = (0..5).map(|tick| with(petrol(now + Span::from_secs(10 * tick - 60), 0), signal::COOLANT, 124.0));
    let last = car.drive(hot).await?;
    car.committed(last).await?;
    browser.find("#group-s1 .card").await?;
    assert!(!browser.was_reloaded().await?, "the page was loaded again");

    // The page of the order says what, why and with which evidence, and changes by itself too.
    browser.click("#group-s1 .card a.c-title").await?;
    browser.find(".line svg").await?;
    browser.shows("engine.overheat_stop").await?;
    browser.close().await
}

/// The demo, its board filled.
struct Demo {
    premend: Premend,
    ledger: Ledger,
    _directory: tempfile::TempDir,
    _database: Database,
}

impl Demo {
    async fn start(vehicles: u32) -> anyhow::Result<Self> {
        let database = Database::create().await?;
        let ledger = Ledger::new(&database.pool().await?);
        let directory = tempfile::tempdir()?;
        let setup = Setup::serve(database.url())
            .command(&["demo"])
            .set("demo.directory", &directory.path().display().to_string())
            .set("demo.vehicles", &vehicles.to_string());
        let premend = Premend::start(setup).await?;
        Ok(Self { premend, ledger, _directory: directory, _database: database })
    }

    /// Orders with evidence on the board, and a notice that a vehicle has said it showed.
    async fn is_filled(&self) -> anyhow::Result<bool> {
        let orders = "select count(distinct order_id) from work_order_line join finding using (case_id)
                      where jsonb_array_length(evidence->'readings') + jsonb_array_length(evidence->'faults') > 0";
        let shown = "select count(*) from notification where seen_at is not null";
        // Three at any hour: a tyre that goes flat while its car is parked waits for the next drive.
        Ok(self.ledger.count(orders).await? >= 3 && self.ledger.count(shown).await? >= 1)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_fills_the_board_and_every_page_can_be_read() -> anyhow::Result<()> {
    let started = Instant::now();
    let mut demo = Demo::start(40).await?;
    eventually("orders with evidence and a notice that was shown", FILLED_WITHIN, || async {
        Ok(demo.is_filled().await?.then_some(()))
    })
    .await?;
    assert!(started.elapsed() < FILLED_WITHIN, "{:?}", started.elapsed());
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(screen).await?;
        for language in ["zh-CN", "en"] {
            look_at_every_page(&browser, &demo, screen, language).await?;
        }
        browser.close().await?;
    }

    // It goes on where it stopped.
    let orders = demo.ledger.orders().await?;
    let told = demo.premend.metric("premend_engine_committed_inputs_total").await?;
    assert!(told > 0.0 && demo.premend.stop().await?.success());
    demo.premend.restart().await?;
    eventually("vehicles on the air after the second start", SOON, || async {
        let back = demo.premend.metric("premend_ingest_broker_connections").await? >= 35.0;
        Ok((back && demo.premend.metric("premend_engine_vehicles").await? >= 40.0).then_some(()))
    })
    .await?;
    let again = demo.ledger.orders().await?;
    assert!(orders.iter().all(|order| again.iter().any(|other| other.order_id == order.order_id)));
    Ok(())
}

async fn look_at_every_page(browser: &Browser, demo: &Demo, screen: Screen, language: &str) -> anyhow::Result<()> {
    browser.goto(&demo.premend.url("/login")).await?;
    in_language(browser, language).await?;
    look(browser, "login", screen, language).await?;
    log_in(browser, &demo.premend, "li").await?;
    in_language(browser, language).await?;
    let order = browser.find(".card a.c-title").await?.attr("href").await?.unwrap_or_default();
    for (name, path) in [("board", "/board"), ("review", "/review"), ("inbox", "/inbox"), ("order", order.as_str())] {
        browser.goto(&demo.premend.url(path)).await?;
        look(browser, name, screen, language).await?;
    }
    let vehicle = browser.find("a[href^='/vehicles/']").await?.attr("href").await?.unwrap_or_default();
    browser.goto(&demo.premend.url(&vehicle)).await?;
    look(browser, "vehicle", screen, language).await?;
    browser.goto(&demo.premend.url(&format!("{vehicle}/explain?rule=engine.overheat_stop"))).await?;
    browser.find(".explained").await?;
    see(browser, "explain", screen, language).await?;
    leave(browser).await?;
    log_in(browser, &demo.premend, "ops").await?;
    in_language(browser, language).await?;
    browser.goto(&demo.premend.url("/status")).await?;
    look(browser, "status", screen, language).await?;
    // The words of rules are English everywhere.
    for (name, path) in [("rules", "/rules"), ("rules-reference", "/rules/reference")] {
        browser.goto(&demo.premend.url(path)).await?;
        see(browser, name, screen, language).await?;
    }
    leave(browser).await
}

async fn leave(browser: &Browser) -> anyhow::Result<()> {
    browser.click("form[action='/logout'] button").await?;
    browser.find("input[name=login]").await?;
    Ok(())
}

/// Switches the language unless it is the one wanted.
pub async fn in_language(browser: &Browser, language: &str) -> anyhow::Result<()> {
    let shown = browser.find("html").await?.attr("lang").await?;
    if shown.as_deref() != Some(language) {
        browser.click("form[action='/locale'] button").await?;
        browser.find(&format!("html[lang='{language}']")).await?;
    }
    Ok(())
}

/// What a page must be wherever it is read, and a picture of it.
pub async fn look(browser: &Browser, name: &str, screen: Screen, language: &str) -> anyhow::Result<()> {
    let text = see(browser, name, screen, language).await?;
    let place = format!("{name} on {screen:?} in {language}");
    let chinese = text.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
    match language {
        "en" => assert!(chinese * 10 < text.chars().count(), "{place} is not in English: {text}"),
        _ => assert!(chinese * 10 > text.chars().count(), "{place} is not in Chinese: {text}"),
    }
    Ok(())
}

/// What a page of any language must be, and a picture of it; its text.
pub async fn see(browser: &Browser, name: &str, screen: Screen, language: &str) -> anyhow::Result<String> {
    browser.find("main").await?;
    let place = format!("{name} on {screen:?} in {language}");
    assert!(!browser.overflows().await?, "{place} has to be scrolled sideways");
    let text = browser.text().await?;
    assert!(text.len() > 40, "{place} is empty: {text}");
    for raw in ["{{", "{%", "NaN", "undefined"] {
        assert!(!text.contains(raw), "{place} shows {raw}: {text}");
    }
    let size = if screen == Screen::Desk { "desk" } else { "phone" };
    browser.screenshot(&pictures()?.join(format!("{name}-{size}-{language}.png"))).await?;
    Ok(text)
}

fn pictures() -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
