//! What is kept of repositories between two looks: what is new, and nothing that is gone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use cc_devops_fake_github::{Fault, Model, TOKEN};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_repos::fix::ChangeKind;
use cc_devops_repos::ports::{CodeHost, Depth, DocumentKind, RepositoryStore};
use cc_devops_repos::rules::Rule;
use cc_devops_repos::snapshot::TokenPermission;
use cc_devops_testkit::Memory;
use serde_json::Value;

use crate::harness::{Harness, runs_of, settings_of};
use crate::posture::{clock, github, known, model, read};

/// A policy whose rules are these alone.
fn only(rules: &[Rule]) -> String {
    let off = Rule::ALL.into_iter().filter(|rule| !rules.contains(rule));
    let off: Vec<&str> = off.map(Rule::name).collect();
    let on: Vec<&str> = rules.iter().map(|rule| rule.name()).collect();
    format!("defaults.rules_off = {off:?}\ndefaults.rules_on = {on:?}")
}

async fn documents(harness: &Harness, kind: DocumentKind) -> BTreeMap<String, Value> {
    harness.memory.load("acme", kind).await.unwrap()
}

/// Requests that begin with this fail, however often they are tried.
fn broken(harness: &Harness, key: &str) {
    for _ in 0..4 {
        harness.fake.fault(key, 0, Fault::Status(500, "Server Error"));
    }
}

#[tokio::test]
async fn what_cannot_be_read_any_more_leaves_nothing_behind() {
    let mut model = model();
    model.repo("acme/web", |_| ());
    let harness = Harness::of(model).await;
    let github = github(&harness, &only(&[Rule::Webhooks]), TOKEN, &clock());
    read(&github).await;
    assert_eq!(documents(&harness, DocumentKind::Posture).await.len(), 1);
    broken(&harness, "GET /repos/acme/web/hooks");
    let (web, _) = github.repository("acme/web", Depth::Settings).await.unwrap();
    assert!(web.posture.webhooks.as_ref().unwrap().fact.gap().is_some());
    assert!(
        documents(&harness, DocumentKind::Posture).await.is_empty(),
        "the fact of before would look as if it were known"
    );
}

#[tokio::test]
async fn a_lookup_that_failed_moves_no_repository() {
    let mut model = model();
    model.many("acme", 3, &[("README.md", "x")], |_, _| ());
    let harness = Harness::of(model).await;
    let github = github(&harness, &only(&[Rule::Webhooks]), TOKEN, &clock());
    read(&github).await;
    let kept = documents(&harness, DocumentKind::Posture).await;
    harness.fake.forget();
    broken(&harness, "POST /graphql Posture");
    let again = read(&github).await;
    assert!(
        again
            .repositories
            .iter()
            .all(|of| known(&of.posture.webhooks).is_empty())
    );
    assert_eq!(
        harness.fake.count("GET /repos/acme/bulk"),
        0,
        "nothing says that they moved"
    );
    assert_eq!(documents(&harness, DocumentKind::Posture).await, kept);
}

#[tokio::test]
async fn what_was_read_while_a_lookup_failed_is_forgotten_after_a_change_too() {
    let mut model = model();
    model.edit_security("acme", |security| "write".clone_into(&mut security.workflow_token));
    model.repo("acme/web", |of| of.security.workflow_token = "write".to_owned());
    let harness = Harness::of(model).await;
    let github = github(&harness, &only(&[Rule::WorkflowPermissions]), TOKEN, &clock());
    broken(&harness, "POST /graphql Posture");
    let before = read(&github).await;
    assert_eq!(
        known(&before.posture("web").workflow_permissions).token,
        TokenPermission::Write
    );
    assert_eq!(documents(&harness, DocumentKind::Posture).await.len(), 1);
    github
        .change("acme/web", &ChangeKind::RestrictWorkflowToken)
        .await
        .unwrap();
    assert!(documents(&harness, DocumentKind::Posture).await.is_empty());
}

#[tokio::test]
async fn of_repositories_that_are_gone_or_not_looked_at_nothing_is_kept() {
    let mut model = model();
    for name in ["acme/api", "acme/old", "acme/web"] {
        model.repo(name, |_| ());
    }
    let harness = Harness::of(model).await;
    let github = github(&harness, &only(&[Rule::Webhooks]), TOKEN, &clock());
    read(&github).await;
    assert_eq!(documents(&harness, DocumentKind::Posture).await.len(), 3);
    harness.first_lacks(&[], "It vanished");
    settings_of(&github).await;
    assert_eq!(
        documents(&harness, DocumentKind::Posture).await.len(),
        3,
        "one that could not be read is there all the same"
    );
    let api = harness.fake.change(|model| {
        model.edit("acme/old", |of| of.archived = true);
        model.remove("acme/web");
        model.get("acme/api").id()
    });
    read(&github).await;
    let kept: Vec<String> = documents(&harness, DocumentKind::Posture).await.into_keys().collect();
    assert_eq!(kept, [api.to_string()]);
}

