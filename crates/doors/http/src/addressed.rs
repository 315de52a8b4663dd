//! Whom a request addresses, and from which page it comes. A page of somebody else's can make a
//! browser on this machine send requests here: under a name of its own that leads to loopback (DNS
//! rebinding), or across origins. A door beside the API has pages of its own, and decides itself which of them may send it
//! something.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use cc_devops_outbound::loopback::{is_loopback_address, is_loopback_host};

use crate::problem::Problem;

/// By which names this server is addressed.
pub(crate) struct Addressed {
    /// It listens on this machine alone, so that only this machine's own names are right.
    loopback: bool,
    names: Vec<String>,
    /// The address it listens on, as most callers write it: nothing needs to be read of that.
    own: String,
    /// The origins of this server's own pages.
    origins: Vec<String>,
}

impl Addressed {
    /// A server at this address, with the names that the configuration gives it beside, and the origins of its own pages.
    pub(crate) fn new(listen: SocketAddr, names: &[String], origins: &[String]) -> Self {
        Self {
            loopback: is_loopback_address(listen.ip()),
            names: names.to_vec(),
            own: listen.to_string(),
            origins: origins.to_vec(),
        }
    }

    /// Why the request is not taken, where it is not. Which page sent it is not looked at where a door `decides_itself`.
    pub(crate) fn refusal(&self, request: &Request, decides_itself: bool) -> Option<Problem> {
        let in_uri = request.uri().authority().map(|authority| Some(authority.as_str()));
        let in_headers = request.headers().get_all(HOST).iter().map(|host| host.to_str().ok());
        let mut addressed = None;
        for authority in in_uri.into_iter().chain(in_headers) {
            // The URI's counts, but no other may stand beside it.
            let authority = authority.unwrap_or_default();
            if authority != self.own && !self.is_ours(host_of(authority)) {
                return Some(Problem::new(
                    StatusCode::MISDIRECTED_REQUEST,
                    "the header `Host` names another server: this one answers to the names that `server.names` in \
                     its configuration lists, and on this machine to localhost and loopback addresses",
                ));
            }
            addressed.get_or_insert(authority);
        }
        let changes = !decides_itself && !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        (changes && self.is_foreign(request.headers(), addressed)).then(|| {
            Problem::denied(
                "a page of another origin changes nothing here; if the page is this server's own, `server.names` in \
                 its configuration must list its host",
            )
        })
    }

    /// Whether a host is this server. One that others reach may have any name, until it is told its
    /// names; an address is no name that could be made to lead elsewhere.
    fn is_ours(&self, host: &str) -> bool {
        if (!self.loopback && self.names.is_empty()) || self.is_named(host) {
            return true;
        }
        is_loopback_host(host) || !self.loopback && host.parse::<IpAddr>().is_ok()
    }

    fn is_named(&self, host: &str) -> bool {
        self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }

    /// Whether the request comes from a page that is not of the origin it addresses.
    fn is_foreign(&self, headers: &HeaderMap, addressed: Option<&str>) -> bool {
        headers.get_all(ORIGIN).iter().any(|origin| {
            // Behind a proxy that puts a name of its own into `Host`.
            if self.origins.iter().any(|own| own.as_bytes() == origin.as_bytes()) {
                return false;
            }
            let parts = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
            let Some((scheme, authority)) = parts else {
                return true;
            };
            let port = match scheme {
                "http" => ":80",
                "https" => ":443",
                _ => return true,
            };
            let bare = |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
            let same = addressed.is_some_and(|addressed| bare(addressed) == bare(authority));
            !same && !self.is_named(host_of(authority))
        })
    }
}

/// The host of `host:port`, without the brackets of an IPv6 address and a name's last dot.
fn host_of(authority: &str) -> &str {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(authority, |(host, _)| host),
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    };
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const LOOPBACK: &str = "127.0.0.1:8787";

    fn status(listen: &str, names: &[&str], method: Method, headers: &[(&str, &str)]) -> Option<u16> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut request = Request::builder().method(method).uri("/health");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let origins = ["https://control.example.org".to_owned()];
        let addressed = Addressed::new(listen.parse().unwrap(), &names, &origins);
        let problem = addressed.refusal(&request, false)?;
        if problem.status() == 403 {
            assert!(addressed.refusal(&request, true).is_none(), "a door decides itself");
        }
        Some(problem.status().as_u16())
    }

    #[test]
    fn on_loopback_only_this_machines_names_are_right() {
        let get = |host| status(LOOPBACK, &[], Method::GET, &[("host", host)]);
        for host in [
            "localhost",
            "LOCALHOST:8787",
            "localhost.:1",
            "127.0.0.1:8787",
            "127.9.9.9",
            "[::1]:8787",
        ] {
            assert_eq!(get(host), None, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8787",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "",
            "[::2]",
            "[::1",
            "127.0.0.1@evil.example",
            "0x7f.1",
        ] {
            assert_eq!(get(host), Some(421), "{host}");
        }
        assert_eq!(
            status(LOOPBACK, &[], Method::GET, &[]),
            None,
            "a browser always says it"
        );
        let twice = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(status(LOOPBACK, &[], Method::GET, &twice), Some(421));
    }

    #[test]
    fn a_server_has_the_names_it_is_given() {
        let names = ["devops.example.org"];
        for listen in [LOOPBACK, "0.0.0.0:443"] {
            let get = |host| status(listen, &names, Method::GET, &[("host", host)]);
            assert_eq!(get("DevOps.example.org:443"), None);
            assert_eq!(get("localhost"), None);
            assert_eq!(get("other.example.org"), Some(421));
        }
        let open = |host| status("0.0.0.0:443", &[], Method::GET, &[("host", host)]);
        assert_eq!(open("anything.example.org"), None, "it does not know its names");
        assert_eq!(
            status("0.0.0.0:443", &names, Method::GET, &[("host", "10.0.0.1")]),
            None
        );
    }

    #[test]
    fn a_foreign_page_changes_nothing() {
        let from = |method: Method, host, origin| {
            let headers = [("host", host), ("origin", origin)];
            status(LOOPBACK, &["devops.example.org"], method, &headers)
        };
        let own = "http://localhost:8787";
        for foreign in [
            "https://evil.example",
            "null",
            "http://localhost:3000",
            "https://localhost",
            "file://",
            "",
        ] {
            for method in [Method::POST, Method::DELETE, Method::PUT, Method::PATCH] {
                assert_eq!(from(method, "localhost:8787", foreign), Some(403), "{foreign}");
            }
            assert_eq!(
                from(Method::GET, "localhost:8787", foreign),
                None,
                "the browser keeps the answer"
            );
        }
        assert_eq!(from(Method::POST, "localhost:8787", own), None);
        assert_eq!(from(Method::POST, "localhost:80", "http://localhost"), None);
        assert_eq!(
            from(Method::POST, "127.0.0.1:8787", "https://devops.example.org"),
            None,
            "behind a proxy"
        );
        assert_eq!(
            status(
                "10.0.0.5:8787",
                &[],
                Method::POST,
                &[("host", "upstream:8787"), ("origin", "https://control.example.org")]
            ),
            None,
            "its public address is its own whatever `Host` says"
        );
    }
}
