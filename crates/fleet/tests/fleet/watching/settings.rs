//! What settings and pauses do.

use cc_devops_alerts::Severity;
use cc_devops_fleet::schedule::Schedule;
use cc_devops_fleet::watch::{Keywords, Reason, ReceivedSignal, Signal, Status, WatchSettings};
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::ports::{Clock, PortErrorKind};
use jiff::SignedDuration;

use crate::watching::world::{World, agent, say, time};

#[tokio::test]
async fn what_does_not_count_by_the_settings_is_kept_and_changes_nothing() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    let settings = WatchSettings {
        post_only: true,
        keywords: Keywords {
            success: vec!["done".to_owned()],
            failure: vec!["ERROR".to_owned()],
            start: vec!["begin".to_owned()],
        },
        ..WatchSettings::default()
    };
    watching.set(&writer, Some(settings), Actor::Operator).await.unwrap();
    let at = world.at("10:00:00");
    let says = |how: &str, body: &str| ReceivedSignal {
        how: Some(how.to_owned()),
        body: Some(body.as_bytes().to_vec()),
        ..ReceivedSignal::new(at, Signal::Success)
    };
    let cases = [
        ("GET", "done", true, Status::New),
        ("HEAD", "", true, Status::New),
        ("POST", "nothing of it", true, Status::New),
        ("POST", "", true, Status::New),
        ("POST", "begin", false, Status::New),
        ("POST", "all done", false, Status::Up),
        ("POST", "done, with an ERROR", false, Status::Down),
        ("POST", "error", true, Status::Down),
    ];
    for (how, body, ignored, status) in cases {
        let taken = watching.heard(&writer, says(how, body)).await.unwrap();
        assert_eq!((taken.ignored, taken.status), (ignored, status), "{how} {body}");
    }
    let pings = watching.pings(&writer).await.unwrap();
    let kept: Vec<_> = pings.iter().rev().map(|ping| (ping.signal, ping.ignored)).collect();
    assert_eq!(
        kept[4..7],
        [
            (Signal::Start, false),
            (Signal::Success, false),
            (Signal::Failure, false)
        ]
    );
}

#[tokio::test]
async fn pausing_closes_what_is_open_and_says_by_whom_and_settings_end_no_pause() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    say(&world, &watching, &writer, "10:00:00", Signal::Failure).await;
    world.told();
    world.at("10:00:30");
    watching.pause(&writer, "ana", Actor::Operator).await.unwrap();
    watching.pause(&writer, "ben", Actor::Operator).await.unwrap();
    assert_eq!(world.told(), ["agent/Writer closed 2026-06-01T10:00:30Z paused by ana"]);
    let sticky = WatchSettings {
        sticky_pause: true,
        severity: Severity::Critical,
        ..WatchSettings::default()
    };
    for _ in 0..2 {
        watching
            .set(&writer, Some(sticky.clone()), Actor::Operator)
            .await
            .unwrap();
    }
    let taken = say(&world, &watching, &writer, "10:01:00", Signal::Failure).await;
    assert_eq!((taken.status, taken.next_look), (Status::Paused, None));
    watching.resume(&writer, "ana", Actor::Operator).await.unwrap();
    let seen = watching.watched(&writer, world.now()).await.unwrap().unwrap();
    assert_eq!((seen.state.status, seen.due), (Status::New, Some(time("10:06:00"))));
    assert_eq!(world.told(), [""; 0]);
    let by: Vec<_> = watching
        .history(&writer, None, 2)
        .await
        .unwrap()
        .flips
        .into_iter()
        .map(|flip| flip.by)
        .collect();
    assert_eq!(by, [Some("ana".to_owned()), Some("ana".to_owned())]);
    assert_eq!(
        *world.audited.lock().unwrap(),
        [
            "agent.paused",
            "agent.paused",
            "agent.watch_set",
            "agent.watch_set",
            "agent.resumed"
        ]
    );
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_all_at_once() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    let settings = WatchSettings {
        grace: SignedDuration::from_secs(-1),
        max_runtime: Some(SignedDuration::ZERO),
        tags: [("kind".to_owned(), "x".to_owned()), ("a b".to_owned(), String::new())].into(),
        ..WatchSettings::default()
    };
    let refused = watching.set(&writer, Some(settings), Actor::Operator).await;
    let Err(ActError::Refused(failure)) = refused else {
        panic!("{refused:?}");
    };
    for part in [
        "the grace",
        "the time limit",
        "called kind",
        "\"a b\"",
        "the tag a b needs",
    ] {
        assert!(failure.message.contains(part), "{part}: {}", failure.message);
    }
    let nobody = watching.pause(&agent("Nobody"), "ana", Actor::Operator).await;
    assert!(matches!(nobody, Err(ActError::Port(error)) if error.kind == PortErrorKind::NotFound));
}

#[tokio::test]
async fn other_settings_judge_the_last_heartbeat_anew() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    say(&world, &watching, &writer, "10:00:00", Signal::Success).await;
    watching.awake(world.at("10:00:40")).await.unwrap();
    let by = |seconds: i64| WatchSettings {
        schedule: Schedule::period(SignedDuration::from_secs(seconds)).unwrap(),
        ..WatchSettings::default()
    };
    watching.set(&writer, Some(by(60)), Actor::Operator).await.unwrap();
    let seen = watching.watched(&writer, world.now()).await.unwrap().unwrap();
    assert_eq!(seen.due, Some(time("10:01:00")));
    // By these it would have been late already, which is nobody's fault.
    watching.set(&writer, Some(by(30)), Actor::Operator).await.unwrap();
    let seen = watching.watched(&writer, world.now()).await.unwrap().unwrap();
    assert_eq!((seen.state.status, seen.due), (Status::Up, Some(time("10:01:10"))));
    watching.awake(world.at("10:01:20")).await.unwrap();
    watching.sweep(world.now(), 10).await.unwrap();
    watching.set(&writer, None, Actor::Operator).await.unwrap();
    let seen = watching.watched(&writer, world.now()).await.unwrap().unwrap();
    assert_eq!(
        (seen.state.status, seen.due, seen.is_own),
        (Status::Up, Some(time("10:05:00")), false)
    );
    assert_eq!(
        watching.history(&writer, None, 1).await.unwrap().flips[0].reason,
        Reason::Set
    );
}
