//! The workflow monitor on the fake: one issue for each failing workflow, whatever happens in between.

use std::sync::Arc;

use cc_devops_fake_github::{Access, Fault, Model, TOKEN};
use cc_devops_github::GitHub;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::work::WorkHandle;
use cc_devops_repos::issues::ActionTaken;
use cc_devops_repos::monitoring::{Ask, Monitor, MonitorReport, MonitoringSettings};
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{CodeHost, RepositoryStore};
use cc_devops_testkit::Memory;

use crate::harness::{Harness, NOW, given, settings};

/// A monitor with a memory of its own.
fn monitor(harness: &Harness, memory: &Memory, credential: &str, policy: &str, mode: Mode) -> Monitor {
    let store: Arc<dyn RepositoryStore> = Arc::new(memory.clone());
    let github = GitHub::new(given(credential), "acme", settings(harness.fake.url()), store);
    let host: Arc<dyn CodeHost> = Arc::new(github);
    let settings = MonitoringSettings {
        owner: "acme".to_owned(),
        policy: Arc::new(Policy::from_toml(policy).unwrap()),
        mode,
    };
    Monitor::new(host, memory.ports(), settings)
}

fn usual(harness: &Harness) -> Monitor {
    monitor(harness, &harness.memory, TOKEN, "", Mode::Normal)
}

async fn check(monitor: &Monitor) -> MonitorReport {
    monitor
        .check(&Ask::default(), &WorkHandle::default(), &mut |_, _| ())
        .await
        .unwrap()
}

/// `acme/web` with a workflow that failed.
async fn failing() -> (Harness, u64) {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |_| ());
    let ci = model.workflow("acme/web", ".github/workflows/ci.yml");
    model.run(ci, "failure", |_| ());
    (Harness::of(model).await, ci)
}

/// The issues of `acme/web`: number and whether it is open.
fn issues(harness: &Harness) -> Vec<(u64, bool)> {
    harness.fake.read(|model| {
        let issues = model.get("acme/web").issues();
        issues.into_iter().map(|issue| (issue.number, issue.open)).collect()
    })
}

fn later(harness: &Harness) {
    harness
        .fake
        .change(|model| model.advance(std::time::Duration::from_mins(1)));
}

#[tokio::test]
async fn an_issue_lives_as_long_as_the_failure() {
    let (harness, ci) = failing().await;
    let monitor = usual(&harness);
    let report = check(&monitor).await;
    assert!(report.complete, "{report:?}");
    assert_eq!(report.summary.issues[&ActionTaken::IssueCreated], 1);
    harness.fake.read(|model| {
        let issue = model.get("acme/web").issue(1).unwrap();
        assert!(issue.body.as_ref().unwrap().contains("Failing jobs"), "{issue:?}");
    });
    let report = check(&monitor).await;
    assert!(report.summary.issues.is_empty(), "the second look changes nothing");
    later(&harness);
    harness.fake.change(|model| model.run(ci, "timed_out", |_| ()));
    let report = check(&monitor).await;
    assert_eq!(report.summary.issues[&ActionTaken::IssueUpdated], 1);
    later(&harness);
    harness.fake.change(|model| model.run(ci, "success", |_| ()));
    let report = check(&monitor).await;
    assert_eq!(report.summary.issues[&ActionTaken::IssueClosed], 1);
    assert_eq!(issues(&harness), [(1, false)]);
    later(&harness);
    harness.fake.change(|model| model.run(ci, "failure", |_| ()));
    check(&monitor).await;
    assert_eq!(issues(&harness), [(1, false), (2, true)]);
}

#[tokio::test]
async fn a_rerun_that_succeeds_closes_the_issue() {
    let (harness, ci) = failing().await;
    let monitor = usual(&harness);
    check(&monitor).await;
    later(&harness);
    let run = harness.fake.read(|model| model.get("acme/web").runs()[0].id());
    harness.fake.change(|model| model.rerun(run, "success"));
    check(&monitor).await;
    assert_eq!(issues(&harness), [(1, false)], "{ci}");
}

