//! The watch and the alerts in one write.

use std::sync::Arc;

use cc_devops_alerts::policy::{AlertPolicy, Grouping};
use cc_devops_alerts::{Conditions, Notifier};
use cc_devops_fleet::watch::{ReceivedSignal, Signal, Status};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::ports::{Clock, Record, RecordKind, StateStore};
use jiff::SignedDuration;

use crate::watching::world::{World, say};

/// Everything to one channel, and agents together.
fn policy() -> Arc<AlertPolicy> {
    let mut policy = AlertPolicy::plain(vec!["log".to_owned()]);
    for route in &mut policy.routes {
        route.group_by = Grouping::Labels(vec!["kind".to_owned()]);
        route.group_wait = SignedDuration::from_secs(10);
        route.group_interval = SignedDuration::from_mins(5);
    }
    Arc::new(policy)
}

async fn all(world: &World, kind: RecordKind) -> Vec<Record> {
    world.list(kind, None, None, 100_000).await.unwrap()
}

fn of_state(records: &[Record], state: &str) -> usize {
    let is = format!("\"state\":\"{state}\"");
    records
        .iter()
        .filter(|record| record.content.body.contains(&is))
        .count()
}

#[tokio::test]
async fn agents_that_are_down_at_once_are_alerts_in_the_same_write_and_few_messages() {
    // As many changes as DynamoDB takes in a transaction, and as many as SQLite does.
    for (most, agents) in [(99, 200), (50_000, 1_000)] {
        let world = World::with_most(most);
        let watching = world.watching_with(Arc::new(Conditions::new(world.clone(), policy())));
        let notifier = Notifier::new(world.clone(), policy(), None);
        let mut names = Vec::new();
        for number in 0..agents {
            let name = world.add(&format!("a{number}"));
            say(&world, &watching, &name, "10:00:00", Signal::Success).await;
            names.push(name);
        }
        assert!(all(&world, RecordKind::Alert).await.is_empty());
        for minute in 1..=9 {
            watching.awake(world.at(&format!("10:0{minute}:00"))).await.unwrap();
        }
        let swept = watching.sweep(world.at("10:10:00"), 100_000).await.unwrap();
        assert_eq!(swept.flips, 2 * agents);
        assert_eq!(of_state(&all(&world, RecordKind::Alert).await, "open") as u64, agents);
        let mut turn = notifier.turn(world.now()).await.unwrap();
        while let Some(next) = turn.next {
            if next.duration_since(world.now()) > SignedDuration::from_mins(10) {
                break;
            }
            *world.now.lock().unwrap() = next.max(world.now());
            turn = notifier.turn(world.now()).await.unwrap();
        }
        let told = all(&world, RecordKind::Delivery).await.len();
        assert!((1..=10).contains(&told), "{told} messages");
        for name in &names {
            watching
                .heard(name, ReceivedSignal::new(world.now(), Signal::Success))
                .await
                .unwrap();
        }
        let alerts = all(&world, RecordKind::Alert).await;
        assert_eq!(
            (of_state(&alerts, "open"), of_state(&alerts, "resolved") as u64),
            (0, agents)
        );
    }
}

#[tokio::test]
async fn what_is_told_meanwhile_keeps_no_heartbeat_from_counting() {
    let world = World::new();
    let watching = world.watching_with(Arc::new(Conditions::new(world.clone(), policy())));
    let notifier = Notifier::new(world.clone(), policy(), None);
    let writer = world.add("Writer");
    say(&world, &watching, &writer, "10:00:00", Signal::Failure).await;
    let later = world.at("10:00:30");
    let success = ReceivedSignal::new(later, Signal::Success);
    // Both read before either writes.
    let (told, taken) = futures::join!(notifier.turn(later), watching.heard(&writer, success));
    told.unwrap();
    assert_eq!(taken.unwrap().status, Status::Up);
    assert_eq!(of_state(&all(&world, RecordKind::Alert).await, "resolved"), 1);
    say(&world, &watching, &writer, "10:00:40", Signal::Failure).await;
    watching.pause(&writer, "ana", Actor::Operator).await.unwrap();
    assert_eq!(of_state(&all(&world, RecordKind::Alert).await, "closed"), 1);
}
