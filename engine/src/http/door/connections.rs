//! Accepts connections, and bounds them: how many there are, how long a request may take to arrive, how
//! large its headers may be.
//!
//! When all are taken, a newcomer gets the place of the stranger who has been there longest. Connections over
//! which somebody logged in has asked for something keep theirs: strangers can push out strangers only.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::door::peer::Peer;
use crate::metrics::ConsoleMetrics;

/// Longest from the end of one request to the last header of the next.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// Headers of a request, and what is read of its body at once.
const BUFFER: usize = 64 * 1024;
/// After this an end is not delayed by those who do not read their answers.
const END_WITHIN: Duration = Duration::from_secs(10);
/// Pause after the system gave no connection: most likely there are no more files.
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// Whether somebody who is logged in uses a connection.
#[derive(Debug, Default)]
pub struct Standing(AtomicBool);

impl Standing {
    /// Somebody who is logged in has asked for something over it.
    pub fn make_known(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Nobody is logged in over it after all.
    pub fn make_stranger(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Serves until shutdown; what is under way is finished.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    most: usize,
    metrics: ConsoleMetrics,
    shutdown: CancellationToken,
) {
    let (open, tasks) = (Open::new(most, metrics), TaskTracker::new());
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, address)) => {
                if let Some(place) = open.enter() {
                    tasks.spawn(converse(stream, address, router.clone(), place, shutdown.clone()));
                }
            }
            Err(error) => {
                tracing::warn!(error = %error, "a connection was not accepted");
                tokio::time::sleep(AFTER_ERROR).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(END_WITHIN, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "some connections did not end and are cut");
    }
}

async fn converse(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    place: PlaceTaken,
    shutdown: CancellationToken,
) {
    let peer = Peer { address, standing: Arc::clone(&place.standing) };
    let pages = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        pages.call(request)
    });
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_buf_size(BUFFER);
    let connection = protocol.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // Errors here are the other end's: it went away, was too slow, or does not speak HTTP.
        _ = connection.as_mut() => return,
        () = place.pushed_out.cancelled() => return,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// The connections that are open.
#[derive(Clone)]
struct Open(Arc<Shared>);

struct Shared {
    most: usize,
    metrics: ConsoleMetrics,
    places: Mutex<Places>,
}

/// By the order in which they came.
#[derive(Default)]
struct Places {
    next: u64,
    taken: BTreeMap<u64, (Arc<Standing>, CancellationToken)>,
}

/// A place among the connections; free when it is dropped.
struct PlaceTaken {
    number: u64,
    standing: Arc<Standing>,
    pushed_out: CancellationToken,
    open: Open,
}

impl Open {
    fn new(most: usize, metrics: ConsoleMetrics) -> Self {
        Self(Arc::new(Shared { most, metrics, places: Mutex::default() }))
    }

    /// A place, if need be the one of a stranger; `None` if all are taken by people who are known.
    fn enter(&self) -> Option<PlaceTaken> {
        let mut places = self.places();
        if places.taken.len() >= self.0.most {
            let mut by_age = places.taken.iter();
            let stranger = by_age.find(|(_, (standing, _))| !standing.is_known());
            let Some(number) = stranger.map(|(number, _)| *number) else {
                self.0.metrics.connections_refused.inc();
                return None;
            };
            if let Some((_, pushed_out)) = places.taken.remove(&number) {
                self.0.metrics.connections_pushed_out.inc();
                pushed_out.cancel();
            }
        }
        let number = places.next;
        places.next += 1;
        let (standing, pushed_out) = (Arc::<Standing>::default(), CancellationToken::new());
        places.taken.insert(number, (Arc::clone(&standing), pushed_out.clone()));
        self.0.metrics.connections.set(places.taken.len() as i64);
        Some(PlaceTaken { number, standing, pushed_out, open: self.clone() })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PlaceTaken {
    fn drop(&mut self) {
        let mut places = self.open.places();
        places.taken.remove(&self.number);
        self.open.0.metrics.connections.set(places.taken.len() as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_push_out_the_oldest_stranger_and_nobody_else() {
        let metrics = ConsoleMetrics::try_new(&prometheus::Registry::new()).unwrap();
        let open = Open::new(3, metrics.clone());
        let (first, second, third) = (open.enter().unwrap(), open.enter().unwrap(), open.enter().unwrap());
        first.standing.make_known();
        let fourth = open.enter().unwrap();
        assert!(second.pushed_out.is_cancelled() && !first.pushed_out.is_cancelled());
        drop(second);
        assert_eq!(metrics.connections.get(), 3);
        third.standing.make_known();
        fourth.standing.make_known();
        assert!(open.enter().is_none());
        drop(first);
        assert!(open.enter().is_some());
        assert_eq!((metrics.connections_pushed_out.get(), metrics.connections_refused.get()), (1, 1));
    }
}
