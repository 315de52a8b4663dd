//! The watch as a service: what is heard, what time does, and what is written and told of it.

mod addresses;
mod alerts;
mod blind;
mod lists;
mod settings;
mod world;

use std::sync::atomic::Ordering;

use cc_devops_alerts::ConditionChange;
use cc_devops_fleet::Beat;
use cc_devops_fleet::watch::{Reason, ReceivedSignal, Signal, Status};
use cc_devops_kernel::ports::{Clock, PortErrorKind, RecordKey, RecordKind, StateChange, StateStore};
use futures::future::join_all;
use world::{World, say, time};

#[tokio::test]
async fn a_silence_and_its_end_are_told_once_with_the_times_at_which_they_were() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    let first = say(&world, &watching, &writer, "10:00:00", Signal::Success).await;
    assert_eq!((first.status, first.next_look), (Status::Up, Some(time("10:05:00"))));
    // Marks go on; the sweep alone is away.
    for minute in 1..=47 {
        watching.awake(world.at(&format!("10:{minute:02}:00"))).await.unwrap();
    }
    let swept = watching.sweep(world.now(), 100).await.unwrap();
    assert_eq!((swept.flips, swept.next), (2, None));
    assert_eq!(world.told(), ["agent/Writer open 2026-06-01T10:10:00Z"]);
    assert_eq!(watching.sweep(world.now(), 100).await.unwrap().flips, 0);
    say(&world, &watching, &writer, "10:47:10", Signal::Success).await;
    assert_eq!(world.told(), ["agent/Writer over 2026-06-01T10:47:10Z"]);
    let history = watching.history(&writer, None, 10).await.unwrap();
    let flips: Vec<_> = history
        .flips
        .iter()
        .map(|flip| (flip.at, flip.to, flip.reason))
        .collect();
    assert_eq!(
        flips,
        [
            (time("10:47:10"), Status::Up, Reason::Ping),
            (time("10:10:00"), Status::Down, Reason::Timeout),
            (time("10:05:00"), Status::Late, Reason::Timeout),
            (time("10:00:00"), Status::Up, Reason::Ping),
        ]
    );
    let uptime = watching.uptime(&writer, world.now()).await.unwrap().unwrap();
    let (up, down) = (600.0, 2230.0);
    assert!((uptime.day.unwrap() - up / (up + down)).abs() < 1e-9, "{uptime:?}");
}

#[tokio::test]
async fn a_heartbeat_settles_an_outage_that_nobody_swept() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    say(&world, &watching, &writer, "10:00:00", Signal::Success).await;
    for minute in 1..=30 {
        watching.awake(world.at(&format!("10:{minute:02}:00"))).await.unwrap();
    }
    let taken = say(&world, &watching, &writer, "10:30:00", Signal::Success).await;
    assert_eq!(taken.flips.len(), 3);
    assert_eq!(
        world.told(),
        [
            "agent/Writer open 2026-06-01T10:10:00Z",
            "agent/Writer over 2026-06-01T10:30:00Z"
        ]
    );
}

#[tokio::test]
async fn a_heartbeat_that_flips_nothing_is_one_change_of_one_record() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    say(&world, &watching, &writer, "10:00:00", Signal::Success).await;
    world.writes.lock().unwrap().clear();
    say(&world, &watching, &writer, "10:00:03", Signal::Success).await;
    assert_eq!(*world.writes.lock().unwrap(), [1]);
    assert_eq!(world.told(), [""; 0]);
}

#[tokio::test]
async fn many_messages_of_one_agent_at_once_are_taken_together_and_in_their_order() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    let other = world.watching();
    say(&world, &watching, &writer, "10:00:00", Signal::Success).await;
    world.writes.lock().unwrap().clear();
    let messages = (0..500).map(|number| {
        let server = if number % 10 == 0 { &other } else { &watching };
        let heard = ReceivedSignal {
            exit: (number % 5 == 0).then_some(0),
            ..ReceivedSignal::new(world.now(), Signal::Success)
        };
        server.heard(&writer, heard)
    });
    for taken in join_all(messages).await {
        assert_eq!(taken.unwrap().flips, []);
    }
    assert!(
        world.writes.lock().unwrap().len() < 30,
        "{:?}",
        world.writes.lock().unwrap()
    );
    let numbers: Vec<_> = watching
        .pings(&writer)
        .await
        .unwrap()
        .iter()
        .map(|ping| ping.number)
        .collect();
    assert_eq!(numbers, (1..=100).rev().collect::<Vec<_>>());
    // Of two that say the contrary the later one counts.
    let (fails, works) = (
        ReceivedSignal::new(world.now(), Signal::Failure),
        ReceivedSignal::new(world.now(), Signal::Success),
    );
    let both = join_all([watching.heard(&writer, fails), watching.heard(&writer, works)]).await;
    let statuses: Vec<_> = both.into_iter().map(|taken| taken.unwrap().status).collect();
    assert_eq!(statuses, [Status::Down, Status::Up]);
}

