//! A database of every earlier schema, filled, still says the same after it is brought up to date.
//!
//! `fixtures/schema_N.sql` holds rows as a program of schema N wrote them, sealed with a known
//! key. With a new migration, run the ignored test below once before writing it, and keep the file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use cc_devops_embedded::Store;
use cc_devops_fleet::ports::{Agents, Heartbeats};
use cc_devops_kernel::audit::AuditFilter;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::{AuditTrail, RecordKind, Schedule, SecretStore, SecretVersion, StateStore};
use cc_devops_kernel::schedule::Job;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::{
    CompletionQueues, Consumer, DueEvent, EventLog, Metrics, Outbox, Outcome, RequestSample, Settled, Webhooks,
};
use cc_devops_outbox::webhooks::{Places, Subscription, SubscriptionId};
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use cc_devops_requests::ports::{Ledger, SealingKeys};
use cc_devops_requests::record::{Receipt, RequestState};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::customer_movements::MovementFilter;
use cc_devops_revenue::day::{CustomerKey, CustomerRow, Day, SubscriptionFigures};
use cc_devops_revenue::ports::RevenueStore;
use cc_devops_testkit::sample::{self, AGENT, OTHER_AGENT, after, agent_name, secret_name, token};
use jiff::civil::{Date, date};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::json;

use crate::folder::{Folder, check_plan, given, plan, put, value};

const NAME: &str = "/contentcraft/migrations/key";

