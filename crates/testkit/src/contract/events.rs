//! The contract of the log that agents read, and of what writes it where something does.

use cc_devops_kernel::events::LoggedEvent;
use cc_devops_kernel::paging::Cursor;
use cc_devops_requests::ports::Ports;

use crate::outbox::{publish, published};
use crate::sample::{AGENT, OTHER_AGENT, after, agent_name};

/// The log keeps what it promises: events are in it in their order, at places that grow, and can be read
/// from any place on.
pub async fn events(fresh: impl AsyncFn() -> Ports) {
    published_events_are_logged(&fresh().await).await;
    an_event_is_logged_once(&fresh().await).await;
    readers_go_on_where_they_were(&fresh().await).await;
    an_agent_reads_its_own(&fresh().await).await;
}

fn ids(events: &[LoggedEvent]) -> Vec<&str> {
    events.iter().map(|logged| logged.event.body.key()).collect()
}

async fn published_events_are_logged(ports: &Ports) {
    assert_eq!(
        ports.events.newest().await.unwrap(),
        Cursor(0),
        "an empty log starts at zero"
    );
    assert!(
        ports.events.after(Cursor(0), None, 10).await.unwrap().is_empty(),
        "and holds nothing"
    );
    publish(ports, &[], 1).await;
    publish(ports, &[(1, AGENT), (2, OTHER_AGENT)], 7).await;
    let logged = ports.events.after(Cursor(0), None, 10).await.unwrap();
    assert_eq!(ids(&logged), ["event-1", "event-2"], "both are logged");
    for (agent, logged) in [AGENT, OTHER_AGENT].into_iter().zip(&logged) {
        assert_eq!(logged.event.agent, agent_name(agent), "as they were published");
        assert_eq!(logged.published_at, after(7), "with the time of it");
    }
    assert!(
        Cursor(0) < logged[0].cursor && logged[0].cursor < logged[1].cursor,
        "places grow"
    );
    assert_eq!(
        ports.events.newest().await.unwrap(),
        logged[1].cursor,
        "the newest is the last"
    );
}

async fn an_event_is_logged_once(ports: &Ports) {
    let Some(log) = &ports.log else { return };
    let (one, two) = (published(1, AGENT, 1), published(2, AGENT, 1));
    for events in [vec![(7, &one)], vec![(7, &one), (8, &two)], vec![(8, &two)], vec![]] {
        let results = log.write(&events, after(7)).await.unwrap();
        assert_eq!(results, vec![Ok(()); events.len()], "every event has its own result");
    }
    let logged = ports.events.after(Cursor(0), None, 10).await.unwrap();
    assert_eq!(ids(&logged), ["event-1", "event-2"], "however often it comes");
}

async fn readers_go_on_where_they_were(ports: &Ports) {
    for number in 1..=5 {
        publish(ports, &[(number, AGENT)], number).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), Cursor(0));
    loop {
        let page = ports.events.after(cursor, None, 2).await.unwrap();
        assert!(page.len() <= 2, "no more than asked for");
        let Some(last) = page.last() else { break };
        assert!(last.cursor > cursor, "every page goes on");
        cursor = last.cursor;
        seen.extend(ids(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(
        seen,
        ["event-1", "event-2", "event-3", "event-4", "event-5"],
        "each once, oldest first"
    );
    publish(ports, &[(6, AGENT)], 9).await;
    let newer = ports.events.after(cursor, None, 10).await.unwrap();
    assert_eq!(ids(&newer), ["event-6"], "a newcomer comes behind the place");
}

async fn an_agent_reads_its_own(ports: &Ports) {
    let entries: Vec<(i64, &str)> = (1..=6)
        .map(|number| (number, if number % 3 == 0 { OTHER_AGENT } else { AGENT }))
        .collect();
    publish(ports, &entries, 1).await;
    let other = agent_name(OTHER_AGENT);
    let own = ports.events.after(Cursor(0), Some(&other), 10).await.unwrap();
    assert_eq!(ids(&own), ["event-3", "event-6"], "only its own");
    let first = ports.events.after(Cursor(0), Some(&other), 1).await.unwrap();
    assert_eq!(ids(&first), ["event-3"], "the limit counts its own");
    let second = ports.events.after(first[0].cursor, Some(&other), 1).await.unwrap();
    assert_eq!(ids(&second), ["event-6"], "and the next page goes on");
    let nobody = agent_name("Nobody");
    assert!(
        ports
            .events
            .after(Cursor(0), Some(&nobody), 10)
            .await
            .unwrap()
            .is_empty(),
        "a stranger has none"
    );
}
