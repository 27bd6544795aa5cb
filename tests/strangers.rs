//! Nobody without an account can exhaust the engine, delay who is logged in, or keep a person out.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use engine::seed::demo::DEMO_PASSWORD;
use reqwest::header::{ORIGIN, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};

use crate::world::{Advisor, Premend, Scene};

/// Resident memory that no flood may pass.
const MOST_MEMORY: u64 = 600 * 1024 * 1024;
const PAGE_P95: Duration = Duration::from_millis(500);
/// A person is let in within a few seconds, while the flood goes on.
const IN_WITHIN: Duration = Duration::from_secs(7);

/// Somebody at an address of this machine, without cookies.
fn stranger(address: Ipv4Addr) -> Client {
    let client = Client::builder().local_address(IpAddr::V4(address)).redirect(Policy::none()).no_proxy();
    client.timeout(Duration::from_secs(30)).build().expect("a client needs nothing")
}

async fn try_log_in(client: &Client, base: &str, name: &str, password: &str) -> reqwest::Result<reqwest::Response> {
    let form = [("login", name), ("password", password)];
    client.post(format!("{base}/login")).header(ORIGIN, base).form(&form).send().await
}

/// Tries to log in, evenly over `over`; gives the answers.
fn flood(
    premend: &Premend,
    count: u32,
    over: Duration,
    one: impl Fn(u32) -> (Ipv4Addr, String) + Send + 'static,
) -> JoinHandle<anyhow::Result<Vec<StatusCode>>> {
    let base = premend.url("");
    tokio::spawn(async move {
        let mut tries = JoinSet::new();
        let mut pace = tokio::time::interval(over / count);
        for n in 0..count {
            pace.tick().await;
            let (address, name) = one(n);
            let base = base.clone();
            tries.spawn(async move { try_log_in(&stranger(address), &base, &name, "guess").await.map(|a| a.status()) });
        }
        let mut answers = Vec::new();
        while let Some(answer) = tries.join_next().await {
            answers.push(answer??);
        }
        Ok(answers)
    })
}

/// Loads a page again and again until `other` has ended; gives the 95 % quantile.
async fn page_p95<T>(li: &Advisor, other: &JoinHandle<T>) -> anyhow::Result<Duration> {
    let mut took = Vec::new();
    while !other.is_finished() {
        let started = Instant::now();
        let (status, _) = li.page("/board").await?;
        anyhow::ensure!(status == StatusCode::OK, "{status}");
        took.push(started.elapsed());
    }
    took.sort_unstable();
    took.get(took.len() * 95 / 100).copied().context("no page was loaded")
}

/// A person with the right password in a browser that nobody knows, who does as the page says.
async fn gets_in(client: &Client, base: &str, name: &str) -> anyhow::Result<Duration> {
    let started = Instant::now();
    while started.elapsed() < IN_WITHIN {
        let answer = try_log_in(client, base, name, DEMO_PASSWORD).await?;
        if answer.status() == StatusCode::SEE_OTHER {
            return Ok(started.elapsed());
        }
        anyhow::ensure!(answer.status() == StatusCode::TOO_MANY_REQUESTS, "{}", answer.status());
        let after = answer.headers().get(RETRY_AFTER).context("when to come again")?.to_str()?.parse()?;
        tokio::time::sleep(Duration::from_secs(after)).await;
    }
    anyhow::bail!("{name} was not let in within {IN_WITHIN:?}")
}

fn loopback(last: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 1, 0)) + last)
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_log_ins_cost_neither_memory_nor_time() -> anyhow::Result<()> {
    let mut scene = Scene::open(&[]).await?;
    let base = scene.premend.url("");
    let li = Advisor::log_in(&scene.premend, "li").await?;
    let flood = flood(&scene.premend, 200, Duration::from_secs(4), |n| (Ipv4Addr::LOCALHOST, format!("nobody-{n}")));
    let person = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        gets_in(&stranger(Ipv4Addr::LOCALHOST), &base, "anna").await
    });
    let p95 = page_p95(&li, &flood).await?;
    let answers = flood.await??;
    let person = person.await??;
    let peak = scene.premend.process().peak_resident_bytes()?;
    println!("200 made-up log-ins in 4 s: peak {} MiB, page p95 {p95:?}, a person in {person:?}", peak / 1024 / 1024);
    let refused = [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS];
    assert!(answers.iter().all(|status| refused.contains(status)), "{answers:?}");
    assert!(peak < MOST_MEMORY, "{} MiB", peak / 1024 / 1024);
    assert!(p95 < PAGE_P95, "{p95:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_a_name_from_everywhere_do_not_keep_its_owner_out() -> anyhow::Result<()> {
    let mut scene = Scene::open(&[]).await?;
    let base = scene.premend.url("");
    let anna = Advisor::log_in(&scene.premend, "anna").await?;
    // At once, and from two hundred addresses; the owner comes from another one.
    let flood = flood(&scene.premend, 1_000, Duration::from_secs(12), |n| (loopback(n % 200), "li".to_owned()));
    let owner = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(4)).await;
        gets_in(&stranger(Ipv4Addr::new(127, 0, 0, 9)), &base, "li").await
    });
    let p95 = page_p95(&anna, &flood).await?;
    let (answers, owner) = (flood.await??, owner.await??);
    let peak = scene.premend.process().peak_resident_bytes()?;
    println!(
        "1,000 guesses in 12 s from 200 addresses: peak {} MiB, page p95 {p95:?}, owner in {owner:?}",
        peak / 1024 / 1024
    );
    assert!(answers.contains(&StatusCode::TOO_MANY_REQUESTS), "the name has a limit");
    assert!(peak < MOST_MEMORY && p95 < PAGE_P95, "{} MiB, {p95:?}", peak / 1024 / 1024);
    Ok(())
}

/// Begins to log in and never ends.
async fn drip(http: SocketAddr, path: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(http).await?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {http}\r\norigin: http://{http}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000000\r\n\r\nlogin=li&password="
    );
    stream.write_all(head.as_bytes()).await?;
    Ok(stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_drip_and_bodies_of_megabytes_block_nobody() -> anyhow::Result<()> {
    let mut scene = Scene::open_with(&[], |setup| setup.set("http.max_connections", "64")).await?;
    let http = scene.premend.http();
    let base = scene.premend.url("");
    let li = Advisor::log_in(&scene.premend, "li").await?;
    assert_eq!(li.page("/board").await?.0, StatusCode::OK);
    let dripping = tokio::spawn(async move {
        let mut streams = Vec::new();
        for n in 0..500 {
            let path = ["/login", "/locale", "/logout"][n % 3];
            // Who is pushed out is pushed out.
            streams.extend(drip(http, path).await);
        }
        let large = "a".repeat(3_000_000);
        let long = try_log_in(&stranger(Ipv4Addr::LOCALHOST), &base, "li", &large).await?;
        anyhow::ensure!(long.status() == StatusCode::PAYLOAD_TOO_LARGE, "{}", long.status());
        gets_in(&stranger(Ipv4Addr::LOCALHOST), &base, "anna").await?;
        drop(streams);
        Ok(())
    });
    let p95 = page_p95(&li, &dripping).await?;
    dripping.await??;
    let peak = scene.premend.process().peak_resident_bytes()?;
    println!("500 dripping connections: peak {} MiB, page p95 {p95:?}", peak / 1024 / 1024);
    assert!(peak < MOST_MEMORY && p95 < PAGE_P95, "{} MiB, {p95:?}", peak / 1024 / 1024);
    assert!(scene.premend.metric("premend_console_connections_pushed_out_total").await? > 0.0);
    Ok(())
}
