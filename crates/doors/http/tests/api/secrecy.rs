//! A planted secret and the tokens are in no log, no answer, no event, no audit row and no metric.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::Method;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_testkit::sample::{self, PLANTED_SECRET};
use serde_json::{Value, json};
use tracing::subscriber::set_default;

use crate::harness::{As, Harness, SECRET, put, until};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_shows_what_must_not_be_seen() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = set_default(subscriber);

    let mut harness = Harness::new().await;
    let workers = harness.work();
    let mut seen = String::new();
    let mut too_long = put("r2");
    too_long["detail"]["params"]["value"] = json!(PLANTED_SECRET.repeat(3_000));
    let mut unknown_action = put("r3");
    unknown_action["detail"]["action"] = json!("dance");
    let mut not_yours = put("r4");
    not_yours["detail"]["params"]["name"] = json!("/contentcraft/somebodyelse/key");
    let conflict = sample::put_secret_event("r1", SECRET, &format!("{PLANTED_SECRET}2"));
    let mut wrong_type = put("r5");
    wrong_type["detail"]["params"]["value"] = json!([PLANTED_SECRET]);
    let mut no_id = put("r6");
    no_id["detail"]["requestId"] = json!(null);
    for body in [
        put("r1"),
        too_long,
        unknown_action,
        not_yours,
        conflict,
        wrong_type,
        no_id,
    ] {
        for caller in [As::Agent, As::Other] {
            seen += &harness.post("/v1/events?wait=5", caller, &body).await.text;
        }
    }
    let half = put("r7").to_string();
    seen += &harness
        .post_text("/v1/events", As::Agent, half[..half.len() - 3].to_owned())
        .await
        .text;
    harness.memory.fail_with(Some(PortErrorKind::Unavailable));
    seen += &harness.post("/v1/events", As::Agent, &put("r8")).await.text;
    harness.memory.fail_with(None);
    let events = harness.rows().len();
    until(async || (harness.memory.published_events().len() == events).then_some(())).await;
    for uri in [
        "/v1/requests",
        "/v1/requests/r1",
        "/v1/events",
        "/metrics",
        "/v1/agents",
        "/health",
    ] {
        seen += &harness.get(uri, As::Admin).await.text;
    }
    let webhook = harness
        .post(
            "/v1/webhooks",
            As::Admin,
            &json!({"url": "https://example.org/T0/hidden-path"}),
        )
        .await;
    let signing = webhook.json()["secret"].as_str().unwrap().to_owned();
    seen += &harness.get("/v1/webhooks", As::Admin).await.text;
    harness
        .send(
            Method::GET,
            "/v1/secrets/contentcraft/contentorchestrator/key",
            As::Agent,
        )
        .await;
    workers.stop(Duration::from_secs(5)).await;

    let audit = format!("{:?}", harness.memory.audit_rows());
    let events = format!("{:?}", harness.memory.published_events());
    let log = log.text();
    assert!(log.contains("\"request_id\":\"r1\""), "the log was captured");
    let tokens = [As::Agent, As::Other, As::Admin].map(|caller| caller.token().unwrap());
    for (place, text) in [
        ("answers", &seen),
        ("audit", &audit),
        ("events", &events),
        ("log", &log),
    ] {
        assert!(!text.contains(PLANTED_SECRET), "a value is in the {place}");
        assert!(!text.contains(&signing), "a signing secret is in the {place}");
        for token in &tokens {
            assert!(!text.contains(token), "a token is in the {place}");
        }
    }
    for (place, text) in [("audit", &audit), ("log", &log)] {
        assert!(!text.contains("hidden-path"), "a webhook's path is in the {place}");
    }
    every_line_about_a_request_says_whose(&log);
}

fn every_line_about_a_request_says_whose(log: &str) {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut concluded = 0;
    for line in lines {
        let ends = ["succeeded", "failed"]
            .map(Value::from)
            .contains(&line["fields"]["message"]);
        if ends {
            concluded += 1;
            let spans = line["spans"].as_array().unwrap();
            let says = |field: &str| spans.iter().any(|span| span[field].is_string());
            assert!(says("request_id") && says("agent"), "{line}");
        }
    }
    assert!(concluded > 0);
}
