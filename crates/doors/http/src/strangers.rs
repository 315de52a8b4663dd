//! Callers without a token whom only the signature over their body proves: what they may take
//! before that. Whatever they send costs little until it is proven, and they take nothing from
//! those who have a token.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::FromRequestParts;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use cc_devops_kernel::ports::{PortError, PortErrorKind};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota};

use crate::app::App;
use crate::connections::{BrokenOff, Peer};
use crate::extract::is_caused_by;
use crate::places::Place;
use crate::problem::Problem;

/// The largest notice, in bytes. GitHub's `workflow_run` has some 20 KB, most of it addresses of a
/// fixed form, and a commit's message; GitHub would send up to 25 MB of other kinds. Stripe's
/// `invoice.paid` has ten lines at most, each with up to three times 27 KB of metadata.
pub(crate) const LARGEST: usize = 1 << 20;

/// How long a notice's body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Notices a second of one neighbourhood, and at once.
const EACH: (NonZeroU32, NonZeroU32) = (count(50), count(300));

/// Notices a second of everybody, and at once.
const ALL: (NonZeroU32, NonZeroU32) = (count(200), count(1_000));

/// From how many neighbourhoods on those that were quiet are forgotten.
const MANY: usize = 10_000;

const fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(number.saturating_sub(1))
}

/// Where a caller is: an IPv4 address, or the /64 of an IPv6 address, which one holder has whole.
/// Callers without a known address are one neighbourhood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Neighbourhood(Option<IpAddr>);

impl Neighbourhood {
    /// That of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(Some(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        }))
    }
}

impl<S: Sync> FromRequestParts<S> for Neighbourhood {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>().map(Peer::address);
        Ok(peer.map_or(Self(None), |peer| Self::of(peer.ip())))
    }
}

/// How often strangers may send notices.
pub(crate) struct StrangersRate {
    each: DefaultKeyedRateLimiter<Neighbourhood>,
    all: DefaultDirectRateLimiter,
    clock: DefaultClock,
}

impl StrangersRate {
    pub(crate) fn new() -> Self {
        let quota = |(per_second, burst)| Quota::per_second(per_second).allow_burst(burst);
        Self {
            each: DefaultKeyedRateLimiter::keyed(quota(EACH)),
            all: DefaultDirectRateLimiter::direct(quota(ALL)),
            clock: DefaultClock::default(),
        }
    }

    fn check(&self, from: Neighbourhood) -> Result<(), Problem> {
        if self.each.len() > MANY {
            self.each.retain_recent();
        }
        // One neighbourhood's flood is stopped before it uses up what all may send.
        self.each
            .check_key(&from)
            .and_then(|()| self.all.check())
            .map_err(|not_until| {
                Problem::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "more notices than are taken from callers without a token; send it again later",
                )
                .retry_after(not_until.wait_time_from(self.clock.now()))
            })
    }
}

/// A notice's body, and the place it takes until it is dealt with.
pub(crate) struct Notice {
    pub(crate) body: Bytes,
    _place: Place<Neighbourhood>,
}

/// Reads a notice whose headers could be genuine.
pub(crate) async fn read(app: &App, from: Neighbourhood, headers: &HeaderMap, body: Body) -> Result<Notice, Problem> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_neighbourhood() {
        let of = |text: &str| Neighbourhood::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn one_neighbourhoods_flood_leaves_the_others_theirs() {
        let rate = StrangersRate::new();
        let one = Neighbourhood::of("192.0.2.1".parse().unwrap());
        let taken = (0..2_000).filter(|_| rate.check(one).is_ok()).count();
        assert!((300..1_000).contains(&taken), "{taken}");
        assert!(rate.check(Neighbourhood(None)).is_ok());
    }
}
