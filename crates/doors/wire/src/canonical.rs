//! A request as its signature sees it: method, path, query and headers written in the one way that both sides agree on.

use std::borrow::Cow;
use std::fmt::Write;

use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::asked::text;

/// What is not written as it is in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is not written as it is in a path.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// As what the caller may have addressed this server: what is signed, and what a proxy in front may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) scheme: String,
    pub(crate) host: String,
    /// The path without what a service adds.
    pub(crate) path: String,
}

impl Reached {
    /// The ways in which a request may have been addressed, the likeliest first: as it came; as a proxy in front says that it
    /// came to it; at the public address that the configuration names. A proxy's word lets nobody in: it only says what
    /// the signature, which is the proof, was made over.
    pub(crate) fn ways(parts: &Parts, public: &str) -> Vec<Self> {
        let (headers, path) = (&parts.headers, parts.uri.path());
        let (scheme, rest) = public.split_once("://").unwrap_or(("http", public));
        let (host, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let told = |name| {
            text(headers, name)
                .and_then(|told| told.split(',').next())
                .map(str::trim)
        };
        let forwarded_scheme = told("x-forwarded-proto").filter(|told| matches!(*told, "http" | "https"));
        let own = parts.uri.authority().map(axum::http::uri::Authority::as_str);
        let came = Self {
            scheme: forwarded_scheme.unwrap_or(scheme).to_owned(),
            host: own
                .or_else(|| text(headers, HOST.as_str()))
                .unwrap_or_default()
                .to_owned(),
            path: path.to_owned(),
        };
        let forwarded_prefix = told("x-forwarded-prefix").unwrap_or_default().trim_end_matches('/');
        let forwarded = Self {
            host: told("x-forwarded-host").unwrap_or(&came.host).to_owned(),
            path: format!("{forwarded_prefix}{path}"),
            ..came.clone()
        };
        let at = |prefix: &str| Self {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            path: format!("{}{path}", prefix.trim_end_matches('/')),
        };
        let mut ways = vec![came];
        for way in [forwarded, at(""), at(prefix)] {
            let is_new = |known: &Self| (&known.host, &known.path) != (&way.host, &way.path);
            if ways.iter().all(is_new) {
                ways.push(way);
            }
        }
        ways
    }

    /// Where this door is, without a slash at its end: the address without what services put behind it.
    pub(crate) fn endpoint(&self) -> String {
        let path = ["/service/", "/000000000000/"]
            .iter()
            .fold(self.path.as_str(), |path, marks| {
                path.split_once(marks).map_or(path, |(before, _)| before)
            });
        format!("{}://{}{}", self.scheme, self.host, path.trim_end_matches('/'))
    }
}

/// The request as it is signed.
pub(crate) fn request(parts: &Parts, reached: &Reached, signed: &[String], body_hash: &str) -> String {
    let mut text = String::with_capacity(512);
    let (method, path) = (&parts.method, path(&reached.path));
    let query = query(parts.uri.query().unwrap_or_default());
    // Writing into a text cannot fail.
    let _ = write!(text, "{method}\n{path}\n{query}\n");
    for name in signed {
        let _ = writeln!(text, "{name}:{}", header(&parts.headers, reached, name));
    }
    let _ = write!(text, "\n{}\n{body_hash}", signed.join(";"));
    text
}

/// The path, without empty and dot segments, written once more as it was sent: what is escaped is escaped again.
fn path(sent: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in sent.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut path = format!("/{}", segments.join("/"));
    if sent.ends_with('/') && !segments.is_empty() {
        path.push('/');
    }
    utf8_percent_encode(&path, PATH).to_string()
}

/// The query's pairs, in order.
fn query(sent: &str) -> String {
    let encoded = |part: &str| {
        let part = part.replace('+', " ");
        let decoded = percent_decode_str(&part).decode_utf8_lossy();
        utf8_percent_encode(&decoded, QUERY).to_string()
    };
    let pairs = sent.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (encoded(name), encoded(value))
    });
    let mut pairs: Vec<(String, String)> = pairs.collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// A header's values without spaces around them, and with one space where there are several.
