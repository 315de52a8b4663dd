//! Ping addresses and slugs.

use cc_devops_fleet::watch::{Signal, Status};
use cc_devops_fleet::watching::BySlug;
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::ports::Clock;
use futures::future::join_all;

use crate::watching::world::{World, agent, say};

#[tokio::test]
async fn an_address_is_a_uuid_that_stays_until_it_is_rotated() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("Writer"));
    let first = watching.ping_address(&writer, Actor::Operator).await.unwrap();
    assert_eq!(
        first,
        world.watching().ping_address(&writer, Actor::Operator).await.unwrap()
    );
    assert_eq!(first.uuid.len(), 36);
    assert_eq!(first.uuid.as_bytes()[14], b'4', "{}", first.uuid);
    assert_eq!(first.path(), format!("/ping/{}", first.uuid));
    assert_eq!(first.slug, "writer");
    let shown = format!("{first:?}");
    assert!(!shown.contains(&first.uuid) && !shown.contains(&first.key), "{shown}");
    let by = |uuid: String| {
        let watching = &watching;
        async move { watching.by_ping(&uuid).await.unwrap() }
    };
    assert_eq!(by(first.uuid.clone()).await, Some(writer.clone()));
    assert_eq!(by(first.uuid.to_ascii_uppercase()).await, Some(writer.clone()));
    let second = watching.rotate(&writer, Actor::Operator).await.unwrap();
    assert_ne!(second.uuid, first.uuid);
    assert_eq!(
        (by(first.uuid).await, by(second.uuid.clone()).await),
        (None, Some(writer.clone()))
    );
    world.writes.lock().unwrap().clear();
    for nobody in [
        "",
        "writer",
        "00000000-0000-4000-8000-000000000000",
        "0000000000004000800000000000000000",
    ] {
        assert_eq!(by(nobody.to_owned()).await, None);
    }
    assert_eq!(*world.writes.lock().unwrap(), [0; 0], "a guess costs nothing");
    world.revoke(&writer);
    watching
        .adopt(
            &cc_devops_fleet::ports::Agents::list(&*world).await.unwrap(),
            world.now(),
        )
        .await
        .unwrap();
    assert_eq!(by(second.uuid).await, None);
    assert_eq!(
        world.told(),
        ["agent/Writer closed 2026-06-01T10:00:00Z it was revoked"]
    );
}

#[tokio::test]
async fn an_agent_is_found_by_its_slug_below_the_key() {
    let world = World::new();
    let (watching, writer) = (world.watching(), world.add("My_Writer-1"));
    let key = watching.ping_address(&writer, Actor::Operator).await.unwrap().key;
    let found = BySlug::Agent {
        name: writer.clone(),
        created: false,
    };
    assert_eq!(watching.by_slug(&key, "my_writer-1", false).await.unwrap(), found);
    assert_eq!(watching.by_slug(&key, "my_writer-1", true).await.unwrap(), found);
    for (key, slug) in [
        (key.as_str(), "my_writer-2"),
        (key.as_str(), "My_Writer-1"),
        ("", "my_writer-1"),
        (&key[1..], "my_writer-1"),
    ] {
        assert_eq!(
            watching.by_slug(key, slug, false).await.unwrap(),
            BySlug::Unknown,
            "{key} {slug}"
        );
    }
    let other = watching.rotate_key(Actor::Operator).await.unwrap();
    assert_eq!(
        watching.by_slug(&key, "my_writer-1", false).await.unwrap(),
        BySlug::Unknown
    );
    assert_eq!(watching.by_slug(&other, "my_writer-1", false).await.unwrap(), found);
}

#[tokio::test]
async fn pings_make_so_many_agents_and_each_once() {
    let world = World::new();
    let watching = world.watching().max_auto(3);
    world.add("My-Job");
    let key = watching
        .ping_address(&world.add("Writer"), Actor::Operator)
        .await
        .unwrap()
        .key;
    assert_eq!(watching.by_slug(&key, "backup", false).await.unwrap(), BySlug::Unknown);
    // Ten at once, by two servers.
    let other = world.watching().max_auto(3);
    let calls = (0..10).map(|number| {
        let server = if number % 2 == 0 { &watching } else { &other };
        server.by_slug(&key, "backup", true)
    });
    let found: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    let created = |found: &&BySlug| matches!(found, BySlug::Agent { created: true, .. });
    assert_eq!(found.iter().filter(created).count(), 1, "{found:?}");
    assert_eq!(
        say(&world, &watching, &agent("backup"), "10:00:00", Signal::Success)
            .await
            .status,
        Status::Up
    );
    // What is too much like another's name, and what could be no agent's name.
    assert_eq!(watching.by_slug(&key, "my_job", true).await.unwrap(), BySlug::Ambiguous);
    let found = watching.by_slug(&key, "7zip", true).await.unwrap();
    assert!(matches!(found, BySlug::Agent { name, created: true } if name.as_str() == "job-7zip"));
    let long = "9".repeat(64);
    assert!(matches!(
        watching.by_slug(&key, &long, true).await.unwrap(),
        BySlug::Agent { .. }
    ));
    assert_eq!(watching.by_slug(&key, "one-more", true).await.unwrap(), BySlug::Full);
    assert!(matches!(
        watching.by_slug(&key, &long, true).await.unwrap(),
        BySlug::Agent { created: false, .. }
    ));
    assert_eq!(world.names().len(), 5);
    // One that goes makes room for one.
    watching.remove(&agent("backup"), "it was revoked").await.unwrap();
    assert!(matches!(
        watching.by_slug(&key, "one-more", true).await.unwrap(),
        BySlug::Agent { created: true, .. }
    ));
    assert_eq!(watching.by_slug(&key, "two-more", true).await.unwrap(), BySlug::Full);
}
