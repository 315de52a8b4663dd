//! Plans carried out on the fake: what stands is merged with, and nothing is done twice.

use std::sync::Arc;

use cc_devops_fake_github::{Actors, Model, Protection, TOKEN};
use cc_devops_github::GitHub;
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_kernel::work::WorkHandle;
use cc_devops_repos::fix::{ChangeKind, ProtectionMethod};
use cc_devops_repos::fixing::{Applied, Fixer, Wanted};
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{CodeHost, RepositoryStore};
use jiff::civil::date;

use crate::harness::{Harness, NOW, given, settings};

const DEPENDABOT: &str = "# Kept as it is.\nversion: 2\nupdates:\n  - package-ecosystem: \"cargo\" # the service\n    \
                          directory: \"/\"\n    schedule:\n      interval: \"daily\"\n";

async fn harness() -> Harness {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |_| ());
    model.commit("acme/web", "main", ".github/dependabot.yml", DEPENDABOT);
    model.commit("acme/web", "main", "Cargo.toml", "");
    model.commit("acme/web", "main", "site/package.json", "{}");
    Harness::of(model).await
}

fn fixer(harness: &Harness) -> Fixer {
    let store: Arc<dyn RepositoryStore> = Arc::new(harness.memory.clone());
    let github = GitHub::new(given(TOKEN), "acme", settings(harness.fake.url()), store);
    Fixer::new(
        Arc::new(github),
        "acme",
        Arc::new(Policy::default()),
        harness.memory.ports(),
    )
}

async fn fix(harness: &Harness, means: ProtectionMethod) -> Vec<Applied> {
    let fixer = fixer(harness);
    let wanted = Wanted {
        means,
        ..Wanted::default()
    };
    let plans = fixer.plan(&wanted, date(2026, 11, 24), &mut |_, _| ()).await.unwrap();
    assert!(plans.missing.is_empty(), "{plans:?}");
    let mut applied = Vec::new();
    let author = fixer.author(&Actor::Operator, &[]).await.unwrap();
    for plan in &plans.plans {
        applied.extend(fixer.apply(plan, &author, &WorkHandle::default()).await.unwrap());
    }
    applied
}

#[tokio::test]
async fn breaches_are_put_right_once() {
    let harness = harness().await;
    let applied = fix(&harness, ProtectionMethod::Ruleset).await;
    assert_eq!(applied.len(), 4, "{applied:?}");
    assert!(applied.iter().all(|applied| applied.done), "{applied:?}");
    harness.fake.read(|model| {
        let web = model.get("acme/web");
        assert!(web.vulnerability_alerts && web.security_fixes);
        assert_eq!(web.rulesets()[0].name, "cc-devops baseline");
        let branches = web.branches();
        let branch = branches
            .iter()
            .find(|name| name.starts_with("cc-devops/dependabot-"))
            .unwrap();
        let text = web.text(branch, ".github/dependabot.yml").unwrap();
        assert!(
            text.starts_with("# Kept as it is.") && text.contains("# the service"),
            "{text}"
        );
        assert!(text.contains("npm") && text.contains("/site"), "{text}");
        assert_eq!(web.text("main", ".github/dependabot.yml").unwrap(), DEPENDABOT);
    });
    // The pull request still waits for a person; the rest is right.
    let applied = fix(&harness, ProtectionMethod::Ruleset).await;
    assert_eq!(applied.len(), 1, "{applied:?}");
    assert!(applied[0].outcome.contains("proposed already"), "{applied:?}");
    assert_eq!(harness.fake.read(|model| model.get("acme/web").pulls().len()), 1);

    harness
        .fake
        .change(|model| model.close_issue("acme/web", 1, "not_planned", "ada"));
    let applied = fix(&harness, ProtectionMethod::Ruleset).await;
    assert!(
        !applied[0].done && applied[0].outcome.contains("a person closed"),
        "{applied:?}"
    );
}

#[tokio::test]
async fn a_pull_request_speaks_of_lines_that_stayed_only_where_there_were_any() {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |_| ());
    model.commit("acme/web", "main", "Cargo.toml", "");
    let bare = Harness::of(model).await;
    for (harness, stood) in [(bare, false), (harness().await, true)] {
        fix(&harness, ProtectionMethod::Ruleset).await;
        harness.fake.read(|model| {
            let web = model.get("acme/web");
            let body = web.pulls()[0].body.clone().unwrap();
            assert_eq!(body.contains("every line that stood stays"), stood, "{body}");
            assert_eq!(body.contains("adds the file"), !stood, "{body}");
        });
    }
}

#[tokio::test]
async fn classic_protection_is_merged_with_what_stands() {
    let harness = harness().await;
    let mut rule = Protection::of("main").checks(&["ci"]);
    rule.restrictions = Some(Actors {
        teams: vec!["platform".to_owned()],
        ..Actors::default()
    });
    rule.linear_history = true;
    rule.allow_force_pushes = true;
    harness.fake.change(|model| model.protect("acme/web", rule));
    let applied = fix(&harness, ProtectionMethod::Classic).await;
    assert!(applied.iter().all(|applied| applied.done), "{applied:?}");
    harness.fake.read(|model| {
        let rule = model.get("acme/web").protection("main").unwrap();
        assert_eq!(rule.restrictions.as_ref().unwrap().teams, ["platform"]);
        assert_eq!(rule.checks.as_ref().unwrap().contexts, [("ci".to_owned(), None)]);
        assert_eq!(rule.reviews.as_ref().unwrap().count, 1);
        assert!(rule.linear_history && !rule.allow_force_pushes);
    });
}

#[tokio::test]
async fn a_file_that_was_changed_meanwhile_is_left_alone() {
    let harness = harness().await;
    let change = ChangeKind::WriteFile {
        path: ".github/dependabot.yml".to_owned(),
        before: Some("something else".to_owned()),
        after: "version: 2\n".to_owned(),
    };
    let error = harness.github.change("acme/web", &change).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Superseded);
    assert_eq!(harness.fake.read(|model| model.get("acme/web").branches().len()), 1);
}

#[tokio::test]
async fn a_secret_arrives_sealed() {
    let harness = harness().await;
    let value = SecretValue::new("s3cret \u{1f980}".to_owned());
    harness
        .github
        .put_actions_secret("acme/web", "NPM_TOKEN", &value)
        .await
        .unwrap();
    harness.fake.read(|model| {
        let kept = model.get("acme/web").secret("NPM_TOKEN").unwrap();
        assert_eq!(kept, "s3cret \u{1f980}".as_bytes());
    });
    let sent = harness.fake.requests();
    assert!(!format!("{sent:?}").contains("s3cret"));
}
