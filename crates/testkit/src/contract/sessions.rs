//! The contract of people's sessions with the dashboard.

use cc_devops_fleet::sessions::{IDLE, LINK_LASTS, LONGEST, SessionSecret, Sessions};
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::audit::{AuditFilter, actions};
use cc_devops_kernel::ports::{Content, RecordKey, RecordKind, StateChange};
use cc_devops_requests::ports::Ports;
use jiff::{SignedDuration, Timestamp};

use super::retention::forget;
use crate::sample::{self, AGENT, OTHER_AGENT, START};

/// Sessions end when they are not used, in any case after a while, and when they are ended; a link begins one once.
pub(super) async fn sessions(fresh: impl AsyncFn() -> Ports) {
    a_session_goes_on_while_it_is_used(&fresh().await).await;
    a_session_ends_however_much_it_is_used(&fresh().await).await;
    who_ends_a_session_ends_no_other(&fresh().await).await;
    of_all_who_follow_a_link_one_is_first(&fresh().await).await;
    a_link_is_good_for_a_while(&fresh().await).await;
    what_somebody_else_wrote_is_no_session(&fresh().await).await;
    what_has_ended_is_forgotten(&fresh().await).await;
}

fn of(ports: &Ports) -> Sessions<'_> {
    Sessions {
        state: &*ports.state,
        key: [8; 32],
    }
}

fn person(name: &str) -> Agent {
    Agent {
        role: Role::Admin,
        ..sample::agent(name).agent
    }
}

fn secret(number: u8) -> SessionSecret {
    SessionSecret::from_random([number; 32])
}

fn at(span: SignedDuration) -> Timestamp {
    START.checked_add(span).unwrap()
}

fn just_before(span: SignedDuration) -> Timestamp {
    at(span).checked_sub(SignedDuration::from_secs(1)).unwrap()
}

async fn begin(ports: &Ports, name: &str, number: u8) {
    let token = sample::token(number).hash;
    let begun = of(ports).begin(&person(name), &token, &secret(number), START).await;
    begun.unwrap();
}

/// The acts on record, by name.
async fn acts(ports: &Ports) -> Vec<String> {
    let rows = ports.audit.list(&AuditFilter::default(), None, 100).await.unwrap();
    let mut acts: Vec<_> = rows.items.into_iter().map(|row| row.entry.action).collect();
    acts.sort();
    acts
}

async fn a_session_goes_on_while_it_is_used(ports: &Ports) {
    let sessions = of(ports);
    begin(ports, AGENT, 1).await;
    let found = sessions.find(&secret(1), just_before(IDLE)).await.unwrap().unwrap();
    assert_eq!(
        (found.agent.as_str(), found.role, found.token, found.begun),
        (AGENT, Role::Admin, sample::token(1).hash, START)
    );
    assert_eq!(found.ends, just_before(IDLE * 2), "it was used");
    let looked = sessions.look(&secret(1), at(IDLE)).await.unwrap().unwrap();
    assert_eq!(looked, found, "to look at it is no use");
    assert!(sessions.find(&secret(1), at(IDLE)).await.unwrap().is_some());
    assert!(
        sessions.find(&secret(1), at(IDLE * 2)).await.unwrap().is_none(),
        "it was not used for too long"
    );
    assert!(sessions.find(&secret(2), START).await.unwrap().is_none(), "nobody's");
    assert_eq!(acts(ports).await, [actions::SESSION_BEGUN], "to use it is no act");

    let kept = ports
        .state
        .list(RecordKind::Session, Some(AGENT), None, 10)
        .await
        .unwrap();
    let kept = format!("{kept:?}");
    assert!(!kept.contains(secret(1).expose()), "only its hash is kept: {kept}");
    // The small uses between are not written down.
    begin(ports, AGENT, 3).await;
    let version = async || {
        let all = ports.state.list(RecordKind::Session, None, None, 10).await.unwrap();
        all.into_iter().map(|record| record.version).min()
    };
    for minute in 0..9 {
        let now = at(SignedDuration::from_mins(minute));
        assert!(sessions.find(&secret(3), now).await.unwrap().is_some());
    }
    assert_eq!(version().await, Some(1));
}

async fn a_session_ends_however_much_it_is_used(ports: &Ports) {
    let sessions = of(ports);
    begin(ports, AGENT, 1).await;
    let mut now = START;
    while now < at(LONGEST) {
        let found = sessions.find(&secret(1), now).await.unwrap();
        assert!(found.is_some_and(|session| session.ends <= at(LONGEST)), "{now}");
        now = now.checked_add(SignedDuration::from_hours(11)).unwrap();
    }
    assert!(sessions.find(&secret(1), just_before(LONGEST)).await.unwrap().is_some());
    assert!(sessions.find(&secret(1), at(LONGEST)).await.unwrap().is_none());
}

async fn who_ends_a_session_ends_no_other(ports: &Ports) {
    let sessions = of(ports);
    begin(ports, AGENT, 1).await;
    begin(ports, OTHER_AGENT, 2).await;
    let used = at(SignedDuration::from_hours(1));
    // It is used and ended at the same time: whoever comes first, it has ended in the end, once.
    let first = secret(1);
    let (found, ended, again, used_too) = tokio::join!(
        sessions.find(&first, used),
        sessions.end(&first, used),
        sessions.end(&first, used),
        sessions.find(&first, used),
    );
    ended.unwrap();
    again.unwrap();
    drop((found.unwrap(), used_too.unwrap()));
    assert!(sessions.find(&first, used).await.unwrap().is_none());
    sessions.end(&first, used).await.unwrap();
    assert!(sessions.find(&secret(2), used).await.unwrap().is_some());
    assert_eq!(
        acts(ports).await,
        [actions::SESSION_BEGUN, actions::SESSION_BEGUN, actions::SESSION_ENDED]
    );
}

