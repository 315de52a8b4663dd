//! `[[alerts.channels]]` as people write it, and everything that is wrong with it at once.

use cc_devops_kernel::names::SecretName;
use cc_devops_notify::{Channel, ChannelKind, ChannelSettings, MailTls, Problem, Transport, Value, check};
use cc_devops_outbound::Guard;
use cc_devops_outbound::egress::Allowed;

use crate::harness::secret_name;

fn read(text: &str) -> Result<Vec<ChannelSettings>, toml::de::Error> {
    #[derive(serde::Deserialize)]
    struct File {
        channels: Vec<ChannelSettings>,
    }
    Ok(toml::from_str::<File>(text)?.channels)
}

fn checked(text: &str) -> Result<Vec<Channel>, Vec<Problem>> {
    let below = |name: &str| SecretName::new(format!("/contentcraft/{name}"));
    check(&read(text).unwrap(), &Guard::new(Allowed::default()), &below)
}

const GOOD: &str = r#"
[[channels]]
name = "mail"
kind = "smtp"
host = "smtp.example.com"
port = 587
tls = "starttls"
username = "devops"
password_secret = "alerts/smtp-password"
from = "DevOps <devops@example.com>"
to = ["ops@example.com"]
bodies = false
[[channels]]
name = "chat"
kind = "slack"
url_secret = "alerts/slack-url"
signing_secret = "alerts/slack-signing"
[[channels]]
name = "hook"
kind = "webhook"
url = "https://example.com/alerts"
signing_secret = "alerts/hook-signing"
[[channels]]
name = "topic"
kind = "sns"
topic_arn = "arn:aws:sns:us-east-1:123456789012:ops"
[[channels]]
name = "phone"
kind = "pagerduty"
routing_key_env = "PAGERDUTY_KEY"
[[channels]]
name = "team"
kind = "teams"
url_env = "TEAMS_URL"
[[channels]]
name = "push"
kind = "ntfy"
url = "https://ntfy.sh/ops"
[[channels]]
name = "log"
kind = "log"
bodies = true
"#;

#[test]
fn channels_are_read_as_they_are_documented() {
    let channels = checked(GOOD).unwrap();
    let kinds: Vec<ChannelKind> = channels.iter().map(Channel::kind).collect();
    assert_eq!(
        kinds,
        [
            ChannelKind::Smtp,
            ChannelKind::Slack,
            ChannelKind::Webhook,
            ChannelKind::Sns,
            ChannelKind::Pagerduty,
            ChannelKind::Teams,
            ChannelKind::Ntfy,
            ChannelKind::Log,
        ]
    );
    let Transport::Smtp(mail) = &channels[0].transport else {
        panic!()
    };
    let login = ("devops".to_owned(), Value::Secret(secret_name("alerts/smtp-password")));
    assert_eq!(mail.login, Some(login));
    assert_eq!(
        channels[5].transport,
        Transport::Teams {
            url: Value::Env("TEAMS_URL".into())
        }
    );
    let signing = Value::Secret(secret_name("alerts/slack-signing"));
    assert_eq!(channels[1].clicks_signed_with(), Some(&signing));
    // What clicks are signed with is not needed to send, and a webhook's own is of no click.
    assert!(!channels[1].values().contains(&&signing));
    assert_eq!(channels[2].clicks_signed_with(), None);
    assert!(channels[7].bodies && !channels[0].bodies);
}

#[test]
fn the_port_is_that_of_the_encryption() {
    for (tls, port) in [("starttls", 587), ("implicit", 465), ("none", 25)] {
        let text = format!(
            "[[channels]]\nname = \"mail\"\nkind = \"smtp\"\nhost = \"::1\"\ntls = \"{tls}\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]"
        );
        let channels = checked(&text).unwrap();
        let Transport::Smtp(mail) = &channels[0].transport else {
            panic!()
        };
        assert_eq!(mail.port, port);
    }
    assert_eq!(MailTls::default(), MailTls::Starttls);
}

#[test]
fn a_key_that_nobody_knows_is_an_error() {
    let error = read("[[channels]]\nname = \"a\"\nkind = \"log\"\nurls = \"x\"").unwrap_err();
    assert!(error.to_string().contains("urls"), "{error}");
    assert!(read("[[channels]]\nname = \"a\"\nkind = \"opsgenie\"").is_err());
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let bad = r#"
[[channels]]
name = "a b"
kind = "smtp"
host = "smtp.example.com:587"
tls = "none"
username = "devops"
from = "DevOps\r\nBcc: x <a@example.com>"
to = []
[[channels]]
name = "chat"
kind = "slack"
url = "https://hooks.slack.com/services/SECRETPART"
host = "x"
[[channels]]
name = "chat"
kind = "teams"
[[channels]]
name = "hook"
kind = "webhook"
url = "http://example.com/"
signing_secret = "has space"
[[channels]]
name = "twice"
kind = "webhook"
url = "https://example.com/"
url_env = "HOOK"
[[channels]]
name = "topic"
kind = "sns"
topic_arn = "arn:aws:sqs:us-east-1:123456789012:ops"
[[channels]]
name = "phone"
kind = "pagerduty"
routing_key = "SECRETPART"
[[channels]]
name = "mail"
kind = "smtp"
username = "devops"
[[channels]]
name = "other"
kind = "smtp"
host = "h"
port = 0
password_env = "A=B"
from = "nobody"
to = ["ops@example.com", "x"]
"#;
    let problems = checked(bad).unwrap_err();
    let said: Vec<String> = problems
        .iter()
        .map(|problem| format!("{} | {problem}", problem.path()))
        .collect();
    let said = said.join("\n");
    assert!(!said.contains("SECRETPART"), "{said}");
    insta::assert_snapshot!(said);
}
