//! People told once: an agent that falls silent, by a webhook on loopback, with what operators do about it while the
//! server runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Place, Server};
use crate::sink::Sink;

/// How often a server is killed.
const KILLS: u64 = 20;

/// Everything to one webhook, at once.
fn configuration(sink: &Sink) -> String {
    format!(
        "[egress]\nallow = [\"127.0.0.0/8\"]\n\
         [alerts]\ngroup_by = [\"key\"]\ngroup_wait = \"0s\"\ngroup_interval = \"0s\"\n\
         flap = {{ flips = 60, within = \"1m\", calm = \"1s\" }}\n\
         [[alerts.channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\n",
        sink.url
    )
}

/// An agent with the path of its ping address.
fn add(place: &Place, words: &[&str]) -> String {
    let added = place
        .run(&[&["agents", "add"], words, &["--json"]].concat())
        .exits(0)
        .json();
    let url = added["ping_url"].as_str().unwrap();
    let (_, path) = url.split_once("/ping/").unwrap();
    format!("/ping/{path}")
}

fn ping(server: &Server, path: &str) {
    let (status, answer) = server.get(path, None);
    assert_eq!(status, 200, "{answer}");
}

fn alert_of(place: &Place, key: &str) -> Value {
    let list = place.run(&["alerts", "list", "--json"]).exits(0).json();
    let alerts = list["alerts"].as_array().unwrap();
    let found = alerts.iter().find(|alert| alert["key"] == key);
    found.unwrap_or_else(|| panic!("{list}")).clone()
}

#[test]
fn an_agent_that_falls_silent_is_told_once_taken_on_and_told_again_when_it_is_back() {
    let (place, sink) = (Place::new(), Sink::new());
    place.configure(&configuration(&sink));
    let server = place.serve();
    let path = add(
        &place,
        &["Job", "--period", "2s", "--grace", "2s", "--tag", "host=web1"],
    );
    ping(&server, &path);
    let down = sink.next();
    assert_eq!(down.kind(), "down", "{down:?}");
    assert_eq!(down.body["type"], "alert.down");
    assert_eq!(down.body["data"]["agent"], "Job");
    let id = down.id();
    assert!(
        (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)),
        "{id}"
    );
    let text = down.body.to_string();
    assert!(!text.contains("/ping/"), "no message holds a ping address: {text}");

    let alert = alert_of(&place, "agent/Job");
    assert_eq!((&alert["state"], &alert["kind"]), (&json!("open"), &json!("agent")));
    let which = alert["id"].as_str().unwrap();
    let acknowledged = place
        .run(&["alerts", "ack", which, "--by", "ana", "--reason", "at it", "--json"])
        .exits(0)
        .json();
    assert_eq!(acknowledged["state"], "acknowledged");
    assert_eq!(alert_of(&place, "agent/Job")["state"], "acknowledged");
    let shown = place.run(&["alerts", "show", "agent/Job"]).exits(0).stdout;
    assert!(
        shown.contains("ana") && shown.contains("at it") && shown.contains("hook"),
        "{shown}"
    );

    ping(&server, &path);
    let up = sink.next();
    assert_eq!((up.kind(), &up.body["data"]["agent"]), ("up", &json!("Job")));
    assert_ne!(up.id(), id);
    assert_eq!(alert_of(&place, "agent/Job")["state"], "resolved");
    place.run(&["alerts", "ack", which]).exits(2);
    place.run(&["alerts", "show", "nothing"]).exits(1);
}

