//! What could not be read is a gap: nothing is concluded from it, and nothing is written because of it.

use cc_devops_fake_github::{Fault, Model};
use cc_devops_repos::ports::{CodeHost, Depth};
use cc_devops_repos::snapshot::{Fact, Gap, SeenCheck, WorkflowState};
use serde_json::json;

use crate::harness::{Harness, NOW, runs_of, settings_of};

/// `acme/api` and `acme/web`, each with a workflow.
async fn two() -> Harness {
    let mut model = Model::at(NOW);
    for name in ["acme/api", "acme/web"] {
        model.repo(name, |_| ());
        let ci = model.workflow(name, ".github/workflows/ci.yml");
        model.run(ci, "success", |_| ());
    }
    Harness::of(model).await
}

#[tokio::test]
async fn a_node_that_may_not_be_read_is_no_node_that_is_gone() {
    let harness = two().await;
    runs_of(&harness.github, &[]).await;
    let fault = Fault::Partial("Something broke", vec![json!("nodes"), json!(0)]);
    harness.fake.fault("POST /graphql WorkflowRuns", 0, fault);
    let (all, _) = runs_of(&harness.github, &[]).await;
    let unknown: Vec<_> = all
        .repositories
        .iter()
        .filter(|repository| repository.workflows == Fact::Unknown(Gap::NotRead("Something broke".to_owned())))
        .collect();
    assert_eq!(unknown.len(), 1, "{all:?}");
    let (all, _) = runs_of(&harness.github, &[]).await;
    assert!(
        all.repositories
            .iter()
            .all(|repository| repository.workflows.known().is_some())
    );
}

#[tokio::test]
async fn a_repository_without_its_branch_is_missing_and_not_empty() {
    let harness = two().await;
    harness.first_lacks(&["defaultBranchRef"], "Something broke");
    let (all, _) = settings_of(&harness.github).await;
    assert_eq!((all.repositories.len(), all.missing.len()), (1, 1), "{all:?}");

    let at = vec![json!("repository"), json!("defaultBranchRef")];
    harness
        .fake
        .fault("POST /graphql OneSettings", 0, Fault::Partial("Something broke", at));
    let error = harness
        .github
        .repository("acme/web", Depth::Settings)
        .await
        .unwrap_err();
    assert!(error.message.contains("Something broke"), "{error}");
    let at = vec![json!("repository")];
    harness
        .fake
        .fault("POST /graphql OneSettings", 0, Fault::Partial("Something broke", at));
    let error = harness
        .github
        .repository("acme/web", Depth::Settings)
        .await
        .unwrap_err();
    assert!(error.kind.is_transient(), "it may be there: {error}");
}

#[tokio::test]
async fn a_repository_that_is_too_much_alone_is_named_and_those_behind_it_are_read() {
    let harness = two().await;
    harness.fake.fault("POST /graphql Settings", 0, Fault::TooMany(0));
    let (all, _) = settings_of(&harness.github).await;
    let names: Vec<&str> = all.missing.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["api", "web"], "{all:?}");
    assert!(all.repositories.is_empty() && all.broken.is_empty(), "{all:?}");
}

#[tokio::test]
async fn a_workflow_whose_file_is_gone_is_gone_though_it_is_listed() {
    let harness = two().await;
    harness
        .fake
        .change(|model| model.delete_file("acme/web", "main", ".github/workflows/ci.yml"));
    harness
        .fake
        .change(|model| model.commit("acme/web", "main", ".github/workflows/other.yml", "on: push\n"));
    let (all, _) = runs_of(&harness.github, &[]).await;
    let of = |name: &str| {
        all.named(name)
            .workflows
            .known()
            .unwrap()
            .first()
            .unwrap()
            .state
            .clone()
    };
    assert_eq!((of("api"), of("web")), (WorkflowState::Active, WorkflowState::Deleted));
}

async fn checks(harness: &Harness) -> Fact<Vec<SeenCheck>> {
    let (all, _) = settings_of(&harness.github).await;
    all.named("web").default_branch.as_ref().unwrap().checks_seen.clone()
}

#[tokio::test]
async fn checks_are_not_known_where_another_branch_was_merged_into() {
    let merged = |base: &str| {
        let mut model = Model::at(NOW);
        model.repo("acme/web", |_| ());
        for branch in ["topic", "old"] {
            model.commit("acme/web", branch, "a.txt", "a");
        }
        let number = model.pull("acme/web", "ada", "topic", base, "a");
        model.merge_pull("acme/web", number, "ada");
        model
    };
    let known = checks(&Harness::of(merged("main")).await).await;
    assert!(matches!(known, Fact::Known(_)), "{known:?}");
    let elsewhere = checks(&Harness::of(merged("old")).await).await;
    assert!(matches!(elsewhere, Fact::Unavailable(_)), "{elsewhere:?}");
}

#[tokio::test]
async fn issues_that_could_not_be_read_are_said() {
    let harness = two().await;
    let unread = Fault::Partial("Something broke", vec![json!("nodes"), json!(0)]);
    harness.fake.fault("POST /graphql Issues", 0, unread);
    let lookup = cc_devops_repos::ports::IssueLookup {
        owner: "acme".to_owned(),
        listed: std::iter::once("acme/web".to_owned()).collect(),
        ..cc_devops_repos::ports::IssueLookup::of(cc_devops_repos::workflows::marker::MARKS)
    };
    let (found, _) = harness.github.issues(&lookup).await.unwrap();
    assert!(
        found.gap_of("ACME/Web").is_some(),
        "what could not be read is said: {found:?}"
    );
}
