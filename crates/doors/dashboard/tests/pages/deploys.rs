//! Deploys: what waits, what is approved exactly as it was seen, and what became of the rest.

use std::sync::Arc;

use cc_devops_dashboard::Dashboard;
use cc_devops_deploys::{PlanDigest, PlanState};
use cc_devops_kernel::ports::RecordKind;
use cc_devops_testkit::Memory;
use jiff::SignedDuration;
use serde_json::json;

use crate::harness::{ADMIN, AGENT, As, Harness};
use crate::records::{Unreadable, acts, keep, kept, plan, row};

const STACK: &str = "cc-agent-content-orchestrator";

#[tokio::test]
async fn a_house_without_deploys_says_how_they_come_about() {
    let harness = Harness::new().await;
    let admin = harness.sign_in(As::Admin).await;
    let page = admin.get("/ui/deploys").await.page();
    for said in [
        "Nothing waits",
        "No deploys yet",
        "cc-devops deploy",
        "Nothing is being deployed",
    ] {
        assert!(page.contains(said), "{said} in {page}");
    }
    assert!(
        admin
            .get("/ui/deploys/freezes")
            .await
            .page()
            .contains("Deploys never rest")
    );
    let stack = admin.get("/ui/deploys/stacks/shop-prod").await.page();
    assert!(stack.contains("cc-devops deploys rollback shop-prod"), "{stack}");
    assert_eq!(admin.get("/ui/deploys/plan-1").await.status, 404);
    assert_eq!(admin.get("/ui/deploys/stacks/shop").await.status, 404);
    assert_eq!(admin.get("/ui/deploys?state=done").await.status, 422);
    assert_eq!(admin.get("/ui/deploys?cursor=x").await.status, 404);
}

