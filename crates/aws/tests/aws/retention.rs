//! What ends by itself carries its end; cutting the audit trail, broken off at every call, and against somebody
//! who can write the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_aws::Backend;
use cc_devops_kernel::audit::{AuditFilter, Break, Section};
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::webhooks::{Places, Subscription, SubscriptionId};
use cc_devops_requests::retention::Rules;
use cc_devops_testkit::outbox::{publish, settle_all, waiting};
use cc_devops_testkit::peers;
use cc_devops_testkit::sample::{self, AGENT, after};

use crate::harness;
use crate::line::Line;

type Item = HashMap<String, AttributeValue>;

/// Rows that are old, in two chains, and rows that are not.
async fn trail(peer: &peers::Peer) -> Backend {
    let backend = harness::backend(peer).await;
    let other = harness::on(peer.url(), backend.resources());
    for (process, numbers) in [(&backend, 1..5), (&other, 5..8), (&backend, 100..103)] {
        let last = numbers.end;
        for number in numbers {
            let entry = sample::audit_entry("putSecret", number);
            process.audit().append(&entry).await.unwrap();
        }
        process.audit().checkpoint(after(last)).await.unwrap();
    }
    backend
}

/// Cuts what is old off, once.
async fn cut(backend: &Backend) -> PortResult<Option<Section>> {
    let audit = backend.audit();
    let Some(section) = audit.oldest(after(50), 1_000).await? else {
        return Ok(None);
    };
    let entry = section.entry(after(200), after(50), None);
    audit.cut(&section, &entry).await?;
    Ok(Some(section))
}

async fn breaks(backend: &Backend) -> Vec<Break> {
    backend.audit().verify().await.unwrap().breaks
}

