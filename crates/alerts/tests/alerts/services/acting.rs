//! What people do with alerts, each act with its audit row.

use cc_devops_alerts::policy::Match;
use cc_devops_alerts::{AlertState, MessageKind};
use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::{ActError, Actor, Authority};
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::decision::Decision;
use cc_devops_kernel::door::Door;
use cc_devops_kernel::names::AgentName;
use futures::executor::block_on;
use jiff::SignedDuration;
use serde_json::json;

use crate::services::store::*;

fn actions(tried: &Tried) -> Vec<String> {
    tried
        .store
        .rows
        .lock()
        .unwrap()
        .iter()
        .map(|row| row.action.clone())
        .collect()
}

fn refused(error: &ActError) -> String {
    match error {
        ActError::Refused(failure) => failure.message.clone(),
        ActError::Port(error) => panic!("{error}"),
    }
}

#[test]
fn an_alert_is_taken_on_by_its_id_or_its_key_and_stays_theirs() {
    let tried = Tried::new(plain(&["mail"]));
    tried.note(&[down("a", 0), down("b", 0)], 0);
    tried.turn(0);
    let page = block_on(tried.alerts.list(None, 100)).unwrap();
    let id = &page.alerts[0].id;
    let ack = |which: &str, by: &str| block_on(tried.alerts.ack(which, by, Some("on it"), Actor::Operator));
    assert_eq!(ack(id, "ana").unwrap().acknowledged.unwrap().by, "ana");
    assert_eq!(ack("agent/b", "bob").unwrap().state, AlertState::Acknowledged);
    assert_eq!(ack(id, "eve").unwrap().acknowledged.unwrap().by, "ana", "it is hers");
    let rows = tried.store.rows.lock().unwrap().clone();
    assert_eq!(rows.len(), 2, "what changes nothing is not on record");
    assert_eq!(
        (rows[0].action.as_str(), rows[0].resource.as_deref()),
        ("alert.acknowledged", Some("agent/a"))
    );
    assert_eq!(rows[0].detail["by_name"], "ana");
    assert_eq!(rows[0].agent, Some(AgentName::new("a").unwrap()));
    assert!(refused(&ack("agent/c", "ana").unwrap_err()).contains("alerts list"));
    assert!(refused(&ack("0123456789ab", "ana").unwrap_err()).contains("no alert"));
    tried.note(&[up("a", 5)], 5);
    assert!(refused(&ack("agent/a", "ana").unwrap_err()).contains("over"));
}

struct Nobody;

impl Authority for Nobody {
    fn decide(&self, _: &Agent, access: &Access) -> Decision {
        assert!(matches!(access, Access::ManageAlerts | Access::SetMaintenance));
        Decision {
            allowed: false,
            policies: Vec::new(),
            errors: Vec::new(),
            closed: None,
        }
    }
}

#[test]
fn whom_no_policy_permits_changes_nothing_and_that_is_on_record() {
    let tried = Tried::new(plain(&["mail"]));
    tried.note(&[down("a", 0)], 0);
    let agent = Agent {
        name: AgentName::new("Eve").unwrap(),
        role: Role::Agent,
        secret_prefixes: Vec::new(),
        stacks: Vec::new(),
    };
    let eve = Actor::Agent(&agent, &Nobody, Door::Api);
    block_on(tried.alerts.ack("agent/a", "eve", None, eve)).unwrap_err();
    let window = (at(0), at(60));
    block_on(tried.alerts.silence(Match::default(), window, "", "eve", eve)).unwrap_err();
    block_on(tried.alerts.maintenance_on("because", None, "eve", eve)).unwrap_err();
    assert!(actions(&tried).is_empty());
    assert_eq!(tried.trail.0.lock().unwrap().len(), 3);
    assert_eq!(
        block_on(tried.alerts.show("agent/a")).unwrap().unwrap().state,
        AlertState::Open
    );
}

