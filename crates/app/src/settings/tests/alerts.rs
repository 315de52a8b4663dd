//! `[alerts]` and the public address, as a person meets them.

use super::{load, problems};

#[test]
fn all_that_is_wrong_with_alerts_is_told_at_once_with_its_key() {
    let text = r#"
        [server]
        public_url = "devops.example.com"

        [alerts]
        group_wait = "soon"
        colour = "red"
        flap = { flips = 1, within = "30m", calm = "30m" }
        heartbeat_url_secret = "alerts/heartbeat"
        heartbeat_url_env = "HEARTBEAT"

        [[alerts.channels]]
        name = "chat"
        kind = "slack"
        url = "https://hooks.slack.example/services/T/B/SECRETPART"

        [[alerts.channels]]
        name = "hook"
        kind = "webhook"
        url = "http://10.0.0.1/alerts"
        hots = "x"

        [[alerts.routes]]
        match = { severity = ["critical", "awful"] }
        channels = ["chat", "phone"]

        [[alerts.quiet_hours]]
        from = "22:00"
        to = "7"
        timezone = "Europe/Berlin"

        [alerts.conditions]
        cursor_age = "1s"
    "#;
    let found = problems(text, &[]);
    let of = |path: &str| {
        let said: Vec<&String> = found.iter().filter(|one| one.starts_with(path)).collect();
        assert_eq!(said.len(), 1, "{path}: {found:#?}");
        said[0].clone()
    };
    assert!(of("server.public_url: ").contains("no URL"));
    assert!(of("alerts.group_wait: ").contains("10s, 5m, 6h, 2d"));
    assert_eq!(of("alerts.colour: "), "alerts.colour: there is no such key");
    assert_eq!(of("alerts.flap.flips: "), "alerts.flap.flips: must be at least 2");
    assert!(of("alerts.heartbeat_url_env: ").contains("heartbeat_url_secret"));
    assert!(of("alerts.channels[0].url: ").contains("url_secret"));
    assert!(of("alerts.channels[1].hots: ").contains("did you mean `host`?"));
    assert!(of("alerts.routes[0].match.severity: ").contains("awful"));
    assert!(of("alerts.routes[0].channels: ").contains("phone"));
    assert!(of("alerts.quiet_hours[0].to: ").contains("HH:MM"));
    assert_eq!(
        of("alerts.conditions.cursor_age: "),
        "alerts.conditions.cursor_age: must be 1m to 7d"
    );
    assert!(found.iter().all(|one| !one.contains("SECRETPART")), "{found:#?}");
}

#[test]
fn without_a_channel_people_are_told_by_the_log_and_on_aws_by_the_topic() {
    let names = |text: &str| {
        let (_, checked) = load(text, &[]).unwrap();
        let channels = checked.alerts.channels.into_iter().map(|channel| channel.name);
        channels.collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["log"]);
    assert_eq!(names("backend = \"aws\""), ["log"]);
    let topic = "backend = \"aws\"\n[aws]\nalert_topic_arn = \"arn:aws:sns:us-east-1:123456789012:ops\"";
    assert_eq!(names(topic), ["topic"]);
    let own = format!("{topic}\n[[alerts.channels]]\nname = \"mine\"\nkind = \"log\"");
    assert_eq!(names(&own), ["mine"]);
}

#[test]
fn the_secrets_of_channels_are_the_control_planes_own_and_no_address_is_shown() {
    let text = r#"
        [alerts]
        heartbeat_url_secret = "alerts/heartbeat"
        [[alerts.channels]]
        name = "chat"
        kind = "slack"
        url_secret = "alerts/slack-url"
        signing_secret = "alerts/slack-signing"
        [[alerts.channels]]
        name = "hook"
        kind = "webhook"
        url = "https://example.com/alerts?key=SECRETPART"
        signing_env = "HOOK_SIGNING"
    "#;
    let (file, checked) = load(text, &[]).unwrap();
    let own: Vec<&str> = checked
        .installation
        .credentials
        .iter()
        .map(cc_devops_kernel::names::SecretName::as_str)
        .collect();
    for name in [
        "/contentcraft/alerts/slack-url",
        "/contentcraft/alerts/slack-signing",
        "/contentcraft/alerts/heartbeat",
    ] {
        assert!(own.contains(&name), "{own:?}");
    }
    let shown = toml::to_string(&file.shown()).unwrap();
    assert!(
        !shown.contains("SECRETPART") && shown.contains("https://example.com/"),
        "{shown}"
    );
}

#[test]
fn a_public_address_is_a_name_that_the_server_answers_to() {
    let (_, checked) = load("[server]\npublic_url = \"https://devops.example.com/\"", &[]).unwrap();
    assert_eq!(checked.server.public_url.as_deref(), Some("https://devops.example.com"));
    assert_eq!(checked.server.names, ["devops.example.com"]);
    let text = "[server]\npublic_url = \"https://devops.example.com/\"\nlisten = \"0.0.0.0:1\"\nallow_plaintext = true";
    let (_, checked) = load(text, &[]).unwrap();
    assert!(checked.server.names.is_empty(), "it answers to all names");
}
