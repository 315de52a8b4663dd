//! Nothing that signs is told to anybody: no log, no record, no answer.

use std::io::Write;
use std::sync::{Arc, Mutex};

use crate::harness::Harness;
use crate::signing::{Ask, Key};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_and_no_signature_is_seen_again() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _captured = tracing::subscriber::set_default(subscriber);

    let harness = Harness::new().await;
    let key = harness.key().await;
    let wrong = Key {
        secret: "canarycanarycanarycanarycanarycanary0000".to_owned(),
        ..key.clone()
    };
    let asks = [
        Ask::identity(),
        Ask::json(
            "ssm",
            "AmazonSSM.GetParameter",
            r#"{"Name": 1, "Value": "planted-canary"}"#,
        ),
        Ask::json("events", "AWSEvents.PutEvents", "planted-canary"),
        Ask::cbor("PutMetricData"),
    ];
    let (mut seen, mut signatures) = (String::new(), Vec::new());
    for ask in &asks {
        for key in [&key, &wrong] {
            let request = ask.signed(key, harness.now());
            let header = request.headers()["authorization"].to_str().unwrap().to_owned();
            signatures.push(header.rsplit_once('=').unwrap().1.to_owned());
            let answer = harness.send(request).await;
            seen.extend([format!("{:?}", answer.headers), answer.text()]);
            let mut cut = ask.signed(key, harness.now());
            crate::signing::put(
                cut.headers_mut(),
                "authorization",
                &header.replace("aws4_request", "aws4"),
            );
            seen += &harness.send(cut).await.text();
        }
    }
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("answered"), "the log was captured: {log}");
    let audit = format!("{:?}", harness.memory.audit_rows());
    for (place, text) in [("log", &log), ("answers", &seen), ("audit", &audit)] {
        for secret in [key.secret.as_str(), &wrong.secret, "planted-canary"]
            .into_iter()
            .chain(signatures.iter().map(String::as_str))
        {
            assert!(!text.contains(secret), "{secret} is in the {place}");
        }
    }
}