/// The numbers of the rows that stand, in their order.
async fn left(backend: &Backend) -> Vec<i64> {
    let rows = backend
        .audit()
        .list(&AuditFilter::default(), None, 1_000)
        .await
        .unwrap()
        .items;
    let mut numbers: Vec<i64> = rows
        .iter()
        .filter_map(|row| row.entry.detail.get("n")?.as_i64())
        .collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_that_breaks_off_at_any_call_leaves_a_trail_that_holds_and_is_made_again() {
    let peer = peers::ministack().await;
    let mut broken_off = 0;
    loop {
        let backend = trail(&peer).await;
        let line = Line::default();
        let process = line.to(&backend, 1);
        line.breaks_off_after(broken_off);
        let ended = cut(&process).await;
        assert_eq!(breaks(&backend).await, [], "after {broken_off} calls");
        assert!(
            left(&backend).await.ends_with(&[100, 101, 102]),
            "what is not old stays"
        );
        let done = ended.is_ok();
        cut(&harness::on(peer.url(), backend.resources())).await.unwrap();
        assert_eq!(breaks(&backend).await, [], "made again after {broken_off} calls");
        assert_eq!(left(&backend).await, [100, 101, 102]);
        assert!(cut(&backend).await.unwrap().is_none(), "nothing is left to cut");
        // What goes on after the cut is bound and verified as ever.
        backend
            .audit()
            .append(&sample::audit_entry("putSecret", 300))
            .await
            .unwrap();
        backend.audit().checkpoint(after(301)).await.unwrap();
        let whole = backend.audit().verify().await.unwrap();
        assert_eq!(whole.breaks, []);
        assert!(whole.cut >= 6, "what is cut off is counted: {}", whole.cut);
        if done {
            break;
        }
        broken_off += 1;
    }
    assert!(broken_off > 10, "it makes {broken_off} calls");
}

fn cut_key(chain: &str) -> Item {
    let text = |text: String| AttributeValue::S(text);
    Item::from([
        ("PK".to_owned(), text(format!("AUDITCUT#{chain}"))),
        ("SK".to_owned(), text("CUT".to_owned())),
    ])
}

async fn get(backend: &Backend, key: Item) -> Item {
    let call = backend.clients().dynamodb().get_item();
    let call = call.table_name(&backend.resources().ledger_table).consistent_read(true);
    call.set_key(Some(key)).send().await.unwrap().item.unwrap()
}

async fn put(backend: &Backend, item: Item) {
    let call = backend.clients().dynamodb().put_item();
    let call = call.table_name(&backend.resources().ledger_table);
    call.set_item(Some(item)).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_that_was_forged_or_taken_away_shows() {
    let peer = peers::ministack().await;
    let backend = trail(&peer).await;
    let section = cut(&backend).await.unwrap().unwrap();
    assert_eq!(breaks(&backend).await, []);
    for cut in &section.cuts {
        let chain = cut.chain.as_deref().unwrap();
        let kept = get(&backend, cut_key(chain)).await;

        let mut forged = kept.clone();
        forged.insert("seq".to_owned(), AttributeValue::N("1".to_owned()));
        put(&backend, forged).await;
        // A chain that no checkpoint and no row names any more has nothing left to show.
        let is_named = chain == "checkpoints" || left_of(&backend, chain).await;
        let shows = async || {
            let found = breaks(&backend).await;
            found.iter().any(|found| found.chain.as_deref() == Some(chain))
        };
        assert_eq!(shows().await, is_named, "a forged cut of {chain}");

        let gone = backend.clients().dynamodb().delete_item();
        let gone = gone.table_name(&backend.resources().ledger_table);
        gone.set_key(Some(cut_key(chain))).send().await.unwrap();
        assert_eq!(shows().await, is_named, "a cut of {chain} that is gone");
        put(&backend, kept).await;
    }
    assert_eq!(breaks(&backend).await, []);
}

/// Whether rows of a chain stand.
async fn left_of(backend: &Backend, chain: &str) -> bool {
    let rows = backend
        .audit()
        .list(&AuditFilter::default(), None, 1_000)
        .await
        .unwrap()
        .items;
    rows.iter().any(|row| row.chain.as_deref() == Some(chain))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_trail_is_not_cut() {
    let peer = peers::ministack().await;
    let backend = trail(&peer).await;
    let rows = backend
        .audit()
        .list(&AuditFilter::default(), None, 1_000)
        .await
        .unwrap()
        .items;
    let of = |number: i64| {
        let row = rows
            .iter()
            .find(|row| row.entry.detail.get("n") == Some(&number.into()));
        let row = row.unwrap();
        let text = AttributeValue::S;
        Item::from([
            (
                "PK".to_owned(),
                text(format!("AUDIT#{}", row.chain.as_deref().unwrap())),
            ),
            ("SK".to_owned(), text(format!("{:016}", row.seq))),
        ])
    };
    let refused = async |what: &str| {
        let error = cut(&backend).await.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Corrupt, "{what}: {error}");
        assert!(!breaks(&backend).await.is_empty(), "{what}: the proof is still there");
    };
    for (number, name) in [(2, "hash"), (3, "prev_hash"), (7, "hash")] {
        let kept = get(&backend, of(number)).await;
        let mut changed = kept.clone();
        changed.insert(name.to_owned(), AttributeValue::S("0".repeat(64)));
        put(&backend, changed).await;
        refused(&format!("the {name} of row {number}")).await;
        put(&backend, kept).await;
    }
    cut(&backend).await.unwrap().expect("as it was, it is cut");
    assert_eq!(breaks(&backend).await, []);
}

/// In how many days from the test's time the items of a partition end, those that do.
async fn ends(backend: &Backend, partition: &str) -> Vec<Option<i64>> {
    let scan = backend.clients().dynamodb().scan();
    let scan = scan.table_name(&backend.resources().ledger_table).consistent_read(true);
    let items = scan.send().await.unwrap().items.unwrap_or_default();
    let of = items
        .iter()
        .filter(|item| item["PK"].as_s().unwrap().starts_with(partition));
    of.map(|item| {
        let at: i64 = item.get("expires")?.as_n().unwrap().parse().unwrap();
        Some((at - after(0).as_second()) / 86_400)
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_kept_for_ever_carries_its_end() {
    let peer = peers::ministack().await;
    let first = harness::backend(&peer).await;
    let rules = Rules {
        requests_days: 50,
        events_days: 40,
        dead_letters_days: 20,
        ..Rules::default()
    };
    let backend = harness::on(peer.url(), &first.resources().clone().keeping(&rules));
    let ports = backend.ports();
    let subscription = Subscription {
        id: SubscriptionId("hook".to_owned()),
        url: "https://example.com/hook".to_owned(),
        agent: None,
        created_at: after(0),
    };
    let secret = SecretValue::new("whsec_x".to_owned());
    let added = sample::audit_entry("webhook.added", 1);
    ports.webhooks.subscribe(&subscription, &secret, &added).await.unwrap();
    let request = sample::request("ended");
    let conclusion = sample::success(&request.head, 1);
    ports.ledger.receive_concluded(&request, &conclusion).await.unwrap();
    ports.ledger.receive(&sample::request("open"), None).await.unwrap();
    publish(&ports, &[(7, AGENT)], 2).await;
    settle_all(&ports, &waiting(&ports, 3).await, 3).await;
    let mut of_requests = ends(&backend, "REQ#").await;
    of_requests.sort_unstable();
    assert_eq!(of_requests, [None, Some(50)], "what is open has no end");
    assert_eq!(ends(&backend, "LOG#").await, [Some(40), Some(40)]);

    let deliveries = ports
        .webhooks
        .claim_deliveries(after(4), after(60), 10, &Places::of_each(10))
        .await
        .unwrap();
    assert_eq!(deliveries.len(), 2);
    ports
        .webhooks
        .bury(&deliveries[0], after(5), "status 410")
        .await
        .unwrap();
    assert_eq!(ends(&backend, "DEAD#").await, [Some(20)]);
    assert_eq!(
        ends(&backend, "DELIVERIES").await,
        [None],
        "what waits to be delivered has no end"
    );
    let replayed = sample::audit_entry("webhook.dead_letters_replayed", 6);
    ports.webhooks.replay(&subscription.id, &replayed).await.unwrap();
    assert_eq!(
        ends(&backend, "DELIVERIES").await,
        [None, None],
        "nor has what waits again"
    );
}
