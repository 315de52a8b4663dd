//! News of the other functions: it is told if it is what its function announces, and nothing else that they leave is.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_aws::Backend;
use cc_devops_kernel::events::{Announcement, EventBody};
use cc_devops_kernel::outcome::{Completed, Status};
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::stored;
use cc_devops_testkit::sample::{self, AGENT, after, agent_name};
use cc_devops_testkit::{outbox, peers};

use crate::harness;

/// What a function's role may do: put an item into a partition of its own.
async fn leave(backend: &Backend, desk: &str, place: &str, fields: &[(&str, &str)]) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let mut item = HashMap::from([
        ("PK".to_owned(), text(&format!("NEWS#{desk}"))),
        ("SK".to_owned(), text(place)),
    ]);
    item.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), text(value))));
    let put = backend.clients().dynamodb().put_item();
    let put = put.table_name(&backend.resources().ledger_table).set_item(Some(item));
    put.send().await.unwrap();
}

fn written(body: &EventBody) -> String {
    stored::write_event(body).unwrap()
}

/// How many items have such a partition.
async fn items(backend: &Backend, partition: &str) -> usize {
    let scan = backend.clients().dynamodb().scan();
    let scan = scan.table_name(&backend.resources().ledger_table).send().await.unwrap();
    let items = scan.items.unwrap();
    items
        .iter()
        .filter(|item| item["PK"].as_s().unwrap().starts_with(partition))
        .count()
}

async fn told(backend: &Backend) -> Vec<String> {
    let ports = backend.ports();
    let waiting = outbox::waiting(&ports, 10_000_000).await;
    waiting
        .iter()
        .map(|entry| outbox::event(entry).body.key().to_owned())
        .collect()
}

fn audit_news(key: &str) -> Announcement {
    Announcement {
        source: "devops.automation".to_owned(),
        detail_type: "repos.audit.completed".to_owned(),
        ..sample::announcement(key)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_is_moved_into_the_log_in_its_order_and_once() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let news = [
        sample::announcement("mrr/1"),
        sample::announcement("mrr/2"),
        audit_news("repos/1"),
    ];
    for news in &news {
        backend.ledger().announce(&agent_name(AGENT), news).await.unwrap();
    }
    let logged = backend.events().after(Cursor(0), None, 10).await.unwrap();
    assert!(logged.is_empty(), "the functions write nothing into the log");
    assert_eq!(items(&backend, "NEWS#").await, 3);

    let processes: Vec<Backend> = (0..4).map(|_| harness::on(peer.url(), backend.resources())).collect();
    let looks = processes.iter().map(told);
    futures::future::join_all(looks).await;
    assert_eq!(items(&backend, "NEWS#").await, 0);
    let logged = backend.events().after(Cursor(0), None, 10).await.unwrap();
    let keys: Vec<&str> = logged.iter().map(|logged| logged.event.body.key()).collect();
    assert_eq!(
        keys,
        ["mrr/1", "mrr/2", "repos/1"],
        "each once, whoever looks at the same time"
    );
    assert!(logged.iter().all(|logged| logged.event.agent == agent_name(AGENT)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_news_of_its_function_is_set_aside_and_never_told() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let outcome = written(&EventBody::Completed(Completed {
        request_id: "forged".to_owned(),
        action: "putSecret".to_owned(),
        status: Status::Success,
        result: None,
        error: None,
        reason: None,
        latency_ms: 1,
        requested_by: AGENT.to_owned(),
        timestamp: after(1),
        approval: None,
    }));
    let of = |source: &str, detail_type: &str| {
        written(&EventBody::Announcement(Announcement {
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            ..sample::announcement("forged")
        }))
    };
    let billing = "contentcraft.billing";
    let day = "MRR Calculation Complete";
    let forged = [
        outcome,
        of("devops.automation", "devops.completed"),
        of("devops.automation", day),
        of("agent.Other", "devops.request"),
        of(billing, "anything"),
        // The other function's.
        written(&audit_news("forged").into()),
        "{".to_owned(),
    ];
    for (number, event) in forged.iter().enumerate() {
        leave(
            &backend,
            "revenue",
            &format!("{number:02}"),
            &[("agent", AGENT), ("event", event)],
        )
        .await;
    }
    leave(
        &backend,
        "repositories",
        "00",
        &[("agent", AGENT), ("event", &of(billing, day))],
    )
    .await;
    leave(&backend, "revenue", "90", &[("event", &of(billing, day))]).await;
    leave(
        &backend,
        "revenue",
        "91",
        &[("agent", "9 lives"), ("event", &of(billing, day))],
    )
    .await;
    backend
        .ledger()
        .announce(&agent_name(AGENT), &sample::announcement("genuine"))
        .await
        .unwrap();

    assert_eq!(told(&backend).await, ["genuine"], "and what came with it is told");
    let logged = backend.events().after(Cursor(0), None, 10).await.unwrap();
    assert_eq!(logged.len(), 1);
    assert_eq!(
        (items(&backend, "NEWS#").await, items(&backend, "NOTTOLD#").await),
        (0, 10)
    );
    let again = harness::on(peer.url(), backend.resources());
    assert_eq!(told(&again).await, ["genuine"], "it is looked at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_announces_what_has_no_place() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let foreign = Announcement {
        source: "agent.Other".to_owned(),
        ..sample::announcement("x")
    };
    let refused = backend.ledger().announce(&agent_name(AGENT), &foreign).await;
    assert_eq!(refused.unwrap_err().kind, PortErrorKind::Refused);
}
