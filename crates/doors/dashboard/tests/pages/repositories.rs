//! Repositories: what audits kept, as pages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_dashboard::Dashboard;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_repos::auditing::{Ask, AuditSettings, Auditor};
use cc_devops_repos::fix::ChangeKind;
use cc_devops_repos::issues::{CloseReason, IssueRef};
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{
    ApiUsage, CodeHost, Depth, DocumentKind, Found, FoundIssues, IssueLookup, RepositoryStore, TakeFound,
};
use cc_devops_repos::settings::{SettingsAsked, TakeSettings};
use cc_devops_repos::snapshot::{DefaultBranch, Fact, Files, Gap, Posture, Repository, RepositoryId, Tree, Visibility};
use cc_devops_testkit::{Memory, sample};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{As, Harness, OWNER};

/// A code host with these repositories.
struct Host(Vec<Repository>);

fn nothing<T>() -> PortResult<T> {
    Err(PortError::new(PortErrorKind::NotFound, "there is nothing here"))
}

#[async_trait]
impl CodeHost for Host {
    async fn repositories(&self, _: &str, _: Depth<'_>, take: &mut TakeFound<'_>) -> PortResult<ApiUsage> {
        for repository in &self.0 {
            take(Found::Repository(Box::new(repository.clone())));
        }
        Ok(ApiUsage::default())
    }
    async fn repository(&self, _: &str, _: Depth<'_>) -> PortResult<(Box<Repository>, ApiUsage)> {
        nothing()
    }
    async fn issues(&self, _: &IssueLookup) -> PortResult<(FoundIssues, ApiUsage)> {
        nothing()
    }
    async fn create_issue(&self, _: &str, _: &str, _: &str, _: &[String]) -> PortResult<IssueRef> {
        nothing()
    }
    async fn update_issue(&self, _: &IssueRef, _: &str) -> PortResult<()> {
        nothing()
    }
    async fn close_issue(&self, _: &IssueRef, _: CloseReason, _: Option<&str>) -> PortResult<()> {
        nothing()
    }
    async fn settings(&self, _: &SettingsAsked<'_>, _: &mut TakeSettings<'_>) -> PortResult<ApiUsage> {
        nothing()
    }
    async fn change(&self, _: &str, _: &ChangeKind) -> PortResult<String> {
        nothing()
    }
    async fn writers(&self, _: &str) -> PortResult<Fact<Vec<String>>> {
        nothing()
    }
    async fn put_actions_secret(&self, _: &str, _: &str, _: &SecretValue) -> PortResult<()> {
        nothing()
    }
}

/// A repository without any protection.
fn repository(id: u64, name: &str, alerts: bool) -> Repository {
    Repository {
        id: RepositoryId(id),
        owner: OWNER.to_owned(),
        name: name.to_owned(),
        traits: BTreeSet::new(),
        visibility: Visibility::Private,
        issues_enabled: true,
        default_branch: Some(DefaultBranch {
            name: "main".to_owned(),
            read_as: None,
            protected: Fact::Known(false),
            classic: Fact::Known(None),
            rulesets: Fact::Known(Vec::new()),
            checks_seen: Fact::Known(Vec::new()),
        }),
        vulnerability_alerts: Fact::Known(alerts),
        security_updates: Fact::Unknown(Gap::Permission("Administration: read".to_owned())),
        files: Fact::Known(Files {
            dependabot: Vec::new(),
            tree: Fact::Known(Tree::of(vec!["README.md".to_owned()], true)),
        }),
        workflows: Fact::Known(Vec::new()),
        posture: Posture::default(),
        settings: None,
    }
}

async fn audit(memory: &Memory, repositories: Vec<Repository>) {
    let ports = memory.ports();
    let settings = AuditSettings {
        owner: OWNER.to_owned(),
        policy: Arc::new(Policy::default()),
        reader: sample::agent_name(sample::OTHER_AGENT),
        mode: Mode::Normal,
    };
    let store = Arc::clone(&ports.repositories);
    let auditor = Auditor::new(Arc::new(Host(repositories)), store, ports, settings);
    let ask = Ask {
        only: Vec::new(),
        keep: true,
    };
    auditor.audit(&ask, &mut |_, _| ()).await.unwrap();
}

async fn harness(memory: Memory) -> Harness {
    Harness::around(memory, |_| (), Dashboard::default()).await
}

