//! What holds of everything that is told, whatever happens and whatever the policy: the last message says what is true,
//! nobody is told an end who was not told a beginning, and nothing is told twice.

use std::collections::BTreeMap;

use cc_devops_fleet::simulate::simulate;
use futures::executor::block_on;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn begin() -> Timestamp {
    "2026-10-24T18:00:00Z".parse().unwrap()
}

fn events() -> impl Strategy<Value = Vec<Value>> {
    let one = (
        0_i64..12 * 60,
        prop_oneof![4 => Just("fail"), 4 => Just("ping"), 1 => Just("pause"), 1 => Just("ack"), 1 => Just("server")],
        prop_oneof![Just("a"), Just("b"), Just("c")],
    );
    proptest::collection::vec(one, 1..40).prop_map(|mut all| {
        all.sort_by_key(|(minute, ..)| *minute);
        let mut events = vec![json!({"at": begin(), "do": "ping", "agent": ["a", "b", "c"]})];
        for (minute, act, agent) in all {
            let at = begin() + SignedDuration::from_mins(minute + 1);
            if act == "server" {
                events.push(json!({"at": at, "do": "server_down"}));
                events.push(json!({"at": at + SignedDuration::from_secs(50), "do": "server_up"}));
            } else {
                events.push(json!({"at": at, "do": act, "agent": agent, "by": "ana"}));
            }
        }
        events
    })
}

fn config() -> impl Strategy<Value = Value> {
    let group = prop_oneof![
        Just(Value::Null),
        Just(json!({"by": ["host"], "wait_s": 30, "interval_s": 300})),
        Just(json!({"by": ["agent"], "wait_s": 10, "interval_s": 3_600})),
    ];
    let quiet = prop_oneof![
        Just(Value::Null),
        Just(json!({"from": "22:00", "to": "02:30", "timezone": "Europe/Berlin", "passes": ["critical"]})),
    ];
    let silences = prop_oneof![
        Just(Value::Null),
        Just(
            json!([{"daily": "21:30", "duration_s": 5_400, "timezone": "Europe/Berlin", "match": {"agent": ["a", "b"]}}])
        ),
    ];
    let flap = prop_oneof![
        Just(Value::Null),
        Just(json!({"flips": 4, "within_s": 3_600, "calm_s": 1_800}))
    ];
    let escalate = prop_oneof![
        Just(Value::Null),
        Just(json!([{"after_s": 0, "channel": "chat"}, {"after_s": 900, "channel": "phone"}])),
    ];
    let remind = prop_oneof![Just(Value::Null), Just(json!(3_600))];
    let severity = prop_oneof![Just(json!("warning")), Just(json!({"a": "critical", "b": "info"}))];
    (group, quiet, silences, flap, escalate, remind, severity).prop_map(
        |(group, quiet, silences, flap, escalate, remind, severity)| {
            let mut config = Map::new();
            for (key, value) in [
                ("group", group),
                ("quiet", quiet),
                ("silences", silences),
                ("flap", flap),
                ("escalate", escalate),
                ("remind_s", remind),
                ("severity", severity),
                ("period_s", json!(8_640_000)),
                ("agents", json!(["a", "b", "c"])),
            ] {
                config.insert(key.to_owned(), value);
            }
            Value::Object(config)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_last_message_says_what_is_true_and_each_end_follows_a_beginning(events in events(), config in config()) {
        let until = begin() + SignedDuration::from_hours(48);
        let grouped = !config["group"].is_null();
        let case = json!({"id": "any", "class": "alerting", "config": config, "events": events, "observe_until": until});
        let answer = serde_json::to_value(&block_on(simulate(&[case]))[0]).unwrap();
        let messages = answer["messages"].as_array().unwrap_or_else(|| panic!("{answer}"));
        // What those believe who read a channel, of each agent.
        let mut believed: BTreeMap<(String, String), String> = BTreeMap::new();
        let mut last = Timestamp::MIN;
        for message in messages {
            let at: Timestamp = message["at"].as_str().unwrap().parse().unwrap();
            prop_assert!(at >= last, "in the order of time");
            last = at;
            let kind = message["kind"].as_str().unwrap();
            let channel = message["channel"].as_str().unwrap_or_default();
            for named in message["alerts"].as_array().unwrap() {
                let agent = named["agent"].as_str().unwrap();
                let key = (channel.to_owned(), agent.to_owned());
                let before = believed.get(&key).map_or("over", String::as_str);
                let open = named["open"].as_bool().unwrap();
                let (says, fits) = match kind {
                    "down" if open => ("open", before != "open"),
                    "down" => ("over", grouped && before != "over"),
                    "reminder" => ("open", before == "open" && open),
                    "flapping" => ("flapping", before != "flapping"),
                    "up" | "closed" => ("over", before != "over" && !open),
                    "digest" => ("over", before == "over" && !open),
                    other => (other, false),
                };
                prop_assert!(fits, "{kind} of {agent} on {channel:?} at {at}, where {before} was known: {messages:#?}");
                believed.insert(key, says.to_owned());
            }
        }
        for agent in ["a", "b", "c"] {
            let down = answer["state"][agent] == "down";
            for ((channel, _), says) in believed.iter().filter(|((_, of), _)| of == agent) {
                // Who was escalated to once is told of the next one only where nobody acknowledges that.
                let may_be_over = channel == "phone" && says == "over";
                let expected = if down && !may_be_over { "open" } else { "over" };
                prop_assert_eq!(says.as_str(), expected, "{} on {:?}: {:#?}", agent, channel, messages);
            }
            if down {
                prop_assert!(believed.keys().any(|(_, of)| of == agent), "{} is down and nobody knows: {:#?}", agent, messages);
            }
        }
    }
}