fn here(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The migrations' texts, in their order.
fn migrations() -> Vec<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(here("migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect()
}

#[tokio::test]
async fn a_filled_database_of_every_schema_comes_up_to_date() {
    let migrations = migrations();
    for version in 1..=migrations.len() {
        let folder = Folder::new();
        let conn = folder.intruder();
        for migration in &migrations[..version] {
            conn.execute_batch(migration).unwrap();
        }
        conn.pragma_update(None, "user_version", i64::try_from(version).unwrap())
            .unwrap();
        let rows = fs::read_to_string(here(&format!("tests/fixtures/schema_{version}.sql")))
            .unwrap_or_else(|_| panic!("schema {version} needs its fixture"));
        conn.execute_batch(&rows).unwrap();
        conn.close().unwrap();
        let store = folder.try_open(given(7, None), false).unwrap();
        check(&store).await;
        if version >= 2 {
            check_revenue(&store).await;
        }
        if version >= 3 {
            check_repositories(&store).await;
        }
        if version >= 6 {
            check_endpoint(&store).await;
        }
        if version >= 8 {
            check_sealing(&store).await;
        }
        let wanted = MovementFilter::of(Date::MIN, Date::MAX);
        let moved = store.revenue().movements(&wanted, None, 10).await.unwrap();
        assert_eq!(moved.items.len(), usize::from(version >= 10));
        check_records(&store, version >= 11).await;
        if version >= 12 {
            check_plan(&store).await;
        }
        check_queue(&store, version >= 15).await;
        check_descriptions(&store, version == 14).await;
        store.close();
        let conn = folder.intruder();
        let integrity: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(integrity, "ok");
        let orphans = conn.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
        assert!(!orphans);
    }
}

const CONSUMERS: [Consumer; 3] = [Consumer::Webhooks, Consumer::Metrics, Consumer::People];

async fn waiting_for<const N: usize>(store: &Store, consumers: [Consumer; N]) -> Vec<DueEvent> {
    store.outbox().due(&consumers, after(12), 10).await.unwrap()
}

/// One of everything.
async fn fill(store: &Store) {
    let (ledger, agents, webhooks) = (store.ledger(), store.agents(), store.webhooks());
    agents
        .add(&sample::agent(AGENT), &token(1), &sample::added())
        .await
        .unwrap();
    agents
        .add(&sample::agent(OTHER_AGENT), &token(2), &sample::added())
        .await
        .unwrap();
    agents
        .revoke(&agent_name(OTHER_AGENT), after(1), &sample::revoked())
        .await
        .unwrap();
    let beat = cc_devops_fleet::Beat {
        at: after(2),
        healthy: false,
        message: Some("queue is full".to_owned()),
    };
    agents.beat(&agent_name(AGENT), &beat).await.unwrap();
    for (number, text) in [(1, "one"), (2, "two"), (3, "three")] {
        put(store, NAME, text, number).await.unwrap();
    }
    let subscription = Subscription {
        id: SubscriptionId("hook".to_owned()),
        url: "https://example.com/hook".to_owned(),
        agent: None,
        created_at: after(3),
    };
    webhooks
        .subscribe(
            &subscription,
            &SecretValue::new("whsec_x".to_owned()),
            &sample::audit_entry("webhook.added", 3),
        )
        .await
        .unwrap();
    ledger.receive(&sample::request("received"), None).await.unwrap();
    let Receipt::Claimed(waiting) = ledger
        .receive(&sample::request("waiting"), Some(after(60)))
        .await
        .unwrap()
    else {
        panic!("it is new")
    };
    ledger.lock_stack(&waiting, &sample::stack("sample")).await.unwrap();
    ledger.park(&waiting, after(4)).await.unwrap();
    for (id, published) in [("published", true), ("completed", false)] {
        let request = sample::request(id);
        ledger
            .receive_concluded(&request, &sample::failure(&request.head, 5, Reason::ApiError))
            .await
            .unwrap();
        if published {
            let due = waiting_for(store, CONSUMERS).await;
            let event = (due[0].id, &**due[0].event.as_ref().unwrap());
            webhooks.queue(&[event], after(6)).await.unwrap();
            let counted = RequestSample {
                event: due[0].id,
                action: "putSecret".to_owned(),
                status: Status::Success,
                latency_ms: 12,
                at: after(9),
            };
            store.metrics().record(&[counted]).await.unwrap();
            let told = CONSUMERS.map(|consumer| Settled {
                id: due[0].id,
                consumer,
                outcome: Outcome::Done,
            });
            store.outbox().settle(after(6), &told).await.unwrap();
        }
    }
    let delivery = webhooks
        .claim_deliveries(after(7), after(8), 1, &Places::of_each(1))
        .await
        .unwrap()
        .remove(0);
    webhooks.bury(&delivery, after(8), "status 410").await.unwrap();
    let agent = agent_name(AGENT);
    let received = store.completion_queues().receive(&agent, after(9), after(10), 1).await;
    assert_eq!(received.unwrap().len(), 1);
    store.schedule().due(Job::Heartbeat, after(300)).await.unwrap();
    let news = sample::announcement("mrr/2026-03-01");
    store
        .revenue()
        .keep(&mrr(), &agent_name(OTHER_AGENT), &news)
        .await
        .unwrap();
    store.revenue().keep_customers(&[customer()]).await.unwrap();
    let kept = BTreeMap::from([("42".to_owned(), Some(watch()))]);
    store
        .repositories()
        .save("acme", DocumentKind::Watches, &kept)
        .await
        .unwrap();
    plan(store).await;
}

fn watch() -> serde_json::Value {
    json!({"9": {"path": ".github/workflows/ci.yml", "told": {"run": 9_007_199_254_740_993_u64, "attempt": 2}}})
}

/// What was known of a webhook's endpoint is still there.
async fn check_endpoint(store: &Store) {
    let statuses = store.webhooks().statuses().await.unwrap();
    let endpoint = &statuses[0].endpoint;
    assert_eq!(
        (endpoint.failing_since, endpoint.last_error.as_deref()),
        (Some(after(8)), Some("status 410"))
    );
}

/// The pair of keys that values were sealed to opens.
async fn check_sealing(store: &Store) {
    let pairs = store.sealing_keys().pairs().await.unwrap();
    let ids: Vec<&str> = pairs.iter().map(|pair| pair.id().as_str()).collect();
    assert_eq!(ids, ["321284bf5f0c1019"]);
    assert_eq!((pairs[0].secret(), pairs[0].created_at()), (&[5; 32], after(0)));
}

/// What was said of secrets is still there, and nothing where nothing could be said.
async fn check_descriptions(store: &Store, said: bool) {
    let described = store.secrets().describe(&secret_name(NAME)).await.unwrap().unwrap();
    let summary = described.summary;
    let tag = summary.tags.get("team").map(String::as_str);
    let told = said.then_some(("for the bar", "billing"));
    assert_eq!(summary.description.as_deref().zip(tag), told);
    let without = secret_name("/contentcraft/migrations/without");
    let without = store.secrets().describe(&without).await.unwrap();
    assert_eq!(without.map(|secret| secret.summary.versions), said.then_some(0));
}

/// What was known of repositories is still there.
async fn check_repositories(store: &Store) {
    let kept = store.repositories().load("acme", DocumentKind::Watches).await.unwrap();
    assert_eq!(kept, BTreeMap::from([("42".to_owned(), watch())]));
}

/// The agent's completions are in its queue, with what was handed out of it before.
async fn check_queue(store: &Store, kept: bool) {
    let agent = agent_name(AGENT);
    let received = store
        .completion_queues()
        .receive(&agent, after(20), after(50), 10)
        .await;
    let received: Vec<(String, u32)> = received
        .unwrap()
        .into_iter()
        .map(|received| (received.completed.request_id, received.receives))
        .collect();
    let published = if kept { 2 } else { 1 };
    let expected = [("published", published), ("completed", 1), ("waiting", 1)];
    assert_eq!(received, expected.map(|(id, receives)| (id.to_owned(), receives)));
}

/// What the watch remembered is still there, and found.
async fn check_records(store: &Store, kept: bool) {
    let watched = |kind| async move { store.state().list(kind, None, None, 10).await.unwrap() };
    let due = store.state().due(RecordKind::Watch, after(300), 10).await.unwrap();
    assert_eq!(due, watched(RecordKind::Watch).await);
    let flips = store
        .state()
        .list(RecordKind::Flip, Some(AGENT), None, 10)
        .await
        .unwrap();
    assert_eq!(flips, watched(RecordKind::Flip).await);
    let versions = due.iter().chain(&flips).map(|record| record.version);
    assert_eq!(versions.collect::<Vec<_>>(), if kept { vec![3, 1] } else { vec![] });
}

fn mrr() -> Day {
    sample::mrr_day(date(2026, 3, 1), 4_200)
}

fn customer() -> CustomerRow {
    CustomerRow {
        key: CustomerKey {
            customer: "cus_1".to_owned(),
            currency: Currency::USD,
        },
        figure: Some("12600/3".parse().unwrap()),
        day: date(2026, 3, 1),
        opening: Some("10/3".parse().unwrap()),
        subscriptions: SubscriptionFigures::default(),
    }
}

/// MRR that was kept is still there.
async fn check_revenue(store: &Store) {
    // The fixtures' days are of before anything was kept beside MRR.
    let mut day = mrr();
    day.summary.outlook = None;
    assert_eq!(store.revenue().latest().await.unwrap(), Some(day));
    assert_eq!(store.revenue().customers(None, 10).await.unwrap(), [customer()]);
}

/// Everything [`fill`] wrote can still be read, and what was begun goes on.
async fn check(store: &Store) {
    let (ledger, agents, webhooks) = (store.ledger(), store.agents(), store.webhooks());
    let found = agents.by_token(&token(1).hash, after(10)).await.unwrap().unwrap();
    assert_eq!(found.name, agent_name(AGENT));
    assert!(agents.by_token(&token(2).hash, after(10)).await.unwrap().is_none());
    let list = agents.list().await.unwrap();
    assert_eq!(
        list[0].last_beat.as_ref().unwrap().message.as_deref(),
        Some("queue is full")
    );
    assert_eq!(list[1].revoked_at, Some(after(1)));

    assert_eq!(value(store, NAME).await.unwrap().as_deref(), Some("three"));
    let previous = store
        .secrets()
        .read(&secret_name(NAME), SecretVersion::Previous)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(previous.value.expose(), "two");
    put(store, NAME, "one", 1).await.unwrap();
    assert!(
        put(store, NAME, "other", 1).await.is_err(),
        "a token from before is known, with its value"
    );

    let states = [
        ("received", RequestState::Received),
        ("waiting", RequestState::Waiting),
        ("published", RequestState::Published),
        ("completed", RequestState::Published),
    ];
    for (id, state) in states {
        let record = ledger.find(&RequestId::new(id).unwrap()).await.unwrap().unwrap();
        assert_eq!(record.state, state, "{id}");
    }
    let due = ledger.claim_due(after(10), after(70), 10).await.unwrap();
    assert!(due[0].detail.expose() == sample::request("received").detail.expose());
    let waiting = ledger.waiting(None, 10).await.unwrap().remove(0);
    ledger
        .conclude(&waiting.claim, &sample::success(&waiting.head, 11))
        .await
        .unwrap();
    for consumer in CONSUMERS {
        let due = waiting_for(store, [consumer]).await;
        let about: Vec<&str> = due
            .iter()
            .map(|entry| entry.event.as_ref().unwrap().body.key())
            .collect();
        assert_eq!(about, ["completed", "waiting"], "{consumer} was told of the others");
    }

    let verification = store.audit().verify().await.unwrap();
    assert_eq!((verification.rows, &verification.breaks[..]), (3, &[][..]));
    assert_eq!(
        store
            .audit()
            .list(&AuditFilter::default(), None, 10)
            .await
            .unwrap()
            .items
            .len(),
        3
    );
    let logged = store.events().after(Cursor(0), None, 10).await.unwrap();
    let about: Vec<&str> = logged.iter().map(|logged| logged.event.body.key()).collect();
    assert_eq!(about, ["published", "completed", "waiting"]);
    assert_eq!(logged[0].cursor, Cursor(1), "what was in the log keeps its place");
    assert_eq!(logged[1].event.body.timestamp(), after(5));
    assert_eq!(
        webhooks
            .replay(
                &SubscriptionId("hook".to_owned()),
                &sample::audit_entry("webhook.dead_letters_replayed", 13)
            )
            .await
            .unwrap(),
        1
    );
    let delivery = webhooks
        .claim_deliveries(after(14), after(15), 10, &Places::of_each(4))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(delivery.secret.expose(), "whsec_x");
    assert_eq!(
        store.schedule().due(Job::Heartbeat, after(1)).await.unwrap(),
        after(300)
    );
    assert_eq!(store.metrics().totals().await.unwrap()[0].latency_ms_sum, 12);
}

/// What was in the outbox of the third schema when it was succeeded goes to whoever was not told.
#[tokio::test]
async fn what_waited_in_the_old_outbox_is_told_to_those_who_were_not() {
    let migrations = migrations();
    let folder = Folder::new();
    let conn = folder.intruder();
    for migration in &migrations[..3] {
        conn.execute_batch(migration).unwrap();
    }
    conn.pragma_update(None, "user_version", 3).unwrap();
    conn.execute_batch(&fs::read_to_string(here("tests/fixtures/schema_3.sql")).unwrap())
        .unwrap();
    // One that was published and not marked, news, and what nobody can read.
    conn.execute_batch(
        "INSERT INTO outbox (id, request_seq, failures, due_at) VALUES (1, 3, 4, 1750000000000000000);
         INSERT INTO outbox (id, agent, completed) VALUES
           (3, 'CostSentinel', '{\"key\":\"mrr/1\",\"source\":\"s\",\"detailType\":\"t\",\"detail\":\"{}\",\"timestamp\":\"2026-03-01T00:00:00Z\"}'),
           (4, 'CostSentinel', '{damaged');",
    )
    .unwrap();
    conn.close().unwrap();
    let store = folder.try_open(given(7, None), false).unwrap();
    let told = async |consumer| -> Vec<(String, u32)> {
        let due = waiting_for(&store, [consumer]).await;
        due.iter()
            .map(|entry| {
                let about = entry.event.as_ref().map_or("unreadable", |event| event.body.key());
                (about.to_owned(), entry.wanted_by[0].1)
            })
            .collect()
    };
    let new = ["completed", "mrr/1", "unreadable"].map(|about| (about.to_owned(), 0));
    assert_eq!(told(Consumer::Webhooks).await, new);
    for consumer in [Consumer::Metrics, Consumer::People] {
        let all = told(consumer).await;
        assert_eq!(all[0], ("published".to_owned(), 4), "{consumer} may not have been told");
        assert_eq!(all[1..], new);
    }
    let logged = store.events().after(Cursor(0), None, 10).await.unwrap();
    let about: Vec<&str> = logged.iter().map(|logged| logged.event.body.key()).collect();
    assert_eq!(
        about,
        ["published", "completed", "mrr/1"],
        "each once, and what cannot be read is passed over"
    );
    store.close();
}

/// Writes the newest schema's fixture.
#[tokio::test]
#[ignore = "run by hand when a schema is about to be succeeded"]
async fn write_the_fixture() {
    let folder = Folder::new();
    let store = folder.try_open(given(7, None), true).unwrap();
    fill(&store).await;
    store.close();
    let file = here(&format!("tests/fixtures/schema_{}.sql", migrations().len()));
    fs::write(file, dump(&folder.intruder())).unwrap();
}

/// The rows of all tables as SQL.
fn dump(conn: &Connection) -> String {
    let mut text = String::from("PRAGMA foreign_keys = OFF;\nDELETE FROM sqlite_sequence;\nDELETE FROM consumers;\n");
    let mut tables = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_stat%'")
        .unwrap();
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for table in tables {
        let mut statement = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_names().join(", ");
        let count = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<String> = (0..count).map(|at| literal(row.get_ref(at).unwrap())).collect();
            writeln!(text, "INSERT INTO {table} ({columns}) VALUES ({});", values.join(", ")).unwrap();
        }
    }
    text
}

fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => format!("'{}'", std::str::from_utf8(text).unwrap().replace('\'', "''")),
        ValueRef::Blob(bytes) => {
            format!("x'{}'", hex::encode(bytes))
        }
    }
}