#[tokio::test]
async fn findings_their_trend_and_every_repository_are_shown() {
    let memory = Memory::new();
    audit(&memory, vec![repository(1, "web", false), repository(2, "api", false)]).await;
    memory.clock().advance(SignedDuration::from_hours(24 * 30));
    audit(&memory, vec![repository(1, "web", true), repository(2, "api", false)]).await;
    let harness = harness(memory).await;
    let browser = harness.sign_in(As::Observer).await;
    let page = browser.get("/ui/repositories").await.page();
    for shown in [
        "Score of 100",
        "branch_protection",
        "rule=vulnerability_alerts#repositories",
        "2 repositories, the worst first.",
        "/ui/repositories/web",
        "No workflow is known to fail",
        "Audits are kept since 2025-06-15",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let row = page
        .find("row-vulnerability_alerts")
        .map(|at| &page[at..at + 1_500])
        .unwrap();
    assert!(row.contains(">2</td>"), "both were broken 30 days ago: {row}");
    let found = browser
        .get("/ui/repositories?rule=vulnerability_alerts&severity=&name=")
        .await
        .page();
    assert!(found.contains("1 repository, the worst first."), "{found}");
    let unknown = browser
        .get("/ui/repositories?rule=security_updates&verdict=unknown")
        .await
        .page();
    assert!(unknown.contains("2 repositories, the worst first."), "{unknown}");
    for wrong in ["rule=x", "severity=awful"] {
        assert_eq!(browser.get(&format!("/ui/repositories?{wrong}")).await.status, 422);
    }
}

#[tokio::test]
async fn a_repository_is_shown_rule_by_rule_with_the_commands_that_put_it_right() {
    let memory = Memory::new();
    audit(&memory, vec![repository(1, "web", false)]).await;
    let harness = harness(memory).await;
    let browser = harness.sign_in(As::Observer).await;
    let page = browser.get("/ui/repositories/WEB").await.page();
    for shown in [
        "Nothing protects `main`",
        "not known",
        "Administration: read",
        "cc-devops repos fix web --apply",
        "cc-devops repos explain web",
        "href=\"https://github.example/acme/web\" rel=\"noreferrer noopener\"",
        "broken",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert_eq!(browser.get("/ui/repositories/other").await.status, 404);
    assert_eq!(
        browser.get("/ui/repositories/@organization").await.status,
        404,
        "no rule is about it"
    );
}

#[tokio::test]
async fn names_from_elsewhere_are_escaped() {
    let memory = Memory::new();
    audit(
        &memory,
        vec![
            repository(1, "<script>x</script>", false),
            repository(2, "a'b\u{202e}", true),
        ],
    )
    .await;
    let harness = harness(memory).await;
    let browser = harness.sign_in(As::Admin).await;
    let page = browser.get("/ui/repositories").await.page();
    assert!(!page.contains("<script>x") && !page.contains('\u{202e}'), "{page}");
    assert!(page.contains("/ui/repositories/%3Cscript%3Ex%3C%2Fscript%3E"), "{page}");
    let page = browser
        .get("/ui/repositories/%3Cscript%3Ex%3C%2Fscript%3E")
        .await
        .page();
    assert!(!page.contains("<script>x"), "{page}");
    let command = "cc-devops repos fix '&lt;script&gt;x&lt;/script&gt;' --apply";
    assert!(page.contains(command), "{page}");
}

#[tokio::test]
async fn failing_workflows_have_their_issues() {
    let memory = Memory::new();
    audit(&memory, vec![repository(1, "web", true)]).await;
    let watch = json!({
        "9": {
            "path": ".github/workflows/ci.yml",
            "issue": {"repository": "acme/web", "number": 7},
            "failing_since": "2025-06-01T00:00:00Z",
        },
        "10": {"path": ".github/workflows/ok.yml"},
    });
    let changes = BTreeMap::from([("1".to_owned(), Some(watch))]);
    let store = memory.ports().repositories;
    store.save(OWNER, DocumentKind::Watches, &changes).await.unwrap();
    let harness = harness(memory).await;
    let browser = harness.sign_in(As::Observer).await;
    for path in ["/ui/repositories", "/ui/repositories/web"] {
        let page = browser.get(path).await.page();
        assert!(page.contains("ci.yml") && !page.contains("ok.yml"), "{page}");
        let issue = "href=\"https://github.example/acme/web/issues/7\" rel=\"noreferrer noopener\"";
        assert!(page.contains(issue), "{page}");
    }
}

#[tokio::test]
async fn many_repositories_come_in_pages() {
    let memory = Memory::new();
    let many = (1..=120)
        .map(|id| repository(id, &format!("repo-{id}"), id % 2 == 0))
        .collect();
    audit(&memory, many).await;
    let harness = harness(memory).await;
    let browser = harness.sign_in(As::Admin).await;
    let (mut seen, mut path) = (0, "/ui/repositories?rule=branch_protection".to_owned());
    loop {
        let page = browser.get(&path).await.page();
        assert!(page.len() < 150_000, "{}", page.len());
        seen += page.matches("<a href=\"/ui/repositories/repo-").count();
        let Some(at) = page.find("rel=\"next\"") else { break };
        let before = &page[..at];
        let href = &before[before.rfind("href=\"").unwrap() + 6..];
        path = href[..href.find('"').unwrap()]
            .replace("&amp;", "&")
            .replace("#repositories", "");
    }
    assert_eq!(seen, 120);
}

#[tokio::test]
async fn what_was_never_audited_says_how_it_is() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let page = browser.get("/ui/repositories").await.page();
    assert!(
        page.contains("No audit yet") && page.contains("cc-devops repos audit"),
        "{page}"
    );
}

/// A store that fails.
struct Broken;

#[async_trait]
impl RepositoryStore for Broken {
    async fn load(&self, _: &str, _: DocumentKind) -> PortResult<BTreeMap<String, Value>> {
        Err(PortError::new(PortErrorKind::Unavailable, "the store is busy"))
    }
    async fn document(&self, _: &str, _: DocumentKind, _: &str) -> PortResult<Option<Value>> {
        Err(PortError::new(PortErrorKind::Unavailable, "the store is busy"))
    }
    async fn save(&self, _: &str, _: DocumentKind, _: &BTreeMap<String, Option<Value>>) -> PortResult<()> {
        Err(PortError::new(PortErrorKind::Unavailable, "the store is busy"))
    }
}

#[tokio::test]
async fn a_store_that_fails_is_a_page_that_says_so() {
    let broken = |ports: &mut cc_devops_requests::ports::Ports| ports.repositories = Arc::new(Broken);
    let harness = Harness::around(Memory::new(), broken, Dashboard::default()).await;
    let browser = harness.sign_in(As::Admin).await;
    for path in ["/ui/repositories", "/ui/repositories/web"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.text);
        assert!(answer.text.contains("<h1>"), "{path}: {}", answer.text);
    }
}
