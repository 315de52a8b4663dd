//! Whole trees: read once for each that was pushed, kept, and never taken for whole where they are not.

use std::time::Duration;

use cc_devops_fake_github::{Fault, Model, TOKEN};
use cc_devops_repos::findings::check;
use cc_devops_repos::policy::Policy;
use cc_devops_repos::ports::{CodeHost, Depth};
use cc_devops_repos::report::Verdict;
use cc_devops_repos::rules::Rule;
use cc_devops_repos::snapshot::{Repository, Tree};
use jiff::civil::date;

use crate::harness::{Harness, NOW, settings_of};

const DEPENDABOT: &str = "version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /\n    schedule:\n      \
                          interval: daily\n";

/// `acme/web`, whose Dependabot file covers `/` alone, with these files.
async fn harness(files: &[&str], tree_limit: Option<usize>) -> Harness {
    let mut model = Model::at(NOW);
    model.org("acme");
    model.repo("acme/web", |of| of.tree_limit = tree_limit);
    model.commit("acme/web", "main", ".github/dependabot.yml", DEPENDABOT);
    model.commit("acme/web", "main", "Cargo.toml", "");
    for file in files {
        model.commit("acme/web", "main", file, "");
    }
    Harness::of(model).await
}

fn tree(repository: &Repository) -> &Tree {
    repository.files.known().unwrap().tree.known().unwrap()
}

fn coverage(repository: &Repository) -> Verdict {
    let report = check(repository, &Policy::default(), date(2026, 11, 24));
    let mut findings = report.findings.iter();
    findings
        .find(|finding| finding.rule == Rule::DependabotCoverage)
        .unwrap()
        .verdict
}

async fn audited(harness: &Harness) -> Repository {
    settings_of(&harness.github).await.0.named("web").clone()
}

fn asked(harness: &Harness) -> usize {
    harness.fake.count("GET /repos/acme/web/git/trees")
}

#[tokio::test]
async fn a_tree_is_read_once_for_each_that_was_pushed() {
    let harness = harness(&["a/b/c/d/README.md", "docs/guide/intro/one.md"], None).await;
    let web = audited(&harness).await;
    assert_eq!((coverage(&web), asked(&harness)), (Verdict::Pass, 1));
    let folders = &tree(&web).folders;
    assert!(folders.contains(&"docs/guide/intro".to_owned()), "{folders:?}");
    // Again, by another process, and by a look at this one alone.
    let again = settings_of(&harness.as_other(TOKEN)).await.0.named("web").clone();
    let (alone, _) = harness.github.repository("acme/web", Depth::Settings).await.unwrap();
    assert_eq!((tree(&again), tree(&alone)), (tree(&web), tree(&web)));
    assert_eq!(asked(&harness), 1, "it is kept");

    harness.fake.change(|model| {
        model.advance(Duration::from_mins(1));
        model.commit("acme/web", "main", "jobs/nightly/etl/requirements.txt", "a\n");
    });
    let pushed = audited(&harness).await;
    assert_eq!((coverage(&pushed), asked(&harness)), (Verdict::Fail, 2));
    audited(&harness).await;
    assert_eq!(asked(&harness), 2);
}

#[tokio::test]
async fn a_shallow_tree_takes_no_request_of_its_own() {
    let harness = harness(&["web/README.md", ".github/workflows/ci.yml"], None).await;
    let web = audited(&harness).await;
    assert!(tree(&web).complete, "{:?}", tree(&web));
    assert!(tree(&web).folders.contains(&".github/workflows".to_owned()));
    assert!(tree(&web).paths.contains(&".github/workflows/ci.yml".to_owned()));
    assert_eq!(asked(&harness), 0);
}

#[tokio::test]
async fn a_tree_that_is_cut_off_is_read_folder_by_folder() {
    let files: Vec<String> = (0..8).map(|n| format!("services/s{n}/src/main/file")).collect();
    let mut files: Vec<&str> = files.iter().map(String::as_str).collect();
    files.push("services/s7/src/main/Cargo.toml");
    let harness = harness(&files, Some(20)).await;
    let web = audited(&harness).await;
    assert!(tree(&web).complete, "{:?}", tree(&web));
    assert!(tree(&web).paths.contains(&"services/s7/src/main/Cargo.toml".to_owned()));
    assert_eq!(tree(&web).folders.len(), 1 + 1 + 8 * 3, "{:?}", tree(&web).folders);
    let once = asked(&harness);
    assert!(once > 1);
    audited(&harness).await;
    assert_eq!(asked(&harness), once, "it is kept");
}

#[tokio::test]
async fn what_was_not_read_of_a_tree_makes_coverage_unknown() {
    // More folders, each cut off, than are asked for.
    let files: Vec<String> = (0..120).map(|n| format!("services/s{n}/a/b/file")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let harness = harness(&files, Some(150)).await;
    let web = audited(&harness).await;
    assert!(!tree(&web).complete);
    assert_eq!(coverage(&web), Verdict::Unknown);
    assert!(asked(&harness) <= 100, "{}", asked(&harness));
    let once = asked(&harness);
    audited(&harness).await;
    assert_eq!(asked(&harness), once, "as much as was read is kept");
    assert_eq!(web.unread(), Vec::<String>::new(), "nothing failed");
}

#[tokio::test]
async fn a_tree_that_could_not_be_read_is_said_and_read_the_next_time() {
    let harness = harness(&["a/b/c/d/README.md"], None).await;
    harness
        .fake
        .fault("GET /repos/acme/web/git/trees", 0, Fault::UsedUp(1_800));
    let web = audited(&harness).await;
    assert_eq!(coverage(&web), Verdict::Unknown);
    assert!(
        web.unread().iter().any(|why| why.starts_with("the tree: ")),
        "{:?}",
        web.unread()
    );
    assert_eq!(coverage(&audited(&harness).await), Verdict::Pass);
}

#[tokio::test]
async fn once_the_hours_requests_are_used_up_no_more_trees_are_asked_for() {
    let mut model = Model::at(NOW);
    model.org("acme");
    let files = [("a/b/c/d/README.md", ""), ("Cargo.toml", "")];
    model.many("acme", 60, &files, |_, _| ());
    let harness = Harness::of(model).await;
    for _ in 0..60 {
        harness.fake.fault("GET /repos/acme/bulk", 0, Fault::UsedUp(1_800));
    }
    let (all, _) = settings_of(&harness.github).await;
    assert_eq!(all.repositories.len(), 60);
    assert!(
        all.repositories
            .iter()
            .all(|repository| !repository.unread().is_empty())
    );
    let asked = harness.fake.count("GET /repos/acme/bulk");
    assert!(asked <= 10, "{asked} were asked for");
}
