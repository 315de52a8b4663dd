//! `fleet simulate`, held to cases that were worked out by hand: those of the watch with what is told of them, and alert
//! policies (`tests/data/alerting.json`, one case a line).

use std::collections::BTreeMap;

use cc_devops_fleet::simulate::{read, simulate};
use futures::executor::block_on;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

fn played(cases: &[Value]) -> Vec<Value> {
    block_on(simulate(cases))
        .iter()
        .map(|answer| serde_json::to_value(answer).unwrap())
        .collect()
}

#[derive(Debug, Deserialize)]
struct Expected {
    messages: Vec<ExpectedMessage>,
    max_messages: Option<usize>,
    #[serde(default)]
    never_kind: Vec<String>,
    contains_kind: Option<String>,
    last_message_kind: Option<String>,
    last_message_by: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct ExpectedMessage {
    kind: String,
    not_before: Timestamp,
    not_after: Timestamp,
    agent: Option<String>,
    channel: Option<String>,
    count: Option<u64>,
    new: Option<Vec<String>>,
    says: Option<String>,
}

impl ExpectedMessage {
    fn is(&self, message: &Value) -> bool {
        let at: Timestamp = message["at"].as_str().unwrap().parse().unwrap();
        let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let said = format!("{} {}", text("reason"), text("title"));
        message["kind"] == self.kind.as_str()
            && (self.not_before..=self.not_after).contains(&at)
            && self.agent.as_ref().is_none_or(|agent| text("agent") == *agent)
            && self.channel.as_ref().is_none_or(|channel| text("channel") == *channel)
            && self.count.is_none_or(|count| message["count"] == count)
            && self.new.as_ref().is_none_or(|new| message["new"] == json!(new))
            && self.says.as_ref().is_none_or(|says| said.contains(says.as_str()))
    }
}

/// What is wrong with an answer; nothing where it is as expected.
fn wrong(expected: &Expected, messages: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut left: Vec<&Value> = messages.iter().collect();
    for message in &expected.messages {
        match left.iter().position(|told| message.is(told)) {
            Some(place) => {
                left.remove(place);
            }
            None => wrong.push(format!("not told: {message:?}")),
        }
    }
    let most = expected.max_messages.unwrap_or(expected.messages.len());
    if messages.len() > most {
        wrong.push(format!("{} messages, {most} at most", messages.len()));
    }
    let kind = |message: &Value| message["kind"].as_str().unwrap_or_default().to_owned();
    for never in &expected.never_kind {
        if messages.iter().any(|message| kind(message) == *never) {
            wrong.push(format!("told: {never}"));
        }
    }
    if let Some(wanted) = &expected.contains_kind
        && !messages.iter().any(|message| kind(message) == *wanted)
    {
        wrong.push(format!("not told: {wanted}"));
    }
    let last = messages.last();
    if let Some(wanted) = &expected.last_message_kind
        && last.map(kind).as_ref() != Some(wanted)
    {
        wrong.push(format!("the last is no {wanted}"));
    }
    if let Some(by) = expected.last_message_by
        && last.is_none_or(|last| last["at"].as_str().unwrap().parse::<Timestamp>().unwrap() > by)
    {
        wrong.push(format!("the last is later than {by}"));
    }
    wrong
}

#[test]
fn every_alert_policy_tells_what_it_should() {
    let cases = read(include_str!("../data/alerting.json")).unwrap();
    let answers = played(&cases);
    assert_eq!(answers.len(), cases.len());
    let mut all = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        assert_eq!(case["id"], answer["id"]);
        let Some(messages) = answer["messages"].as_array() else {
            all.push(format!("{}: {}", case["id"], answer["error"]));
            continue;
        };
        let expected: Expected = serde_json::from_value(case["expect"].clone()).unwrap();
        let wrong = wrong(&expected, messages);
        if !wrong.is_empty() {
            let brief = |message: &Value| {
                format!(
                    "    {} {} {} {} {}: {}",
                    message["at"],
                    message["kind"],
                    message["channel"],
                    message["count"],
                    message["new"],
                    message["reason"]
                )
            };
            let told: Vec<String> = messages.iter().map(brief).collect();
            all.push(format!("{}: {}\n{}", case["id"], wrong.join("; "), told.join("\n")));
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn what_the_watch_finds_is_told_as_it_is() {
    let mut cases = read(include_str!("../data/watch.json")).unwrap();
    let told: BTreeMap<String, Value> = serde_json::from_str(include_str!("../data/told.json")).unwrap();
    cases.retain(|case| told.contains_key(case["id"].as_str().unwrap()));
    assert_eq!(cases.len(), told.len());
    for case in &mut cases {
        case["class"] = json!("timing");
    }
    for (case, answer) in cases.iter().zip(played(&cases)) {
        let id = case["id"].as_str().unwrap();
        for key in ["transitions", "state", "next_due", "next_down"] {
            let found = answer[key].clone();
            assert_eq!(
                found,
                case.get(key).cloned().unwrap_or_default(),
                "{id} {key}: {answer}"
            );
        }
        let brief = |message: &Value| json!({"kind": message["kind"], "since": message["since"]});
        let messages: Vec<Value> = answer["messages"].as_array().unwrap().iter().map(brief).collect();
        assert_eq!(json!(messages), told[id], "{id}");
    }
}

fn timing(id: &str) -> Value {
    json!({
        "id": id, "class": "timing", "kind": "period", "period_s": 300, "grace_s": 300,
        "events": [{"at": "2026-06-01T10:00:00Z", "do": "ping"}], "observe_until": "2026-06-01T10:01:00Z",
    })
}

#[test]
fn a_case_that_cannot_be_played_says_what_is_wrong_and_stops_no_other() {
    let mut cases = vec![timing("good")];
    let mut wrong = |id: &str, change: &dyn Fn(&mut Value)| {
        let mut case = timing(id);
        change(&mut case);
        cases.push(case);
    };
    wrong("schedule", &|case| {
        case["kind"] = json!("cron");
        case["schedule"] = json!("61 * * * *");
    });
    wrong("until", &|case| case["observe_until"] = json!("tomorrow"));
    wrong("event", &|case| case["events"][0]["do"] = json!("sing"));
    wrong("agent", &|case| {
        case["agents"] = json!(["a01..a03"]);
        case["events"][0]["agent"] = json!("a04");
    });
    wrong("config", &|case| {
        case["config"] = json!({"remind_s": 5, "silences": [{"from": "noon", "to": "2026-06-01T12:00:00Z"}]});
    });
    wrong("zone", &|case| {
        case["config"] = json!({"quiet": {"from": "22:00", "to": "07:00", "timezone": "Europe/Nowhere"}});
    });
    wrong("unknown", &|case| case["config"] = json!({"remind_minutes": 5}));
    wrong("passed over", &|case| case["class"] = json!("behaviour"));
    cases.push(timing("last"));
    let answers = played(&cases);
    let ids: Vec<&str> = answers.iter().map(|answer| answer["id"].as_str().unwrap()).collect();
    assert_eq!(
        ids,
        [
            "good", "schedule", "until", "event", "agent", "config", "zone", "unknown", "last"
        ]
    );
    let says = |id: &str, words: &[&str]| {
        let answer = answers.iter().find(|answer| answer["id"] == id).unwrap();
        let error = answer["error"].as_str().unwrap_or_else(|| panic!("{answer}"));
        for word in words {
            assert!(error.contains(word), "{id}: {error:?} lacks {word:?}");
        }
    };
    says("schedule", &["case schedule", "schedule: ", "61"]);
    says("until", &["case until"]);
    says("event", &["events[0].do", "sing", "server_up"]);
    says("agent", &["events[0].agent", "a04"]);
    says("config", &["config.remind", "config.silences[0].from", "noon"]);
    says("zone", &["config.quiet_hours[0].timezone", "Europe/Nowhere"]);
    says("unknown", &["remind_minutes"]);
    for good in ["good", "last"] {
        let answer = answers.iter().find(|answer| answer["id"] == good).unwrap();
        assert_eq!(answer["state"], "up");
        assert_eq!(answer["next_down"], "2026-06-01T10:10:00Z");
    }
}

#[test]
fn of_several_agents_the_end_is_told_by_agent() {
    let mut case = timing("several");
    case["agents"] = json!(["a", "b"]);
    case["events"][0]["agent"] = json!("a");
    let answer = played(&[case]).remove(0);
    assert_eq!(answer["state"], json!({"a": "up", "b": "new"}));
    assert_eq!(answer["next_due"], json!({"a": "2026-06-01T10:05:00Z", "b": null}));
    assert_eq!(answer["transitions"][0]["agent"], "a");
    let read = read(r#"{"cases": [{"id": 1}]}"#).unwrap();
    assert_eq!(read.len(), 1);
    assert!(cc_devops_fleet::simulate::read("{}").is_err());
}

#[test]
fn a_file_of_cases_is_read_as_any_other_input() {
    let deep = format!("[{}1{}]", "[".repeat(64), "]".repeat(64));
    assert!(read(&deep).unwrap_err().contains("64 levels deep"));
    let obeyed = r#"[{"$serde_json::private::RawValue": "{}"}]"#;
    assert!(read(obeyed).unwrap_err().contains("keeps for itself"));
    assert!(read("[").unwrap_err().starts_with("it is not JSON: "));
}

#[test]
fn all_that_is_told_of_one_alert_is_one_thread_and_each_decision_has_an_id_of_its_own() {
    let events = |minutes: &[(u32, &str)]| -> Value {
        let at = |minute: u32| format!("2026-06-01T{:02}:{:02}:00Z", 10 + minute / 60, minute % 60);
        minutes
            .iter()
            .map(|(minute, act)| json!({"at": at(*minute), "do": act}))
            .collect()
    };
    let case = json!({
        "id": "thread", "class": "alerting",
        "config": {"period_s": 864_000, "remind_s": 1_800, "escalate": [{"after_s": 0, "channel": "chat"}, {"after_s": 600, "channel": "phone"}]},
        "events": events(&[(0, "ping"), (1, "fail"), (50, "ping"), (60, "fail"), (65, "ping")]),
        "observe_until": "2026-06-01T12:00:00Z",
    });
    let answer = played(&[case]).remove(0);
    let messages = answer["messages"].as_array().unwrap();
    let of = |kind: &str, channel: &str| -> Vec<&Value> {
        messages
            .iter()
            .filter(|message| message["kind"] == kind && message["channel"] == channel)
            .collect()
    };
    let (chat, phone, reminders, ups) = (
        of("down", "chat"),
        of("down", "phone"),
        of("reminder", "chat"),
        of("up", "chat"),
    );
    assert_eq!(
        (chat.len(), phone.len(), reminders.len(), ups.len()),
        (2, 1, 1, 2),
        "{messages:#?}"
    );
    let root = &chat[0]["id"];
    for message in [chat[0], phone[0], reminders[0], ups[0]] {
        assert_eq!(&message["thread"], root);
    }
    assert_ne!(&chat[1]["thread"], root, "another alert is another thread");
    assert_eq!(ups[1]["thread"], chat[1]["id"]);
    assert_eq!(ups[0]["over"], json!([root]));
    assert_eq!(
        ups[0]["id"],
        of("up", "phone")[0]["id"],
        "one decision, one id on every channel"
    );
    let ids: std::collections::BTreeSet<&str> =
        messages.iter().map(|message| message["id"].as_str().unwrap()).collect();
    // down, escalated, reminder, up, down, up
    assert_eq!(ids.len(), 6);
    for id in ids {
        assert!(
            id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'),
            "{id}"
        );
    }
}
