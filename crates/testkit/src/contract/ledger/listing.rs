//! Lists and counts of requests.

use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_requests::ports::{Backlog, Ledger, Ports};
use cc_devops_requests::record::{RequestFilter, RequestState};

use super::{end, leave, take};
use crate::outbox;
use crate::sample::{self, OTHER_AGENT, after, agent_name};

pub(super) async fn filters_narrow(ports: &Ports) {
    let ledger = &*ports.ledger;
    fill(ports).await;
    let (completed, published) = match outbox::state_once_ended(ports) {
        RequestState::Completed => (vec!["r2"], vec!["r1"]),
        _ => (vec![], vec!["r2", "r1"]),
    };
    let cases = [
        (filter(|_| {}), vec!["r5", "r4", "r3", "r2", "r1"]),
        (filter(|f| f.agent = Some(agent_name(OTHER_AGENT))), vec!["r4", "r2"]),
        (filter(|f| f.agent = Some(agent_name("Nobody"))), vec![]),
        (filter(|f| f.action = Some("deployLambda".to_owned())), vec!["r5", "r3"]),
        (filter(|f| f.status = Some(Status::Success)), vec!["r1"]),
        (filter(|f| f.status = Some(Status::Error)), vec!["r2"]),
        (filter(|f| f.reason = Some(Reason::ApiError)), vec!["r2"]),
        (filter(|f| f.reason = Some(Reason::Timeout)), vec![]),
        (filter(|f| f.state = Some(RequestState::Received)), vec!["r5"]),
        (filter(|f| f.state = Some(RequestState::Executing)), vec!["r3"]),
        (filter(|f| f.state = Some(RequestState::Waiting)), vec!["r4"]),
        (filter(|f| f.state = Some(RequestState::Completed)), completed),
        (filter(|f| f.state = Some(RequestState::Published)), published),
        (filter(|f| f.since = Some(after(3))), vec!["r5", "r4", "r3"]),
        (filter(|f| f.until = Some(after(3))), vec!["r2", "r1"]),
        (
            filter(|f| (f.since, f.until) = (Some(after(2)), Some(after(4)))),
            vec!["r3", "r2"],
        ),
        (
            filter(|f| {
                f.agent = Some(agent_name(OTHER_AGENT));
                f.status = Some(Status::Error);
                f.action = Some("putSecret".to_owned());
            }),
            vec!["r2"],
        ),
    ];
    for (filter, expected) in cases {
        let page = ledger.list(&filter, None, 10).await.unwrap();
        let ids: Vec<&str> = page.items.iter().map(|record| record.head.id.as_str()).collect();
        assert_eq!(ids, expected, "what {filter:?} selects, newest first");
        assert_eq!(page.next, None, "a page that holds everything is the last");
        let within_reach = RequestFilter {
            reach: Some(1_000),
            ..filter.clone()
        };
        // The times here are made up, and a list may be kept by the times of its writers' clocks.
        let times = filter.since.or(filter.until);
        let reached = ledger.list(&within_reach, None, 10).await.unwrap();
        assert!(
            times.is_some() || reached == page,
            "what {filter:?} reaches is the same where all is within reach"
        );
        for record in &page.items {
            let found = ledger.find(&record.head.id).await.unwrap();
            assert_eq!(found.as_ref(), Some(record), "the list shows what a lookup shows");
        }
    }
}

pub(super) async fn pages_join_to_the_whole(ports: &Ports) {
    let ledger = &*ports.ledger;
    for number in 1..=7 {
        let mut request = sample::request(&format!("r{number}"));
        request.head.received_at = after(number);
        if number == 4 {
            request.head.agent = agent_name(OTHER_AGENT);
        }
        leave(ledger, &request).await;
    }
    assert_eq!(
        walk(ledger, None, 3).await,
        ["r7", "r6", "r5", "r4", "r3", "r2", "r1"],
        "by threes"
    );
    assert_eq!(walk(ledger, None, 7).await.len(), 7, "by a page of just the right size");
    assert_eq!(
        walk(ledger, Some(sample::AGENT), 2).await,
        ["r7", "r6", "r5", "r3", "r2", "r1"],
        "a filter holds over all pages"
    );

    let first = ledger.list(&RequestFilter::default(), None, 3).await.unwrap();
    leave(ledger, &sample::request("newer")).await;
    let second = ledger.list(&RequestFilter::default(), first.next, 3).await.unwrap();
    assert_eq!(
        second.items[0].head.id.as_str(),
        "r4",
        "a newcomer does not shift the next page"
    );
}

