//! Answers that a test gives in the fake's place, again and again.

use std::fmt;

use axum::http::HeaderName;
use serde_json::Value;

use super::answer::Answer;

type Fits = dyn Fn(&str) -> bool + Send;

/// An answer in the fake's place, to every request that it is for.
pub struct Canned {
    fits: Box<Fits>,
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

impl fmt::Debug for Canned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canned")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Canned {
    /// Answers with this body. `fits` is given a request's key: `POST /graphql Settings` for a query of that name, else
    /// such as `GET /repos/acme/web`.
    pub fn new(fits: impl Fn(&str) -> bool + Send + 'static, body: Value) -> Self {
        Self {
            fits: Box::new(fits),
            status: 200,
            headers: Vec::new(),
            body,
        }
    }

    /// With another status than 200.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn answer(&self, key: &str) -> Option<Answer> {
        if !(self.fits)(key) {
            return None;
        }
        let mut answer = Answer::new(self.status, self.body.clone());
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().expect("a header's name");
            answer.more.push((name, value.clone()));
        }
        Some(answer)
    }
}
