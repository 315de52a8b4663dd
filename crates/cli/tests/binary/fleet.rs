//! Schedules and the watch on the command line: said in words, tried on past data, set while the server runs.

use std::path::Path;

use serde_json::{Value, json};

use crate::process::{Place, Run, Server};

/// A GET of an address of the server's.
fn get(server: &Server, url: &str) -> (u16, String) {
    let base = format!("http://{}", server.address);
    server.get(
        url.strip_prefix(&base)
            .unwrap_or_else(|| panic!("{url} is not below {base}")),
        None,
    )
}

fn row<'a>(list: &'a Value, name: &str) -> &'a Value {
    let agents = list["agents"].as_array().unwrap();
    agents.iter().find(|agent| agent["name"] == name).unwrap()
}

fn listed(place: &Place) -> Value {
    place.run(&["agents", "list", "--json"]).exits(0).json()
}

#[test]
fn a_schedule_is_said_in_words_with_its_next_times() {
    let place = Place::new();
    let next = |words: &[&str]| place.run(&[&["fleet", "next"], words].concat());
    let berlin = ["--tz", "Europe/Berlin", "--from", "2026-03-28T00:00:00Z"];
    let said = next(&[&["30 2 * * *", "--json", "--count", "3"], &berlin[..]].concat())
        .exits(0)
        .json();
    assert_eq!(
        said["next"],
        json!(["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        "what the clock skips is due when it has jumped"
    );
    assert!(said["schedule"].as_str().unwrap().contains("Europe/Berlin"), "{said}");
    let text = next(&[&["Mon *-*-* 09:00"], &berlin[..]].concat()).exits(0).stdout;
    assert_eq!(text.lines().count(), 6, "{text}");
    assert!(
        text.contains("Mon 2026-03-30 09:00:00 CEST") && text.contains("2026-03-30T07:00:00Z"),
        "{text}"
    );
    next(&["5m"]).exits(0);
    for (bad, says) in [
        (&["17"][..], "is no schedule"),
        (&["0 6 * *"], "needs five"),
        (&["0 0 30 2 *"], "no time within"),
        (&["0 6 * * *", "--tz", "Europe/Berlni"], "time zone"),
    ] {
        let refused = next(bad).exits(2);
        assert!(refused.stderr.contains(says), "{bad:?}: {refused}");
    }
}

#[test]
fn an_agent_is_added_with_its_schedule_set_listed_paused_and_resumed() {
    let place = Place::new();
    let server = place.serve();
    let words = [
        "agents",
        "add",
        "nightly-backup",
        "--cron",
        "30 2 * * *",
        "--tz",
        "Europe/Berlin",
        "--grace",
        "30m",
        "--tag",
        "host=web1",
        "--severity",
        "critical",
        "--stage",
        "prod",
        "--json",
    ];
    let added = place.run(&words).exits(0).json();
    let keys: Vec<&String> = added.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["agent", "token", "ping_url", "schedule", "next"]);
    assert!(added["schedule"].as_str().unwrap().contains("02:30"), "{added}");
    assert_eq!(added["next"].as_array().unwrap().len(), 3);
    let url = added["ping_url"].as_str().unwrap().to_owned();

    assert_eq!(row(&listed(&place), "nightly-backup")["state"], "new");
    assert_eq!(get(&server, &url).0, 200);
    let agent = row(&listed(&place), "nightly-backup").clone();
    assert_eq!(agent["state"], "up", "{agent}");
    assert!(
        agent["lastHeartbeat"].is_string() && agent["due"].is_string(),
        "{agent}"
    );
    let table = place.run(&["agents", "list"]).exits(0).stdout;
    assert!(table.contains("nightly-backup") && table.contains("100"), "{table}");

    let set = place
        .run(&[
            "agents",
            "set",
            "nightly-backup",
            "--period",
            "10m",
            "--tag",
            "host=",
            "--json",
        ])
        .exits(0)
        .json();
    assert_eq!(set["schedule"], "every 10 minutes");
    assert_eq!(set["tags"], json!({}));
    assert_eq!(
        (&set["grace"], &set["severity"]),
        (&json!("30m"), &json!("critical")),
        "{set}"
    );

    place
        .run(&["agents", "pause", "nightly-backup", "--by", "ana"])
        .exits(0);
    assert_eq!(row(&listed(&place), "nightly-backup")["state"], "paused");
    place
        .run(&["agents", "resume", "nightly-backup", "--by", "ana"])
        .exits(0);
    let history = place
        .run(&["agents", "history", "nightly-backup", "--json"])
        .exits(0)
        .json();
    let flips: Vec<(&str, &str, &str)> = history["flips"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flip| {
            let of = |key: &str| flip[key].as_str().unwrap();
            (of("from"), of("to"), of("reason"))
        })
        .collect();
    assert_eq!(
        flips,
        [
            ("paused", "new", "resume"),
            ("up", "paused", "pause"),
            ("new", "up", "ping")
        ],
        "the newest first"
    );
    assert_eq!(history["flips"][1]["by"], "ana");
    let text = place.run(&["agents", "history", "nightly-backup"]).exits(0).stdout;
    assert!(text.contains("paused") && text.contains("ana"), "{text}");
}

#[test]
fn a_ping_address_is_shown_on_record_and_replaced() {
    let place = Place::new();
    let server = place.serve();
    let added = place.run(&["agents", "add", "Job", "--json"]).exits(0).json();
    let shown = place.run(&["agents", "ping-url", "Job", "--json"]).exits(0).json();
    assert_eq!(shown["ping_url"], added["ping_url"], "it is shown again");
    let old = shown["ping_url"].as_str().unwrap();
    let rotated = place
        .run(&["agents", "ping-url", "Job", "--rotate", "--json"])
        .exits(0)
        .json();
    let new = rotated["ping_url"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!(get(&server, old).0, 404, "the old one ends at once");
    assert_eq!(get(&server, new).0, 200);
    let trail = place
        .run(&["audit", "list", "--agent", "Job", "--json"])
        .exits(0)
        .stdout;
    assert!(!trail.contains("/ping/"), "no address stands in the trail: {trail}");
    assert!(trail.contains("ping_address"), "{trail}");

    let badge = place.run(&["agents", "badge", "Job", "--json"]).exits(0).json();
    assert_eq!(get(&server, badge["svg"].as_str().unwrap()).0, 200, "{badge}");
    let all = place.run(&["agents", "badge", "--all", "--json"]).exits(0).json();
    assert_eq!(get(&server, all["json"].as_str().unwrap()).0, 200, "{all}");
}

#[test]
fn what_cannot_be_watched_is_refused_before_an_agent_is_made() {
    let place = Place::new();
    drop(place.serve());
    let refused = |words: &[&str]| -> Run { place.run(&[&["agents", "add", "Job"], words].concat()).exits(2) };
    for (words, says) in [
        (&["--cron", "0 6 * *"][..], "needs five"),
        (&["--period", "0s"], "1 second"),
        (&["--tz", "Europe/Berlin"], "--cron"),
        (&["--stage", "qa"], "no such stage"),
        (&["--tag", "kind=x"], "kind"),
        (&["--severity", "awful"], "critical, warning or info"),
        (&["--period", "5m", "--cron", "* * * * *"], "cannot be used with"),
    ] {
        let run = refused(words);
        assert!(run.stderr.contains(says), "{words:?}: {run}");
    }
    assert!(!listed(&place).to_string().contains("Job"));
    place.run(&["agents", "set", "Nobody", "--period", "5m"]).exits(1);
    place.run(&["agents", "pause", "Nobody"]).exits(1);
    place.run(&["agents", "history", "Nobody"]).exits(1);
    place.run(&["agents", "ping-url", "Nobody"]).exits(1);
}

#[test]
fn cases_are_tried_on_paper() {
    let place = Place::new();
    let cases = json!([{
        "id": "backup-spring",
        "class": "timing",
        "kind": "cron", "schedule": "30 2 * * *", "timezone": "Europe/Berlin", "grace_s": 1800,
        "events": [{"at": "2026-03-28T01:31:00Z", "do": "ping"}],
        "observe_until": "2026-03-30T12:00:00Z",
    }]);
    place.write("cases.json", &cases.to_string());
    let run = place
        .run(&["fleet", "simulate", "--input", "cases.json", "--json"])
        .exits(0);
    let told = run.json();
    assert_eq!(told[0]["id"], "backup-spring");
    assert_eq!(told[0]["state"], "down");
    assert_eq!(
        told[0]["transitions"][2],
        json!({"at": "2026-03-29T01:30:00Z", "from": "late", "to": "down", "reason": "timeout"})
    );
    assert_eq!(told[0]["messages"][0]["kind"], "down");
    let text = place
        .run(&["fleet", "simulate", "--input", "cases.json"])
        .exits(0)
        .stdout;
    assert!(
        text.contains("backup-spring") && text.contains("2026-03-29T01:30:00Z"),
        "{text}"
    );
    let stdin = place.run_with(&["fleet", "simulate", "--input", "-", "--json"], &cases.to_string());
    assert_eq!(stdin.exits(0).json(), told);

    let mut wrong = cases;
    wrong[0]["events"][0]["at"] = json!("yesterday");
    place.write("wrong.json", &wrong.to_string());
    let refused = place
        .run(&["fleet", "simulate", "--input", "wrong.json", "--json"])
        .exits(2);
    assert!(refused.stderr.contains("case backup-spring: "), "{refused}");
    assert!(refused.json()[0]["error"].is_string(), "{refused}");
    place.write("none.json", "[{");
    place.run(&["fleet", "simulate", "--input", "none.json"]).exits(2);
    place.run(&["fleet", "simulate", "--input", "nowhere.json"]).exits(2);
}

#[test]
fn alert_policies_that_were_worked_out_by_hand_run_from_their_file() {
    let place = Place::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fleet/tests/data/alerting.json");
    let run = place
        .run(&["fleet", "simulate", "--input", file.to_str().unwrap(), "--json"])
        .exits(0);
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let ids = |list: &Value| -> Vec<Value> { list.as_array().unwrap().iter().map(|one| one["id"].clone()).collect() };
    let told = run.json();
    assert_eq!(ids(&told), ids(&cases));
    for case in told.as_array().unwrap() {
        for key in ["transitions", "state", "next_due", "next_down", "messages"] {
            assert!(case.get(key).is_some(), "{key}: {case}");
        }
    }
}