/// However far a page reaches, the pages together are the whole, and no page costs more than its reach.
pub(super) async fn pages_within_reach_join_to_the_whole(ports: &Ports) {
    let ledger = &*ports.ledger;
    for number in 1..=20 {
        let mut request = sample::request(&format!("r{number}"));
        request.head.received_at = after(number);
        if number % 9 == 0 {
            "deployLambda".clone_into(&mut request.head.action);
        }
        leave(ledger, &request).await;
    }
    for reach in [1, 4, 7, 100] {
        let filter = RequestFilter {
            action: Some("deployLambda".to_owned()),
            reach: Some(reach),
            ..RequestFilter::default()
        };
        let (mut ids, mut before, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = ledger.list(&filter, before, 10).await.unwrap();
            ids.extend(page.items.iter().map(|record| record.head.id.to_string()));
            (before, pages) = (page.next, pages + 1);
            if before.is_none() || pages > 100 {
                break;
            }
        }
        assert_eq!(ids, ["r18", "r9"], "by a reach of {reach}");
        assert!(
            pages >= 20 / reach,
            "{pages} pages looked no further than {reach} requests each"
        );
    }
    let filter = RequestFilter {
        action: Some("reportCost".to_owned()),
        reach: Some(5),
        ..RequestFilter::default()
    };
    let page = ledger.list(&filter, None, 10).await.unwrap();
    assert!(
        page.items.is_empty() && page.next.is_some(),
        "a page may be empty, and go on"
    );
    let all = RequestFilter {
        reach: Some(5),
        ..RequestFilter::default()
    };
    let page = ledger.list(&all, None, 3).await.unwrap();
    assert_eq!(page.items.len(), 3, "what is within reach fills a page");
}

pub(super) async fn the_backlog_counts_what_is_not_ended(ports: &Ports) {
    let ledger = &*ports.ledger;
    assert_eq!(
        ledger.backlog().await.unwrap(),
        Backlog::default(),
        "a new ledger has nothing to do"
    );
    fill(ports).await;
    let expected = Backlog {
        received: 1,
        executing: 1,
        waiting: 1,
        unpublished: 1,
        oldest_open: Some(after(3)),
    };
    assert_eq!(
        ledger.backlog().await.unwrap(),
        expected,
        "each open request is counted in its state"
    );
}

fn filter(narrow: impl FnOnce(&mut RequestFilter)) -> RequestFilter {
    let mut filter = RequestFilter::default();
    narrow(&mut filter);
    filter
}

/// One request in each state, received one second after the other.
async fn fill(ports: &Ports) {
    let ledger = &*ports.ledger;
    let request = |number: i64| {
        let mut request = sample::request(&format!("r{number}"));
        request.head.received_at = after(number);
        if number % 2 == 0 {
            request.head.agent = agent_name(OTHER_AGENT);
        } else if number > 1 {
            "deployLambda".clone_into(&mut request.head.action);
        }
        request
    };
    end(ledger, &request(1), &sample::success(&request(1).head, 6)).await;
    outbox::settle_all(ports, &outbox::waiting(ports, 100).await, 6).await;
    end(
        ledger,
        &request(2),
        &sample::failure(&request(2).head, 6, Reason::ApiError),
    )
    .await;
    take(ledger, &request(3)).await;
    let parked = take(ledger, &request(4)).await;
    ledger.park(&parked, after(6)).await.unwrap();
    leave(ledger, &request(5)).await;
}

/// The ids on all pages of `limit`.
async fn walk(ledger: &dyn Ledger, agent: Option<&str>, limit: usize) -> Vec<String> {
    let filter = RequestFilter {
        agent: agent.map(agent_name),
        ..RequestFilter::default()
    };
    let (mut ids, mut before) = (Vec::new(), None);
    loop {
        let page = ledger.list(&filter, before, limit).await.unwrap();
        assert!(page.items.len() <= limit, "a page holds no more than asked for");
        ids.extend(page.items.iter().map(|record| record.head.id.to_string()));
        before = page.next;
        if before.is_none() || ids.len() > 1_000 {
            return ids;
        }
    }
}