#[tokio::test]
async fn trees_and_workflows_of_repositories_that_are_gone_are_forgotten() {
    let mut model = model();
    for name in ["acme/api", "acme/web"] {
        model.repo(name, |_| ());
        model.commit(name, "main", "a/b/c/d/README.md", "");
        model.workflow(name, ".github/workflows/ci.yml");
    }
    let harness = Harness::of(model).await;
    let kept = async || {
        let trees = documents(&harness, DocumentKind::Trees).await.len();
        (trees, documents(&harness, DocumentKind::Workflows).await.len())
    };
    settings_of(&harness.github).await;
    assert_eq!(kept().await, (2, 2));
    harness.fake.change(|model| model.remove("acme/web"));
    runs_of(&harness.github, &[]).await;
    assert_eq!(kept().await, (2, 1), "a look at runs knows nothing of trees");
    settings_of(&harness.github).await;
    assert_eq!(kept().await, (1, 1));
}

#[tokio::test]
async fn what_is_not_asked_any_more_is_not_kept() {
    let mut model = model();
    model.edit_security("acme", |security| "write".clone_into(&mut security.workflow_token));
    model.repo("acme/web", |_| ());
    let harness = Harness::of(model).await;
    let rules = [Rule::Webhooks, Rule::WorkflowPermissions, Rule::CodeScanning];
    let topics = async |policy: &str| {
        read(&github(&harness, policy, TOKEN, &clock())).await;
        let kept = documents(&harness, DocumentKind::Posture)
            .await
            .into_values()
            .next()
            .unwrap();
        let mut topics: Vec<String> = kept["facts"].as_object().unwrap().keys().cloned().collect();
        topics.sort_unstable();
        topics
    };
    assert_eq!(
        topics(&only(&rules)).await,
        ["code_scanning", "webhooks", "workflow_permissions"]
    );
    let narrow = |model: &mut Model| model.edit_security("acme", |of| "read".clone_into(&mut of.workflow_token));
    harness.fake.change(narrow);
    assert_eq!(
        topics(&only(&rules)).await,
        ["code_scanning", "webhooks"],
        "the organisation answers for all"
    );
    let scan = "jobs:\n  a:\n    steps:\n      - uses: github/codeql-action/analyze@v3\n";
    let workflow = |model: &mut Model| model.commit("acme/web", "main", ".github/workflows/scan.yml", scan);
    harness.fake.change(workflow);
    assert_eq!(topics(&only(&rules)).await, ["webhooks"], "a workflow scans");
    read(&github(&harness, &only(&[Rule::CodeScanning]), TOKEN, &clock())).await;
    assert!(documents(&harness, DocumentKind::Posture).await.is_empty());
}

/// A store that fails to save once.
struct FailsOnce(Memory, AtomicBool);

#[async_trait]
impl RepositoryStore for FailsOnce {
    async fn load(&self, owner: &str, kind: DocumentKind) -> PortResult<BTreeMap<String, Value>> {
        self.0.load(owner, kind).await
    }

    async fn document(&self, owner: &str, kind: DocumentKind, key: &str) -> PortResult<Option<Value>> {
        self.0.document(owner, kind, key).await
    }

    async fn save(&self, owner: &str, kind: DocumentKind, changes: &BTreeMap<String, Option<Value>>) -> PortResult<()> {
        if kind == DocumentKind::Posture && !self.1.swap(true, Ordering::Relaxed) {
            return Err(PortError::new(PortErrorKind::Unavailable, "the store is busy"));
        }
        self.0.save(owner, kind, changes).await
    }
}

#[tokio::test]
async fn what_a_busy_store_did_not_take_is_kept_with_the_next_page() {
    let mut model = model();
    model.many("acme", 101, &[("README.md", "x")], |_, _| ());
    let harness = Harness::of(model).await;
    let busy = FailsOnce(harness.memory.clone(), AtomicBool::new(false));
    let github = crate::posture::github_with(&harness, &only(&[Rule::Webhooks]), TOKEN, &clock(), busy);
    read(&github).await;
    assert_eq!(documents(&harness, DocumentKind::Posture).await.len(), 101);
}
