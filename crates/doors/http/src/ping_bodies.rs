//! The body of a ping: its beginning is kept to the byte, and whatever comes behind that costs no memory.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;

use crate::connections::arriving::BrokenOff;
use crate::extract::is_caused_by;

/// How many bytes of a body are kept, as Healthchecks does.
pub(crate) const KEPT: usize = 10_000;

/// How long what is kept may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the rest is read before the answer goes out without it. Until then a client that writes all before it reads
/// sees its answer, and its connection stays.
const REST: Duration = Duration::from_secs(20);

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// It ended before it was complete.
    Broken,
    /// It did not arrive in time.
    Slow,
    /// The server stops.
    Stopping,
}

/// The beginning of a body, and what is still to come of it.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// [`KEPT`] bytes at most.
    pub(crate) bytes: Vec<u8>,
    /// Where there may be more.
    pub(crate) rest: Option<Body>,
}

/// Reads the beginning of a body.
pub(crate) async fn beginning(body: Body) -> Result<Beginning, NotTaken> {
    let read = tokio::time::timeout(PATIENCE, read(body)).await;
    read.unwrap_or(Err(NotTaken::Slow))
}

async fn read(mut body: Body) -> Result<Beginning, NotTaken> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if is_caused_by::<BrokenOff>(&error) {
                NotTaken::Stopping
            } else {
                NotTaken::Broken
            }
        })?;
        let Ok(data) = frame.into_data() else { continue };
        let room = KEPT - bytes.len();
        bytes.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            let rest = Some(body);
            return Ok(Beginning { bytes, rest });
        }
    }
    Ok(Beginning { bytes, rest: None })
}

/// Reads the rest and keeps nothing of it. Whether it came to its end in time: where it did not, the connection is of no
/// more use.
pub(crate) async fn drop_rest(mut rest: Body) -> bool {
    let read = async { while let Some(Ok(_)) = rest.frame().await {} };
    tokio::time::timeout(REST, read).await.is_ok()
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures::stream;

    use super::*;

    fn chunks(sizes: &[usize]) -> Body {
        let chunks: Vec<_> = sizes
            .iter()
            .map(|size| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; *size])))
            .collect();
        Body::from_stream(stream::iter(chunks))
    }

    #[tokio::test]
    async fn the_beginning_is_kept_to_the_byte() {
        for (sizes, kept, more) in [
            (&[][..], 0, false),
            (&[9_999], 9_999, false),
            (&[10_000], 10_000, false),
            (&[10_001], 10_000, true),
            (&[6_000, 6_000], 10_000, true),
            (&[6_000, 4_000], 10_000, false),
            (&[6_000, 4_000, 1], 10_000, true),
        ] {
            let beginning = beginning(chunks(sizes)).await.unwrap();
            assert_eq!(
                (beginning.bytes.len(), beginning.rest.is_some()),
                (kept, more),
                "{sizes:?}"
            );
        }
        let odd: Vec<u8> = (0..=250).cycle().take(12_000).collect();
        let beginning = beginning(Body::from(odd.clone())).await.unwrap();
        assert_eq!(beginning.bytes, odd[..KEPT]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_breaks_off_or_stays_away_is_not_waited_for() {
        let broken = stream::iter([Ok(Bytes::from("x")), Err(std::io::Error::other("gone"))]);
        assert_eq!(
            beginning(Body::from_stream(broken)).await.unwrap_err(),
            NotTaken::Broken
        );
        let never = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(beginning(never()).await.unwrap_err(), NotTaken::Slow);
        assert!(!drop_rest(never()).await);
        assert!(drop_rest(chunks(&[1_000_000; 50])).await);
    }
}
