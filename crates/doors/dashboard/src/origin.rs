//! Whether an act was asked for by a page of ours. Without a token in the form: the browser says it.

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, Method};

/// Where a browser says that a request comes from.
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Whether a request changes nothing, or comes from a page of ours: `Sec-Fetch-Site: same-origin`, or, from a browser that
/// does not say that, an `Origin` that is one of `own`. It is never compared with `Host`, which an attacker's name can carry.
/// Where a browser says both, the first counts alone: our pages send no referrer, so that their `Origin` is `null`.
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

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const PUBLIC: &str = "https://devops.example.org";
    const LISTENING: &str = "http://127.0.0.1:8787";

    fn ours(method: &Method, headers: &[(&'static str, &'static str)], own: &str) -> bool {
        let headers = headers.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(name, value);
        }
        is_ours(method, &all, &[own.to_owned()])
    }

    #[test]
    fn an_act_is_asked_for_by_a_page_of_ours() {
        // What a browser says of where it comes from, what of the origin, where the server is, and whether it passes.
        let cases: &[(Option<&'static str>, Option<&'static str>, &str, bool)] = &[
            // Browsers of today, whatever stands in front: our pages have no referrer.
            (Some("same-origin"), Some("null"), PUBLIC, true),
            (Some("same-origin"), Some("null"), LISTENING, true),
            (Some("same-origin"), Some(PUBLIC), PUBLIC, true),
            (Some("same-origin"), Some("http://proxied.example.org"), LISTENING, true),
            (Some("same-origin"), None, PUBLIC, true),
            // Another page, whatever origin it is said to have.
            (Some("cross-site"), Some("https://evil.example"), PUBLIC, false),
            (Some("cross-site"), Some(PUBLIC), PUBLIC, false),
            (Some("cross-site"), None, PUBLIC, false),
            (Some("same-site"), Some("https://other.example.org"), PUBLIC, false),
            (Some("same-site"), Some(PUBLIC), PUBLIC, false),
            // An address bar or a bookmark sends no form.
            (Some("none"), None, PUBLIC, false),
            (Some(""), Some(PUBLIC), PUBLIC, false),
            (Some("Same-Origin"), None, PUBLIC, false),
            (Some("same-origin, cross-site"), None, PUBLIC, false),
            // Browsers that do not say where they come from.
            (None, Some(PUBLIC), PUBLIC, true),
            (None, Some(LISTENING), LISTENING, true),
            (None, Some(LISTENING), PUBLIC, false),
            (None, Some(PUBLIC), LISTENING, false),
            (None, Some("http://devops.example.org"), PUBLIC, false),
            (None, Some("https://devops.example.org:444"), PUBLIC, false),
            (None, Some("https://devops.example.org.evil.example"), PUBLIC, false),
            (None, Some("https://evil.example"), PUBLIC, false),
            (None, Some("null"), PUBLIC, false),
            (None, Some(""), PUBLIC, false),
            (None, None, PUBLIC, false),
        ];
        for (site, origin, own, expected) in cases {
            let mut headers = Vec::new();
            headers.extend(site.map(|site| ("sec-fetch-site", site)));
            headers.extend(origin.map(|origin| ("origin", origin)));
            // What names this server changes nothing.
            headers.push(("host", "evil.example"));
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
                let what = format!("{method} {headers:?} at {own}");
                assert_eq!(ours(&method, &headers, own), *expected, "{what}");
            }
            for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                assert!(ours(&method, &headers, own), "{method} changes nothing");
            }
        }
    }

    #[test]
    fn what_is_said_twice_is_not_believed() {
        let site = ("sec-fetch-site", "same-origin");
        assert!(!ours(&Method::POST, &[site, site], PUBLIC));
        assert!(!ours(&Method::POST, &[site, ("sec-fetch-site", "cross-site")], PUBLIC));
        let origin = ("origin", PUBLIC);
        assert!(!ours(
            &Method::POST,
            &[origin, ("origin", "https://evil.example")],
            PUBLIC
        ));
    }
}
