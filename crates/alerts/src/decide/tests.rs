use std::collections::BTreeSet;

use cc_devops_kernel::names::AgentName;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::alert::AlertState;
use crate::condition::{ConditionKind, Severity};
use crate::message::MessageKind;
use crate::policy::Grouping;

fn at(minute: i64) -> Timestamp {
    let noon: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
    noon + SignedDuration::from_mins(minute)
}

fn condition(agent: &str, since: Timestamp) -> Condition {
    let mut condition = Condition::new(
        format!("agent/{agent}"),
        (ConditionKind::Agent, Severity::Warning),
        since,
        format!("{agent} is down"),
        String::new(),
    );
    condition.agent = Some(AgentName::new(agent).unwrap());
    condition
}

fn grouped() -> Route {
    Route {
        group_by: Grouping::Labels(Vec::new()),
        group_wait: SignedDuration::from_secs(30),
        group_interval: SignedDuration::from_mins(5),
        ..Route::plain(vec!["chat".to_owned()])
    }
}

fn opened(agent: &str, since: Timestamp, route: &Route) -> Alert {
    Alert::opened(None, &condition(agent, since), route, false, since)
        .unwrap()
        .0
}

fn resolved(alert: &Alert, when: Timestamp) -> Alert {
    alert.ended(when, "it is up again", AlertState::Resolved, when).unwrap()
}

struct Tried {
    policy: AlertPolicy,
    silences: Vec<Silence>,
    maintenance: Option<&'static str>,
    unsent: BTreeSet<String>,
    told_at: Option<Timestamp>,
}

impl Tried {
    fn new(route: &Route) -> Self {
        Self {
            policy: AlertPolicy {
                routes: vec![route.clone()],
                quiet_hours: Vec::new(),
                silences: Vec::new(),
                channels: vec!["chat".to_owned()],
            },
            silences: Vec::new(),
            maintenance: None,
            unsent: BTreeSet::new(),
            told_at: None,
        }
    }

    fn decide(&self, members: &[Alert], most: usize, now: Timestamp) -> Decision {
        let group = Group {
            list: "g-1",
            route: &self.policy.routes[0],
            labels: &[],
            told_at: self.told_at,
            members,
            unsent: &self.unsent,
        };
        let context = DecisionContext {
            policy: &self.policy,
            silences: &self.silences,
            maintenance: self.maintenance,
        };
        decide(&group, &context, most, now)
    }
}

