//! A planted secret, looked for everywhere it must not be.

use std::fs;

use crate::process::{Place, put_secret};

#[test]
fn a_secret_is_nowhere_but_where_it_is_asked_for() {
    let planted = "pLaNtEd-5ecret-0f-th1s-test";
    let place = Place::new();
    place.configure(
        r#"
        [stacks.cc-loud]
        command = ["/bin/sh", "-c", "echo $PARAM_TOKEN $API_KEY; exit 1"]
        secret_parameters = ["TOKEN"]
        secret_env = ["API_KEY"]
        "#,
    );
    let server = place.serve_with(&[("API_KEY", planted)]);
    let (own, token) = place.add_agent("Alpha");
    let admin = fs::read_to_string(place.data().join("admin.token"))
        .unwrap()
        .trim()
        .to_owned();

    // Every answer is kept: those of the binary and those over HTTP.
    let mut seen = String::new();
    let mut keep = |run: crate::process::Run| {
        seen.push_str(&run.stdout);
        seen.push_str(&run.stderr);
    };
    keep(place.run_with(&["put-secret", "/contentcraft/a/b"], planted).exits(0));
    let events = events(planted);
    for event in &events {
        for token_file in ["data/admin.token", &own] {
            keep(place.run_with(&["send", "-", "--wait", "30", "--token-file", token_file], event));
        }
    }
    let parameter = format!("TOKEN={planted}");
    keep(
        place
            .run(&[
                "deploy",
                "cc-loud",
                "--stage",
                "dev",
                "--parameter",
                &parameter,
                "--wait",
                "60",
            ])
            .exits(1),
    );
    for words in [
        &["requests", "list", "--json"][..],
        &["requests", "show", "ok", "--json"],
        &["secrets", "list", "--json"],
        &["audit", "export"],
        &["audit", "list", "--json"],
        &["agents", "list", "--json"],
        &["health", "--json"],
        &["config", "show", "--json"],
    ] {
        keep(place.run(words).exits(0));
    }
    for path in [
        "/v1/requests",
        "/v1/events",
        "/v1/agents",
        "/health",
        "/metrics",
        "/openapi.json",
        "/v1/requests/ok",
    ] {
        let (status, body) = server.get(path, Some(&admin));
        assert_eq!(status, 200, "{path}: {body}");
        seen.push_str(&body);
    }

    let files = [
        "control-plane.db",
        "control-plane.db-wal",
        "control-plane.db-shm",
        "server.json",
        "serve.lock",
    ];
    let on_disk = |name: &str| fs::read(place.data().join(name)).unwrap_or_default();
    let mut stored: Vec<Vec<u8>> = files.iter().map(|name| on_disk(name)).collect();
    // It can be read by whoever may.
    assert!(
        server
            .get("/v1/secrets/contentcraft/a/b", Some(&admin))
            .1
            .contains(planted)
    );
    assert!(server.stop().success());
    stored.extend(files.iter().map(|name| on_disk(name)));
    stored.push(fs::read(place.log()).unwrap());
    assert!(!stored.last().unwrap().is_empty(), "the log is empty");
    stored.push(seen.into_bytes());

    for secret in [planted, token.as_str(), admin.as_str()] {
        for (at, bytes) in stored.iter().enumerate() {
            assert_absent(secret, at, bytes);
        }
    }
}

fn assert_absent(secret: &str, at: usize, bytes: &[u8]) {
    let leaked = bytes
        .windows(secret.len())
        .position(|window| window == secret.as_bytes());
    if let Some(place) = leaked {
        let around = &bytes[place.saturating_sub(200)..place];
        panic!(
            "{secret:?} stands in number {at}, after {:?}",
            String::from_utf8_lossy(around)
        );
    }
}

/// Requests good and bad, each with the secret somewhere.
fn events(planted: &str) -> Vec<String> {
    vec![
        put_secret("admin", "ok", "/contentcraft/a/c", planted),
        put_secret("admin", "outside", "/other/a", planted),
        put_secret("Alpha", "denied", "/contentcraft/beta/x", planted),
        put_secret("admin", "ok", "/contentcraft/a/c", &format!("{planted}2")),
        put_secret("admin", "long", "/contentcraft/a/d", &planted.repeat(3_000)),
        format!(
            r#"{{"source":"agent.admin","detail-type":"devops.request","detail":{{"requestId":"p","action":"putSecret","params":"{planted}"}}}}"#
        ),
        format!(
            r#"{{"source":"agent.admin","detail-type":"devops.request","detail":{{"action":"putSecret","params":{{"value":"{planted}"}}}}}}"#
        ),
        format!(r#"{{"detail": "{planted}"#),
    ]
}