#[tokio::test]
async fn what_a_person_closed_stays_closed_until_it_has_recovered() {
    let (harness, ci) = failing().await;
    let monitor = usual(&harness);
    check(&monitor).await;
    harness
        .fake
        .change(|model| model.close_issue("acme/web", 1, "not_planned", "ada"));
    later(&harness);
    harness.fake.change(|model| model.run(ci, "failure", |_| ()));
    check(&monitor).await;
    // One who remembers nothing decides the same.
    check(&monitor_without_memory(&harness)).await;
    assert_eq!(issues(&harness), [(1, false)]);
    for conclusion in ["success", "failure"] {
        later(&harness);
        harness.fake.change(|model| model.run(ci, conclusion, |_| ()));
    }
    check(&monitor).await;
    assert_eq!(issues(&harness), [(1, false), (2, true)]);
}

fn monitor_without_memory(harness: &Harness) -> Monitor {
    monitor(harness, &Memory::new(), TOKEN, "", Mode::Normal)
}

#[tokio::test]
async fn an_issue_is_found_again_without_anything_kept_and_closed() {
    let (harness, ci) = failing().await;
    check(&usual(&harness)).await;
    later(&harness);
    harness.fake.change(|model| model.run(ci, "success", |_| ()));
    let report = check(&monitor_without_memory(&harness)).await;
    assert_eq!(report.summary.issues[&ActionTaken::IssueClosed], 1, "{report:?}");
}

#[tokio::test]
async fn two_monitors_race_and_leave_one_issue() {
    for common in [false, true] {
        for round in 0..50 {
            let (harness, _) = failing().await;
            // What was written a moment ago no search finds.
            harness.fake.search_lag(3_600);
            let one = usual(&harness);
            let other = if common {
                usual(&harness)
            } else {
                monitor_without_memory(&harness)
            };
            tokio::join!(check(&one), check(&other));
            let open = issues(&harness).into_iter().filter(|(_, open)| *open).count();
            assert_eq!(
                open,
                1,
                "round {round}, a common store: {common}: {:?}",
                issues(&harness)
            );
        }
    }
}

#[tokio::test]
async fn a_crash_between_writing_and_keeping_leaves_one_issue() {
    let (harness, _) = failing().await;
    harness.fake.fault("POST /repos/acme/web/issues", 0, Fault::CutAfter);
    let report = check(&usual(&harness)).await;
    assert!(!report.complete, "it does not know whether it was written: {report:?}");
    check(&monitor_without_memory(&harness)).await;
    assert_eq!(issues(&harness), [(1, true)]);
}

#[tokio::test]
async fn issues_go_elsewhere_where_they_are_disabled() {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |of| of.issues_enabled = false);
    model.repo("acme/ops", |_| ());
    let ci = model.workflow("acme/web", ".github/workflows/ci.yml");
    model.run(ci, "failure", |_| ());
    let harness = Harness::of(model).await;
    let report = check(&usual(&harness)).await;
    assert!(report.workflows[0].report.why.contains("no fallback"), "{report:?}");
    let policy = "[defaults.workflows]\nfallback_repository = \"acme/ops\"\n";
    let monitor = monitor(&harness, &harness.memory, TOKEN, policy, Mode::Normal);
    check(&monitor).await;
    check(&monitor).await;
    let count = harness.fake.read(|model| model.get("acme/ops").issues().len());
    assert_eq!(count, 1);
}

#[tokio::test]
async fn what_people_move_or_delete_is_theirs() {
    for delete in [false, true] {
        let (harness, _) = failing().await;
        harness.fake.change(|model| model.repo("acme/attic", |_| ()));
        let monitor = usual(&harness);
        check(&monitor).await;
        harness.fake.change(|model| {
            if delete {
                model.delete_issue("acme/web", 1);
            } else {
                model.transfer_issue("acme/web", 1, "acme/attic");
            }
        });
        let report = check(&monitor).await;
        assert!(report.complete && report.summary.issues.is_empty(), "{report:?}");
        assert!(issues(&harness).is_empty());
    }
}

#[tokio::test]
async fn somebody_elses_marker_counts_for_nothing() {
    let (harness, _) = failing().await;
    check(&usual(&harness)).await;
    let body = harness
        .fake
        .read(|model| model.get("acme/web").issue(1).unwrap().body.clone());
    harness.fake.change(|model| {
        model.delete_issue("acme/web", 1);
        model.issue("acme/web", "mallory", "mine", |issue| issue.body = body);
    });
    check(&monitor_without_memory(&harness)).await;
    assert_eq!(issues(&harness), [(2, true), (3, true)]);
}