#[tokio::test]
async fn times_are_kept_to_the_millisecond() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    let at = world.at("2026-06-01T10:00:00.123987654Z");
    watching
        .heard(&writer, ReceivedSignal::new(at, Signal::Success))
        .await
        .unwrap();
    let seen = watching.watched(&writer, at).await.unwrap().unwrap();
    assert_eq!(seen.due, Some(time("2026-06-01T10:05:00.123Z")));
}

#[tokio::test]
async fn every_failure_is_noted_and_only_the_first_flips() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    say(&world, &watching, &writer, "10:00:00", Signal::Success).await;
    let at = world.at("10:00:10");
    let fails = |text: &str| ReceivedSignal {
        exit: Some(2),
        body: Some(text.as_bytes().to_vec()),
        ..ReceivedSignal::new(at, Signal::Failure)
    };
    assert_eq!(
        watching.heard(&writer, fails("disk full")).await.unwrap().flips.len(),
        1
    );
    assert_eq!(
        watching.heard(&writer, fails("still full")).await.unwrap().flips.len(),
        0
    );
    let told = std::mem::take(&mut *world.told.lock().unwrap());
    let bodies: Vec<_> = told
        .iter()
        .map(|change| match change {
            ConditionChange::Opened(condition) => {
                assert_eq!(condition.title, "Writer is down: it ended with exit status 2");
                assert_eq!(condition.since, at);
                assert!(condition.counts);
                condition.body.clone().unwrap()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(bodies, ["disk full", "still full"]);
    let pings = watching.pings(&writer).await.unwrap();
    assert_eq!(pings.iter().map(|ping| ping.number).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn what_was_sent_with_the_last_heartbeat_is_shown_when_it_falls_silent() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    let heard = ReceivedSignal {
        body: Some(b"42 rows".to_vec()),
        message: Some("nearly done".to_owned()),
        ..ReceivedSignal::new(world.at("10:00:00"), Signal::Success)
    };
    watching.heard(&writer, heard).await.unwrap();
    for minute in 1..=10 {
        watching.awake(world.at(&format!("10:{minute:02}:00"))).await.unwrap();
    }
    watching.sweep(world.now(), 10).await.unwrap();
    let told = world.told.lock().unwrap();
    let Some(ConditionChange::Opened(condition)) = told.first() else {
        panic!("{told:?}");
    };
    assert_eq!(condition.body.as_deref(), Some("42 rows"));
    assert_eq!(condition.title, "Writer is down: no heartbeat for 10 min");
    assert_eq!(
        condition.text,
        "The last heartbeat came at 2026-06-01T10:00:00Z. It said `nearly done`. The next was due at \
         2026-06-01T10:05:00Z (every 5 minutes), with a grace of 5 min."
    );
}

#[tokio::test]
async fn of_what_is_kept_the_oldest_makes_room_for_the_newest() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    for number in 0..130 {
        let heard = ReceivedSignal {
            body: Some(vec![b'x'; 10_001]),
            ..ReceivedSignal::new(world.at("10:00:00"), Signal::Log)
        };
        watching.heard(&writer, heard).await.unwrap();
        assert_eq!(watching.pings(&writer).await.unwrap().len(), 100.min(number + 1));
    }
    let pings = watching.pings(&writer).await.unwrap();
    assert_eq!((pings[0].number, pings[99].number), (130, 31));
    assert_eq!(pings[0].sent().unwrap().len(), 10_000);
    assert_eq!(
        watching
            .watched(&writer, world.now())
            .await
            .unwrap()
            .unwrap()
            .state
            .status,
        Status::New
    );
}

#[tokio::test]
async fn a_heartbeat_between_the_sweeps_reading_and_writing_is_not_lost() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    say(&world, &watching, &writer, "10:00:00", Signal::Success).await;
    let key = RecordKey::new(RecordKind::Watch, "Writer");
    // What another server writes: the same agent, heard at the very instant.
    let other = world.watching();
    let before = world.read(std::slice::from_ref(&key)).await.unwrap().remove(0).unwrap();
    for minute in 1..=5 {
        watching.awake(world.at(&format!("10:0{minute}:00"))).await.unwrap();
    }
    say(&world, &other, &writer, "10:05:00", Signal::Success).await;
    let after = world.read(std::slice::from_ref(&key)).await.unwrap().remove(0).unwrap();
    let back = StateChange {
        key: key.clone(),
        version: after.version,
        content: Some(before.content),
    };
    world.write(&[back], None).await.unwrap();
    *world.between.lock().unwrap() = Some(vec![StateChange {
        key,
        version: after.version + 1,
        content: Some(after.content),
    }]);
    let swept = watching.sweep(world.at("10:05:02"), 10).await.unwrap();
    assert_eq!((swept.flips, swept.next), (0, Some(time("10:10:00"))));
}

#[tokio::test]
async fn ten_thousand_flips_at_one_instant_are_a_few_writes() {
    let world = World::new();
    let watching = world.watching();
    let names: Vec<_> = (0..10_000)
        .map(|number| (world.add(&format!("a{number}")), None))
        .collect();
    watching.enroll(&names, world.now()).await.unwrap();
    for (name, _) in &names {
        say(&world, &watching, name, "10:00:00", Signal::Success).await;
    }
    for minute in 1..=9 {
        watching.awake(world.at(&format!("10:0{minute}:00"))).await.unwrap();
    }
    world.writes.lock().unwrap().clear();
    let swept = watching.sweep(world.at("10:10:00"), 20_000).await.unwrap();
    assert_eq!(swept.flips, 20_000);
    assert_eq!(world.told().len(), 10_000);
    assert!(world.writes.lock().unwrap().len() <= 6);
    let counts = watching.counts(world.now()).await.unwrap();
    assert_eq!(counts[&Status::Down], 10_000);
}

#[tokio::test]
async fn a_store_that_takes_few_changes_gets_them_in_parts() {
    let world = World::with_most(10);
    let watching = world.watching();
    for number in 0..25 {
        let name = world.add(&format!("a{number}"));
        say(&world, &watching, &name, "10:00:00", Signal::Success).await;
    }
    for minute in 1..=9 {
        watching.awake(world.at(&format!("10:0{minute}:00"))).await.unwrap();
    }
    assert_eq!(watching.sweep(world.at("10:10:00"), 100).await.unwrap().flips, 50);
    // And a limit is a limit.
    assert_eq!(watching.list(world.now()).await.unwrap().len(), 25);
}

#[tokio::test]
async fn a_store_that_fails_loses_nothing() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    say(&world, &watching, &writer, "10:00:00", Signal::Success).await;
    for minute in 1..=10 {
        watching.awake(world.at(&format!("10:{minute:02}:00"))).await.unwrap();
    }
    world.writes_left.store(0, Ordering::SeqCst);
    let failed = watching.sweep(world.now(), 10).await;
    assert_eq!(failed.unwrap_err().kind, PortErrorKind::Unavailable);
    world.writes_left.store(usize::MAX, Ordering::SeqCst);
    assert_eq!(watching.sweep(world.now(), 10).await.unwrap().flips, 2);
}