fn header<'a>(headers: &'a HeaderMap, reached: &'a Reached, name: &str) -> Cow<'a, str> {
    if name == "host" || name == ":authority" {
        return Cow::Borrowed(&reached.host);
    }
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
        return Cow::Borrowed("");
    };
    let values = headers.get_all(name).iter();
    let values: Vec<Cow<'_, str>> = values.map(|value| single_spaced(value.as_bytes())).collect();
    match values.as_slice() {
        [] => Cow::Borrowed(""),
        [value] => value.clone(),
        values => Cow::Owned(values.join(",")),
    }
}

fn single_spaced(value: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(value);
    if !text.contains("  ") && text.trim() == text {
        return text;
    }
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    Cow::Owned(words.join(" "))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_path_is_normal_and_escaped_once_more() {
        for (sent, signed) in [
            ("", "/"),
            ("/", "/"),
            ("/aws", "/aws"),
            ("/aws/", "/aws/"),
            ("//aws//", "/aws/"),
            ("/a/./b/../c", "/a/c"),
            ("/../..", "/"),
            ("/service/X/operation/Y", "/service/X/operation/Y"),
            ("/a%20b/~c", "/a%2520b/~c"),
        ] {
            assert_eq!(path(sent), signed, "{sent}");
        }
    }

    #[test]
    fn a_query_is_in_order_and_written_one_way() {
        assert_eq!(query("b=2&a=%7Ex&a=1&flag"), "a=1&a=~x&b=2&flag=");
        assert_eq!(query("a=x+y/z"), "a=x%20y%2Fz");
        assert_eq!(query(""), "");
    }

    #[test]
    fn headers_are_trimmed_joined_and_single_spaced() {
        let parts = parts("/", &[("host", "h:1"), ("a", " x   y "), ("b", "1"), ("b", "2")]);
        let reached = &Reached::ways(&parts, "http://127.0.0.1:8787")[0];
        let value = |name| header(&parts.headers, reached, name).into_owned();
        assert_eq!((value("a"), value("b")), ("x y".to_owned(), "1,2".to_owned()));
        assert_eq!((value("host"), value("missing")), ("h:1".to_owned(), String::new()));
    }

    #[test]
    fn a_request_may_have_been_addressed_in_several_ways() {
        let headers = [
            ("host", "upstream:8787"),
            ("x-forwarded-host", "devops.example.org"),
            ("x-forwarded-prefix", "/control/"),
            ("x-forwarded-proto", "https"),
        ];
        let ways = Reached::ways(&parts("/aws/", &headers), "https://public.example.org/cp");
        let ways: Vec<String> = ways.iter().map(|way| format!("{} {}", way.host, way.path)).collect();
        assert_eq!(
            ways,
            [
                "upstream:8787 /aws/",
                "devops.example.org /control/aws/",
                "public.example.org /aws/",
                "public.example.org /cp/aws/",
            ]
        );
        let plain = parts("/aws", &[("host", "127.0.0.1:8787")]);
        assert_eq!(Reached::ways(&plain, "http://127.0.0.1:8787").len(), 1);
    }

    #[test]
    fn an_endpoint_ends_where_services_begin() {
        for (path, endpoint) in [
            ("/", "http://h"),
            ("/aws/", "http://h/aws"),
            ("/aws/service/S/operation/O", "http://h/aws"),
            ("/aws/000000000000/devops-completed-A", "http://h/aws"),
            ("/proxy/aws", "http://h/proxy/aws"),
        ] {
            let reached = Reached {
                scheme: "http".to_owned(),
                host: "h".to_owned(),
                path: path.to_owned(),
            };
            assert_eq!(reached.endpoint(), endpoint);
        }
    }
}