fn messages(decision: &Decision) -> Vec<&Message> {
    match &decision.verdict {
        Verdict::Tell(notifications) => notifications.iter().map(|notification| &notification.message).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_same_decision_has_the_same_id_and_another_has_another() {
    let route = grouped();
    let tried = Tried::new(&route);
    let members = [opened("a", at(0), &route), opened("b", at(0), &route)];
    let one = tried.decide(&members, 100, at(1));
    let other = tried.decide(&members, 100, at(2));
    assert_eq!(
        messages(&one)[0].id,
        messages(&other)[0].id,
        "whoever decides it, and when"
    );
    let fewer = tried.decide(&members[..1], 100, at(1));
    assert_ne!(messages(&one)[0].id, messages(&fewer)[0].id);
    let up: Vec<Alert> = one.told.iter().map(|alert| resolved(alert, at(3))).collect();
    let up = tried.decide(&up, 100, at(9));
    assert_eq!(messages(&up)[0].kind, MessageKind::Up);
    assert_ne!(messages(&one)[0].id, messages(&up)[0].id);
}

#[test]
fn a_group_that_waits_says_until_when_and_why() {
    let route = grouped();
    let tried = Tried::new(&route);
    let members = [opened("a", at(0), &route)];
    let decision = tried.decide(&members, 100, at(0));
    assert_eq!(decision.verdict, Verdict::Hold(at(0) + SignedDuration::from_secs(30)));
    assert!(decision.reason.contains("waits for more"), "{}", decision.reason);
    assert_eq!(tried.decide(&[], 100, at(0)).verdict, Verdict::Nothing);
}

#[test]
fn a_message_that_was_not_sent_is_replaced_by_what_is_true() {
    let route = grouped();
    let mut tried = Tried::new(&route);
    let members = [opened("a", at(0), &route), opened("b", at(0), &route)];
    let first = tried.decide(&members, 100, at(1));
    let delivery = first.told[0].told["chat"].delivery.clone();
    tried.unsent.insert(delivery.clone());
    tried.told_at = Some(at(1));
    let members = [resolved(&first.told[0], at(2)), first.told[1].clone()];
    let second = tried.decide(&members, 100, at(8));
    assert_eq!(second.replaced, BTreeSet::from([delivery]));
    let all = messages(&second);
    assert_eq!(all.len(), 1, "{all:#?}");
    // b was never heard of on this channel: it is told with the end of a.
    assert_eq!(all[0].kind, MessageKind::Down);
    assert_eq!(all[0].count, Some(1));
    assert_eq!(all[0].new, Some(vec!["b".to_owned()]));
    let named: Vec<(&str, bool)> = all[0]
        .alerts
        .iter()
        .map(|named| (named.key.as_str(), named.open))
        .collect();
    assert_eq!(named, [("agent/b", true), ("agent/a", false)]);
    assert!(
        all[0].reason.contains("in place of a message that was not sent yet"),
        "{}",
        all[0].reason
    );
    assert_eq!(all[0].thread, first.told[0].thread.clone().unwrap());

    // Alone, one message tells both.
    let alone = [resolved(&first.told[0], at(2))];
    let told = tried.decide(&alone, 100, at(8));
    let message = messages(&told)[0];
    assert_eq!(message.kind, MessageKind::Up);
    assert!(
        message
            .reason
            .contains("it was down since 2026-06-01T12:00:00Z, for 2 min"),
        "{}",
        message.reason
    );
    assert_eq!(told.replaced.len(), 1);
}

#[test]
fn an_end_that_was_not_sent_is_taken_back_and_the_thread_goes_on() {
    let route = Route::plain(vec!["chat".to_owned()]);
    let mut tried = Tried::new(&route);
    let down = tried.decide(&[opened("a", at(0), &route)], 100, at(0));
    let up = tried.decide(&[resolved(&down.told[0], at(2))], 100, at(2));
    assert!(up.told[0].is_done());
    let (again, _) = Alert::opened(Some(&up.told[0]), &condition("a", at(3)), &route, false, at(3)).unwrap();
    assert_ne!(again.id, down.told[0].id, "it is another alert");
    let sent = tried.decide(std::slice::from_ref(&again), 100, at(3));
    assert_eq!(messages(&sent)[0].thread, messages(&sent)[0].id);
    tried.unsent.insert(up.told[0].told["chat"].delivery.clone());
    let held = tried.decide(&[again], 100, at(3));
    assert_eq!(messages(&held)[0].kind, MessageKind::Down);
    assert_eq!(
        messages(&held)[0].thread,
        messages(&down)[0].id,
        "who read the first still has that open"
    );
    assert_eq!(held.replaced.len(), 1);
}

#[test]
fn what_is_too_much_for_one_message_follows_in_the_next() {
    let route = grouped();
    let tried = Tried::new(&route);
    let members: Vec<Alert> = (0..250).map(|n| opened(&format!("a{n:03}"), at(0), &route)).collect();
    let first = tried.decide(&members, 100, at(1));
    assert_eq!(first.told.len(), 100);
    assert!(first.others.is_empty(), "the others stay due as they are");
    let message = messages(&first)[0];
    assert_eq!(
        (message.new.as_ref().map(Vec::len), message.alerts.len()),
        (Some(100), 100)
    );
    let rest = Tried {
        told_at: Some(at(1)),
        ..Tried::new(&route)
    };
    let mut left = members.clone();
    left[..100].clone_from_slice(&first.told);
    let second = rest.decide(&left, 1_000, at(1));
    assert_eq!(second.told.len(), 150, "at once, and not after the interval");
    assert_eq!(messages(&second)[0].count, Some(250));
}

#[test]
fn ten_thousand_at_one_instant_are_one_message_of_bounded_size() {
    let route = grouped();
    let tried = Tried::new(&route);
    let mut members: Vec<Alert> = (0..10_000)
        .map(|n| opened(&format!("agent-{n:05}"), at(0), &route))
        .collect();
    for alert in &mut members {
        alert.condition.text = "long ".repeat(4_000);
        alert.condition.body = Some("\u{1}".repeat(10_000));
        alert.condition.title = "\u{1f600}".repeat(125);
    }
    let decision = tried.decide(&members, 50_000, at(1));
    let all = messages(&decision);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].count, Some(10_000));
    assert_eq!(all[0].left_out + u64::try_from(all[0].alerts.len()).unwrap(), 10_000);
    assert!(
        all[0]
            .title
            .starts_with("10000 agents are down: agent-00000, agent-00001, agent-00002 and 9997 more")
    );
    let size = serde_json::to_string(all[0]).unwrap().len();
    assert!(size < 290_000, "{size}");
}

