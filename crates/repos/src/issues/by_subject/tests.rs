use jiff::Timestamp;

use super::*;
use crate::issues::breaches::{Breaches, MARKS};
use crate::samples::issue;
use crate::snapshot::{Gap, RepositoryId};

/// The mark of an issue about a repository.
fn mark(repository: u64) -> String {
    let marker = serde_json::json!({"version": 1, "repository": repository, "told": "2026-11-24T00:00:00Z"});
    format!("{}\n{}", MARKS.render(&marker), MARKS.end)
}

fn numbers(issues: &Fact<Vec<Issue>>) -> Vec<u64> {
    issues.known().unwrap().iter().map(|issue| issue.number).collect()
}

#[test]
fn issues_are_found_by_every_mark_in_them_and_by_where_they_are() {
    let closed = IssueStanding::Closed {
        by_us: false,
        duplicate: false,
        at: Timestamp::UNIX_EPOCH,
    };
    let found = FoundIssues {
        issues: vec![
            issue(1, mark(7)),
            issue(2, format!("{}\n{}", mark(8), mark(7))),
            issue(3, "a person took the marks out".to_owned()),
            Issue {
                standing: closed,
                ..issue(4, mark(9))
            },
            Issue {
                ours: false,
                ..issue(5, mark(10))
            },
        ],
        unread: [("acme/hidden".to_owned(), Gap::NotRead("502".to_owned()))].into(),
    };
    let found = IssuesBySubject::of(&found);
    let about = |id, kept: Option<&IssueRef>| found.about(Breaches(RepositoryId(id)), None, "deepfoundai/web", kept);
    assert_eq!(numbers(&about(7, None)), [1, 2]);
    assert_eq!(numbers(&about(8, None)), [2]);
    assert_eq!(numbers(&about(11, None)), [0; 0]);
    // The one that was kept is there once, however its repository is written, and in the order of the list.
    let kept = |number| IssueRef {
        repository: "DeepFoundAI/Web".to_owned(),
        number,
    };
    assert_eq!(numbers(&about(7, Some(&kept(3)))), [1, 2, 3]);
    assert_eq!(numbers(&about(7, Some(&kept(1)))), [1, 2]);
    assert_eq!(numbers(&about(8, Some(&kept(1)))), [1, 2]);
    for places in [(None, "Acme/Hidden"), (Some("acme/hidden"), "deepfoundai/web")] {
        let about = found.about(Breaches(RepositoryId(7)), places.0, places.1, None);
        assert!(matches!(about, Fact::Unknown(_)), "{about:?}");
    }
    let told_of: Vec<u64> = found.told_of().into_iter().map(|Breaches(id)| id.0).collect();
    assert_eq!(told_of, [7, 8], "open ones of ours");
}
