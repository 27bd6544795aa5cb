//! The fixtures keep their own promises: what breaks on demand breaks, what ends leaves nothing behind.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{Browser, Database, Mosquitto, Premend, PrivateCluster, Proxy, Screen, Setup, eventually};

#[tokio::test]
async fn a_database_is_migrated_and_goes_with_its_fixture() {
    let database = Database::create().await.unwrap();
    let pool = database.pool().await.unwrap();
    let tier: String = sqlx::query_scalar("select tier from store_tier").fetch_one(&pool).await.unwrap();
    assert_eq!(tier, "native");
    let name = database.name().to_owned();
    // A session that is still being closed would keep the database.
    pool.close().await;
    drop(database);
    let other = Database::create().await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from pg_database where datname = $1")
        .bind(name)
        .fetch_one(&other.pool().await.unwrap())
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_proxy_cuts_stalls_and_mends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut byte = [0; 1];
                while peer.read_exact(&mut byte).await.is_ok() && peer.write_all(&byte).await.is_ok() {}
            });
        }
    });
    let proxy = Proxy::start("127.0.0.1", target.port()).await.unwrap();
    let mut byte = [0; 1];

    let mut line = TcpStream::connect(proxy.address()).await.unwrap();
    line.write_all(b"a").await.unwrap();
    line.read_exact(&mut byte).await.unwrap();
    proxy.stall();
    line.write_all(b"b").await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(200), line.read_exact(&mut byte)).await.is_err());
    proxy.mend();
    line.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"b");
    proxy.cut();
    assert_eq!(line.read(&mut byte).await.unwrap_or(0), 0);
    proxy.mend();
    let mut again = TcpStream::connect(proxy.address()).await.unwrap();
    again.write_all(b"c").await.unwrap();
    again.read_exact(&mut byte).await.unwrap();
}

#[tokio::test]
async fn a_private_cluster_stops_crashes_and_comes_back_with_what_it_confirmed() {
    let cluster = PrivateCluster::start_new().unwrap();
    let mut connection = PgConnection::connect(&cluster.url()).await.unwrap();
    sqlx::raw_sql("create table kept (n int); insert into kept values (7)").execute(&mut connection).await.unwrap();
    cluster.crash().unwrap();
    assert!(PgConnection::connect(&cluster.url()).await.is_err());
    cluster.start().unwrap();
    let mut connection = PgConnection::connect(&cluster.url()).await.unwrap();
    let kept: i32 = sqlx::query_scalar("select n from kept").fetch_one(&mut connection).await.unwrap();
    assert_eq!(kept, 7);
    cluster.stop().unwrap();
    cluster.start().unwrap();
}

#[tokio::test]
async fn mosquitto_starts_again_on_its_port() {
    let mut broker = Mosquitto::start().await.unwrap();
    broker.stop().await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", broker.port())).await.is_err());
    broker.restart().await.unwrap();
    TcpStream::connect(("127.0.0.1", broker.port())).await.unwrap();
    broker.kill().unwrap();
}

#[tokio::test]
async fn a_browser_shows_the_console() {
    let database = Database::create().await.unwrap();
    let premend = Premend::start(Setup::serve(database.url())).await.unwrap();
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(screen).await.unwrap();
        browser.goto(&premend.url("/login")).await.unwrap();
        browser.find("form").await.unwrap();
        assert!(!browser.overflows().await.unwrap(), "{screen:?} has to be scrolled sideways");
        browser.close().await.unwrap();
    }
}

#[tokio::test]
async fn premend_starts_stops_is_killed_and_starts_again() {
    let database = Database::create().await.unwrap();
    let mut premend = Premend::start(Setup::serve(database.url())).await.unwrap();
    let address = premend.http();
    assert!(premend.metric("premend_engine_ready").await.unwrap() > 0.0);
    assert!(premend.process().resident_bytes().unwrap() > 1024 * 1024);
    assert!(premend.stop().await.unwrap().success());

    premend.restart().await.unwrap();
    assert_eq!(premend.http(), address);
    premend.kill().unwrap();
    premend.restart().await.unwrap();
    TcpStream::connect(premend.mqtt().unwrap()).await.unwrap();
}

#[tokio::test]
async fn eventually_says_what_did_not_come() {
    let missing = eventually("the moon", Duration::from_millis(20), || async { Ok(None::<()>) }).await.unwrap_err();
    assert!(missing.to_string().contains("the moon did not come"), "{missing}");
}
