//! Callers without a token whom only the signature over their body proves: what they may take
//! before that. Whatever they send costs little until it is proven, and they take nothing from
//! those who have a token.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::FromRequestParts;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use cc_devops_kernel::ports::{PortError, PortErrorKind};

use crate::app::App;
use crate::client_network::ClientNetwork;
use crate::connections::Peer;
use crate::connections::arriving::BrokenOff;
use crate::extract::is_caused_by;
use crate::places::Place;
use crate::problem::Problem;

/// The largest notice, in bytes. GitHub's `workflow_run` has some 20 KB, most of it addresses of a
/// fixed form, and a commit's message; GitHub would send up to 25 MB of other kinds. Stripe's
/// `invoice.paid` has ten lines at most, each with up to three times 27 KB of metadata.
pub(crate) const LARGEST: usize = 1 << 20;

/// How long a notice's body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// A notice that is not proven is the sender's mistake.
pub(crate) fn unproven(error: PortError) -> Problem {
    match error.kind {
        PortErrorKind::Refused => Problem::malformed(error.message),
        _ => error.into(),
    }
}
