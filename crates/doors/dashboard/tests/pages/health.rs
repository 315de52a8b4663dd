//! Health, and maintenance mode.

use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_testkit::sample;

use crate::harness::{As, Harness};

#[tokio::test]
async fn it_says_whether_all_is_well_and_what_there_is_to_do() {
    let harness = Harness::new().await;
    let ledger = &harness.control.ports().ledger;
    ledger.receive(&sample::request("r1"), None).await.unwrap();
    let page = harness.sign_in(As::Observer).await.get("/ui/health").await.page();
    for text in [
        "every check holds",
        "Requests nobody works on yet</dt><dd>1",
        "Webhooks",
        env!("CARGO_PKG_VERSION"),
        "up to date",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(
        !page.contains("Begin maintenance"),
        "an observer changes nothing: {page}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let _known = browser.get("/ui/health").await;
    harness.memory.fail_with(Some(PortErrorKind::Unavailable));
    let answer = browser.get("/ui/health").await;
    assert_eq!(answer.status, 503, "a fault is no logout: {}", answer.text);
    harness.memory.fail_with(None);
    assert_eq!(browser.get("/ui/health").await.status, 200);
}

#[tokio::test]
async fn maintenance_is_begun_and_ended_on_pages_of_their_own() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    assert!(browser.get("/ui/health").await.page().contains("Begin maintenance"));
    let page = browser.get("/ui/health/maintenance").await.page();
    assert!(
        page.contains("changes nothing unasked") && page.contains("name=\"reason\""),
        "{page}"
    );
    let before = harness.rows().len();
    let refused = browser
        .post("/ui/health/maintenance", &[("reason", " "), ("lasts", "1h")])
        .await;
    assert_eq!(refused.status / 100, 4, "{}", refused.text);
    let refused = browser
        .post("/ui/health/maintenance", &[("reason", "x"), ("lasts", "9y")])
        .await;
    assert_eq!(refused.status / 100, 4, "{}", refused.text);
    assert_eq!(harness.rows().len(), before, "nothing was done");

    let reason = "<script>alert(1)</script> \u{202e}we move";
    let answer = browser
        .post("/ui/health/maintenance", &[("reason", reason), ("lasts", "4h")])
        .await;
    assert_eq!(answer.leads_to(), "/ui/health?did=maintenance-on");
    let page = browser.get("/ui/health?did=maintenance-on").await.page();
    assert!(
        page.contains("does nothing unasked") && page.contains("End maintenance"),
        "{page}"
    );
    assert!(
        page.contains("&lt;script&gt;") && !page.contains("<script>alert"),
        "{page}"
    );
    assert!(!page.contains('\u{202e}'), "{page}");

    assert!(
        browser
            .get("/ui/health/maintenance/end")
            .await
            .page()
            .contains("End maintenance")
    );
    let answer = browser.post("/ui/health/maintenance/end", &[]).await;
    assert_eq!(answer.leads_to(), "/ui/health?did=maintenance-off");
    let rows = harness.rows().split_off(before);
    let acts: Vec<&str> = rows.iter().map(|row| row.entry.action.as_str()).collect();
    assert_eq!(acts, ["maintenance.on", "maintenance.off"]);
    assert!(
        rows.iter().all(|row| row.entry.detail["via"] == "dashboard"),
        "{rows:?}"
    );
}

#[tokio::test]
async fn an_observer_switches_nothing_and_that_is_on_record() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Observer).await;
    for (path, action) in [
        ("/ui/health/maintenance", "maintenance.on"),
        ("/ui/health/maintenance/end", "maintenance.off"),
    ] {
        assert_eq!(browser.get(path).await.status, 403);
        let before = harness.rows().len();
        let answer = browser.post(path, &[("reason", "x"), ("lasts", "1h")]).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
        let rows = harness.rows().split_off(before);
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0].entry.action, action);
        assert_eq!(rows[0].entry.detail["via"], "dashboard");
    }
}
