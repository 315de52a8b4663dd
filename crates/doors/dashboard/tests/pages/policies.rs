//! The page of the policies: what they say, and their text.

use cc_devops_dashboard::Dashboard;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_testkit::Memory;

use crate::harness::{AGENT, As, Harness};

async fn with_text(text: &str) -> Harness {
    let dashboard = Dashboard {
        policies: vec![("own.cedar".to_owned(), text.to_owned())],
        ..Dashboard::default()
    };
    Harness::around(Memory::new(), |_| (), dashboard).await
}

/// The answer to a question, as the page has it.
async fn answer(harness: &Harness, query: &str) -> String {
    let page = harness
        .sign_in(As::Observer)
        .await
        .get(&format!("/ui/policies?{query}"))
        .await
        .page();
    let (_, rest) = page.split_once(r#"<div id="answer">"#).unwrap_or_default();
    rest.split("</section>").next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_text_is_shown_as_text() {
    let harness = with_text("// <b>bold</b>\u{202e}\npermit (principal, action, resource);").await;
    let page = harness.sign_in(As::Admin).await.get("/ui/policies").await.page();
    assert!(page.contains("own.cedar") && page.contains("&lt;b&gt;bold"), "{page}");
    assert!(!page.contains('\u{202e}') && !page.contains("id=\"answer\""), "{page}");
    let harness = with_text(&"é".repeat(100_000)).await;
    let page = harness.sign_in(As::Admin).await.get("/ui/policies").await.page();
    assert!(
        page.len() < 150_000 && page.contains("cc-devops policy show"),
        "{}",
        page.len()
    );
    let harness = Harness::new().await;
    let page = harness.sign_in(As::Admin).await.get("/ui/policies").await.page();
    assert!(page.contains("cc-devops policy show"), "{page}");
}

#[tokio::test]
async fn a_question_is_answered_with_what_decided_it() {
    let harness = Harness::new().await;
    let own = "on=%2Fcontentcraft%2Fcontentorchestrator%2Fkey";
    let said = answer(&harness, &format!("who={AGENT}&action=putSecret&{own}")).await;
    assert!(said.contains("Allowed") && said.contains("Decided by"), "{said}");
    let said = answer(
        &harness,
        "who=Other&action=putSecret&on=%2Fcontentcraft%2Fcontentorchestrator%2Fkey",
    )
    .await;
    assert!(
        said.contains("Denied") && said.contains("No policy allows it."),
        "{said}"
    );
    let said = answer(
        &harness,
        &format!("who=Other&role=admin&action=putSecret&{own}&stage=prod"),
    )
    .await;
    assert!(
        said.contains("Allowed") && said.contains("prod") && said.contains("(admin)"),
        "{said}"
    );
    let said = answer(&harness, "who=Looker&action=manageAgents&on=*").await;
    assert!(
        said.contains("Denied") && said.contains("observer-changes-nothing"),
        "{said}"
    );
    let said = answer(&harness, "who=Writer&action=deployLambda&on=cc-agent-devops-automation").await;
    assert!(said.contains("Denied") && said.contains("own"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_beside_the_question() {
    let harness = Harness::new().await;
    for (query, expected) in [
        ("who=9lives&action=putSecret&on=x", "name"),
        ("who=Writer&action=putSecret&on=x", "secret"),
        ("who=Writer&action=fly&on=*", "does not exist"),
        ("who=Writer&action=listAgents&on=web", "whole control plane"),
        ("who=Writer&action=listAgents&on=*&stage=moon", "stage"),
        ("who=Writer&action=listAgents&on=*&requester=Ana", "approvePlan"),
        ("who=&action=putSecret&on=%2Fa%2Fb", "name"),
        ("who=%3Cscript%3E&action=putSecret&on=x", "name"),
    ] {
        let said = answer(&harness, query).await;
        assert!(
            said.contains("notice bad") && said.contains(expected),
            "{query}: {said}"
        );
        assert!(!said.contains("<script>"), "{said}");
    }
    assert_eq!(
        answer(&harness, "who=&action=putSecret&on=").await,
        "",
        "nothing was asked"
    );
    let browser = harness.sign_in(As::Admin).await;
    let page = browser
        .get("/ui/policies?who=Writer&action=listAgents&on=*")
        .await
        .page();
    assert!(
        page.contains(r#"value="Writer""#) && page.contains(r#"<option value="listAgents" selected"#),
        "{page}"
    );
    harness.memory.fail_with(Some(PortErrorKind::Unavailable));
    assert_eq!(
        browser
            .get("/ui/policies?who=Writer&action=listAgents&on=*")
            .await
            .status,
        503
    );
}
