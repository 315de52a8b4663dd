//! The audit trail's contract: a chain that only grows, and lists of it.

use cc_devops_kernel::audit::{AuditFilter, ChainHash, actions, link};
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_requests::ports::Ports;
use serde_json::json;

use crate::sample::{self, AGENT, OTHER_AGENT, after, agent_name};

/// The audit trail keeps what it promises: entries come back as they were given, in an unbroken
/// chain, and lists page and filter.
pub async fn audit(fresh: impl AsyncFn() -> Ports) {
    an_empty_chain_holds(&fresh().await).await;
    entries_come_back_in_a_chain(&fresh().await).await;
    entries_at_once_stand_in_unbroken_chains(&fresh().await).await;
    filters_narrow(&fresh().await).await;
    rows_about_one_thing_are_found(&fresh().await).await;
    pages_join_to_the_whole(&fresh().await).await;
    a_single_chain_is_known_by_its_marks(&fresh().await).await;
}

async fn a_single_chain_is_known_by_its_marks(ports: &Ports) {
    let mark = async |seq| ports.audit.mark(seq).await.expect("mark");
    let Some(start) = mark(None).await else {
        return;
    };
    assert_eq!(
        (start.seq, start.hash),
        (0, ChainHash::GENESIS),
        "an empty chain ends before its first row"
    );
    for seconds in 1..=3 {
        let entry = sample::audit_entry(actions::SECRET_READ, seconds);
        ports.audit.append(&entry).await.unwrap();
    }
    let rows = ports.audit.list(&AuditFilter::default(), None, 10).await.unwrap().items;
    let known: Vec<_> = rows.iter().map(|row| (row.seq, row.hash)).collect();
    for (seq, hash) in &known {
        let found = mark(Some(*seq)).await.map(|mark| (mark.seq, mark.hash));
        assert_eq!(found, Some((*seq, *hash)), "a row is known by its place");
    }
    let end = mark(None).await.map(|mark| (mark.seq, mark.hash));
    assert_eq!(end, known.first().copied(), "the end is the newest row");
    assert_eq!(mark(Some(4)).await, None, "there is no row that was not written");
}

async fn an_empty_chain_holds(ports: &Ports) {
    let verification = ports.audit.verify().await.unwrap();
    assert_eq!(
        (verification.rows, verification.breaks),
        (0, vec![]),
        "an empty chain has nothing to break"
    );
    let page = ports.audit.list(&AuditFilter::default(), None, 10).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none(), "and nothing to list");
}

async fn entries_come_back_in_a_chain(ports: &Ports) {
    let mut full = sample::failure(&sample::head("r1"), 2, Reason::SecurityViolation).audit;
    full.detail = json!({"policies": ["a", "b"], "nested": {"z": 1, "a": [null, true, "é\u{1f511}", 1.5, -7]}});
    let entries = [
        sample::audit_entry(actions::AGENT_ADDED, 1),
        full,
        sample::audit_entry(actions::KEY_ROTATED, 3),
    ];
    for entry in &entries {
        ports.audit.append(entry).await.unwrap();
    }
    let mut rows = ports.audit.list(&AuditFilter::default(), None, 10).await.unwrap().items;
    rows.reverse();
    let mut prev = ChainHash::start_of(rows[0].chain.as_deref());
    for ((seq, entry), row) in (1..).zip(&entries).zip(&rows) {
        assert_eq!(row.seq, seq, "rows are numbered from one without gaps");
        assert_eq!(&row.entry, entry, "an entry comes back as it was given");
        assert_eq!(row.prev_hash, prev, "each row follows from the one before");
        assert_eq!(row.hash, link(prev, seq, entry), "the hash is the documented one");
        prev = row.hash;
    }
    let verification = ports.audit.verify().await.unwrap();
    assert_eq!((verification.rows, verification.breaks), (3, vec![]), "the chain holds");
}

