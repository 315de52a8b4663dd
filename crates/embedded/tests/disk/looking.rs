//! Lists of a full database that are looked through no further than their reach.

use std::time::{Duration, Instant};

use cc_devops_embedded::Store;
use cc_devops_kernel::audit::AuditFilter;
use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::ports::AuditTrail;
use cc_devops_requests::ports::Ledger;
use cc_devops_requests::record::RequestFilter;
use cc_devops_testkit::sample::{self, AGENT, START, after};

use crate::folder::{Folder, entry};

/// How many requests there are.
const ALL: i64 = 100_000;

/// A database with that many requests, one a second, of which every thousandth failed.
fn full() -> (Folder, Store) {
    let folder = Folder::new();
    folder.open().close();
    let conn = folder.intruder();
    let completed = serde_json::to_string(&sample::failure(&sample::head("r"), 1, Reason::Timeout).completed).unwrap();
    conn.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
         INSERT INTO requests (id, state, attempts, principal, role, agent, action, stage, fingerprint, received_at, \
         status, completed) \
         SELECT 'r-' || i, 'concluded', 1, ?2, 'agent', ?2, 'putSecret', 'dev', zeroblob(32), ?3 + i * 1000000000, \
         CASE i % 1000 WHEN 0 THEN 'error' ELSE 'success' END, ?4 FROM n",
        rusqlite::params![ALL, AGENT, i64::try_from(START.as_nanosecond()).unwrap(), completed],
    )
    .unwrap();
    conn.close().unwrap();
    let store = folder.open();
    (folder, store)
}

#[tokio::test]
async fn a_page_of_requests_costs_the_same_however_many_there_are() {
    let (_folder, store) = full();
    let ledger = store.ledger();
    let of_reach = |reach| RequestFilter {
        reach: Some(reach),
        ..RequestFilter::default()
    };
    let nothing = RequestFilter {
        action: Some("deployLambda".to_owned()),
        ..of_reach(5_000)
    };
    let begun = Instant::now();
    let page = ledger.list(&nothing, None, 50).await.unwrap();
    assert!(page.items.is_empty());
    assert_eq!(page.next.map(|next| next.0), Some(ALL - 4_999), "5,000 were looked at");
    let failed = RequestFilter {
        reason: Some(Reason::Timeout),
        ..of_reach(5_000)
    };
    let page = ledger.list(&failed, None, 200).await.unwrap();
    assert_eq!(
        (page.items.len(), page.next),
        (100, None),
        "failures are found among failures"
    );
    // No more than some hundreds of those around are looked at to find what is in the middle.
    let hour = RequestFilter {
        since: Some(after(50_000)),
        until: Some(after(50_010)),
        ..of_reach(1_000)
    };
    let page = ledger.list(&hour, None, 50).await.unwrap();
    let ids: Vec<&str> = page.items.iter().map(|record| record.head.id.as_str()).collect();
    assert_eq!((ids.len(), ids[0], ids[9], page.next), (10, "r-50009", "r-50000", None));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    store.close();
}

#[tokio::test]
async fn a_page_of_the_trail_costs_the_same_however_long_it_is() {
    let folder = Folder::new();
    let store = folder.open();
    let audit = store.audit();
    // No more at once than the writer's queue holds: those that wait for room may overtake one another.
    for first in (1..=3_000).step_by(500) {
        let writing = (first..first + 500).map(|number| {
            let audit = store.audit();
            tokio::spawn(async move { audit.append(&entry(number)).await })
        });
        for written in writing.collect::<Vec<_>>() {
            written.await.unwrap().unwrap();
        }
    }
    let filter = AuditFilter {
        since: Some(after(1_500)),
        until: Some(after(1_505)),
        reach: Some(700),
        ..AuditFilter::default()
    };
    let page = audit.list(&filter, None, 50).await.unwrap();
    let times: Vec<_> = page.items.iter().map(|row| row.entry.at).collect();
    assert_eq!(times, [1_504, 1_503, 1_502, 1_501, 1_500].map(after));
    assert_eq!(page.next, None);
    let nothing = AuditFilter {
        request: Some("r-none".to_owned()),
        reach: Some(1_000),
        ..AuditFilter::default()
    };
    let page = audit.list(&nothing, None, 50).await.unwrap();
    assert!(page.items.is_empty());
    assert_eq!(page.next.map(|next| next.0), Some(2_001));
    store.close();
}
