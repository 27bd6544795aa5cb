//! Reads the form of somebody unknown: little of it, and not for long.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use tokio_stream::StreamExt as _;

/// A name, a password and a path.
pub const MOST_BYTES: usize = 16 * 1024;
/// So much more is read and thrown away, so that the browser gets its answer.
const SKIPPED_BYTES: usize = 4 * 1024 * 1024;
const WITHIN: Duration = Duration::from_secs(10);

/// Why a form was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// With its beginning, in which the name may be.
    TooLong(Bytes),
    TooSlow,
    Broken,
}

/// The body, if it is short and comes in time.
pub async fn read(body: Body) -> Result<Bytes, Unread> {
    tokio::time::timeout(WITHIN, read_all(body)).await.unwrap_or(Err(Unread::TooSlow))
}

async fn read_all(body: Body) -> Result<Bytes, Unread> {
    let mut chunks = body.into_data_stream();
    let mut kept = BytesMut::new();
    let mut size = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Unread::Broken)?;
        size += chunk.len();
        let room = MOST_BYTES - kept.len();
        kept.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if size > SKIPPED_BYTES {
            break;
        }
    }
    let kept = kept.freeze();
    if size > MOST_BYTES { Err(Unread::TooLong(kept)) } else { Ok(kept) }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[tokio::test]
    async fn reads_what_is_short_and_refuses_what_is_long() {
        assert_eq!(read(Body::from("login=li")).await.unwrap(), "login=li");
        assert_eq!(read(Body::from(vec![b'a'; MOST_BYTES])).await.unwrap().len(), MOST_BYTES);
        for size in [MOST_BYTES + 1, SKIPPED_BYTES + 1] {
            let Err(Unread::TooLong(kept)) = read(Body::from(vec![b'a'; size])).await else { panic!("{size}") };
            assert_eq!(kept.len(), MOST_BYTES);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_wait_for_a_body_that_drips() {
        let drips = tokio_stream::iter(0..).then(|_: u32| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(Bytes::from_static(b"a"))
        });
        assert_eq!(read(Body::from_stream(drips)).await, Err(Unread::TooSlow));
    }
}