async fn entries_at_once_stand_in_unbroken_chains(ports: &Ports) {
    let calls: Vec<_> = (0..16)
        .map(|number| {
            let audit = ports.audit.clone();
            tokio::spawn(async move { audit.append(&sample::audit_entry(actions::SECRET_READ, number)).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let verification = ports.audit.verify().await.unwrap();
    assert_eq!(
        (verification.rows, verification.breaks),
        (16, vec![]),
        "entries at once stand in unbroken chains"
    );
}

async fn filters_narrow(ports: &Ports) {
    for seconds in 1..=6 {
        let mut entry = sample::audit_entry("putSecret", seconds);
        if seconds == 2 {
            entry.agent = Some(agent_name(OTHER_AGENT));
        }
        if seconds == 3 {
            entry.principal = Some(agent_name(OTHER_AGENT));
        }
        if seconds == 4 {
            actions::SECRET_READ.clone_into(&mut entry.action);
        }
        if seconds == 5 {
            entry.status = Status::Error;
            entry.reason = Some(Reason::ApiError);
        }
        if seconds == 6 {
            entry.resource = Some("/contentcraft/key".to_owned());
            entry.request_id = Some("r \"1\"".to_owned());
        } else {
            entry.resource = None;
            entry.detail = json!({"resource": "/contentcraft/key", "requestId": "r", "reason": "timeout"});
        }
        ports.audit.append(&entry).await.unwrap();
    }
    let cases = [
        (filter(|_| {}), vec![6, 5, 4, 3, 2, 1]),
        (filter(|f| f.agent = Some(agent_name(OTHER_AGENT))), vec![3, 2]),
        (filter(|f| f.agent = Some(agent_name(AGENT))), vec![6, 5, 4, 3, 1]),
        (filter(|f| f.action = Some(actions::SECRET_READ.to_owned())), vec![4]),
        (filter(|f| f.status = Some(Status::Error)), vec![5]),
        (filter(|f| f.reason = Some(Reason::ApiError)), vec![5]),
        (filter(|f| f.reason = Some(Reason::Timeout)), vec![]),
        (filter(|f| f.resource = Some("/content".to_owned())), vec![6]),
        (filter(|f| f.resource = Some("content".to_owned())), vec![]),
        (filter(|f| f.request = Some("r \"1\"".to_owned())), vec![6]),
        (filter(|f| f.request = Some("r".to_owned())), vec![]),
        (filter(|f| f.since = Some(after(5))), vec![6, 5]),
        (filter(|f| f.until = Some(after(3))), vec![2, 1]),
        (
            filter(|f| {
                f.agent = Some(agent_name(AGENT));
                f.status = Some(Status::Success);
                f.since = Some(after(3));
            }),
            vec![6, 4, 3],
        ),
    ];
    for (filter, expected) in cases {
        let page = ports.audit.list(&filter, None, 10).await.unwrap();
        let seqs: Vec<i64> = page.items.iter().map(|row| row.seq).collect();
        assert_eq!(seqs, expected, "what {filter:?} selects, newest first");
        assert_eq!(page.next, None, "a page that holds everything is the last");
        let within_reach = AuditFilter {
            reach: Some(1_000),
            ..filter.clone()
        };
        // The times here are made up, and a list may be kept by the times of its writers' clocks.
        let times = filter.since.or(filter.until);
        let reached = ports.audit.list(&within_reach, None, 10).await.unwrap();
        assert!(
            times.is_some() || reached == page,
            "what {filter:?} reaches is the same where all is within reach"
        );
        for row in &page.items {
            let found = ports.audit.row(row.chain.as_deref(), row.seq).await.unwrap();
            assert_eq!(found.as_ref(), Some(row), "a row is found by its place");
        }
    }
    assert_eq!(ports.audit.row(None, 7).await.unwrap(), None, "there is no such row");
    let short = filter(|f| (f.action, f.reach) = (Some(actions::SECRET_READ.to_owned()), Some(2)));
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let page = ports.audit.list(&short, before, 10).await.unwrap();
        pages.push(page.items.iter().map(|row| row.seq).collect::<Vec<_>>());
        before = page.next;
        if before.is_none() || pages.len() > 10 {
            break;
        }
    }
    assert_eq!(
        pages,
        [vec![], vec![4], vec![]],
        "pages reach no further than two rows each"
    );
}

fn filter(narrow: impl FnOnce(&mut AuditFilter)) -> AuditFilter {
    let mut filter = AuditFilter::default();
    narrow(&mut filter);
    filter
}

async fn rows_about_one_thing_are_found(ports: &Ports) {
    let (name, other) = ("/contentcraft/a/b", "/contentcraft/a");
    for seconds in 1..=9 {
        let action = if seconds % 3 == 0 {
            actions::SECRET_READ
        } else {
            "putSecret"
        };
        let mut entry = sample::audit_entry(action, seconds);
        entry.resource = match seconds {
            8 => Some(other.to_owned()),
            9 => None,
            _ => Some(name.to_owned()),
        };
        ports.audit.append(&entry).await.unwrap();
    }
    let mut added = sample::added();
    added.resource = Some(AGENT.to_owned());
    ports.audit.append(&added).await.unwrap();
    let about = async |of: &str, action: Option<&str>, limit| {
        let (mut seqs, mut before) = (Vec::new(), None);
        loop {
            let page = ports.audit.about(of, action, before, limit).await.unwrap();
            assert!(page.items.len() <= limit);
            seqs.extend(page.items.iter().map(|row| row.entry.detail["n"].as_i64().unwrap()));
            before = page.next;
            if before.is_none() {
                return seqs;
            }
        }
    };
    for limit in [1, 2, 50] {
        assert_eq!(
            about(name, None, limit).await,
            [7, 6, 5, 4, 3, 2, 1],
            "pages of {limit}"
        );
        assert_eq!(about(name, Some(actions::SECRET_READ), limit).await, [6, 3]);
        assert_eq!(about(name, Some("putSecret"), limit).await, [7, 5, 4, 2, 1]);
    }
    assert_eq!(about(other, None, 5).await, [8], "a name is a whole word");
    assert_eq!(about("/contentcraft", None, 5).await, Vec::<i64>::new());
    assert_eq!(about(name, Some(actions::KEY_ROTATED), 5).await, Vec::<i64>::new());
    assert_eq!(about(AGENT, Some(actions::AGENT_ADDED), 5).await, [0]);
    let newest = ports
        .audit
        .about(name, Some(actions::SECRET_READ), None, 1)
        .await
        .unwrap();
    assert_eq!(newest.items[0].entry.at, after(6), "the last time it was read");
}

async fn pages_join_to_the_whole(ports: &Ports) {
    for seconds in 1..=7 {
        ports
            .audit
            .append(&sample::audit_entry("putSecret", seconds))
            .await
            .unwrap();
    }
    for limit in [1, 3, 7] {
        let (mut seqs, mut before) = (Vec::new(), None);
        loop {
            let page = ports.audit.list(&AuditFilter::default(), before, limit).await.unwrap();
            seqs.extend(page.items.iter().map(|row| row.seq));
            before = page.next;
            if before.is_none() || seqs.len() > 100 {
                break;
            }
        }
        assert_eq!(seqs, [7, 6, 5, 4, 3, 2, 1], "pages of {limit} join to the whole");
    }
}
