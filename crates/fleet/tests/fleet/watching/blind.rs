//! Time in which nobody could hear is no silence.

use std::sync::atomic::Ordering;

use cc_devops_fleet::Beat;
use cc_devops_fleet::watch::{Signal, Status};
use cc_devops_fleet::watching::Watching;
use jiff::SignedDuration;

use crate::watching::world::{World, say, time};
use cc_devops_kernel::ports::Clock;

/// Lets the clock go on to `until`, with a mark and a sweep every 10 seconds.
async fn live(world: &World, watching: &Watching, until: &str) {
    let until = time(until);
    while world.now() < until {
        let now = world
            .now()
            .checked_add(SignedDuration::from_secs(10))
            .unwrap()
            .min(until);
        *world.now.lock().unwrap() = now;
        watching.awake(now).await.unwrap();
        watching.sweep(now, 100).await.unwrap();
    }
}

#[tokio::test]
async fn after_a_longer_outage_of_ours_deadlines_have_stood_still() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    let silent = world.add("Silent");
    for name in [&writer, &silent] {
        say(&world, &watching, name, "10:00:00", Signal::Success).await;
    }
    live(&world, &watching, "10:02:00").await;
    // Another process, 38 minutes later.
    let watching = world.watching();
    watching.awake(world.at("10:40:00")).await.unwrap();
    live(&world, &watching, "10:41:20").await;
    say(&world, &watching, &writer, "10:41:20", Signal::Success).await;
    live(&world, &watching, "10:49:00").await;
    assert_eq!(world.told(), ["agent/Silent open 2026-06-01T10:48:00Z"]);
    let history = watching.history(&writer, None, 10).await.unwrap();
    assert_eq!(history.flips.len(), 2, "up at 10:00, late at 10:46:20");
    let seen = watching.watched(&writer, world.now()).await.unwrap().unwrap();
    assert_eq!(seen.down_at, Some(time("10:51:20")));
}

#[tokio::test]
async fn a_heartbeat_that_comes_before_anybody_marked_finds_the_gap() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    say(&world, &watching, &writer, "10:00:00", Signal::Success).await;
    let watching = world.watching();
    let taken = say(&world, &watching, &writer, "10:40:00", Signal::Success).await;
    assert_eq!(taken.flips, []);
    // The pass over all watches meets one that knows of the gap already.
    live(&world, &watching, "10:40:30").await;
    let seen = watching.watched(&writer, world.now()).await.unwrap().unwrap();
    assert_eq!(seen.due, Some(time("10:45:00")));
    assert_eq!(world.told(), [""; 0]);
}

#[tokio::test]
async fn whoever_was_heard_after_the_last_mark_waits_from_then_on() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    say(&world, &watching, &writer, "10:00:00", Signal::Success).await;
    // No mark is made for a heartbeat that comes so soon after one.
    say(&world, &watching, &writer, "10:00:04", Signal::Success).await;
    let watching = world.watching();
    watching.awake(world.at("10:30:04")).await.unwrap();
    let seen = watching.watched(&writer, world.now()).await.unwrap().unwrap();
    assert_eq!(seen.due, Some(time("10:35:04")));
}

#[tokio::test]
async fn a_restart_within_a_minute_changes_nothing() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    say(&world, &watching, &writer, "10:00:00", Signal::Success).await;
    for second in (0..600).step_by(50) {
        let now = time("10:00:00").checked_add(SignedDuration::from_secs(second)).unwrap();
        *world.now.lock().unwrap() = now;
        let watching = world.watching();
        watching.awake(now).await.unwrap();
        watching.sweep(now, 100).await.unwrap();
    }
    live(&world, &watching, "10:11:00").await;
    assert_eq!(world.told(), ["agent/Writer open 2026-06-01T10:10:00Z"]);
}