#[test]
fn what_gets_worse_is_told_and_what_gets_better_is_not() {
    let route = Route::plain(vec!["chat".to_owned()]);
    let tried = Tried::new(&route);
    let told = tried.decide(&[opened("a", at(0), &route)], 100, at(0)).told.remove(0);
    let with = |severity| Condition {
        severity,
        ..condition("a", at(1))
    };
    let (worse, look) = Alert::opened(Some(&told), &with(Severity::Critical), &route, false, at(1)).unwrap();
    assert!(look);
    assert_eq!(worse.condition.since, at(0), "it keeps its beginning");
    let decision = tried.decide(&[worse], 100, at(1));
    assert!(messages(&decision)[0].reason.contains("its severity is critical now"));
    let (better, look) = Alert::opened(Some(&told), &with(Severity::Info), &route, false, at(1)).unwrap();
    assert!(!look);
    assert_eq!(tried.decide(&[better], 100, at(1)).verdict, Verdict::Nothing);
}

#[test]
fn what_comes_late_or_twice_changes_nothing() {
    let route = Route::plain(vec!["chat".to_owned()]);
    let alert = opened("a", at(0), &route);
    assert_eq!(
        Alert::opened(Some(&alert), &condition("a", at(5)), &route, false, at(5)),
        None,
        "it is open already"
    );
    assert_eq!(
        alert.ended(at(-1), "", AlertState::Resolved, at(5)),
        None,
        "it had not begun"
    );
    let over = resolved(&alert, at(10));
    assert_eq!(over.ended(at(11), "", AlertState::Closed, at(11)), None);
    assert_eq!(
        Alert::opened(Some(&over), &condition("a", at(9)), &route, false, at(12)),
        None,
        "that was before its end"
    );
    assert!(Alert::opened(Some(&over), &condition("a", at(10)), &route, false, at(12)).is_some());
}

#[test]
fn maintenance_mode_silences_nothing_and_every_message_says_so() {
    let route = Route::plain(vec!["chat".to_owned()]);
    let tried = Tried {
        maintenance: Some("the database moves"),
        ..Tried::new(&route)
    };
    let decision = tried.decide(&[opened("a", at(0), &route)], 100, at(0));
    assert_eq!(
        messages(&decision)[0].maintenance.as_deref(),
        Some("the database moves")
    );
}

#[test]
fn a_silence_that_people_made_holds_what_it_matches_and_nothing_before_it_begins() {
    let route = Route::plain(vec!["chat".to_owned()]);
    let silence = |from, to| Silence {
        id: "s".to_owned(),
        matches: Match::of([("agent".to_owned(), "a".to_owned())]),
        from,
        to,
        reason: "new disks".to_owned(),
        by: "ana".to_owned(),
    };
    let tried = Tried {
        silences: vec![silence(at(0), at(60))],
        ..Tried::new(&route)
    };
    let members = [opened("a", at(10), &route)];
    let held = tried.decide(&members, 100, at(10));
    assert_eq!(held.verdict, Verdict::Hold(at(60)));
    assert!(held.reason.contains("new disks"), "{}", held.reason);
    assert_eq!(messages(&tried.decide(&held.others, 100, at(60))).len(), 1);
    assert_eq!(
        messages(&tried.decide(&[opened("b", at(10), &route)], 100, at(10))).len(),
        1
    );
    let tried = Tried {
        silences: vec![silence(at(20), at(60))],
        ..Tried::new(&route)
    };
    assert_eq!(messages(&tried.decide(&members, 100, at(10))).len(), 1);
}

#[test]
fn a_route_that_is_gone_tells_the_end_and_nothing_new() {
    let route = Route::plain(vec!["chat".to_owned()]);
    let told = Tried::new(&route)
        .decide(&[opened("a", at(0), &route)], 100, at(0))
        .told
        .remove(0);
    let gone = Tried::new(&Route::gone("plain"));
    assert_eq!(
        gone.decide(&[opened("b", at(0), &route)], 100, at(0)).verdict,
        Verdict::Nothing
    );
    let end = gone.decide(&[resolved(&told, at(1))], 100, at(1));
    let Verdict::Tell(notifications) = &end.verdict else {
        panic!("{end:?}")
    };
    assert_eq!(notifications[0].channels, ["chat"]);
    assert_eq!(notifications[0].message.kind, MessageKind::Up);
}

#[test]
fn what_others_sent_cannot_make_a_message_too_large_to_be_kept() {
    let route = Route::plain(vec!["chat".to_owned()]);
    let said = Condition {
        text: "\u{1}".repeat(50_000),
        body: Some("\u{1}".repeat(50_000)),
        title: "\u{1f600}".repeat(5_000),
        ..condition("a", at(0))
    };
    let (alert, _) = Alert::opened(None, &said, &route, false, at(0)).unwrap();
    let kept = alert.change(0).unwrap().content.unwrap().body.len();
    assert!(kept < 200_000, "{kept}");
    let decision = Tried::new(&route).decide(&[alert], 100, at(0));
    let size = serde_json::to_string(messages(&decision)[0]).unwrap().len();
    assert!(size < 200_000, "{size}");
}