#[tokio::test]
async fn what_waits_comes_first_and_everybody_sees_the_stacks_that_are_theirs() {
    let harness = Harness::new().await;
    let own = kept(&harness, plan(&harness, "a1", STACK, AGENT), &[]).await;
    harness.memory.clock().advance(SignedDuration::from_secs(1));
    let mut ended = plan(&harness, "b1", "shop", ADMIN);
    ended.state = PlanState::Failed;
    let ended = kept(&harness, ended, &[]).await;
    let admin = harness.sign_in(As::Admin).await;
    let page = admin.get("/ui/deploys").await.page();
    let (waits, history) = page.split_once("All deploys, newest first").unwrap();
    assert!(waits.contains(own.id.as_str()) && !waits.contains(ended.id.as_str()));
    assert!(
        history.find(ended.id.as_str()) < history.find(own.id.as_str()),
        "newest first"
    );
    assert!(history.contains("failed"));
    for (query, there, not) in [
        ("?state=failed", &ended, &own),
        ("?state=waiting", &own, &ended),
        ("?stack=shop", &ended, &own),
        ("?stack=shop-prod", &ended, &own),
    ] {
        let page = admin.get(&format!("/ui/deploys{query}")).await.page();
        assert!(
            page.contains(there.id.as_str()) && !page.contains(not.id.as_str()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn the_history_goes_by_pages_whatever_is_filtered() {
    let harness = Harness::new().await;
    for number in 0..120 {
        let mut ended = plan(&harness, &format!("r{number:03}"), "shop", ADMIN);
        ended.state = if number == 3 {
            PlanState::Failed
        } else {
            PlanState::Applied
        };
        kept(&harness, ended, &[]).await;
        harness.memory.clock().advance(SignedDuration::from_secs(1));
    }
    let admin = harness.sign_in(As::Admin).await;
    let mut address = "/ui/deploys?stack=shop".to_owned();
    let mut counts = Vec::new();
    for _ in 0..3 {
        let page = admin.get(&address).await.page();
        counts.push(page.matches("id=\"row-plan-").count());
        let Some((before, _)) = page.split_once("\" rel=\"next\"") else {
            break;
        };
        let (_, next) = before.rsplit_once("href=\"").unwrap();
        address = next.replace("&amp;", "&");
        assert!(address.contains("stack=shop"), "{address}");
    }
    assert_eq!(counts, [50, 50, 20]);
    let failed = admin.get("/ui/deploys?state=failed").await.page();
    assert_eq!(failed.matches("id=\"row-plan-").count(), 1);
    assert!(!failed.contains("rel=\"next\""));
}

#[tokio::test]
async fn a_plan_says_first_what_is_lost_and_never_what_is_hidden() {
    let harness = Harness::new().await;
    let properties = json!([
        {"path": "/Properties/Password", "before": "canary-1", "after": "canary-2", "masked": true},
        {"path": "/Properties/Size", "before": "<b>1</b>", "after": "2"},
    ]);
    let rows = [
        row("Queue", "Modify", false, &properties),
        row("Orders\u{202e}<script>", "Remove", true, &json!([])),
    ];
    let mut waiting = plan(&harness, "a/1", STACK, AGENT);
    waiting.summary.loses_stateful = true;
    waiting.notes = vec!["the layer <i>is</i> not pinned".to_owned()];
    let waiting = kept(&harness, waiting, &rows).await;
    let admin = harness.sign_in(As::Admin).await;
    for path in ["", "/approve", "/deny", "/override"] {
        let page = admin.get(&format!("/ui/deploys/{}{path}", waiting.id)).await.page();
        let lost = page.find("LOSES DATA: Orders").expect("the loss is said");
        assert!(lost < page.find("What changes").unwrap(), "losses first");
        for part in [
            "its value is hidden",
            "&lt;b&gt;1&lt;/b&gt;",
            waiting.digest.as_str(),
            "/ui/requests/a%2F1",
            "\\u{202e}",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        for not in ["canary", "<script>", "<b>", "<i>", "\u{202e}"] {
            assert!(!page.contains(not), "{not} in {page}");
        }
    }
    let page = admin.get(&format!("/ui/deploys/{}", waiting.id)).await.page();
    assert!(
        page.contains("somebody’s approval") && page.contains("Approve…"),
        "{page}"
    );
}

#[tokio::test]
async fn a_very_large_plan_is_cut_with_a_sentence_and_its_losses_are_kept() {
    let harness = Harness::new().await;
    let mut rows: Vec<_> = (0..3_000)
        .map(|number| {
            row(
                &format!("Resource{number}"),
                "Modify",
                false,
                &json!([{"path": "/Properties/A", "before": "1", "after": "2"}]),
            )
        })
        .collect();
    rows.push(row("Orders", "Remove", true, &json!([])));
    let waiting = kept(&harness, plan(&harness, "a1", STACK, AGENT), &rows).await;
    let admin = harness.sign_in(As::Admin).await;
    let page = admin.get(&format!("/ui/deploys/{}", waiting.id)).await.page();
    assert!(page.len() < 150_000, "{}", page.len());
    assert!(page.contains("LOSES DATA: Orders") && page.contains("more resources are not shown here"));
    assert!(page.contains(&format!("cc-devops deploys show {}", waiting.id)));
}

#[tokio::test]
async fn an_approval_is_good_for_what_was_shown_and_leaves_one_row() {
    let harness = Harness::new().await;
    let waiting = kept(&harness, plan(&harness, "a1", STACK, AGENT), &[]).await;
    let admin = harness.sign_in(As::Admin).await;
    let path = format!("/ui/deploys/{}", waiting.id);
    let form = admin.get(&format!("{path}/approve")).await.page();
    assert!(form.contains(&format!("value=\"{}\"", waiting.digest)), "{form}");
    assert!(
        harness.rows().iter().all(|row| !row.entry.action.starts_with("plan.")),
        "looking changes nothing"
    );

    let other = PlanDigest::new([0xee; 32]);
    let refused = admin
        .post(&format!("{path}/approve"), &[("digest", other.as_str())])
        .await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.text.contains(waiting.digest.as_str()) && refused.text.contains(&path),
        "{}",
        refused.text
    );
    assert_eq!(
        admin.post(&format!("{path}/approve"), &[("digest", "")]).await.status,
        422
    );
    assert_eq!(acts(&harness, "plan."), []);

    let digest = ("digest", waiting.digest.as_str());
    let approved = admin
        .post(&format!("{path}/approve"), &[digest, ("comment", "the backup is made")])
        .await;
    assert_eq!(approved.leads_to(), format!("{path}?did=approved"));
    assert_eq!(
        acts(&harness, "plan."),
        [("plan.approved".to_owned(), "dashboard".to_owned(), true)]
    );
    let page = admin.get(&path).await.page();
    assert!(
        page.contains("the backup is made") && page.contains("dashboard"),
        "{page}"
    );
}

#[tokio::test]
async fn who_only_looks_decides_nothing_and_that_is_on_record() {
    let harness = Harness::new().await;
    let waiting = kept(&harness, plan(&harness, "a1", STACK, AGENT), &[]).await;
    let observer = harness.sign_in(As::Observer).await;
    let path = format!("/ui/deploys/{}", waiting.id);
    let page = observer.get(&path).await.page();
    assert!(!page.contains("Approve…") && !page.contains("Deny…"), "{page}");
    let digest = ("digest", waiting.digest.as_str());
    for (act, action) in [
        ("approve", "plan.approved"),
        ("deny", "plan.denied"),
        ("override", "plan.freeze_overridden"),
    ] {
        assert_eq!(observer.get(&format!("{path}/{act}")).await.status, 403, "{act}");
        let before = harness.rows().len();
        let refused = observer
            .post(&format!("{path}/{act}"), &[digest, ("reason", "no")])
            .await;
        assert_eq!(refused.status, 403, "{act}: {}", refused.text);
        let rows = harness.rows();
        assert_eq!(rows.len(), before + 1, "{act}");
        assert_eq!(
            acts(&harness, action),
            [(action.to_owned(), "dashboard".to_owned(), false)]
        );
    }
    let known = observer.get(&path).await.page();
    assert!(known.contains("Nobody has decided anything yet"), "{known}");
}

#[tokio::test]
async fn who_denies_says_why_and_who_comes_late_is_told_what_there_is() {
    let harness = Harness::new().await;
    let waiting = kept(&harness, plan(&harness, "a1", STACK, AGENT), &[]).await;
    let admin = harness.sign_in(As::Admin).await;
    let path = format!("/ui/deploys/{}", waiting.id);
    assert_eq!(
        admin.post(&format!("{path}/deny"), &[("reason", " ")]).await.status,
        422
    );
    let denied = admin
        .post(&format!("{path}/deny"), &[("reason", "not before <the> backup")])
        .await;
    assert_eq!(denied.leads_to(), format!("{path}?did=denied"));
    assert_eq!(
        acts(&harness, "plan."),
        [("plan.denied".to_owned(), "dashboard".to_owned(), true)]
    );
    let late = admin
        .post(&format!("{path}/approve"), &[("digest", waiting.digest.as_str())])
        .await;
    assert_eq!(late.status, 409);
    for part in ["denied", ADMIN, "not before &lt;the&gt; backup", &path] {
        assert!(late.text.contains(part), "{part} in {}", late.text);
    }
    let page = admin.get(&format!("{path}/approve")).await.page();
    assert!(
        page.contains("Nothing to decide") && !page.contains("<form class=\"confirm\""),
        "{page}"
    );
}

#[tokio::test]
async fn ones_own_deploy_to_prod_needs_somebody_else() {
    let harness = Harness::new().await;
    let waiting = kept(&harness, plan(&harness, "a1", STACK, ADMIN), &[]).await;
    let admin = harness.sign_in(As::Admin).await;
    let path = format!("/ui/deploys/{}", waiting.id);
    let page = admin.get(&path).await.page();
    assert!(page.contains("somebody else has to approve it"), "{page}");
    admin
        .post(&format!("{path}/approve"), &[("digest", waiting.digest.as_str())])
        .await
        .leads_to();
    let page = admin.get(&path).await.page();
    assert!(page.contains("You approved it. Somebody else has to"), "{page}");
    let freeze = admin
        .post(&format!("{path}/override"), &[("reason", "the shop is down")])
        .await;
    assert_eq!(freeze.leads_to(), format!("{path}?did=freeze-lifted"));
}

#[tokio::test]
async fn what_was_deployed_to_a_stack_is_told_newest_first() {
    let harness = Harness::new().await;
    let waiting = plan(&harness, "a1", "shop", ADMIN);
    for (place, (id, succeeded)) in [("new", true), ("old", false)].into_iter().enumerate() {
        let body = json!({
            "plan": waiting.id, "request": id, "stack": "shop-prod", "stage": "prod", "requestedBy": ADMIN,
            "digest": waiting.digest, "begunAt": waiting.made_at, "endedAt": waiting.made_at, "tookMs": 90_000,
            "succeeded": succeeded, "error": (!succeeded).then_some("<it> broke"),
        });
        keep(
            &harness,
            RecordKind::Deployed,
            &format!("shop-prod/{place}"),
            Some("shop-prod"),
            &body,
        )
        .await;
    }
    let admin = harness.sign_in(As::Admin).await;
    let page = admin.get("/ui/deploys/stacks/shop-prod").await.page();
    assert!(page.find("/ui/requests/new") < page.find("/ui/requests/old"));
    for part in ["&lt;it&gt; broke", "cc-devops deploys promote shop --from prod", "90 s"] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_said() {
    let change = |ports: &mut cc_devops_requests::ports::Ports| {
        let store = Arc::clone(&ports.state);
        let kind = RecordKind::Plan;
        ports.state = Arc::new(Unreadable { store, kind });
    };
    let harness = Harness::around(Memory::new(), change, Dashboard::default()).await;
    let admin = harness.sign_in(As::Admin).await;
    for path in ["/ui/deploys", "/ui/deploys/plan-000000000000000000000000"] {
        let answer = admin.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(
            answer.text.contains("That did not work") && !answer.text.contains("the disk is gone"),
            "{}",
            answer.text
        );
    }
}
