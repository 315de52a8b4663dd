//! A REST request as its callers put it together: pure, nothing is sent here.

use cc_devops_outbound::Method;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::limiter::Load;

/// A REST request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(super) method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
    /// What it is for, as an infinitive.
    pub(super) what: String,
    /// Whether it may be made twice.
    pub(super) again: bool,
    content: bool,
    /// What GitHub called the last answer: if it is still so, it need not be sent.
    pub(super) etag: Option<String>,
}

fn path(segments: &[&str]) -> String {
    let mut url = url::Url::parse("http://host").ok();
    if let Some(Ok(mut path)) = url.as_mut().map(url::Url::path_segments_mut) {
        path.extend(segments);
    }
    url.map(|url| url.path().to_owned()).unwrap_or_default()
}

/// A request that reads; each segment of the path is escaped.
pub(crate) fn get(segments: &[&str]) -> (Method, String) {
    (Method::GET, path(segments))
}

/// A request that makes something; it is not made twice unless GitHub says that it was not let in.
pub(crate) fn post(segments: &[&str]) -> (Method, String) {
    (Method::POST, path(segments))
}

/// A request that sets something.
pub(crate) fn put(segments: &[&str]) -> (Method, String) {
    (Method::PUT, path(segments))
}

/// A request that takes something away.
pub(crate) fn delete(segments: &[&str]) -> (Method, String) {
    (Method::DELETE, path(segments))
}

/// A value in a query.
pub(crate) struct Text(String);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<usize> for Text {
    fn from(number: usize) -> Self {
        Self(number.to_string())
    }
}

impl Ask {
    /// A request; `what` says as an infinitive what it is for.
    pub(crate) fn new((method, path): (Method, String), what: impl Into<String>) -> Self {
        Self {
            again: method != Method::POST,
            method,
            path,
            query: Vec::new(),
            body: None,
            what: what.into(),
            content: false,
            etag: None,
        }
    }

    /// Only if the answer is another than the one of this name.
    pub(super) fn unless(mut self, etag: &str) -> Self {
        self.etag = Some(etag.to_owned());
        self
    }

    pub(crate) fn patch(mut self) -> Self {
        self.method = Method::PATCH;
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Text>) -> Self {
        self.query.push((name, value.into().0));
        self
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// It writes what people are notified of.
    pub(crate) fn content(mut self) -> Self {
        self.content = true;
        self
    }

    /// What it is to the limits.
    pub(super) fn load(&self) -> Load {
        match (&self.method, self.content) {
            (&Method::GET, _) => Load::Read,
            (_, true) => Load::Content,
            (_, false) => Load::Write,
        }
    }

    /// Its path and query.
    pub(super) fn path_and_query(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let query = Serializer::new(String::new()).extend_pairs(&self.query).finish();
        format!("{}?{query}", self.path)
    }
}
