//! Whether an act was asked for by a page of ours. Without a token in the form: the browser says it.

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, Method};

/// Where a browser says that a request comes from.
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Whether a request changes nothing, or comes from a page of ours: `Sec-Fetch-Site: same-origin`, or, from a browser that
/// does not say that, an `Origin` that is one of `own`. It is never compared with `Host`, which an attacker's name can carry.
pub(crate) fn is_ours(method: &Method, headers: &HeaderMap, own: &[String]) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return true;
    }
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    match (sites.next(), sites.next()) {
        (Some(site), None) => site.as_bytes() == b"same-origin",
        (Some(_), Some(_)) => false,
        (None, _) => {
            let mut origins = headers.get_all(ORIGIN).iter();
            match (origins.next(), origins.next()) {
                (Some(origin), None) => own.iter().any(|own| own.as_bytes() == origin.as_bytes()),
                _ => false,
            }
        }
    }
}
