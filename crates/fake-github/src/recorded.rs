//! What GitHub itself once said: exchanges that Octokit recorded, and its examples of webhooks.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::Response;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const EXCHANGES: &[u8] = include_bytes!("../data/recorded.json.gz");
const WEBHOOKS: &[u8] = include_bytes!("../data/webhooks.json.gz");

fn unpacked(packed: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(packed)
        .read_to_string(&mut text)
        .expect("it is packed text");
    text
}

/// The exchanges of a scenario, oldest first: `method`, `path`, `body`, `status`, `headers`, `answer`.
pub fn recorded(scenario: &str) -> Vec<Value> {
    let mut all: BTreeMap<String, Vec<Value>> =
        serde_json::from_str(&unpacked(EXCHANGES)).expect("the exchanges are JSON");
    all.remove(scenario)
        .unwrap_or_else(|| panic!("there is no scenario {scenario}"))
}

/// Every example of a webhook: its kind, as `X-GitHub-Event` has it, and its payload.
pub fn webhooks() -> Vec<(String, Value)> {
    serde_json::from_str(&unpacked(WEBHOOKS)).expect("the examples are JSON")
}

/// Replays a scenario on a free loopback port; dropping it ends it.
#[derive(Debug)]
pub struct Replay {
    url: String,
    server: JoinHandle<()>,
}

impl Replay {
    /// Answers a request as the recorded one of its method, path and, where there are several, body.
    pub async fn start(scenario: &str) -> Self {
        let exchanges = Arc::new(recorded(scenario));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let router = Router::new().fallback(answer).with_state(exchanges);
        let server = tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("it serves until it is dropped");
        });
        Self { url, server }
    }

    /// Where it is, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(exchanges): State<Arc<Vec<Value>>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let fitting: Vec<&Value> = exchanges
        .iter()
        .filter(|each| each["method"] == method.as_str() && each["path"] == uri.path())
        .collect();
    let of_body = fitting.iter().find(|each| each["body"] == asked);
    let Some(exchange) = of_body.or(fitting.first()) else {
        let words = json!({"message": format!("{method} {} was not recorded", uri.path())});
        return sent(400, &BTreeMap::new(), &words);
    };
    let status = exchange["status"].as_u64().unwrap_or_default();
    let headers = serde_json::from_value(exchange["headers"].clone()).expect("headers are texts");
    let status = u16::try_from(status).expect("a status has 16 bits");
    sent(status, &headers, &exchange["answer"])
}

fn sent(status: u16, headers: &BTreeMap<String, String>, body: &Value) -> Response {
    let response = headers
        .iter()
        .fold(Response::builder().status(status), |response, (name, value)| {
            response.header(name, value)
        });
    let body = match body {
        Value::String(text) if text.is_empty() => Body::empty(),
        body => Body::from(body.to_string()),
    };
    response.body(body).expect("what was recorded can be sent")
}
