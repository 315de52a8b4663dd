//! What goes wrong at GitHub, and what is told of it.

use std::time::Duration;

use cc_devops_fake_github::{Canned, Fault, Model, TOKEN};
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_repos::ports::{CodeHost, Depth};
use cc_devops_repos::snapshot::{Fact, Gap};
use serde_json::json;

use crate::harness::{Harness, NOW, read, runs_of, settings_of};
use crate::posture;

async fn many(count: u32) -> Harness {
    let mut model = Model::at(NOW);
    model.org("acme");
    model.many("acme", count, &[], |_, _| ());
    Harness::of(model).await
}

async fn refused(harness: &Harness, credential: &str) -> (PortErrorKind, String) {
    let error = read(&harness.as_other(credential), Depth::Settings).await.unwrap_err();
    (error.kind, error.message)
}

#[tokio::test]
async fn a_wrong_token_and_an_unknown_owner_each_have_their_message() {
    let harness = many(1).await;
    let (kind, message) = refused(&harness, "ghp_wrong").await;
    assert_eq!(kind, PortErrorKind::Key);
    assert!(message.contains("does not accept the token"), "{message}");
    let mut take = |_| ();
    let error = harness
        .github
        .repositories("nobody", Depth::Settings, &mut take)
        .await
        .unwrap_err();
    assert_eq!(error.kind, PortErrorKind::NotFound);
    assert!(
        error.message.contains("no owner `nobody`") && error.message.contains("--owner"),
        "{error}"
    );
    let error = harness
        .github
        .repository("acme/nowhere", Depth::Settings)
        .await
        .unwrap_err();
    assert_eq!(error.kind, PortErrorKind::NotFound);
    let (kind, message) = refused(&harness, "").await;
    assert_eq!(kind, PortErrorKind::NotFound);
    assert!(message.contains("no GitHub token"), "{message}");
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for fault in [
        Fault::Status(500, "Server Error"),
        Fault::Status(503, "Unavailable"),
        Fault::Secondary(Some(0)),
        Fault::Cut,
    ] {
        let harness = many(3).await;
        harness.fake.fault("POST /graphql Settings", 0, fault);
        let (all, _) = settings_of(&harness.github).await;
        assert_eq!(all.repositories.len(), 3);
    }
}

#[tokio::test]
async fn a_page_that_is_too_much_is_made_smaller() {
    let harness = many(120).await;
    harness.fake.fault("POST /graphql", 0, Fault::TooMany(30));
    let (all, _) = settings_of(&harness.github).await;
    assert_eq!(all.repositories.len(), 120);
    assert!(all.broken.is_empty(), "{all:?}");
}

#[tokio::test]
async fn a_limit_in_the_middle_ends_the_list_and_says_until_when() {
    let harness = many(250).await;
    harness.fake.fault("POST /graphql Settings", 1, Fault::UsedUp(1_800));
    let (all, _) = settings_of(&harness.github).await;
    assert_eq!(all.repositories.len(), 100, "what was read counts");
    assert!(
        all.broken[0].contains("no more requests of this token until"),
        "{:?}",
        all.broken
    );
    // Used up from the start, nothing begins, and the caller learns when to come back.
    harness.fake.remaining(0);
    let error = read(&harness.github, Depth::Settings).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    assert!(error.retry_after.unwrap().as_secs() > 1_000);
}

#[tokio::test]
async fn a_partial_answer_is_a_gap_and_no_verdict() {
    let harness = many(2).await;
    harness.first_lacks(&["defaultBranchRef", "branchProtectionRule"], "Something broke");
    let (all, _) = settings_of(&harness.github).await;
    let classic = &all.repositories[0].default_branch.as_ref().unwrap().classic;
    assert_eq!(*classic, Fact::Unknown(Gap::NotRead("Something broke".to_owned())));
    assert_eq!(all.repositories[0].unread().len(), 2);
    assert!(all.repositories[1].unread().is_empty());

    harness.first_lacks(&[], "It vanished");
    let (all, _) = settings_of(&harness.github).await;
    assert_eq!((all.repositories.len(), all.missing.len()), (1, 1));
    assert!(all.missing[0].1.contains("It vanished"), "{:?}", all.missing);
}

#[tokio::test]
async fn an_organisation_that_cannot_be_read_is_no_missing_permission() {
    let harness = many(1).await;
    let broken = Canned::new(|key| key == "GET /orgs/acme", json!({"message": "Server Error"}));
    harness.fake.answer(broken.status(500));
    let github = posture::github(&harness, "", TOKEN, &posture::clock());
    let organization = posture::read(&github).await.organization.unwrap();
    let two_factor = organization.two_factor_required.unwrap().fact;
    assert!(matches!(two_factor.gap(), Some(Gap::NotRead(_))), "{two_factor:?}");
}

#[tokio::test]
async fn a_repository_that_vanishes_between_two_pages_is_noticed() {
    let harness = many(150).await;
    let gone = Fault::Then(Box::new(|model: &mut Model| model.remove("acme/bulk-00120")));
    harness.fake.fault("POST /graphql Settings", 0, gone);
    let (all, _) = settings_of(&harness.github).await;
    assert_eq!(all.repositories.len(), 149);
    assert!(
        all.broken[0].contains("150 repositories and lists 149"),
        "{:?}",
        all.broken
    );
}

#[tokio::test]
async fn workflows_that_cannot_be_listed_are_not_known() {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |_| ());
    model.workflow("acme/web", ".github/workflows/ci.yml");
    let harness = Harness::of(model).await;
    for _ in 0..5 {
        harness.fake.fault(
            "GET /repos/acme/web/actions/workflows",
            0,
            Fault::Status(500, "Server Error"),
        );
    }
    let (all, _) = runs_of(&harness.github, &[]).await;
    assert!(
        matches!(all.named("web").workflows, Fact::Unknown(Gap::NotRead(_))),
        "{all:?}"
    );
}

#[tokio::test]
async fn an_enterprise_server_has_its_paths_elsewhere() {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |_| ());
    let harness = Harness::of(model).await;
    let mut settings = crate::harness::settings(harness.fake.url());
    settings.api_url = format!("{}/api/v3", harness.fake.url());
    let store = std::sync::Arc::new(harness.memory.clone());
    let credential = crate::harness::given(cc_devops_fake_github::TOKEN);
    let github = cc_devops_github::GitHub::new(credential, "acme", settings, store);
    let (all, _) = settings_of(&github).await;
    assert_eq!(all.repositories.len(), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for_for_ever() {
    let harness = many(1).await;
    let mut settings = crate::harness::settings(harness.fake.url());
    settings.total_timeout = Duration::from_millis(50);
    settings.retries.times = 0;
    harness
        .fake
        .fault("POST /graphql Settings", 0, Fault::Slow(Duration::from_secs(30)));
    let store = std::sync::Arc::new(harness.memory.clone());
    let credential = crate::harness::given(cc_devops_fake_github::TOKEN);
    let github = cc_devops_github::GitHub::new(credential, "acme", settings, store);
    let error = read(&github, Depth::Settings).await.unwrap_err();
    assert!(error.message.contains("does not answer in time"), "{error}");
}
