//! A receiver over HTTP: it keeps what it gets and answers what it is told to. As Slack it enforces Slack's limits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cc_devops_kernel::ports::Clock;
use cc_devops_testkit::clock::ManualClock;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Notify, watch};

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) at: Timestamp,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) answered: u16,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct ScriptedAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

pub(crate) fn scripted(status: u16) -> ScriptedAnswer {
    ScriptedAnswer {
        status,
        headers: Vec::new(),
        body: String::new(),
    }
}

impl ScriptedAnswer {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }
}

struct Inner {
    clock: ManualClock,
    got: Mutex<Vec<Got>>,
    script: Mutex<VecDeque<ScriptedAnswer>>,
    for_ever: Mutex<ScriptedAnswer>,
    is_slack: bool,
    /// While it is true, answers wait.
    held: watch::Sender<bool>,
    came: Notify,
}

/// A receiver that runs until the test ends.
#[derive(Clone)]
pub(crate) struct Receiver {
    inner: Arc<Inner>,
    address: std::net::SocketAddr,
}

impl Receiver {
    pub(crate) async fn new(clock: &ManualClock) -> Self {
        Self::start(clock, false).await
    }

    pub(crate) async fn slack(clock: &ManualClock) -> Self {
        Self::start(clock, true).await
    }

    async fn start(clock: &ManualClock, is_slack: bool) -> Self {
        let inner = Arc::new(Inner {
            clock: clock.clone(),
            got: Mutex::default(),
            script: Mutex::default(),
            for_ever: Mutex::new(scripted(200).body("ok")),
            is_slack,
            held: watch::channel(false).0,
            came: Notify::new(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inner, address }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// What it answers next, before what it answers for ever.
    pub(crate) fn next(&self, answer: ScriptedAnswer) {
        self.inner.script.lock().unwrap().push_back(answer);
    }

    pub(crate) fn for_ever(&self, answer: ScriptedAnswer) {
        *self.inner.for_ever.lock().unwrap() = answer;
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.inner.got.lock().unwrap().clone()
    }

    /// How many requests got 200.
    pub(crate) fn taken(&self) -> usize {
        self.got().iter().filter(|got| got.answered == 200).count()
    }

    pub(crate) fn hold(&self, hold: bool) {
        self.inner.held.send_replace(hold);
    }

    /// Returns when it has so many requests.
    pub(crate) async fn has(&self, number: usize) {
        loop {
            let came = self.inner.came.notified();
            if self.got().len() >= number {
                return;
            }
            came.await;
        }
    }
}

async fn answer(State(inner): State<Arc<Inner>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let scripted = inner.script.lock().unwrap().pop_front();
    let mut answer = scripted.unwrap_or_else(|| inner.for_ever.lock().unwrap().clone());
    if inner.is_slack
        && answer.status == 200
        && let Err(why) = slack_takes(&body)
    {
        eprintln!("Slack refuses: {why}");
        answer = ScriptedAnswer {
            status: 400,
            headers: Vec::new(),
            body: "invalid_blocks".into(),
        };
    }
    inner.got.lock().unwrap().push(Got {
        at: inner.clock.now(),
        path: uri.to_string(),
        headers,
        body,
        answered: answer.status,
    });
    inner.came.notify_waiters();
    let mut held = inner.held.subscribe();
    held.wait_for(|held| !held).await.unwrap();
    let mut response = (StatusCode::from_u16(answer.status).unwrap(), answer.body).into_response();
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// Whether Slack would take it: <https://docs.slack.dev/reference/block-kit/blocks>.
fn slack_takes(body: &[u8]) -> Result<(), String> {
    let json: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let text = json["text"].as_str().ok_or("no text")?;
    if text.is_empty() || text.chars().count() > 40_000 {
        return Err("text".into());
    }
    let blocks = json["blocks"].as_array().ok_or("no blocks")?;
    if blocks.is_empty() || blocks.len() > 50 {
        return Err(format!("{} blocks", blocks.len()));
    }
    for block in blocks {
        if block["block_id"].as_str().is_some_and(|id| id.len() > 255) {
            return Err("block_id".into());
        }
        let (kind, most) = match block["type"].as_str() {
            Some("header") => ("plain_text", 150),
            Some("section") => ("mrkdwn", 3_000),
            Some("context") => {
                let elements = block["elements"].as_array().ok_or("no elements")?;
                if elements.is_empty() || elements.len() > 10 {
                    return Err("elements".into());
                }
                continue;
            }
            other => return Err(format!("a block of type {other:?}")),
        };
        let text = block["text"]["text"].as_str().ok_or("a block without text")?;
        let length = text.chars().count();
        if block["text"]["type"] != kind || length == 0 || length > most {
            return Err(format!("{kind} with {length} characters"));
        }
    }
    Ok(())
}
