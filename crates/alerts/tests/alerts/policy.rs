//! `[alerts]` of the configuration file: what its keys mean, and what is said of those that are wrong.

use std::collections::BTreeMap;

use cc_devops_alerts::policy::{AlertPolicy, AlertsFile, Grouping, PolicyProblem};
use cc_devops_alerts::{Condition, ConditionKind, Severity};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Channel {
    name: String,
}

fn file(text: &str) -> AlertsFile<Channel> {
    #[derive(Deserialize)]
    struct File {
        alerts: AlertsFile<Channel>,
    }
    toml::from_str::<File>(text).unwrap().alerts
}

fn policy(text: &str) -> Result<AlertPolicy, Vec<PolicyProblem>> {
    let file = file(text);
    let names: Vec<String> = file.channels.iter().map(|channel| channel.name.clone()).collect();
    AlertPolicy::of(&file, &names)
}

const WHOLE: &str = r#"
[alerts]
group_by = ["kind", "stage"]
group_wait = "10s"
group_interval = "5m"
remind = "off"
failures = 1
flap = { flips = 6, within = "30m", calm = "30m" }

[[alerts.channels]]
name = "mail"
[[alerts.channels]]
name = "chat"
[[alerts.channels]]
name = "phone"

[[alerts.routes]]
match = { kind = "agent", severity = ["critical", "warning"], host = "web1" }
channels = ["mail", "chat"]
remind = "6h"
escalate = [{ after = "15m", channels = ["phone"] }]
[[alerts.routes]]
match = { kind = "agent" }
channels = ["mail"]
group_by = ["key"]
flap = "off"
failures = 3
continue = true
[[alerts.routes]]
channels = ["chat"]

[[alerts.quiet_hours]]
from = "22:00"
to = "07:00"
timezone = "Europe/Berlin"
days = ["sat", "sun"]
passes = ["critical"]

[[alerts.silences]]
match = { host = "web1" }
from = "2026-06-01T12:00:00Z"
to = "2026-06-01T14:00:00Z"
reason = "new disks"
[[alerts.silences]]
timezone = "UTC"
days_of_month = [1, -1]
from = "00:00"
to = "24:00"
[[alerts.silences]]
timezone = "UTC"
daily = "23:30"
duration = "1h"
days = ["mon"]
"#;

fn condition(severity: Severity, host: Option<&str>) -> Condition {
    let since = "2026-06-01T11:00:00Z".parse().unwrap();
    let condition = Condition::new(
        "agent/a",
        (ConditionKind::Agent, severity),
        since,
        "a is down".into(),
        String::new(),
    );
    match host {
        Some(host) => condition.tagged("host", host),
        None => condition,
    }
}

#[test]
fn the_section_means_what_its_keys_say() {
    let policy = policy(WHOLE).unwrap();
    let taken = |severity, host| -> Vec<Vec<String>> {
        let condition = condition(severity, host);
        policy
            .routes_of(&condition)
            .iter()
            .map(|route| route.channels.clone())
            .collect()
    };
    assert_eq!(taken(Severity::Warning, Some("web1")), [["mail", "chat"]]);
    assert_eq!(taken(Severity::Info, Some("web1")), [["mail"], ["chat"]]);
    assert_eq!(taken(Severity::Critical, None), [["mail"], ["chat"]]);
    let [first, second, third] = policy.routes.as_slice() else {
        panic!()
    };
    assert_eq!(first.remind, Some(SignedDuration::from_hours(6)));
    assert_eq!(first.escalate[0].after, SignedDuration::from_mins(15));
    assert_eq!(first.group_by, Grouping::Labels(vec!["kind".into(), "stage".into()]));
    assert_eq!(
        (second.group_by.clone(), second.flap, second.failures),
        (Grouping::Alone, None, 3)
    );
    assert_eq!((third.remind, third.failures), (None, 1));
    assert_eq!(third.flap.unwrap().flips, 6);
    assert_eq!(policy.channels, ["mail", "chat", "phone"]);

    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let until = |silence: usize, text: &str| {
        policy.silences[silence]
            .window
            .covers(at(text))
            .map(|at| at.to_string())
    };
    assert_eq!(
        until(0, "2026-06-01T12:00:00Z").as_deref(),
        Some("2026-06-01T14:00:00Z")
    );
    assert_eq!(
        until(1, "2026-06-30T12:00:00Z").as_deref(),
        Some("2026-07-01T00:00:00Z")
    );
    assert_eq!(until(1, "2026-06-29T12:00:00Z"), None);
    // 2026-06-01 is a Monday.
    assert_eq!(
        until(2, "2026-06-02T00:10:00Z").as_deref(),
        Some("2026-06-02T00:30:00Z")
    );
    assert_eq!(until(2, "2026-06-03T00:10:00Z"), None);
    assert_eq!(policy.quiet(Severity::Critical, at("2026-06-06T21:00:00Z")), None);
    let (end, words) = policy.quiet(Severity::Info, at("2026-06-07T03:00:00Z")).unwrap();
    assert_eq!(
        (end.to_string().as_str(), words.as_str()),
        ("2026-06-07T05:00:00Z", "22:00 to 07:00 Europe/Berlin")
    );
    assert_eq!(
        policy.quiet(Severity::Info, at("2026-06-08T21:00:00Z")),
        None,
        "Monday night"
    );
}

