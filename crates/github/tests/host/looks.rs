//! How workflows are looked at: past other people's runs, in few requests, and by whatever account.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cc_devops_fake_github::{APP_ID, APP_KEY, Access, Model, Permission, TOKEN};
use cc_devops_github::GitHub;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::work::WorkHandle;
use cc_devops_repos::monitoring::{Ask, Monitor, MonitorReport, MonitoringSettings};
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{CodeHost, DocumentKind, RepositoryStore};
use cc_devops_repos::workflows::HealthName;
use cc_devops_testkit::Memory;

use crate::harness::{Harness, NOW, given, settings};

const CI: &str = ".github/workflows/ci.yml";

/// Looks once, as whom the credential is of, with what `memory` holds.
async fn look(harness: &Harness, memory: &Memory, credential: &str) -> MonitorReport {
    let store: Arc<dyn RepositoryStore> = Arc::new(memory.clone());
    let github = GitHub::new(given(credential), "acme", settings(harness.fake.url()), store);
    let host: Arc<dyn CodeHost> = Arc::new(github);
    let settings = MonitoringSettings {
        owner: "acme".to_owned(),
        policy: Arc::new(Policy::default()),
        mode: Mode::Normal,
    };
    let monitor = Monitor::new(host, memory.ports(), settings);
    monitor
        .check(&Ask::default(), &WorkHandle::default(), &mut |_, _| ())
        .await
        .unwrap()
}

async fn usual(harness: &Harness) -> MonitorReport {
    look(harness, &harness.memory, TOKEN).await
}

fn health(report: &MonitorReport) -> BTreeMap<HealthName, u64> {
    report.summary.workflows.clone()
}

fn only(health: HealthName) -> BTreeMap<HealthName, u64> {
    BTreeMap::from([(health, 1)])
}

fn later(harness: &Harness) {
    harness.fake.change(|model| model.advance(Duration::from_mins(1)));
}

/// `acme/web` with a workflow.
fn web() -> (Model, u64) {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |_| ());
    let ci = model.workflow("acme/web", CI);
    (model, ci)
}

/// Pull requests from a fork's branch of the same name.
fn of_forks(model: &mut Model, ci: u64, count: u32) {
    for _ in 0..count {
        model.advance(Duration::from_mins(1));
        model.run(ci, "success", |run| {
            "pull_request".clone_into(&mut run.event);
            run.head_repository = Some("mallory/web".to_owned());
        });
    }
}

#[tokio::test]
async fn runs_of_forks_never_hide_what_happened_on_the_branch() {
    for count in [9, 10, 11, 29, 30, 35, 300] {
        let (mut model, ci) = web();
        model.run(ci, "success", |_| ());
        model.run(ci, "failure", |run| run.event = "schedule".to_owned());
        of_forks(&mut model, ci, count);
        let harness = Harness::of(model).await;
        let report = usual(&harness).await;
        assert_eq!(health(&report), only(HealthName::Failing), "{count}");
        assert!(report.complete, "{count}: {report:?}");
        assert_eq!(report.workflows[0].report.status, "completed");
        let before = harness.fake.count("");
        usual(&harness).await;
        let warm = harness.fake.count("") - before;
        assert!(warm <= 5, "{count}: {warm} requests for what did not change");
    }
}

#[tokio::test]
async fn what_is_behind_other_peoples_runs_is_looked_at_again_when_it_changes() {
    let (mut model, ci) = web();
    let run = model.run(ci, "failure", |_| ());
    of_forks(&mut model, ci, 35);
    let harness = Harness::of(model).await;
    assert_eq!(health(&usual(&harness).await), only(HealthName::Failing));
    later(&harness);
    harness.fake.change(|model| model.rerun(run, "success"));
    assert_eq!(
        health(&usual(&harness).await),
        only(HealthName::Passing),
        "a run tried again"
    );
    later(&harness);
    harness.fake.change(|model| {
        model.run(ci, "timed_out", |_| ());
        of_forks(model, ci, 60);
    });
    assert_eq!(
        health(&usual(&harness).await),
        only(HealthName::Failing),
        "a run between"
    );
}

#[tokio::test]
async fn the_search_has_a_bound_and_beyond_it_nothing_is_known() {
    let (mut model, ci) = web();
    model.run(ci, "failure", |_| ());
    for _ in 0..120 {
        model.run(ci, "cancelled", |_| ());
    }
    let harness = Harness::of(model).await;
    let report = usual(&harness).await;
    assert_eq!(health(&report), only(HealthName::Unknown));
    assert!(!report.complete && report.gaps[0].why.contains("push"), "{report:?}");
    harness
        .fake
        .read(|model| assert!(model.get("acme/web").issues().is_empty()));
    assert!(harness.fake.count("GET /repos/acme/web/actions/workflows/") < 10);
}

#[tokio::test]
async fn a_workflow_for_pull_requests_alone_says_nothing_and_costs_nothing() {
    let (mut model, ci) = web();
    of_forks(&mut model, ci, 50);
    let harness = Harness::of(model).await;
    let report = usual(&harness).await;
    assert_eq!(health(&report), only(HealthName::Undecided));
    assert!(report.complete, "{report:?}");
    let before = harness.fake.count("GET /repos");
    usual(&harness).await;
    assert_eq!(harness.fake.count("GET /repos"), before);
}

