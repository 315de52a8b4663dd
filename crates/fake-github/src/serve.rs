//! The door: who asks, whether it is too much, what goes wrong, and the answer.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use futures::stream;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::traffic::{Fault, LIMIT, RESET, Seen};
use super::{Access, Inner, description, graphql, lock, rest};

pub(super) fn router(inner: Arc<Inner>) -> Router {
    Router::new().fallback(answer).with_state(inner)
}

async fn answer(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path();
    let (is_graphql, path) = match path {
        "/graphql" | "/api/graphql" => (true, "/graphql"),
        path => (false, path.strip_prefix("/api/v3").unwrap_or(path)),
    };
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let key = match asked["operationName"].as_str().filter(|_| is_graphql) {
        Some(name) => format!("{method} {path} {name}"),
        None => format!("{method} {path}"),
    };
    let latency = lock(&inner.settings).latency;
    tokio::time::sleep(latency).await;
    let canned = lock(&inner.settings)
        .canned
        .iter()
        .find_map(|canned| canned.answer(&key));
    let fault = lock(&inner.traffic).meets(&key, asked["variables"]["first"].as_u64());
    let (answer, broken) = match fault {
        None if canned.is_some() => (canned.unwrap_or_else(Answer::none), false),
        Some(Fault::Cut) => (Answer::new(0, Value::Null), true),
        Some(Fault::Status(status, message)) => (Answer::refused(status, message), false),
        Some(Fault::Secondary(after)) => (secondary(after), false),
        Some(Fault::UsedUp(reset)) => (used_up(&inner, reset), false),
        Some(Fault::Slow(longer)) => {
            tokio::time::sleep(longer).await;
            (held(&inner, &method, path, &uri, &headers, &asked), false)
        }
        Some(Fault::CutAfter) => (held(&inner, &method, path, &uri, &headers, &asked), true),
        Some(Fault::Partial(message, at)) => {
            let mut answer = held(&inner, &method, path, &uri, &headers, &asked);
            graphql::spoil(&mut answer.body, message, &at);
            (answer, false)
        }
        Some(Fault::Then(change)) => {
            let answer = held(&inner, &method, path, &uri, &headers, &asked);
            change(&mut lock(&inner.model));
            (answer, false)
        }
        Some(Fault::TooMany(_)) | None => (held(&inner, &method, path, &uri, &headers, &asked), false),
    };
    let mut answer = answer;
    if let Some(unchanged) = unchanged(&mut answer, &method, &headers).filter(|_| !is_graphql && !broken) {
        answer = unchanged;
        lock(&inner.traffic).remaining += 1;
    }
    let mut traffic = lock(&inner.traffic);
    let number = traffic.seen.len();
    traffic.seen.push(Seen {
        key,
        query: uri.query().unwrap_or_default().to_owned(),
        status: if broken { 0 } else { answer.status },
    });
    let remaining = traffic.remaining;
    drop(traffic);
    if broken {
        return cut();
    }
    send(&inner, answer, number, remaining)
}

/// Names what was read, by its content; the answer in its place if who asks has it already.
fn unchanged(answer: &mut Answer, method: &Method, headers: &HeaderMap) -> Option<Answer> {
    if method != Method::GET || answer.status != 200 {
        return None;
    }
    // GitHub's go by the token too.
    let token = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let mut hash = Sha256::new();
    hash.update(token.unwrap_or_default());
    hash.update(answer.body.to_string());
    let tag = format!("W/\"{}\"", hex::encode(hash.finalize()));
    answer.headers.push(("etag", tag.clone()));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| known == tag).then(|| {
        let mut unchanged = Answer::new(304, Value::Null);
        unchanged.headers.push(("etag", tag));
        unchanged
    })
}

