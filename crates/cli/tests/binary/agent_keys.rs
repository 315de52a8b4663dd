//! Access keys, with which agents' AWS SDKs sign, as an operator meets them: the server runs, and a shell is given lines.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::process::{Place, finish};

fn text<'a>(document: &'a Value, name: &str) -> &'a str {
    document[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} is no text: {document}"))
}

/// Adds the agent `Writer` with a key; gives what is shown of both.
fn writer_added(place: &Place) -> Value {
    place
        .run(&["agents", "add", "Writer", "--aws-key", "--json"])
        .exits(0)
        .json()
}

fn keys(place: &Place, name: &str) -> Vec<String> {
    let listed = place.run(&["agents", "key", "list", name, "--json"]).exits(0).json();
    let keys = listed["keys"].as_array().unwrap().clone();
    keys.iter().map(|key| text(key, "awsAccessKeyId").to_owned()).collect()
}

#[test]
fn a_key_is_made_with_its_agent_listed_and_ended() {
    let place = Place::new();
    let _server = place.serve();
    let added = writer_added(&place);
    let (id, secret) = (text(&added, "awsAccessKeyId"), text(&added, "awsSecretAccessKey"));
    assert!(text(&added, "token").starts_with("ccd_") && added["agent"] == "Writer");
    assert!(
        id.starts_with("AKIA") && id.len() == 20 && secret.len() == 40,
        "{added}"
    );
    let plain = place.run(&["agents", "add", "Plain", "--json"]).exits(0).json();
    assert_eq!(plain["awsAccessKeyId"], Value::Null, "only where it is asked for");

    let second = place.run(&["agents", "key", "add", "Writer", "--json"]).exits(0).json();
    assert_eq!(second["agent"], "Writer");
    assert_ne!(second["awsSecretAccessKey"], added["awsSecretAccessKey"]);
    let second = text(&second, "awsAccessKeyId");
    assert_eq!(keys(&place, "Writer").len(), 2);
    let shown = place.run(&["agents", "key", "list", "Writer"]).exits(0).stdout;
    assert!(shown.contains(id) && !shown.contains(secret), "{shown}");

    let ended = place.run(&["agents", "key", "end", second, "--json"]).exits(0).json();
    assert_eq!(
        ended,
        json!({"agent": "Writer", "awsAccessKeyId": second, "ended": true})
    );
    assert_eq!(keys(&place, "Writer"), [id]);
    place.run(&["agents", "key", "end", second]).exits(1);
    place.run(&["agents", "key", "end", "no-key"]).exits(2);
    place.run(&["agents", "key", "add", "Nobody"]).exits(1);
    place.run(&["agents", "key", "list", "Nobody"]).exits(1);

    place.run(&["agents", "revoke", "Writer"]).exits(0);
    assert_eq!(keys(&place, "Writer"), Vec::<String>::new());
    place.run(&["agents", "key", "add", "Writer"]).exits(1);
    let trail = place.run(&["audit", "list", "--agent", "Writer", "--json"]).exits(0);
    let rows = trail.json()["rows"].as_array().unwrap().clone();
    let acts: Vec<_> = rows.iter().map(|row| text(row, "action")).collect();
    assert_eq!(
        acts,
        [
            "agent.key_ended",
            "agent.revoked",
            "agent.key_ended",
            "agent.key_added",
            "agent.key_added",
            "agent.added"
        ]
    );
    assert!(!trail.stdout.contains(secret), "{}", trail.stdout);
}

#[test]
fn a_new_token_brings_a_new_key_and_ends_the_old_ones() {
    let place = Place::new();
    let _server = place.serve();
    let added = writer_added(&place);
    let kept = place
        .run(&["agents", "rotate", "Writer", "--keep-old-for", "600", "--json"])
        .exits(0)
        .json();
    let (first, second) = (text(&added, "awsAccessKeyId"), text(&kept, "awsAccessKeyId"));
    assert_eq!(keys(&place, "Writer"), [first, second]);
    let listed = place
        .run(&["agents", "key", "list", "Writer", "--json"])
        .exits(0)
        .json();
    assert!(
        listed["keys"][0]["endsAt"].is_string() && listed["keys"][1]["endsAt"].is_null(),
        "{listed}"
    );
    let last = place.run(&["agents", "rotate", "Writer", "--json"]).exits(0).json();
    assert_eq!(keys(&place, "Writer"), [text(&last, "awsAccessKeyId")]);
    place.run(&["agents", "revoke", "Writer"]).exits(0);
    let again = place.run(&["agents", "rotate", "Writer", "--json"]).exits(0).json();
    assert_eq!(
        again["awsAccessKeyId"],
        Value::Null,
        "it has none any more, and asked for none"
    );
    assert_eq!(keys(&place, "Writer"), Vec::<String>::new());
}