#[test]
fn a_silence_holds_at_once_in_a_running_server_and_ends_with_a_word() {
    let (place, sink) = (Place::new(), Sink::new());
    place.configure(&configuration(&sink));
    let server = place.serve();
    let silent = add(&place, &["Quiet", "--tag", "host=web1"]);
    let loud = add(&place, &["Loud"]);
    let made = place
        .run(&[
            "alerts",
            "silence",
            "--match",
            "host=web1",
            "--for",
            "2h",
            "--reason",
            "new disks",
            "--json",
        ])
        .exits(0)
        .json();
    let id = made["id"].as_str().unwrap();
    let listed = place.run(&["alerts", "silences"]).exits(0).stdout;
    assert!(
        listed.contains(id) && listed.contains("host=web1") && listed.contains("new disks"),
        "{listed}"
    );
    ping(&server, &format!("{silent}/fail"));
    ping(&server, &format!("{loud}/fail"));
    assert_eq!(sink.next().body["data"]["agent"], "Loud");
    assert_eq!(alert_of(&place, "agent/Quiet")["state"], "open", "states go on");
    assert!(sink.so_far().is_empty(), "it was the one before");
    place.run(&["alerts", "unsilence", id]).exits(0);
    let told = sink.next();
    assert_eq!((told.kind(), &told.body["data"]["agent"]), ("down", &json!("Quiet")));
    place.run(&["alerts", "unsilence", id]).exits(2);
    for typo in ["severity=critcal", "kind=agents", "stage=Prod"] {
        let refused = place
            .run(&["alerts", "silence", "--match", typo, "--for", "2h", "--reason", "x"])
            .exits(2);
        assert!(refused.stderr.contains("a silence of"), "{refused}");
    }
    place
        .run(&["alerts", "silence", "--match", "host", "--for", "2h", "--reason", "x"])
        .exits(2);
    place
        .run(&["alerts", "silence", "--match", "a=b", "--reason", "x"])
        .exits(2);
}

#[test]
fn a_pause_closes_the_alert_and_says_by_whom() {
    let (place, sink) = (Place::new(), Sink::new());
    place.configure(&configuration(&sink));
    let server = place.serve();
    let path = add(&place, &["Job"]);
    ping(&server, &format!("{path}/fail"));
    assert_eq!(sink.next().kind(), "down");
    place.run(&["agents", "pause", "Job", "--by", "ana"]).exits(0);
    let closed = sink.next();
    assert_eq!(closed.kind(), "closed");
    assert!(
        closed.body["data"]["reason"]
            .as_str()
            .unwrap()
            .contains("paused by ana"),
        "{closed:?}"
    );
    assert_eq!(alert_of(&place, "agent/Job")["state"], "closed");
}

#[test]
fn a_test_message_says_whether_a_channel_takes_it_and_touches_no_alert() {
    let (place, sink) = (Place::new(), Sink::new());
    place.configure(&configuration(&sink));
    drop(place.serve());
    place.run(&["alerts", "test", "hook"]).exits(0);
    let test = sink.next();
    assert_eq!((test.kind(), &test.body["type"]), ("test", &json!("alert.test")));
    sink.answers(500);
    let failed = place.run(&["alerts", "test", "hook", "--json"]).exits(1).json();
    assert_eq!(failed["channels"][0]["ok"], false, "{failed}");
    assert!(
        failed["channels"][0]["error"].as_str().unwrap().contains("500"),
        "{failed}"
    );
    assert_eq!(sink.so_far().len(), 1, "it is tried once");
    let unknown = place.run(&["alerts", "test", "phone"]).exits(2);
    assert!(unknown.stderr.contains("hook"), "{unknown}");
    let list = place.run(&["alerts", "list", "--json"]).exits(0).json();
    assert_eq!(list, json!({"alerts": []}));
}