#[test]
fn a_silence_holds_what_it_matches_until_somebody_ends_it() {
    let tried = Tried::new(plain(&["mail"]));
    let matches = Match::of([("agent".to_owned(), "a".to_owned())]);
    let until = at(0) + SignedDuration::from_hours(2);
    let make = || {
        block_on(
            tried
                .alerts
                .silence(matches.clone(), (at(0), until), "new disks", "ana", Actor::Operator),
        )
    };
    let silence = make().unwrap();
    assert_eq!(make().unwrap(), silence, "made again it is the same");
    assert_eq!(block_on(tried.alerts.silences()).unwrap().len(), 1);
    tried.note(&[down("a", 60), down("b", 60)], 60);
    assert_eq!(tried.turn(60), 1);
    assert_eq!(tried.send()[0].message.agent, Some(AgentName::new("b").unwrap()));
    let page = block_on(tried.alerts.list(None, 10)).unwrap();
    let waits = page
        .alerts
        .iter()
        .find(|seen| seen.key == "agent/a")
        .unwrap()
        .waits
        .clone()
        .unwrap();
    assert_eq!(
        (waits.until, waits.words.as_str()),
        (until, "silence of agent=a: new disks")
    );
    let explained = block_on(tried.alerts.explain(&labels(&[("agent", "a")]), at(70))).unwrap();
    assert_eq!(explained.silenced.unwrap().until, until);

    *tried.clock.0.lock().unwrap() = at(100);
    block_on(tried.alerts.unsilence(&silence.id, "ana", Actor::Operator)).unwrap();
    assert_eq!(tried.turn(100), 1, "what it held back is told at once");
    let sent = tried.send();
    assert_eq!(
        (sent[0].message.since, sent[0].message.kind),
        (at(60), MessageKind::Down)
    );
    assert_eq!(actions(&tried), ["alert.silenced", "alert.unsilenced"]);
    assert!(
        refused(&block_on(tried.alerts.unsilence(&silence.id, "ana", Actor::Operator)).unwrap_err())
            .contains("no silence")
    );
    let over = block_on(
        tried
            .alerts
            .silence(Match::default(), (at(0), at(50)), "", "ana", Actor::Operator),
    )
    .unwrap_err();
    assert!(refused(&over).contains("after now"));
}

#[test]
fn maintenance_mode_is_on_until_its_time_or_until_it_is_ended_and_alerts_go_on() {
    let tried = Tried::new(plain(&["mail"]));
    let on = |until| {
        block_on(
            tried
                .alerts
                .maintenance_on("the database moves", until, "ana", Actor::Operator),
        )
    };
    assert!(
        refused(&block_on(tried.alerts.maintenance_on(" ", None, "ana", Actor::Operator)).unwrap_err()).contains("why")
    );
    on(Some(at(100))).unwrap();
    assert!(block_on(tried.alerts.maintenance(at(99))).unwrap().is_some());
    assert!(block_on(tried.alerts.maintenance(at(100))).unwrap().is_none());
    on(None).unwrap();
    tried.note(&[down("a", 60)], 60);
    assert_eq!(tried.turn(60), 1);
    assert_eq!(
        tried.send()[0].message.maintenance.as_deref(),
        Some("the database moves")
    );
    let off = || block_on(tried.alerts.maintenance_off("ana", Actor::Operator));
    off().unwrap();
    off().unwrap();
    assert!(block_on(tried.alerts.maintenance(at(60))).unwrap().is_none());
    assert_eq!(actions(&tried), ["maintenance.on", "maintenance.on", "maintenance.off"]);
}

#[test]
fn alerts_are_listed_in_pages_those_that_are_open_first() {
    let tried = Tried::new(together(&["mail"]));
    let all: Vec<_> = (0..7).map(|n| down(&format!("a{n}"), 0)).collect();
    tried.note(&all, 0);
    tried.note(&[up("a1", 5), up("a3", 5)], 5);
    let mut keys = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = block_on(tried.alerts.list(after.as_deref(), 2)).unwrap();
        assert!(page.alerts.len() <= 2);
        keys.extend(page.alerts.iter().map(|seen| seen.key.clone()));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let names: Vec<&str> = keys.iter().map(|key| key.trim_start_matches("agent/")).collect();
    assert_eq!(names, ["a0", "a2", "a4", "a5", "a6", "a1", "a3"]);
    let seen = serde_json::to_value(&block_on(tried.alerts.list(None, 1)).unwrap().alerts[0]).unwrap();
    assert_eq!(seen["key"], "agent/a0");
    assert_eq!(
        (&seen["kind"], &seen["agent"], &seen["state"]),
        (&json!("agent"), &json!("a0"), &json!("open"))
    );
    assert_eq!(
        (&seen["severity"], &seen["since"]),
        (&json!("warning"), &json!("2026-06-01T12:00:00Z"))
    );
    assert_eq!(seen["id"].as_str().unwrap().len(), 12);
}