#[tokio::test]
async fn asked_heartbeats_count_from_their_own_time_and_a_failed_ask_flips_nothing() {
    let world = World::new();
    let watching = world.watching().heartbeat_source(world.clone());
    let names: Vec<_> = (0..501)
        .map(|number| (world.add(&format!("a{number}")), None))
        .collect();
    let enrolled = world.at("10:00:00");
    watching.enroll(&names, enrolled).await.unwrap();
    let beat = |at: &str| Beat {
        at: time(at),
        healthy: true,
        message: None,
    };
    for (name, _) in &names {
        world.beats.lock().unwrap().insert(name.clone(), vec![beat("10:01:00")]);
    }
    // Never heard: asked for after ten minutes, in calls of 500.
    let swept = watching.sweep(world.at("10:10:00"), 1_000).await.unwrap();
    assert_eq!(*world.asked.lock().unwrap(), [500, 1]);
    assert_eq!(
        (swept.flips, swept.next),
        (501 * 2, Some(time("10:11:00"))),
        "up, and late"
    );
    let (first, _) = &names[0];
    world
        .beats
        .lock()
        .unwrap()
        .insert(first.clone(), vec![beat("10:10:00")]);
    *world.is_deaf.lock().unwrap() = true;
    // An hour later: nothing is blind, and nothing is known.
    assert!(watching.sweep(world.at("11:11:00"), 1_000).await.is_err());
    assert_eq!(world.told(), [""; 0]);
    *world.is_deaf.lock().unwrap() = false;
    watching.sweep(world.now(), 1_000).await.unwrap();
    let told = world.told();
    assert_eq!(told.len(), 501);
    assert!(
        told.contains(&"agent/a0 open 2026-06-01T10:20:00Z".to_owned()),
        "{:?}",
        told.first()
    );
    assert!(
        told.contains(&"agent/a1 open 2026-06-01T10:11:00Z".to_owned()),
        "{:?}",
        told.first()
    );
}

