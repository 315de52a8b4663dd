//! From conditions to messages, over a store.

use std::sync::atomic::Ordering;
use std::time::Instant;

use cc_devops_alerts::{ConditionChange, MessageKind, Severity};
use cc_devops_kernel::ports::{PortErrorKind, RecordKind, StateChange, StateStore};
use futures::executor::block_on;

use crate::services::store::*;

#[test]
fn a_condition_is_told_once_and_its_end_too() {
    let tried = Tried::new(plain(&["mail", "chat"]));
    tried.note(&[down("a", 0)], 0);
    assert_eq!(tried.turn(0), 1);
    let sent = tried.send();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].message.id, sent[1].message.id, "one decision, one id");
    assert_eq!(
        sent.iter()
            .map(|one| one.message.channel.as_deref())
            .collect::<Vec<_>>(),
        [Some("chat"), Some("mail")]
    );
    // Said again, it is no news; the end of what is not open is none either.
    tried.note(&[down("a", 60), up("b", 60)], 60);
    assert_eq!(tried.turn(60), 0);
    tried.note(&[up("a", 120)], 120);
    assert_eq!(tried.turn(120), 1);
    assert_eq!(tried.turn(121), 0);
    let sent = tried.send();
    assert_eq!((sent.len(), sent[0].message.kind), (2, MessageKind::Up));
    assert_eq!(tried.records(RecordKind::Alert).len(), 1, "the last alert is kept");
    let later = 91 * 86_400;
    assert_eq!(tried.turn(later), 0);
    assert!(
        tried.records(RecordKind::Alert).is_empty(),
        "and forgotten after a while"
    );
}

#[test]
fn what_gave_rise_to_it_and_the_alert_are_one_write() {
    let tried = Tried::new(together(&["mail"]));
    let changes = block_on(tried.conditions.changes(&[down("a", 0), down("b", 0)], at(0))).unwrap();
    assert_eq!(changes.len(), 3, "an alert each, and the group that begins");
    assert!(tried.records(RecordKind::Alert).is_empty(), "nothing is written yet");
    block_on(tried.store.write(&changes, None)).unwrap();
    let error = block_on(tried.store.write(&changes, None)).unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Superseded);
    let more = block_on(tried.conditions.changes(&[down("c", 1), up("a", 1)], at(1))).unwrap();
    assert_eq!(more.len(), 2, "the group's own record is not fought for");
}

#[test]
fn two_servers_on_one_store_tell_once() {
    let one = Tried::new(together(&["mail"]));
    let other = Tried::over(one.store.clone(), together(&["mail"]));
    one.note(&[down("a", 0)], 0);
    other.note(&[down("a", 0), down("b", 0)], 0);
    assert_eq!(one.turn(10) + other.turn(10), 1);
    assert_eq!(one.send().len(), 1);
    // Beaten to the write, it is left to whoever was faster, and told by the next turn where nobody was.
    one.note(&[down("c", 20)], 20);
    one.store.beaten.store(1, Ordering::SeqCst);
    assert_eq!(one.turn(400), 0);
    assert_eq!(one.turn(401), 1);
}

#[test]
fn a_note_that_meets_anothers_is_tried_again() {
    let tried = Tried::new(plain(&["mail"]));
    tried.store.beaten.store(3, Ordering::SeqCst);
    tried.note(&[down("a", 0)], 0);
    assert_eq!(tried.turn(0), 1);
}

#[test]
fn a_channel_that_is_held_gets_one_message_that_tells_both() {
    let tried = Tried::new(plain(&["chat", "mail"]));
    tried.note(&[down("a", 0)], 0);
    tried.turn(0);
    // Mail is sent; chat answers 429.
    let records = tried.records(RecordKind::Delivery);
    let mail = records
        .iter()
        .find(|record| record.content.list.as_deref() == Some("mail"))
        .unwrap();
    let sent = StateChange {
        key: mail.key.clone(),
        version: mail.version,
        content: None,
    };
    block_on(tried.store.write(&[sent], None)).unwrap();
    tried.note(&[up("a", 20)], 20);
    assert_eq!(tried.turn(20), 1);
    let waiting = tried.waiting();
    let of = |channel: &str| waiting.iter().filter(|one| one.channel == channel).collect::<Vec<_>>();
    assert_eq!((of("chat").len(), of("mail").len()), (1, 1));
    let both = &of("chat")[0];
    assert_eq!(both.message.kind, MessageKind::Up);
    assert!(
        both.message
            .reason
            .contains("it was down since 2026-06-01T12:00:00Z, for 20 s"),
        "{}",
        both.message.reason
    );
    assert_eq!(both.first_at, at(0), "it has waited since the first");
    // Down again before that was sent: what waits says that, and only that.
    tried.note(&[down("a", 30)], 30);
    tried.turn(30);
    let waiting = tried.waiting();
    let chat: Vec<MessageKind> = waiting
        .iter()
        .filter(|one| one.channel == "chat")
        .map(|one| one.message.kind)
        .collect();
    assert_eq!(chat, [MessageKind::Down]);
}

