//! Callers without a token whom only what their body holds proves, a signature over it or what is filled into a form: what
//! they may take before that. Whatever they send costs little until it is proven, and they take nothing from those who have
//! a token.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::FromRequestParts;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode};
use cc_devops_kernel::ports::{PortError, PortErrorKind};
use futures::StreamExt;
use http_body_util::BodyExt;

use crate::app::{App, Shared};
use crate::client_network::ClientNetwork;
use crate::connections::Peer;
use crate::connections::arriving::BrokenOff;
use crate::extract::{is_caused_by, read_bytes};
use crate::places::{Place, RequestPlace};
use crate::problem::Problem;

/// The largest notice, in bytes. GitHub's `workflow_run` has some 20 KB, most of it addresses of a
/// fixed form, and a commit's message; GitHub would send up to 25 MB of other kinds. Stripe's
/// `invoice.paid` has ten lines at most, each with up to three times 27 KB of metadata.
pub(crate) const LARGEST: usize = 1 << 20;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a body is waited for that nobody reads.
const GOING_BY: Duration = Duration::from_secs(1);

impl<S: Sync> FromRequestParts<S> for ClientNetwork {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>().map(Peer::address);
        Ok(peer.map_or(Self::UNKNOWN, |peer| Self::of(peer.ip())))
    }
}

/// A notice's body, and the place it takes until it is dealt with.
pub(crate) struct Notice {
    pub(crate) body: Bytes,
    _place: Place<ClientNetwork>,
}

/// A header as text, where it is there and is text.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Reads a notice whose headers could be genuine.
pub(crate) async fn read(app: &App, from: ClientNetwork, headers: &HeaderMap, body: Body) -> Result<Notice, Problem> {
    let too_large = || {
        let detail = format!("the body is larger than {LARGEST} bytes, or broke off");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if let Some(announced) = announced
        && !announced.parse().is_ok_and(|length: usize| length <= LARGEST)
    {
        return Err(too_large());
    }
    app.strangers.check(from)?;
    let place = app.places.notices.take(&from)?;
    let body = tokio::time::timeout(PATIENCE, to_bytes(body, LARGEST)).await;
    let body = body.map_err(|_| Problem::malformed("the body did not arrive in time"))?;
    Ok(Notice {
        body: body.map_err(|error| {
            if is_caused_by::<BrokenOff>(&error) {
                Problem::stopping()
            } else {
                too_large()
            }
        })?,
        _place: place,
    })
}

/// Reads what anybody may send, within 10 seconds. From now on the request has a place of its network's among those, and
/// none that agents share.
///
/// # Errors
/// Its network or all together send as many as they may; it did not arrive in time.
pub async fn read_open<T>(
    app: &Shared,
    extensions: &Extensions,
    reading: impl Future<Output = T>,
) -> Result<T, Problem> {
    let from = Peer::charged_network(extensions);
    let place = app.places.forms.take_of(from.as_ref())?;
    if let Some(let_in) = extensions.get::<RequestPlace>() {
        let_in.exchange(place);
    }
    in_time(reading).await
}

/// Reads a body that is to prove its sender by a signature over it, at most `limit` bytes of it and within 10 seconds. Until
/// it has, what arrived counts towards what its network and all together may have in memory.
///
/// # Errors
/// They have as much; it did not arrive in time; what [`read_bytes`] says.
pub async fn read_unproven(parts: &Parts, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let let_in = parts.extensions.get::<RequestPlace>().cloned();
    let counted = body.into_data_stream().map(move |part| {
        let part = part?;
        if let Some(let_in) = &let_in {
            let_in.make_room(part.len()).map_err(axum::Error::new)?;
        }
        Ok::<_, axum::Error>(part)
    });
    in_time(read_bytes(&parts.headers, Body::from_stream(counted), limit)).await?
}

async fn in_time<T>(arriving: impl Future<Output = T>) -> Result<T, Problem> {
    let arrived = tokio::time::timeout(PATIENCE, arriving).await;
    arrived.map_err(|_elapsed| {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time; send it again",
        )
    })
}

/// Gives the request's place back and lets its body go by that nobody reads, for a second at most: who still sends does not
/// look for the answer. Where many are waited for already, this one is not.
pub async fn let_go_by(app: &Shared, extensions: &Extensions, mut body: Body) {
    if let Some(let_in) = extensions.get::<RequestPlace>() {
        let_in.leave();
    }
    let from = Peer::charged_network(extensions);
    let Ok(_place) = app.places.unread.take_of(from.as_ref()) else {
        return;
    };
    let gone_by = async { while let Some(Ok(_)) = body.frame().await {} };
    // Whatever becomes of it, the answer is the same.
    let _ = tokio::time::timeout(GOING_BY, gone_by).await;
}

/// A notice that is not proven is the sender's mistake.
pub(crate) fn unproven(error: PortError) -> Problem {
    match error.kind {
        PortErrorKind::Refused => Problem::malformed(error.message),
        _ => error.into(),
    }
}