#[tokio::test]
async fn a_history_is_read_in_pages() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    for second in 0..7 {
        let signal = if second % 2 == 0 {
            Signal::Success
        } else {
            Signal::Failure
        };
        say(&world, &watching, &writer, &format!("10:00:0{second}"), signal).await;
    }
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = watching.history(&writer, after.as_deref(), 3).await.unwrap();
        all.extend(page.flips.iter().map(|flip| flip.at));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..7).rev().map(|second| time(&format!("10:00:0{second}"))).collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_recorded_heartbeat_keeps_no_dead_agent_alive() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    let signed = |at: &str, signal| ReceivedSignal {
        is_repeatable: true,
        ..ReceivedSignal::new(time(at), signal)
    };
    world.at("2026-06-01T10:00:00.800Z");
    let first = watching
        .heard(&writer, signed("10:00:00", Signal::Success))
        .await
        .unwrap();
    assert_eq!((first.status, first.ignored), (Status::Up, false));
    // Another one of its second, while it is fresh.
    let fails = watching
        .heard(&writer, signed("10:00:00", Signal::Failure))
        .await
        .unwrap();
    assert_eq!((fails.status, fails.ignored), (Status::Down, false));
    watching
        .heard(&writer, signed("10:00:00", Signal::Success))
        .await
        .unwrap();

    for minute in 1..=14 {
        watching.awake(world.at(&format!("10:{minute:02}:00"))).await.unwrap();
    }
    watching.sweep(world.now(), 10).await.unwrap();
    world.told();
    world.writes.lock().unwrap().clear();
    let again = watching
        .heard(&writer, signed("10:00:00", Signal::Success))
        .await
        .unwrap();
    assert_eq!(
        (again.status, again.ignored, again.flips.len()),
        (Status::Down, true, 0)
    );
    assert_eq!(
        (world.told(), world.writes.lock().unwrap().len()),
        (Vec::new(), 0),
        "nothing came of it"
    );
    // One that was on its way for long is heard, where nothing newer was.
    let late = watching
        .heard(&writer, signed("10:13:00", Signal::Success))
        .await
        .unwrap();
    assert_eq!((late.status, late.ignored), (Status::Up, false));
    let watched = watching.watched(&writer, world.now()).await.unwrap().unwrap();
    assert_eq!(watched.state.heard, Some(time("10:13:00")));
    // Whose time nobody signed is heard as ever.
    let plain = watching
        .heard(&writer, ReceivedSignal::new(time("10:12:00"), Signal::Failure))
        .await
        .unwrap();
    assert!(!plain.ignored);
}

#[tokio::test]
async fn the_minutes_in_which_an_agent_was_heard_are_kept_with_its_watch() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    assert_eq!(watching.minutes(&writer).await.unwrap(), []);
    for at in ["10:00:01", "10:00:30", "10:05:00"] {
        say(&world, &watching, &writer, at, Signal::Success).await;
    }
    say(&world, &watching, &writer, "10:05:10", Signal::Failure).await;
    say(&world, &watching, &writer, "10:06:00", Signal::Log).await;
    let minutes = world.watching().minutes(&writer).await.unwrap();
    let first = time("10:00:00").as_second() / 60;
    let told: Vec<_> = minutes
        .iter()
        .map(|beat| (beat.minute - first, beat.healthy, beat.failing))
        .collect();
    assert_eq!(told, [(5, 1, 1), (0, 2, 0)]);
}
