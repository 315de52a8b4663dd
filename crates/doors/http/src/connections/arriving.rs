//! The body of a request as it arrives. When the server stops, what has not arrived soon is not
//! waited for: nothing of such a request has begun.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use axum::http::Version;
use axum::{BoxError, body::HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::app::App;

/// The server stops, and the rest of the body had not arrived.
#[derive(Debug, thiserror::Error)]
#[error("the server stops, and the body had not arrived")]
pub(crate) struct BrokenOff;

/// A body that ends with [`BrokenOff`] when the server has stopped for a while.
pub(super) struct Arriving {
    body: Incoming,
    app: App,
    /// Whether it is read by another task than the connection's own, which looks again when the server stops.
    apart: bool,
    /// Made where the body has to be waited for apart.
    broken_off: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Arriving {
    /// The body of a request of that version. Of HTTP/1 it is read in the connection's task, of HTTP/2 in one
    /// for each request.
    pub(super) fn new(body: Incoming, version: Version, app: App) -> Self {
        Self {
            body,
            app,
            apart: version == Version::HTTP_2,
            broken_off: None,
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if !this.apart {
            return if this.app.hurrying.is_cancelled() {
                Poll::Ready(Some(Err(BrokenOff.into())))
            } else {
                Poll::Pending
            };
        }
        let broken_off = this
            .broken_off
            .get_or_insert_with(|| Box::pin(this.app.hurrying.clone().cancelled_owned()));
        broken_off.as_mut().poll(cx).map(|()| Some(Err(BrokenOff.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