#[tokio::test]
async fn a_pass_that_is_broken_off_moves_each_deadline_once() {
    for breaks_after in 0..12 {
        // Ten watches, two of them a write.
        let world = World::with_most(10);
        let watching = world.watching();
        for number in 0..10 {
            let name = world.add(&format!("a{number}"));
            say(&world, &watching, &name, "10:00:00", Signal::Success).await;
        }
        let watching = world.watching();
        world.writes_left.store(breaks_after, Ordering::SeqCst);
        let broken = watching.awake(world.at("10:30:00")).await;
        world.writes_left.store(usize::MAX, Ordering::SeqCst);
        // A third process ends what was begun.
        let watching = world.watching();
        watching.awake(world.at("10:30:10")).await.unwrap();
        let moved = if broken.is_err() && breaks_after == 0 {
            "10:35:10"
        } else {
            "10:35:00"
        };
        for agent in watching.list(world.now()).await.unwrap() {
            assert_eq!(agent.due, Some(time(moved)), "{} after {breaks_after}", agent.name);
        }
        watching.awake(world.at("10:30:40")).await.unwrap();
        watching.sweep(world.at("10:30:50"), 100).await.unwrap();
        for agent in watching.list(world.now()).await.unwrap() {
            assert_eq!(agent.due, Some(time(moved)), "{} after {breaks_after}", agent.name);
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_nobody_down_and_hides_nobody() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    let silent = world.add("Silent");
    for name in [&writer, &silent] {
        say(&world, &watching, name, "11:00:00", Signal::Success).await;
    }
    live(&world, &watching, "11:02:00").await;
    world.at("10:02:00");
    live(&world, &watching, "10:04:00").await;
    say(&world, &watching, &writer, "10:04:00", Signal::Success).await;
    live(&world, &watching, "10:13:00").await;
    // The first mark by the other time came ten seconds after it was set.
    assert_eq!(world.told(), ["agent/Silent open 2026-06-01T10:10:10Z"]);
    let seen = watching.watched(&writer, world.now()).await.unwrap().unwrap();
    assert_eq!(
        (seen.state.status, seen.down_at),
        (Status::Late, Some(time("10:14:00")))
    );
}

#[tokio::test]
async fn a_clock_that_is_set_forward_makes_nobody_down_before_it_could_be_heard() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    say(&world, &watching, &writer, "10:00:00", Signal::Success).await;
    live(&world, &watching, "10:04:00").await;
    world.at("11:04:00");
    live(&world, &watching, "11:09:00").await;
    assert_eq!(world.told(), [""; 0]);
    live(&world, &watching, "11:11:00").await;
    assert_eq!(world.told(), ["agent/Writer open 2026-06-01T11:10:10Z"]);
}

#[tokio::test]
async fn an_agent_of_an_older_store_is_watched_from_its_last_heartbeat_on() {
    let world = World::new();
    let watching = world.watching();
    world.at("10:04:00");
    watching.awake(world.now()).await.unwrap();
    let beat = |at: &str, healthy| {
        Some(Beat {
            at: time(at),
            healthy,
            message: Some("hello".to_owned()),
        })
    };
    let agents = [
        (world.add("Fresh"), beat("10:01:00", true)),
        (world.add("Overdue"), beat("2026-05-01T00:00:00Z", true)),
        (world.add("Failing"), beat("09:00:00", false)),
        (world.add("Never"), None),
    ];
    assert_eq!(watching.enroll(&agents, world.now()).await.unwrap(), 4);
    assert_eq!(watching.enroll(&agents, world.now()).await.unwrap(), 0);
    let seen = watching.list(world.now()).await.unwrap();
    let states: Vec<_> = seen
        .iter()
        .map(|agent| (agent.name.as_str(), agent.state.status, agent.due))
        .collect();
    assert_eq!(
        states,
        [
            ("Failing", Status::Down, None),
            ("Fresh", Status::Up, Some(time("10:06:00"))),
            ("Never", Status::New, None),
            ("Overdue", Status::Up, Some(time("10:09:00"))),
        ]
    );
    assert_eq!(world.told(), ["agent/Failing open 2026-06-01T09:00:00Z"]);
}