#[tokio::test]
async fn without_the_permission_workflows_are_unknown_and_issues_stay() {
    let (mut model, ci) = web();
    model.run(ci, "failure", |_| ());
    let harness = Harness::of(model).await;
    usual(&harness).await;
    later(&harness);
    harness.fake.change(|model| model.run(ci, "success", |_| ()));
    harness
        .fake
        .token("blind", Access::fine_grained("ops").without("actions"));
    for memory in [harness.memory.clone(), Memory::new()] {
        let report = look(&harness, &memory, "blind").await;
        assert!(!report.complete, "{report:?}");
        assert!(
            report.gaps.iter().any(|gap| gap.why.contains("Actions: read")),
            "{report:?}"
        );
        assert_eq!(report.summary.workflows.get(&HealthName::Failing), None);
        harness
            .fake
            .read(|model| assert!(model.get("acme/web").issue(1).unwrap().open));
    }
    usual(&harness).await;
    harness
        .fake
        .read(|model| assert!(!model.get("acme/web").issue(1).unwrap().open));
}

#[tokio::test]
async fn workflows_that_go_on_failing_take_no_request_of_their_own() {
    let mut model = Model::at(NOW);
    let paths = [".github/workflows/a.yml", ".github/workflows/b.yml"];
    for number in 0..35 {
        let name = format!("acme/r{number:03}");
        model.repo(&name, |_| ());
        for path in paths {
            let workflow = model.workflow(&name, path);
            model.run(workflow, "failure", |_| ());
        }
    }
    let harness = Harness::of(model).await;
    let report = usual(&harness).await;
    assert_eq!(report.summary.workflows[&HealthName::Failing], 70);
    let counted = |harness: &Harness| {
        let before = harness.fake.count("");
        (before, harness.fake.count("GET /repos"))
    };
    // A search that knows the issues, and one that does not yet.
    for lag in [0, 3_600] {
        harness.fake.search_lag(lag);
        let (all, rest) = counted(&harness);
        let report = usual(&harness).await;
        assert!(report.complete && report.summary.issues.is_empty(), "{report:?}");
        let (all_after, rest_after) = counted(&harness);
        assert_eq!(rest_after, rest);
        assert!(all_after - all <= 5, "{} requests", all_after - all);
    }
    later(&harness);
    harness.fake.search_lag(0);
    harness.fake.change(|model| {
        let runs: Vec<u64> = model
            .get("acme/r007")
            .runs()
            .iter()
            .map(cc_devops_fake_github::Run::id)
            .collect();
        model.rerun(runs[0], "success");
    });
    let report = usual(&harness).await;
    assert_eq!(report.summary.workflows[&HealthName::Failing], 69);
}

/// Forgets everything but as whom issues were written.
async fn forget_watches(memory: &Memory) {
    let store = memory.ports().repositories;
    let kept = store.load("acme", DocumentKind::Watches).await.unwrap();
    let gone = kept.into_keys().map(|key| (key, None)).collect();
    store.save("acme", DocumentKind::Watches, &gone).await.unwrap();
}

/// The issues of `acme/web`: who wrote each and whether it is open.
fn issues(harness: &Harness) -> Vec<(String, bool)> {
    harness.fake.read(|model| {
        let issues = model.get("acme/web").issues();
        issues
            .into_iter()
            .map(|issue| (issue.author.clone(), issue.open))
            .collect()
    })
}

fn app() -> String {
    serde_json::json!({"app_id": APP_ID, "private_key": APP_KEY}).to_string()
}

#[tokio::test]
async fn issues_of_an_earlier_account_are_taken_over() {
    let app = app();
    let person = "ada";
    for forgets in [false, true] {
        for (first, second) in [(person, app.as_str()), (app.as_str(), person)] {
            let (mut model, ci) = web();
            model.run(ci, "failure", |_| ());
            let harness = Harness::of(model).await;
            harness.fake.token(person, Access::fine_grained("Ada"));
            look(&harness, &harness.memory, first).await;
            if forgets {
                forget_watches(&harness.memory).await;
            }
            look(&harness, &harness.memory, second).await;
            assert_eq!(issues(&harness).len(), 1, "{forgets}: {:?}", issues(&harness));
            later(&harness);
            harness.fake.change(|model| model.run(ci, "success", |_| ()));
            look(&harness, &harness.memory, second).await;
            let [(_, open)] = &issues(&harness)[..] else {
                panic!("{:?}", issues(&harness))
            };
            assert!(!open, "it closes on recovery");
        }
    }
}

#[tokio::test]
async fn an_issue_of_somebody_who_may_write_counts_and_a_strangers_does_not() {
    for (may, taken) in [
        (Some(Permission::Admin), true),
        (Some(Permission::Maintain), true),
        (Some(Permission::Write), true),
        (Some(Permission::Triage), false),
        (Some(Permission::Read), false),
        (None, false),
    ] {
        let (mut model, ci) = web();
        model.run(ci, "failure", |_| ());
        model.edit("acme/web", |web| {
            web.people.extend(may.map(|may| ("bob".to_owned(), may)));
        });
        let harness = Harness::of(model).await;
        harness.fake.token("bob", Access::fine_grained("bob"));
        // Bob's own installation wrote it; of that nothing is known here.
        look(&harness, &Memory::new(), "bob").await;
        for _ in 0..2 {
            usual(&harness).await;
            assert_eq!(issues(&harness).len(), if taken { 1 } else { 2 }, "{may:?}");
        }
        let asked = harness.fake.count("GET /repos/acme/web/collaborators");
        assert!(asked <= 4 * usize::from(may.is_some()), "{may:?}: {asked}");
    }
}