#[test]
fn what_is_decided_at_one_instant_is_sent_in_its_order() {
    let tried = Tried::new(plain(&["chat"]));
    for _ in 0..3 {
        tried.note(&[down("a", 0)], 0);
        tried.turn(0);
        // Nothing was sent yet: what is true takes the place of what was.
        tried.note(&[up("a", 0)], 0);
        tried.turn(0);
    }
    assert_eq!(tried.waiting().len(), 1);
    assert_eq!(tried.send()[0].message.kind, MessageKind::Up);
}

#[test]
fn ten_thousand_at_one_instant_are_told_in_one_message_within_a_second() {
    let tried = Tried::new(together(&["mail", "chat"]));
    let changes: Vec<ConditionChange> = (0..10_000).map(|n| down(&format!("agent-{n:05}"), 0)).collect();
    let begin = Instant::now();
    tried.note(&changes, 0);
    let noted = begin.elapsed();
    assert_eq!(tried.turn(9), 0);
    assert_eq!(tried.turn(10), 1);
    let told = begin.elapsed();
    let sent = tried.waiting();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].message.count, Some(10_000));
    let wrote: Vec<usize> = tried
        .store
        .writes
        .lock()
        .unwrap()
        .iter()
        .copied()
        .filter(|changes| *changes > 1)
        .collect();
    assert_eq!(wrote.len(), 2, "one write notes them, one tells them: {wrote:?}");
    // A debug build on a busy machine: the figure that counts is the benchmark's.
    assert!(told.as_secs() < 20, "noted {noted:?}, told {told:?}");
    tried.send();
    let ups: Vec<ConditionChange> = (0..10_000).map(|n| up(&format!("agent-{n:05}"), 60)).collect();
    tried.note(&ups, 60);
    assert_eq!(tried.turn(400), 1);
    let sent = tried.send();
    assert_eq!(
        (sent[0].message.kind, sent[0].message.count),
        (MessageKind::Up, Some(0))
    );
    assert!(
        tried.records(RecordKind::Group).is_empty(),
        "nothing is left of the group"
    );
}

#[test]
fn a_store_with_small_transactions_tells_in_several_messages() {
    let tried = Tried::new(together(&["mail", "chat"]));
    tried.store.most.store(100, Ordering::SeqCst);
    let changes: Vec<ConditionChange> = (0..250).map(|n| down(&format!("agent-{n:03}"), 0)).collect();
    tried.note(&changes, 0);
    let told = tried.turn(10);
    assert!((3..=5).contains(&told), "{told}");
    let sent = tried.send();
    assert_eq!(sent.len(), told * 2);
    let new: usize = sent
        .iter()
        .filter(|one| one.channel == "chat")
        .map(|one| one.message.new.as_ref().unwrap().len())
        .sum();
    assert_eq!(new, 250, "each is told once");
    assert_eq!(sent.last().unwrap().message.count, Some(250));
    assert_eq!(tried.turn(11), 0);
}

#[test]
fn nobody_is_told_of_what_came_and_went_before_the_group_was() {
    let tried = Tried::new(together(&["mail"]));
    tried.note(&[down("a", 0)], 0);
    tried.note(&[up("a", 5)], 5);
    assert_eq!(tried.turn(10), 0);
    assert!(tried.waiting().is_empty());
}

#[test]
fn an_alert_whose_route_is_gone_takes_the_one_it_has_now() {
    let tried = Tried::new(together(&["mail"]));
    tried.note(&[down("a", 0)], 0);
    let later = Tried::over(tried.store.clone(), plain(&["chat"]));
    assert_eq!(later.turn(10), 1);
    assert_eq!(later.send()[0].channel, "chat");
    later.note(&[up("a", 20)], 20);
    assert_eq!(later.turn(20), 1);
}

