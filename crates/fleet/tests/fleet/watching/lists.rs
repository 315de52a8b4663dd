//! Agents by their state.

use cc_devops_fleet::watch::{Signal, Status};
use cc_devops_fleet::watching::{Listed, Wanted};
use cc_devops_kernel::ports::{Clock, Content, RecordKey, RecordKind, StateChange, StateStore};
use jiff::SignedDuration;

use crate::watching::world::{World, say};

fn names(listed: &Listed) -> Vec<String> {
    listed.agents.iter().map(|one| one.agent.name.to_string()).collect()
}

/// Ten agents: every fifth is down, every one behind it late, the others are up; one was never heard.
async fn ten(world: &std::sync::Arc<World>) -> cc_devops_fleet::watching::Watching {
    let watching = world.watching();
    for number in 0..10 {
        let name = world.add(&format!("Agent{number}"));
        let (at, signal) = match number % 5 {
            0 => ("10:00:00", Signal::Failure),
            1 => ("10:00:00", Signal::Success),
            _ => ("10:00:30", Signal::Success),
        };
        say(world, &watching, &name, at, signal).await;
    }
    let new = world.add("Brand");
    watching.enroll(&[(new, None)], world.now()).await.unwrap();
    for minute in 1..=5 {
        watching.awake(world.at(&format!("10:0{minute}:00"))).await.unwrap();
    }
    watching.sweep(world.at("10:05:10"), 100).await.unwrap();
    watching
}

#[tokio::test]
async fn those_that_fail_come_first_and_pages_join() {
    let world = World::new();
    let watching = ten(&world).await;
    let now = world.now();
    let counts = watching.counts(now).await.unwrap();
    let of = [Status::Down, Status::Late, Status::Up, Status::New, Status::Paused].map(|status| counts[&status]);
    assert_eq!(of, [2, 2, 6, 1, 0]);
    let failing = watching.failing(3, now).await.unwrap();
    let failing: Vec<_> = failing.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(failing, ["Agent0", "Agent5", "Agent1"]);
    let all = [
        "Agent0", "Agent5", "Agent1", "Agent6", "Agent2", "Agent3", "Agent4", "Agent7", "Agent8", "Agent9", "Brand",
    ];
    for limit in [1, 2, 3, 4, 5, 11, 50] {
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let wanted = Wanted::default();
            let page = watching.listed(&wanted, after.as_deref(), limit, now).await.unwrap();
            assert!(page.agents.len() <= limit);
            found.extend(names(&page));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, all, "in pages of {limit}");
    }
    let of_state = async |status, prefix: &str| {
        let wanted = Wanted {
            status,
            prefix: prefix.to_owned(),
        };
        names(&watching.listed(&wanted, None, 3, now).await.unwrap())
    };
    assert_eq!(of_state(Some(Status::Late), "").await, ["Agent1", "Agent6"]);
    assert_eq!(of_state(None, "Agent6").await, ["Agent6"]);
    assert_eq!(of_state(None, "B").await, ["Brand"]);
    assert_eq!(
        of_state(Some(Status::Up), "Agent").await,
        ["Agent2", "Agent3", "Agent4"]
    );
    assert!(of_state(None, "agent").await.is_empty());
    assert!(of_state(None, "Zz\u{fffd}").await.is_empty());
}

#[tokio::test]
async fn a_list_says_what_is_by_now_and_how_the_last_days_were() {
    let world = World::new();
    let watching = ten(&world).await;
    // Nobody swept since.
    for minute in 6..=11 {
        watching.awake(world.at(&format!("10:{minute:02}:00"))).await.unwrap();
    }
    let wanted = Wanted {
        prefix: "Agent2".to_owned(),
        status: Some(Status::Up),
    };
    let listed = watching.listed(&wanted, None, 5, world.now()).await.unwrap();
    let agent2 = &listed.agents[0];
    assert_eq!(agent2.agent.state.status, Status::Down);
    let today = agent2.days.last().unwrap();
    let seconds = [today.up, today.late, today.down].map(|time| time.as_secs());
    assert_eq!(seconds, [300, 300, 30]);
    assert_eq!(agent2.share_up(), Some(600.0 / 630.0));
    assert_eq!(agent2.known_since, None);
    let life = watching.life(&agent2.agent.name, world.now()).await.unwrap().unwrap();
    assert_eq!(life.listed, *agent2);
    assert_eq!(
        Some(life.uptime),
        watching.uptime(&agent2.agent.name, world.now()).await.unwrap()
    );
    assert_eq!(
        watching
            .life(&crate::watching::world::agent("Nobody"), world.now())
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn of_an_agent_that_flaps_the_newest_days_are_known() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    let begin = world.now();
    for turn in 0..6_000 {
        let signal = if turn % 2 == 0 {
            Signal::Success
        } else {
            Signal::Failure
        };
        let at = begin + SignedDuration::from_mins(turn);
        say(&world, &watching, &writer, &at.to_string(), signal).await;
    }
    let now = world.now();
    let listed = watching.listed(&Wanted::default(), None, 1, now).await.unwrap();
    let known = now.duration_since(listed.agents[0].known_since.unwrap());
    assert_eq!(known, SignedDuration::from_mins(199));
    assert_eq!(
        listed.agents[0]
            .days
            .iter()
            .filter(|day| !day.waited().is_zero())
            .count(),
        1
    );
    let life = watching.life(&writer, now).await.unwrap().unwrap();
    assert!(life.listed.known_since.is_some());
    assert_eq!(
        (life.uptime.day, life.uptime.month),
        (Some(0.5), None),
        "5,000 minutes are known"
    );
}

#[tokio::test]
async fn what_an_earlier_version_left_in_no_list_is_counted_and_put_into_one() {
    let world = World::new();
    let watching = ten(&world).await;
    let records = world.list(RecordKind::Watch, None, None, 100).await.unwrap();
    let unlisted: Vec<StateChange> = records
        .iter()
        .take(7)
        .map(|record| StateChange {
            key: RecordKey::new(RecordKind::Watch, record.key.name.clone()),
            version: record.version,
            content: Some(Content {
                list: None,
                ..record.content.clone()
            }),
        })
        .collect();
    world.write(&unlisted, None).await.unwrap();
    let down = async || watching.counts(world.now()).await.unwrap()[&Status::Down];
    assert_eq!(down().await, 2);
    assert!(watching.failing(9, world.now()).await.unwrap().len() < 4);
    watching.adopt(&[], world.now()).await.unwrap();
    assert_eq!(down().await, 2);
    assert_eq!(watching.failing(9, world.now()).await.unwrap().len(), 4);
    let after = world.list(RecordKind::Watch, None, None, 100).await.unwrap();
    for (before, after) in records.iter().zip(&after) {
        assert_eq!(before.content, after.content, "nothing else of it is changed");
    }
    world.writes.lock().unwrap().clear();
    watching.adopt(&[], world.now()).await.unwrap();
    assert!(world.writes.lock().unwrap().is_empty(), "once");
}
