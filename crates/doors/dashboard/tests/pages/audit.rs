//! The audit trail: its rows, a row's proof, and files of it.

use std::fmt::Write as _;

use cc_devops_kernel::audit::{AuditRow, actions};
use cc_devops_kernel::outcome::Reason;
use cc_devops_testkit::sample;
use sha2::{Digest, Sha256};

use crate::harness::{ADMIN, As, Harness};

async fn written(harness: &Harness, rows: i64) {
    let audit = &harness.control.ports().audit;
    for seconds in 1..=rows {
        let mut entry = sample::audit_entry("putSecret", seconds);
        entry.resource = Some(format!("/contentcraft/key-{seconds}"));
        if seconds % 10 == 0 {
            entry = sample::failure(&sample::head(&format!("r-{seconds}")), seconds, Reason::ApiError).audit;
        }
        audit.append(&entry).await.unwrap();
    }
}

fn places(page: &str) -> Vec<i64> {
    let rows = page.split("<tr id=\"row-").skip(1);
    rows.map(|row| row.split('"').next().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn rows_are_listed_with_filters_and_pages() {
    let harness = Harness::new().await;
    written(&harness, 60).await;
    let browser = harness.sign_in(As::Observer).await;
    let page = browser.get("/ui/audit").await.page();
    assert!(page.len() < 150_000, "{} bytes", page.len());
    // Three callers were added before, and one has signed in since.
    let expected: Vec<i64> = (15..=64).rev().collect();
    assert_eq!(places(&page), expected);
    let cursor = "/ui/audit?cursor=15";
    assert!(page.contains(cursor), "{page}");
    assert_eq!(
        places(&browser.get(cursor).await.page()),
        (1..=14).rev().collect::<Vec<_>>()
    );
    for (query, expected) in [
        ("status=error&reason=&agent=", vec![63, 53, 43, 33, 23, 13]),
        ("reason=api_error", vec![63, 53, 43, 33, 23, 13]),
        ("request=r-20", vec![23]),
        (
            "resource=%2Fcontentcraft%2Fkey-4",
            vec![52, 51, 50, 49, 48, 47, 46, 45, 44, 7],
        ),
        ("action=session.begun", vec![64]),
        ("agent=Nobody", vec![]),
    ] {
        let page = browser.get(&format!("/ui/audit?{query}")).await.page();
        assert_eq!(places(&page), expected, "{query}");
    }
    for wrong in [
        "status=maybe",
        "reason=fate",
        "since=soon",
        "agent=no%20name",
        "cursor=-1",
    ] {
        assert_eq!(browser.get(&format!("/ui/audit?{wrong}")).await.status, 422, "{wrong}");
    }
}

#[tokio::test]
async fn a_row_shows_its_proof_which_anybody_can_follow() {
    let harness = Harness::new().await;
    written(&harness, 3).await;
    let browser = harness.sign_in(As::Admin).await;
    let row = harness
        .memory
        .audit_rows()
        .into_iter()
        .find(|row| row.seq == 5)
        .unwrap();
    let page = browser.get("/ui/audit/5").await.page();
    assert!(
        page.contains("This row holds: its hash is that of what it says, and it follows"),
        "{page}"
    );
    let command = page.split("printf '%s\\n%s' ").nth(1).unwrap();
    let command = command.split(" | sha256sum").next().unwrap().replace("&quot;", "\"");
    let (before, canonical) = command.split_once(' ').unwrap();
    let text = format!("{before}\n{}", canonical.trim_matches('\''));
    let mut hash = String::new();
    for byte in Sha256::digest(text) {
        write!(hash, "{byte:02x}").unwrap();
    }
    assert_eq!(
        hash,
        row.hash.to_string(),
        "what the page says to check comes to the hash"
    );
    assert!(
        page.contains(&hash) && page.contains(&row.prev_hash.to_string()),
        "{page}"
    );

    let file = browser.get("/ui/audit/5/row.json").await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"row.json\"");
    assert_eq!(serde_json::from_str::<AuditRow>(&file.page()).unwrap(), row);
    assert_eq!(browser.get("/ui/audit/500").await.status, 404);
    assert_eq!(browser.get("/ui/audit/five").await.status, 404);
}

#[tokio::test]
async fn a_row_that_was_changed_and_one_that_does_not_follow_say_so() {
    let harness = Harness::new().await;
    written(&harness, 4).await;
    let browser = harness.sign_in(As::Admin).await;
    harness.memory.forge_audit_row(5);
    let page = browser.get("/ui/audit/5").await.page();
    assert!(page.contains("This row was changed"), "{page}");
}

#[tokio::test]
async fn rows_are_kept_as_a_file_oldest_first_with_the_filter() {
    let harness = Harness::new().await;
    written(&harness, 2_345).await;
    let browser = harness.sign_in(As::Observer).await;
    let rows = harness.memory.audit_rows();
    let file = browser.get("/ui/audit/export").await;
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"audit.ndjson\""
    );
    assert_eq!(file.header("content-type"), "application/x-ndjson; charset=utf-8");
    let expected: Vec<String> = rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
    let text = file.page();
    assert!(text.lines().eq(expected.iter()), "every row, as the command writes it");
    let file = browser.get("/ui/audit/export?status=error&reason=").await.page();
    assert_eq!(file.lines().count(), 234);
    assert_eq!(harness.memory.audit_rows(), rows, "looking is not on record");
}

#[tokio::test]
async fn the_page_says_how_the_trail_stands() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let page = browser.get("/ui/audit").await.page();
    let end = harness.memory.audit_rows().pop().unwrap();
    assert_eq!(end.entry.action, actions::SESSION_BEGUN);
    assert!(page.contains("Nothing is known against the trail"), "{page}");
    assert!(page.contains(&format!("--at-least {}:{}", end.seq, end.hash)), "{page}");
    assert!(page.contains(ADMIN), "{page}");
}