/// Breaks the connection off in the middle of the body.
fn cut() -> Response {
    let broken = stream::iter([Ok(Bytes::from_static(b"{\"mess")), Err(std::io::Error::other("cut"))]);
    let mut response = Response::new(Body::from_stream(broken));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn send(inner: &Inner, answer: Answer, number: usize, remaining: u64) -> Response {
    let body = match answer.status {
        204 | 304 => Vec::new(),
        _ => serde_json::to_vec(&answer.body).expect("JSON is written"),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).expect("a status is a status");
    let reset = lock(&inner.model).seconds() + RESET;
    let usual = [
        ("content-type", "application/json; charset=utf-8".to_owned()),
        ("x-github-request-id", format!("FAKE:{number}")),
        ("x-ratelimit-limit", LIMIT.to_string()),
        ("x-ratelimit-remaining", remaining.min(LIMIT).to_string()),
        ("x-ratelimit-reset", reset.to_string()),
    ];
    for (name, value) in usual.into_iter().chain(answer.headers) {
        let value = HeaderValue::from_str(&value).expect("a header is text");
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    if let Some(version) = &lock(&inner.settings).version {
        let value = HeaderValue::from_str(&format!("enterprise-server@{version}")).expect("a header is text");
        let name = HeaderName::from_static("x-github-enterprise-version");
        response.headers_mut().insert(name, value);
    }
    for (name, value) in answer.more {
        let value = HeaderValue::from_str(&value).expect("a header is text");
        response.headers_mut().insert(name, value);
    }
    response
}

fn secondary(after: Option<u64>) -> Answer {
    let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let mut answer = Answer::refused(403, message);
    answer.headers = after
        .map(|seconds| ("retry-after", seconds.to_string()))
        .into_iter()
        .collect();
    answer
}

/// The hour's requests are used up. The client's clock counts, so the end is in real time.
fn used_up(inner: &Inner, reset: i64) -> Answer {
    drop(lock(&inner.model));
    let until = SystemClock.now().as_second() + reset;
    let mut answer = Answer::refused(403, "API rate limit exceeded for user ID 1.");
    answer.headers = vec![
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-reset", until.to_string()),
    ];
    answer
}

/// Carries a request out, and holds it and its answer against GitHub's description.
fn held(inner: &Inner, method: &Method, path: &str, uri: &Uri, headers: &HeaderMap, asked: &Value) -> Answer {
    let carried_out = || carried_out(inner, method, path, uri, headers, asked);
    if path == "/graphql" {
        return carried_out();
    }
    let undescribed =
        |words: String| Answer::refused(400, &format!("not as GitHub describes {method} {path}: {words}"));
    let Some(operation) = description::operation(method.as_str(), path) else {
        return undescribed("data/cut_rest.py leaves it out".to_owned());
    };
    if let Err(words) = operation.request(uri.query().unwrap_or_default(), asked) {
        return undescribed(words);
    }
    let answer = carried_out();
    match operation.answer(&answer) {
        Ok(()) => answer,
        Err(words) => undescribed(words),
    }
}

/// Carries a request out.
fn carried_out(inner: &Inner, method: &Method, path: &str, uri: &Uri, headers: &HeaderMap, asked: &Value) -> Answer {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("token ")));
    let Some(token) = token else {
        return Answer::refused(401, "Requires authentication");
    };
    if let Some(answer) = rest::as_app(inner, method, path, token) {
        return answer;
    }
    let Some(access) = known(inner, token) else {
        return Answer::refused(401, "Bad credentials");
    };
    {
        let mut traffic = lock(&inner.traffic);
        if traffic.remaining == 0 {
            drop(traffic);
            return used_up(inner, RESET);
        }
        traffic.remaining -= 1;
    }
    let (lag, lacks, version) = {
        let settings = lock(&inner.settings);
        (settings.search_lag, settings.lacks.clone(), settings.version.clone())
    };
    if path == "/meta" {
        return Answer::ok(match version {
            Some(version) => json!({"verifiable_password_authentication": true, "installed_version": version}),
            None => json!({"verifiable_password_authentication": false}),
        });
    }
    let url = lock(&inner.url).clone();
    let mut model = lock(&inner.model);
    if path == "/graphql" {
        return Answer::ok(graphql::answer(&model, &access, lag, &lacks, asked));
    }
    rest::answer(
        &mut model,
        &access,
        &url,
        method,
        path,
        uri.query().unwrap_or_default(),
        asked,
    )
}

/// What a token opens; nothing if it is not known or past its end.
fn known(inner: &Inner, token: &str) -> Option<Access> {
    let access = lock(&inner.settings).tokens.get(token)?.clone();
    let now = lock(&inner.model).millis();
    access.expires.is_none_or(|end| now < end).then_some(access)
}