#[tokio::test]
async fn maintenance_and_a_dry_run_write_nothing() {
    let (harness, _) = failing().await;
    let watching = monitor(&harness, &harness.memory, TOKEN, "", Mode::Maintenance);
    let report = check(&watching).await;
    assert_eq!(report.workflows[0].withheld.len(), 1);
    let dry = Ask {
        dry_run: true,
        ..Ask::default()
    };
    let report = usual(&harness)
        .check(&dry, &WorkHandle::default(), &mut |_, _| ())
        .await
        .unwrap();
    assert_eq!(report.workflows[0].withheld.len(), 1);
    assert!(issues(&harness).is_empty());
    assert_eq!(
        harness.memory.alerts().len(),
        1,
        "people are told in maintenance too, once"
    );
}

#[tokio::test]
async fn maintenance_mode_of_the_store_counts_too_and_ends_with_it() {
    let (harness, _) = failing().await;
    harness.memory.maintenance(true).await;
    let report = check(&usual(&harness)).await;
    assert_eq!(report.workflows[0].withheld.len(), 1);
    assert!(issues(&harness).is_empty());
    harness.memory.maintenance(false).await;
    check(&usual(&harness)).await;
    assert_eq!(issues(&harness), [(1, true)], "what was not told is told later");
}

#[tokio::test]
async fn a_failing_workflow_is_a_condition_until_it_works_whatever_becomes_of_its_issue() {
    let (harness, ci) = failing().await;
    harness
        .fake
        .token("weak", Access::fine_grained("ops").without("issues"));
    let weak = monitor(&harness, &harness.memory, "weak", "", Mode::Normal);
    let resting = monitor(&harness, &harness.memory, TOKEN, "", Mode::Maintenance);
    let open = || harness.memory.open_conditions();
    for (round, watching) in [&weak, &resting, &usual(&harness)].into_iter().enumerate() {
        check(watching).await;
        check(watching).await;
        assert_eq!(open().len(), 1, "{round}");
        assert_eq!(harness.memory.alerts().len(), round + 1, "told once");
        let told = &open()[0];
        assert_eq!(told.key, "workflow/acme/web/ci.yml");
        assert!(
            told.text.contains("cc-devops workflows check --repo web"),
            "{}",
            told.text
        );
        later(&harness);
        harness.fake.change(|model| model.run(ci, "success", |_| ()));
        check(watching).await;
        assert_eq!(open(), [], "{round}: it works again");
        later(&harness);
        harness.fake.change(|model| model.run(ci, "failure", |_| ()));
    }
    check(&usual(&harness)).await;
    harness.fake.change(|model| model.rename_repo("acme/web", "acme/site"));
    check(&usual(&harness)).await;
    assert_eq!(open()[0].key, "workflow/acme/web/ci.yml", "a new name is no news");
    later(&harness);
    harness.fake.change(|model| model.run(ci, "success", |_| ()));
    check(&usual(&harness)).await;
    assert_eq!(open(), []);
}

#[tokio::test]
async fn one_who_may_not_write_issues_says_so_and_goes_on() {
    let mut model = Model::at(NOW);
    for name in ["acme/web", "acme/api"] {
        model.repo(name, |_| ());
        let ci = model.workflow(name, ".github/workflows/ci.yml");
        model.run(ci, "failure", |_| ());
    }
    let harness = Harness::of(model).await;
    harness
        .fake
        .token("weak", Access::fine_grained("ops").without("issues"));
    let report = check(&monitor(&harness, &harness.memory, "weak", "", Mode::Normal)).await;
    assert!(!report.complete);
    let errors: Vec<_> = report.workflows.iter().filter_map(|told| told.error.as_ref()).collect();
    assert_eq!(errors.len(), 2, "{report:?}");
    assert!(errors[0].contains("may not write an issue"), "{errors:?}");
}

#[tokio::test]
async fn nothing_is_written_about_a_place_whose_issues_could_not_be_read() {
    let (harness, ci) = failing().await;
    let monitor = usual(&harness);
    check(&monitor).await;
    later(&harness);
    harness.fake.change(|model| model.run(ci, "success", |_| ()));
    harness.fake.search_lag(3_600);
    for round in 0..2 {
        let unread = Fault::Partial(
            "Something broke",
            vec![serde_json::json!("nodes"), serde_json::json!(0)],
        );
        harness.fake.fault("POST /graphql Issues", 0, unread);
        for _ in 0..4 {
            harness
                .fake
                .fault("POST /graphql KeptIssues", 0, Fault::Status(500, "Server Error"));
        }
        let report = check(&monitor_of(&harness, round == 0)).await;
        assert_eq!(issues(&harness), [(1, true)], "{report:?}");
        harness.fake.clear_faults();
    }
    check(&monitor).await;
    assert_eq!(issues(&harness), [(1, false)]);
}