#[test]
fn who_was_told_by_a_route_that_is_gone_is_told_the_end() {
    let tried = Tried::new(together(&["mail"]));
    tried.note(&[down("a", 0)], 0);
    tried.turn(10);
    tried.send();
    let mut policy = plain(&["chat"]);
    policy.channels.push("mail".to_owned());
    let later = Tried::over(tried.store.clone(), policy);
    later.note(&[up("a", 600)], 600);
    assert_eq!(later.turn(600), 1);
    let sent = later.send();
    assert_eq!(
        (sent.len(), sent[0].channel.as_str(), sent[0].message.kind),
        (1, "mail", MessageKind::Up)
    );
}

#[test]
fn a_severity_that_rises_is_told_and_a_text_that_changes_is_not() {
    let tried = Tried::new(plain(&["mail"]));
    tried.note(&[down("a", 0)], 0);
    tried.turn(0);
    tried.send();
    let mut worse = condition("a", 5);
    worse.text = "more is known".to_owned();
    tried.note(&[worse.clone().opened()], 5);
    assert_eq!(tried.turn(5), 0);
    worse.severity = Severity::Critical;
    tried.note(&[worse.opened()], 6);
    assert_eq!(tried.turn(6), 1);
    let sent = tried.send();
    assert_eq!(
        (sent[0].message.severity, sent[0].message.since),
        (Severity::Critical, at(0))
    );
    assert_eq!(sent[0].message.alerts[0].text, "more is known");
}

#[test]
fn a_turn_says_when_the_next_has_something_to_do() {
    let tried = Tried::new(together(&["mail"]));
    assert_eq!(block_on(tried.notifier.turn(at(0))).unwrap().next, None);
    tried.note(&[down("a", 3)], 3);
    let turn = block_on(tried.notifier.turn(at(4))).unwrap();
    assert_eq!((turn.told, turn.next), (0, Some(at(13))));
}

#[test]
fn a_channel_that_is_gone_is_told_nothing_any_more() {
    let tried = Tried::new(plain(&["chat", "mail"]));
    tried.note(&[down("a", 0)], 0);
    tried.turn(0);
    tried.send();
    let later = Tried::over(tried.store.clone(), plain(&["chat"]));
    later.note(&[up("a", 60)], 60);
    assert_eq!(later.turn(60), 1);
    let sent = later.send();
    assert_eq!((sent.len(), sent[0].channel.as_str()), (1, "chat"));
}

#[test]
fn what_is_open_is_looked_at_again_when_the_policy_changed() {
    let tried = Tried::new(plain(&["chat"]));
    tried.note(&[down("a", 0)], 0);
    tried.turn(0);
    tried.send();
    let mut policy = plain(&["chat"]);
    policy.routes[0].remind = Some(jiff::SignedDuration::from_hours(1));
    let later = Tried::over(tried.store.clone(), policy.clone());
    assert_eq!(later.turn(60), 0);
    let same = Tried::over(tried.store.clone(), policy);
    let writes = same.store.writes.lock().unwrap().len();
    assert_eq!(same.turn(61), 0);
    assert_eq!(
        same.store.writes.lock().unwrap().len(),
        writes,
        "it did not change since"
    );
    assert_eq!(same.turn(3_600), 1);
    assert_eq!(same.send()[0].message.kind, MessageKind::Reminder);
}

#[test]
fn how_long_the_oldest_message_waits_is_known() {
    let tried = Tried::new(plain(&["chat"]));
    assert_eq!(block_on(tried.alerts.oldest_unsent()).unwrap(), None);
    tried.note(&[down("a", 0)], 0);
    tried.turn(0);
    tried.note(&[up("a", 60)], 60);
    tried.turn(60);
    assert_eq!(
        block_on(tried.alerts.oldest_unsent()).unwrap(),
        Some(at(0)),
        "what it took the place of waited longer"
    );
    tried.send();
    assert_eq!(block_on(tried.alerts.oldest_unsent()).unwrap(), None);
}

#[test]
fn an_alert_that_cannot_be_read_keeps_nobody_from_being_told_of_the_rest() {
    let tried = Tried::new(plain(&["chat"]));
    tried.note(&[down("a", 0), down("b", 0)], 0);
    let mut record = tried.records(RecordKind::Alert).remove(0);
    record.content.body = "{".to_owned();
    let change = StateChange {
        key: record.key,
        version: record.version,
        content: Some(record.content),
    };
    block_on(tried.store.write(&[change], None)).unwrap();
    let error = block_on(tried.notifier.turn(at(0))).unwrap_err();
    assert!(error.message.contains("agent/a"), "{error}");
    assert_eq!(tried.send()[0].message.agent.as_ref().unwrap().as_str(), "b");
}