#[test]
fn a_route_is_explained_without_telling_anybody() {
    let place = Place::new();
    place.configure(
        "[[alerts.channels]]\nname = \"day\"\nkind = \"log\"\n[[alerts.channels]]\nname = \"night\"\nkind = \"log\"\n\
         [[alerts.routes]]\nmatch = { severity = \"critical\", host = [\"web1\", \"web2\"] }\nchannels = [\"night\"]\n\
         [[alerts.routes]]\nchannels = [\"day\"]\nremind = \"6h\"\n",
    );
    drop(place.serve());
    add(&place, &["Writer", "--severity", "critical", "--tag", "host=web2"]);
    let of_agent = place
        .run(&["alerts", "route", "--agent", "Writer", "--explain", "--json"])
        .exits(0)
        .json();
    let taken: Vec<bool> = of_agent["routes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|route| route["taken"].as_bool().unwrap())
        .collect();
    assert_eq!(taken, [true, false], "{of_agent}");
    let text = place
        .run(&[
            "alerts",
            "route",
            "--match",
            "severity=critical",
            "--match",
            "host=web3",
            "--explain",
        ])
        .exits(0)
        .stdout;
    assert!(
        text.contains("route 1") && text.contains("host is web3") && text.contains("6h"),
        "{text}"
    );
    let listed = place.run(&["alerts", "route"]).exits(0).stdout;
    assert!(
        listed.contains("severity=critical") && listed.contains("everything"),
        "{listed}"
    );
}

#[test]
fn maintenance_mode_is_switched_in_a_running_server_and_every_alert_says_so() {
    let (place, sink) = (Place::new(), Sink::new());
    place.configure(&configuration(&sink));
    let server = place.serve();
    let path = add(&place, &["Job"]);
    let mode = || place.run(&["health", "--json"]).json()["mode"].clone();
    assert_eq!(mode(), "normal");
    place
        .run(&[
            "maintenance",
            "on",
            "--reason",
            "the database moves",
            "--until",
            "2h",
            "--by",
            "ana",
        ])
        .exits(0);
    // What all is well was found of may be a second old.
    while mode() != "maintenance" {}
    let status = place.run(&["maintenance", "status"]).exits(0).stdout;
    assert!(
        status.contains("the database moves") && status.contains("ana"),
        "{status}"
    );
    ping(&server, &format!("{path}/fail"));
    let told = sink.next();
    assert_eq!(told.kind(), "down", "alerts go on");
    let said = told.body["data"]["maintenance"].as_str().unwrap();
    assert!(said.contains("the database moves"), "{said}");
    place.run(&["maintenance", "off"]).exits(0);
    while mode() != "normal" {}
    let trail = place.run(&["audit", "list", "--json"]).exits(0).stdout;
    assert!(
        trail.contains("maintenance.on") && trail.contains("maintenance.off"),
        "{trail}"
    );
    place
        .run(&["maintenance", "on", "--reason", "x", "--until", "2001-01-01T00:00:00Z"])
        .exits(2);
    place.run(&["maintenance", "on"]).exits(2);
}

#[test]
fn a_missing_secret_stops_no_server_and_no_address_is_shown() {
    let (place, sink) = (Place::new(), Sink::new());
    place.configure(&format!(
        "{}[[alerts.channels]]\nname = \"chat\"\nkind = \"slack\"\nurl_secret = \"alerts/slack-url\"\n",
        configuration(&sink)
    ));
    let server = place.serve();
    let missing = place.run(&["alerts", "test", "chat"]).exits(1).stdout;
    assert!(
        missing.contains("/contentcraft/alerts/slack-url") && missing.contains("put-secret"),
        "{missing}"
    );
    let path = add(&place, &["Job"]);
    ping(&server, &format!("{path}/fail"));
    assert_eq!(sink.next_of("down").body["data"]["agent"], "Job", "the others are told");
    let shown = place.run(&["config", "show"]).exits(0).stdout;
    assert!(shown.contains("127.0.0.1") && !shown.contains("/hook"), "{shown}");
}

#[test]
fn a_kill_between_the_flip_and_the_sending_loses_nothing_and_every_copy_has_the_same_id() {
    let (place, sink) = (Place::new(), Sink::new());
    place.configure(&configuration(&sink));
    let mut server = place.serve();
    let names: Vec<String> = (0..KILLS).map(|at| format!("Job{at}")).collect();
    let paths: Vec<String> = names
        .iter()
        .map(|name| add(&place, &[name, "--period", "1h"]))
        .collect();
    let mut came = Vec::new();
    for (at, path) in (0..).zip(&paths) {
        ping(&server, &format!("{path}/fail"));
        // Somewhere between the commit of the flip and what follows the receiver's answer.
        came.extend(sink.within(Duration::from_millis(200 * at / KILLS)));
        drop(server);
        server = place.serve();
    }
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    while ids.len() < names.len() {
        let told = came.pop().unwrap_or_else(|| sink.next());
        assert_eq!(told.kind(), "down");
        let agent = told.body["data"]["agent"].as_str().unwrap().to_owned();
        ids.entry(agent).or_default().insert(told.id().to_owned());
    }
    for (agent, ids) in &ids {
        assert_eq!(ids.len(), 1, "{agent}: {ids:?}");
    }
    assert!(names.iter().all(|name| ids.contains_key(name)), "{ids:?}");
}
