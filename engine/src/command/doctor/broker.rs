//! The way in: ports that are free or ours, an external broker that lets us in, and its ceiling.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::mqttbytes::v4::Connect;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::check::Check;
use crate::config::{Config, External, Secret, SourceKind};

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Never the engine's: a second session under its name would end the engine's.
const CLIENT_ID: &str = "@premend-doctor";

pub async fn look(config: &Config, commit_time: Option<Duration>, engine_runs: bool, checks: &mut Vec<Check>) {
    match config.mqtt.source {
        SourceKind::Embedded => {
            checks.push(port("broker.port", "mqtt.listen", config.mqtt.listen, engine_runs).await);
        }
        SourceKind::External => {
            checks.push(reach(&config.mqtt.external).await);
            checks.push(ceiling(config.mqtt.external.window, commit_time));
        }
    }
    checks.push(port("console.port", "http.listen", config.http.listen, engine_runs).await);
}

/// Free, or taken by the engine that runs.
async fn port(name: &'static str, key: &str, listen: SocketAddr, engine_runs: bool) -> Check {
    match TcpListener::bind(listen).await {
        Ok(_) => Check::good(name, format!("{listen} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && engine_runs => {
            Check::good(name, format!("{listen} is in use, and an engine runs"))
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let remedy = format!("stop what listens there (`ss -ltnp`), or set {key} to another port");
            Check::wrong(name, format!("{listen} is in use by another program"), remedy)
        }
        Err(error) => {
            Check::wrong(name, format!("{listen}: {error}"), format!("set {key} to an address of this machine"))
        }
    }
}

async fn reach(external: &External) -> Check {
    const NAME: &str = "broker.reachable";
    let place = format!("{}:{}", external.host, external.port);
    match timeout(ANSWER_WITHIN, greet(external)).await {
        Ok(Ok(0)) => Check::good(NAME, format!("{place} lets us in")),
        Ok(Ok(code)) => {
            let why = refusal(code);
            Check::wrong(
                NAME,
                format!("{place} refuses us: {why}"),
                "check mqtt.external.username and its password, and the broker's access list",
            )
        }
        Ok(Err(error)) => {
            Check::wrong(NAME, format!("{place}: {error}"), "start the broker, or set mqtt.external.host and port")
        }
        Err(_) => Check::wrong(NAME, format!("{place} does not answer"), "check the address, and firewalls in between"),
    }
}

/// Messages per second cannot exceed window / commit time: each is acknowledged after its commit.
fn ceiling(window: u16, commit_time: Option<Duration>) -> Check {
    const NAME: &str = "broker.ceiling";
    let Some(commit) = commit_time else {
        return Check::unknown(NAME, "no commit could be measured", "needs the database");
    };
    let rate = f64::from(window) / commit.as_secs_f64().max(1e-4);
    let found =
        format!("at most about {rate:.0} messages/s: window {window} / commit {:.1} ms", commit.as_secs_f64() * 1e3);
    let remedy = "the broker's own window counts if smaller: mosquitto max_inflight_messages is 20 unless set, `premend broker` has 100";
    if rate < 5_000.0 {
        Check::doubtful(NAME, found, format!("raise mqtt.external.window; {remedy}"))
    } else {
        Check::unknown(NAME, found, remedy)
    }
}

/// Sends CONNECT and gives the return code of CONNACK.
async fn greet(external: &External) -> io::Result<u8> {
    let mut line = TcpStream::connect((external.host.as_str(), external.port)).await?;
    line.write_all(&connect_packet(external)?).await?;
    let mut answer = [0; 4];
    line.read_exact(&mut answer).await?;
    if answer[0] != 0x20 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak MQTT"));
    }
    // DISCONNECT, so that the broker does not take it for a loss.
    line.write_all(&[0xe0, 0]).await?;
    Ok(answer[3])
}

/// MQTT 3.1.1 CONNECT with a clean session.
fn connect_packet(external: &External) -> io::Result<BytesMut> {
    let mut connect = Connect::new(CLIENT_ID);
    if let Some(username) = &external.username {
        connect.set_login(username, external.password.as_ref().map_or("", Secret::expose));
    }
    let mut packet = BytesMut::new();
    connect.write(&mut packet).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
    Ok(packet)
}

const fn refusal(code: u8) -> &'static str {
    match code {
        1 => "it does not speak MQTT 3.1.1",
        2 => "it refuses our name",
        3 => "it is not available",
        4 => "user name or password is wrong",
        5 => "we are not allowed",
        _ => "for a reason it does not name",
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;

    #[tokio::test]
    async fn tells_a_taken_port_from_a_free_one() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        assert_eq!(port("broker.port", "mqtt.listen", address, false).await.verdict, Verdict::Wrong);
        assert_eq!(port("broker.port", "mqtt.listen", address, true).await.verdict, Verdict::Good);
        drop(taken);
        assert_eq!(port("broker.port", "mqtt.listen", address, false).await.verdict, Verdict::Good);
    }

    #[test]
    fn a_small_window_is_told_with_its_rate() {
        let check = ceiling(20, Some(Duration::from_millis(10)));
        assert_eq!(check.verdict, Verdict::Doubtful);
        assert!(check.found.contains("2000 messages/s"), "{check:?}");
    }
}