#[test]
fn without_routes_everything_goes_to_every_channel() {
    let policy =
        policy("[alerts]\n[[alerts.channels]]\nname = \"mail\"\n[[alerts.channels]]\nname = \"chat\"\n").unwrap();
    let routes = policy.routes_of(&condition(Severity::Info, None));
    assert_eq!(routes.len(), 1);
    assert_eq!(routes[0].channels, ["mail", "chat"]);
    assert_eq!(routes[0].group_wait, SignedDuration::from_secs(10));
    assert_eq!(routes[0].group_interval, SignedDuration::from_mins(5));
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_key() {
    let wrong = policy(
        r#"
[alerts]
group_wait = "10"
remind = "5 minutes"
failures = 0
flap = "sometimes"
[[alerts.channels]]
name = "mail"
[[alerts.routes]]
match = { kind = "agents", severity = ["bad"], stage = "Prod!" }
channels = ["mial"]
remind = "10s"
flap = { flips = 1, within = "soon" }
escalate = [{ after = "15", channels = ["phone"] }]
[[alerts.quiet_hours]]
from = "25:00"
to = "7:00"
timezone = "Berlin"
days = ["Someday"]
passes = ["urgent"]
[[alerts.silences]]
from = "12:00"
to = "14:00"
[[alerts.silences]]
from = "2026-06-01T14:00:00Z"
to = "2026-06-01T12:00:00Z"
[[alerts.silences]]
timezone = "UTC"
from = "12:00"
days_of_month = [0, 32]
[[alerts.silences]]
timezone = "UTC"
daily = "12:00"
duration = "30s"
"#,
    )
    .unwrap_err();
    let said: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    for (key, words) in [
        ("alerts.group_wait", "10s, 5m, 6h, 2d"),
        ("alerts.remind", "5 minutes"),
        ("alerts.failures", "1 or more"),
        ("alerts.flap", "off"),
        ("alerts.routes[0].match.kind", "dead-letters"),
        ("alerts.routes[0].match.severity", "critical, warning, info"),
        ("alerts.routes[0].match.stage", ""),
        ("alerts.routes[0].channels", "there are: mail"),
        ("alerts.routes[0].remind", "1m"),
        ("alerts.routes[0].flap.flips", "between 2 and 60"),
        ("alerts.routes[0].flap.within", "soon"),
        ("alerts.routes[0].escalate[0].after", "15"),
        ("alerts.routes[0].escalate[0].channels", "phone"),
        ("alerts.quiet_hours[0].from", "25:00"),
        ("alerts.quiet_hours[0].to", "7:00"),
        ("alerts.quiet_hours[0].timezone", "Berlin"),
        ("alerts.quiet_hours[0].days", "Someday"),
        ("alerts.quiet_hours[0].passes", "urgent"),
        ("alerts.silences[0].from", "timezone"),
        ("alerts.silences[1].to", "after it begins"),
        ("alerts.silences[2].days_of_month", "32"),
        ("alerts.silences[2].to", "duration"),
        ("alerts.silences[3].duration", "1m"),
    ] {
        let found = wrong
            .iter()
            .any(|problem| problem.path == key && problem.message.contains(words));
        assert!(found, "{key} with {words:?} is not among:\n{}", said.join("\n"));
    }
}

#[test]
fn a_key_that_nobody_knows_is_an_error_that_names_it() {
    for text in [
        "remnid = \"6h\"",
        "[[routes]]\nchanels = []",
        "[[quiet_hours]]\nfrom = \"22:00\"\nto = \"07:00\"\ntimezone = \"UTC\"\nzone = \"x\"",
        "[[silences]]\nmatches = {}",
    ] {
        let error = toml::from_str::<AlertsFile<Channel>>(text).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{text}: {error}");
    }
}

#[test]
fn it_is_explained_which_routes_are_taken_and_why() {
    let policy = policy(WHOLE).unwrap();
    let labels = |of: &[(&str, &str)]| -> BTreeMap<String, String> {
        of.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let explained = policy.explain(&labels(&[("kind", "agent"), ("severity", "info"), ("host", "web1")]));
    let brief: Vec<(bool, &str)> = explained
        .iter()
        .map(|route| (route.taken, route.why.as_str()))
        .collect();
    assert_eq!(
        brief,
        [
            (false, "severity is info"),
            (true, "all its labels hold"),
            (true, "it matches everything"),
        ]
    );
    assert!(
        explained[1].tells[0].contains("mail after 10s, each alone"),
        "{:?}",
        explained[1].tells
    );
    assert!(explained[1].tells.iter().any(|said| said.contains("3 in a row")));
    let first = policy.explain(&labels(&[
        ("kind", "agent"),
        ("severity", "critical"),
        ("host", "web1"),
    ]));
    assert_eq!(first[1].why, "route 1 matched, and does not say continue");
    assert!(
        first[0]
            .tells
            .iter()
            .any(|said| said.contains("phone as well where nobody acknowledged it for 15m"))
    );
    let none = policy.explain(&labels(&[("kind", "agent")]));
    assert_eq!(none[0].why, "it has no label host");
}

#[test]
fn a_silence_with_a_date_and_a_zone_is_once_by_the_clocks_there() {
    let policy = policy(
        "[alerts]\n[[alerts.silences]]\ntimezone = \"Europe/Berlin\"\nfrom = \"2026-06-01T14:00\"\nto = \"2026-06-01T14:00:00Z\"\n\
         [[alerts.silences]]\nfrom = \"2026-06-01T12:00:00Z\"\nduration = \"2h\"\n",
    )
    .unwrap();
    for silence in &policy.silences {
        assert_eq!(
            silence.window.to_string(),
            "2026-06-01T12:00:00Z to 2026-06-01T14:00:00Z"
        );
    }
}