/// A monitor that remembers, or one that does not.
fn monitor_of(harness: &Harness, remembers: bool) -> Monitor {
    if remembers {
        usual(harness)
    } else {
        monitor_without_memory(harness)
    }
}

#[tokio::test]
async fn an_issue_that_told_of_a_later_failure_meanwhile_stays_open() {
    let (harness, ci) = failing().await;
    let monitor = usual(&harness);
    check(&monitor).await;
    later(&harness);
    harness.fake.change(|model| model.run(ci, "success", |_| ()));
    // Another looks a moment later than the one who reads here, sees the next failure, and tells it.
    let meanwhile = move |model: &mut Model| {
        let run = model.run(ci, "failure", |_| ());
        model.edit_issue("acme/web", 1, |issue| {
            let body = issue.body.take().unwrap();
            let (before, after) = body.split_once("\"run\":").unwrap();
            let (_, after) = after.split_once(',').unwrap();
            issue.body = Some(format!("{before}\"run\":{run},{after}"));
        });
    };
    harness
        .fake
        .fault("POST /graphql Search", 0, Fault::Then(Box::new(meanwhile)));
    let report = check(&monitor).await;
    assert_eq!(issues(&harness), [(1, true)], "{report:?}");
    check(&monitor).await;
    assert_eq!(issues(&harness), [(1, true)]);
    later(&harness);
    harness.fake.change(|model| model.run(ci, "success", |_| ()));
    check(&monitor).await;
    assert_eq!(issues(&harness), [(1, false)]);
}

#[tokio::test]
async fn an_issue_that_another_account_of_ours_wrote_is_closed_by_this_one() {
    let (harness, ci) = failing().await;
    check(&usual(&harness)).await;
    later(&harness);
    harness.fake.change(|model| model.run(ci, "success", |_| ()));
    harness.fake.token("next", Access::fine_grained("ops-2"));
    let next = monitor(&harness, &harness.memory, "next", "", Mode::Normal);
    let report = check(&next).await;
    assert_eq!(issues(&harness), [(1, false)], "{report:?}");
}

#[tokio::test]
async fn a_fallback_repository_may_be_written_in_other_letters() {
    let mut model = Model::at(NOW);
    model.repo("acme/web", |of| of.issues_enabled = false);
    model.repo("acme/ops", |_| ());
    let ci = model.workflow("acme/web", ".github/workflows/ci.yml");
    model.run(ci, "failure", |_| ());
    let harness = Harness::of(model).await;
    let policy = "[defaults.workflows]\nfallback_repository = \"Acme/Ops\"\n";
    let monitor = monitor(&harness, &harness.memory, TOKEN, policy, Mode::Normal);
    check(&monitor).await;
    check(&monitor).await;
    let standing = |harness: &Harness| {
        harness.fake.read(|model| {
            let issues = model.get("acme/ops").issues();
            issues.into_iter().map(|issue| issue.open).collect::<Vec<_>>()
        })
    };
    assert_eq!(standing(&harness), [true]);
    later(&harness);
    harness.fake.change(|model| model.run(ci, "success", |_| ()));
    check(&monitor).await;
    assert_eq!(standing(&harness), [false]);
}

#[tokio::test]
async fn closing_again_after_a_fault_comments_once() {
    let faults = [
        ("POST /repos/acme/web/issues/1/comments", Fault::CutAfter),
        ("PATCH /repos/acme/web/issues/1", Fault::Status(403, "Forbidden")),
        ("PATCH /repos/acme/web/issues/1", Fault::CutAfter),
    ];
    for (key, fault) in faults {
        let (harness, ci) = failing().await;
        let monitor = usual(&harness);
        check(&monitor).await;
        later(&harness);
        harness.fake.change(|model| model.run(ci, "success", |_| ()));
        let shown = format!("{key} {fault:?}");
        harness.fake.fault(key, 0, fault);
        check(&monitor).await;
        // Whoever looks next may remember nothing of it.
        check(&monitor_without_memory(&harness)).await;
        check(&monitor).await;
        let (open, comments) = harness.fake.read(|model| {
            let issue = model.get("acme/web").issue(1).unwrap();
            (issue.open, issue.comments.len())
        });
        assert_eq!((open, comments), (false, 1), "{shown}");
    }
}
