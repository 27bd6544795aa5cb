//! A network that breaks on demand: TCP in between, cut, stalled and mended.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Open,
    /// Connections are closed, new ones are closed at once.
    Cut,
    /// Connections stay, nothing passes.
    Stalled,
}

/// Listens on a free port and forwards to `target` while the line is open.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub async fn start(host: &str, port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("binding the proxy")?;
        let address = listener.local_addr()?;
        let (line, watched) = watch::channel(Line::Open);
        let accepting = tokio::spawn(accept(listener, (host.to_owned(), port), watched));
        Ok(Self { address, line, accepting })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Closes all connections and lets no new one through.
    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Keeps all connections and passes nothing on: a peer that hangs.
    pub fn stall(&self) {
        self.line.send_replace(Line::Stalled);
    }

    /// Lets everything through again.
    pub fn mend(&self) {
        self.line.send_replace(Line::Open);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.line.send_replace(Line::Cut);
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: (String, u16), line: watch::Receiver<Line>) {
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        if *line.borrow() == Line::Cut {
            continue;
        }
        let (target, line) = (target.clone(), line.clone());
        tokio::spawn(async move {
            let far =
                tokio::time::timeout(Duration::from_secs(10), TcpStream::connect((target.0.as_str(), target.1))).await;
            let Ok(Ok(far)) = far else { return };
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            tokio::join!(pump(near_read, far_write, line.clone()), pump(far_read, near_write, line));
        });
    }
}

/// Passes bytes on while the line is open; ends with either side or when the line is cut.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut line: watch::Receiver<Line>) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let now = *line.borrow_and_update();
        match now {
            Line::Cut => return,
            Line::Stalled => {
                if line.changed().await.is_err() {
                    return;
                }
            }
            Line::Open => {
                let read = tokio::select! {
                    read = from.read(&mut bytes) => read,
                    changed = line.changed() => match changed {
                        Ok(()) => continue,
                        Err(_) => return,
                    },
                };
                let Ok(length @ 1..) = read else { return };
                if to.write_all(&bytes[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