/// The variables that a shell has after the lines, and has not before.
fn in_a_shell(lines: &str) -> Vec<(String, String)> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "eval \"$LINES_OF_ENV\" && env"]).env_clear();
    shell
        .env("LINES_OF_ENV", lines)
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    let told = finish(shell, "").exits(0).stdout;
    let named = told.lines().filter(|line| line.starts_with("AWS_"));
    let named = named.filter_map(|line| line.split_once('='));
    named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn of<'a>(variables: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = variables.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn a_shell_is_given_what_an_sdk_needs_and_the_secret_on_record_alone() {
    let place = Place::new();
    let server = place.serve();
    let added = writer_added(&place);
    let (id, secret) = (text(&added, "awsAccessKeyId"), text(&added, "awsSecretAccessKey"));
    let lines = place.run(&["agents", "env", "Writer"]).exits(0).stdout;
    assert!(!lines.contains(secret), "{lines}");
    let fetched_at = format!("http://{}/v1/aws-credentials", server.address);
    assert!(
        lines.contains(&format!("AWS_CONTAINER_CREDENTIALS_FULL_URI={fetched_at}\n")),
        "{lines}"
    );
    let variables = in_a_shell(&lines);
    let door = format!("http://{}/aws", server.address);
    assert_eq!(of(&variables, "AWS_ENDPOINT_URL_SECRETS_MANAGER"), Some(door.as_str()));
    assert_eq!(of(&variables, "AWS_DEFAULT_REGION"), Some("us-east-1"));
    assert_eq!(of(&variables, "AWS_ACCESS_KEY_ID"), Some(id));
    for unset in [
        "AWS_ENDPOINT_URL",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ] {
        assert_eq!(of(&variables, unset), None, "{unset}");
    }
    let endpoints = variables
        .iter()
        .filter(|(name, _)| name.starts_with("AWS_ENDPOINT_URL_"));
    assert_eq!(endpoints.count(), 9);

    let reading = |place: &Place| {
        let trail = place
            .run(&["audit", "list", "--action", "agent.key_read", "--json"])
            .exits(0);
        trail.json()["rows"].as_array().unwrap().len()
    };
    assert_eq!(reading(&place), 0);
    let elsewhere = ["agents", "env", "Writer", "--reveal", "--region", "eu-central-1"];
    let variables = in_a_shell(&place.run(&elsewhere).exits(0).stdout);
    assert_eq!(of(&variables, "AWS_SECRET_ACCESS_KEY"), Some(secret));
    assert_eq!(of(&variables, "AWS_REGION"), Some("eu-central-1"));
    assert_eq!(reading(&place), 1);
    let document = place.run(&["agents", "env", "Writer", "--json"]).exits(0).json();
    assert_eq!(document["environment"]["AWS_ACCESS_KEY_ID"], id);
    assert_eq!(document["containerCredentials"], fetched_at);

    place.run(&["agents", "add", "Plain"]).exits(0);
    let without = place.run(&["agents", "env", "Plain"]).exits(0);
    assert!(without.stderr.contains("agents key add Plain"), "{without}");
    assert_eq!(of(&in_a_shell(&without.stdout), "AWS_ACCESS_KEY_ID"), None);
    place.run(&["agents", "env", "Plain", "--reveal"]).exits(1);
    place.run(&["agents", "env", "Nobody"]).exits(1);
}

#[test]
fn a_short_lived_key_is_fetched_from_the_address_that_is_named() {
    let place = Place::new();
    let server = place.serve();
    let (_, token) = place.add_agent("Writer");
    let named = place.run(&["agents", "env", "Writer", "--json"]).exits(0).json();
    let path = text(&named, "containerCredentials").strip_prefix(&format!("http://{}", server.address));
    let (status, answer) = server.get(path.unwrap(), Some(&token));
    assert_eq!(status, 200, "{answer}");
    let key: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert!(text(&key, "AccessKeyId").starts_with("ASIA"), "{answer}");
    for name in ["SecretAccessKey", "Token", "Expiration"] {
        assert!(!text(&key, name).is_empty(), "{name}");
    }
    assert_eq!(server.get(path.unwrap(), None).0, 401);
}

#[test]
fn where_the_door_is_closed_that_is_said() {
    let place = Place::new();
    place.configure("[aws_door]\nenabled = false\n");
    let server = place.serve();
    let added = place.run(&["agents", "add", "Writer", "--aws-key"]).exits(0);
    assert!(added.stderr.contains("[aws_door]"), "{added}");
    let (_, token) = place.add_agent("Other");
    let (status, answer) = server.get("/v1/aws-credentials", Some(&token));
    assert!(status == 404 && answer.contains("aws_door.enabled"), "{answer}");
}