async fn of_all_who_follow_a_link_one_is_first(ports: &Ports) {
    let (sessions, ana) = (of(ports), person(AGENT));
    let token = sample::token(1).hash;
    let ends = sessions.make_link(&ana, &token, &secret(9), START).await.unwrap();
    assert_eq!(ends, at(LINK_LASTS));
    assert!(
        sessions.find(&secret(9), START).await.unwrap().is_none(),
        "a link is no session"
    );
    let link = async || sessions.find_link(&secret(9), START).await.unwrap();
    let (one, other) = (link().await.unwrap(), link().await.unwrap());
    assert_eq!((one.agent.as_str(), one.role, one.token), (AGENT, Role::Admin, token));
    let (mine, theirs) = (secret(1), secret(2));
    let (first, second) = tokio::join!(
        sessions.follow(one, &ana, &mine, START),
        sessions.follow(other, &ana, &theirs, START),
    );
    assert!(first.unwrap() != second.unwrap(), "one of them");
    assert_eq!(link().await, None, "it is used up");
    let mine = sessions.find(&mine, START).await.unwrap();
    let theirs = sessions.find(&theirs, START).await.unwrap();
    assert!(mine.is_some() != theirs.is_some());
    assert_eq!(mine.or(theirs).unwrap().token, token, "it is bound to the link's token");
    assert_eq!(
        acts(ports).await,
        [actions::SESSION_BEGUN, actions::SESSION_LINK_MADE],
        "each act once"
    );
}

async fn a_link_is_good_for_a_while(ports: &Ports) {
    let sessions = of(ports);
    let token = sample::token(1).hash;
    sessions
        .make_link(&person(AGENT), &token, &secret(9), START)
        .await
        .unwrap();
    let found = sessions.find_link(&secret(9), just_before(LINK_LASTS)).await.unwrap();
    assert!(found.is_some());
    assert_eq!(sessions.find_link(&secret(9), at(LINK_LASTS)).await.unwrap(), None);
    assert_eq!(sessions.find_link(&secret(8), START).await.unwrap(), None, "nobody's");
    let kept = ports.state.list(RecordKind::SessionLink, None, None, 10).await.unwrap();
    assert!(
        !format!("{kept:?}").contains(secret(9).expose()),
        "only its hash is kept"
    );
}

async fn what_has_ended_is_forgotten(ports: &Ports) {
    let sessions = of(ports);
    begin(ports, AGENT, 1).await;
    begin(ports, AGENT, 2).await;
    let token = sample::token(1).hash;
    sessions
        .make_link(&person(AGENT), &token, &secret(9), START)
        .await
        .unwrap();
    let used = at(SignedDuration::from_hours(1));
    assert!(sessions.find(&secret(2), used).await.unwrap().is_some());
    forget(ports, at(IDLE + SignedDuration::from_mins(1)), 10).await;
    if ports.retention.ends_by_itself() {
        return;
    }
    let left = async |kind| ports.state.list(kind, None, None, 10).await.unwrap();
    assert_eq!(left(RecordKind::SessionLink).await, []);
    let sessions_left = left(RecordKind::Session).await;
    assert_eq!(sessions_left.len(), 1, "the one that was used goes on");
}

async fn what_somebody_else_wrote_is_no_session(ports: &Ports) {
    let sessions = of(ports);
    begin(ports, AGENT, 1).await;
    sessions
        .make_link(&person(AGENT), &sample::token(1).hash, &secret(9), START)
        .await
        .unwrap();
    // Under another key; with another owner, role, token or time; under another name.
    let stranger = Sessions {
        key: [9; 32],
        ..sessions
    };
    assert!(stranger.find(&secret(1), START).await.unwrap().is_none());
    assert_eq!(stranger.find_link(&secret(9), START).await.unwrap(), None);
    for (before, after) in [
        (r#""agent":"ContentOrchestrator""#, r#""agent":"CostSentinel""#),
        (r#""role":"admin""#, r#""role":"observer""#),
        (r#""token":"f"#, r#""token":"e"#),
        (r#""token":""#, r#""token":"0"#),
        (r#""used":""#, r#""used":"3000-01-01T00:00:00Z","was":""#),
        (r#""code":""#, r#""code":"00"#),
    ] {
        let record = ports
            .state
            .list(RecordKind::Session, None, None, 1)
            .await
            .unwrap()
            .remove(0);
        let body = record.content.body.replacen(before, after, 1);
        if body == record.content.body {
            continue;
        }
        let forged = StateChange {
            key: RecordKey::new(RecordKind::Session, &record.key.name),
            version: record.version,
            content: Some(Content {
                body,
                ..record.content.clone()
            }),
        };
        ports.state.write(&[forged], None).await.unwrap();
        let found = sessions.find(&secret(1), START).await;
        assert!(!matches!(found, Ok(Some(_))), "{after}: {found:?}");
        let back = StateChange {
            key: record.key,
            version: record.version + 1,
            content: Some(record.content),
        };
        ports.state.write(&[back], None).await.unwrap();
        assert!(sessions.find(&secret(1), START).await.unwrap().is_some());
    }
    let link = ports
        .state
        .list(RecordKind::SessionLink, None, None, 1)
        .await
        .unwrap()
        .remove(0);
    let name = ports
        .state
        .list(RecordKind::Session, None, None, 1)
        .await
        .unwrap()
        .remove(0);
    let as_session = StateChange {
        key: name.key,
        version: name.version,
        content: Some(link.content),
    };
    ports.state.write(&[as_session], None).await.unwrap();
    assert!(
        sessions.find(&secret(1), START).await.unwrap().is_none(),
        "a link's record is no session's"
    );
}
