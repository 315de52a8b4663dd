use super::*;
use crate::workflows::marker::{MARKS, Marker};

fn created(decision: &Decision) -> (&str, &str) {
    match decision.actions.as_slice() {
        [Action::Create { title, body, .. }] => (title, body),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_issue_says_what_a_person_needs() {
    let failing = Run {
        attempt: 2,
        failed_jobs: vec![
            FailedJob {
                name: "test".to_owned(),
                step: Some("cargo test".to_owned()),
                url: "https://github.com/deepfoundai/web/actions/runs/3/job/7".to_owned(),
            },
            FailedJob {
                name: "lint".to_owned(),
                step: None,
                url: "javascript:alert(1)".to_owned(),
            },
        ],
        ..run(3, "timed_out")
    };
    let decision = decided(
        &workflow(vec![run(1, "success"), run(2, "failure"), failing]),
        Vec::new(),
    );
    let (title, body) = created(&decision);
    assert_eq!(title, "Workflow `CI` fails on `main` of `deepfoundai/web`");
    for part in [
        "[run 3](https://github.com/deepfoundai/web/actions/runs/3)",
        "`timed_out`, attempt 2",
        "Failing since: 2027-01-15 10:00 UTC",
        "  - [`test`](https://github.com/deepfoundai/web/actions/runs/3/job/7), in the step `cargo test`",
        "  - `lint`\n",
    ] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
    let marker = Marker::find(body).unwrap();
    assert_eq!((marker.repository, marker.workflow), (RepositoryId(42), WorkflowId(9)));
    assert_eq!(marker.told, RunKey { run: 3, attempt: 2 });
    assert!(body.ends_with(MARKS.end));
}

#[test]
fn names_from_outside_mention_nobody_and_break_nothing() {
    let mut hostile = workflow(vec![run(3, "failure")]);
    hostile.name = "`@deepfoundai/all` --> <img src=x>\n# big".to_owned();
    let decision = decided(&hostile, Vec::new());
    let (title, body) = created(&decision);
    assert!(title.starts_with("Workflow `'@deepfoundai/all' --> <img src=x> # big` fails"));
    assert_eq!(
        body.matches('\n').count(),
        created(&decided(&workflow(vec![run(3, "failure")]), Vec::new()))
            .1
            .matches('\n')
            .count()
    );
    assert!(Marker::find(body).is_some());
    let mut long = workflow(vec![run(3, "failure")]);
    long.name = "x".repeat(10_000);
    let jobs = FailedJob {
        name: "y".repeat(10_000),
        step: None,
        url: String::new(),
    };
    long.runs = Fact::Known(vec![Run {
        failed_jobs: vec![jobs; 500],
        ..run(3, "failure")
    }]);
    let decision = decided(&long, Vec::new());
    let (title, body) = created(&decision);
    assert!(title.chars().count() <= 256 && body.len() < 65_536);
    assert!(body.contains("and 480 more"));
}

#[test]
fn a_marker_is_found_again_wherever_it_stands() {
    let marker = Marker {
        version: 1,
        repository: RepositoryId(1),
        workflow: WorkflowId(2),
        told: RunKey { run: 3, attempt: 4 },
    };
    let text = marker.render();
    assert_eq!(
        text,
        r#"<!-- cc-devops:workflow-failure {"version":1,"repository":1,"workflow":2,"run":3,"attempt":4} -->"#
    );
    assert_eq!(
        Marker::find(&format!("hello\n\n  {text} and more")),
        Some(marker.clone())
    );
    let newer = text.replace("\"version\":1", "\"version\":2,\"colour\":\"red\"");
    assert_eq!(
        Marker::find(&newer).unwrap().repository,
        RepositoryId(1),
        "a later version is ours too"
    );
    for broken in [
        "",
        "<!-- -->",
        &text.replace("\"run\":3,", ""),
        &text.replace("-->", ""),
        &text.replace(":1,\"rep", ":0,\"rep"),
    ] {
        assert_eq!(Marker::find(broken), None, "{broken}");
    }
    assert_eq!(
        Marker::find(&format!("{}nonsense -->\n{text}", MARKS.begin)),
        Some(marker)
    );
}

#[test]
fn what_people_wrote_stays() {
    let first = decided(&workflow(vec![run(3, "failure")]), Vec::new());
    let (_, body) = created(&first);
    let edited = format!("Ada looks into this.\n\n{body}\n\nSee #12.");
    let failing = workflow(vec![run(3, "failure"), run(4, "failure")]);
    let decision = decided(&failing, vec![open(5, edited)]);
    let [Action::Update { body, number: 5, .. }] = decision.actions.as_slice() else {
        panic!("{decision:?}");
    };
    assert!(body.starts_with("Ada looks into this.\n\n<!-- cc-devops") && body.ends_with("-->\n\nSee #12."));
    assert_eq!(Marker::find(body).unwrap().told.run, 4);
    assert!(body.contains("Failing since: 2027-01-15 11:00 UTC"));
    assert_eq!(body.matches(MARKS.begin).count(), 1);
    // Nothing new, nothing written.
    assert_eq!(short(&decided(&failing, vec![open(5, body.clone())])), [""; 0]);
    // Without its end, nobody knows what is ours.
    let torn = body.replace(MARKS.end, "");
    let more = workflow(vec![run(5, "failure")]);
    let decision = decided(&more, vec![open(5, torn)]);
    assert_eq!(short(&decision), [""; 0]);
    assert!(decision.why.contains("took the markers out"));
}

#[test]
fn case_26_a_locked_issue_gets_no_comment() {
    let passing = workflow(vec![run(2, "success")]);
    let comment = |locked| {
        let decision = decided(&passing, vec![Issue { locked, ..told(5, 1) }]);
        match decision.actions.as_slice() {
            [
                Action::Close {
                    comment,
                    reason: CloseReason::Completed,
                    ..
                },
            ] => comment.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert!(comment(false).unwrap().contains("Run 2"));
    assert_eq!(comment(true), None);
}

#[test]
fn case_27_issues_disabled() {
    let mut repository = repository();
    repository.issues_enabled = false;
    let failing = workflow(vec![run(2, "failure")]);
    let nowhere = decided_with(&repository, &failing, Vec::new(), None, &Workflows::default());
    assert_eq!(short(&nowhere), [""; 0]);
    assert!(nowhere.why.contains("no fallback"));
    assert_eq!(nowhere.watch.memory.told, None, "nothing was told");

    let settings = Workflows {
        fallback_repository: Some("deepfoundai/ops".to_owned()),
        labels: vec!["ci".to_owned()],
        ..Workflows::default()
    };
    let there = decided_with(&repository, &failing, Vec::new(), None, &settings);
    assert_eq!(short(&there), ["create in deepfoundai/ops"]);
    assert!(
        created(&there).0.contains("`deepfoundai/web`"),
        "it says which repository"
    );
    // It is followed where it is, even if issues are switched on later.
    let issue = Issue {
        repository: "deepfoundai/ops".to_owned(),
        ..told(8, 2)
    };
    repository.issues_enabled = true;
    let passing = workflow(vec![run(3, "success")]);
    let done = decided_with(&repository, &passing, vec![issue], None, &settings);
    assert!(
        matches!(&done.actions[..], [Action::Close { repository, number: 8, .. }] if repository == "deepfoundai/ops")
    );
}

#[test]
fn case_28_two_at_once_make_one_issue_in_the_end() {
    let failing = workflow(vec![run(2, "failure")]);
    let decision = decided(&failing, vec![told(12, 2), told(11, 2), told(15, 2)]);
    assert_eq!(short(&decision), ["close 12 Duplicate", "close 15 Duplicate"]);
    assert_eq!(decision.watch.memory.issue.as_ref().unwrap().number, 11);
    let [Action::Close { comment, .. }, ..] = decision.actions.as_slice() else {
        panic!()
    };
    assert!(comment.as_ref().unwrap().contains("#11"));
    // A crash between creating and recording: the marker finds it.
    assert_eq!(short(&decided(&failing, vec![told(11, 2)])), [""; 0]);
    // A duplicate that was closed does not speak for the one that a person closed.
    let duplicate = Issue {
        standing: IssueStanding::Closed {
            by_us: true,
            duplicate: true,
            at: at(3),
        },
        ..told(12, 2)
    };
    let put_away = Issue {
        standing: closed_by(false, 3),
        ..told(11, 2)
    };
    let again = workflow(vec![run(2, "failure"), run(4, "failure")]);
    assert_eq!(short(&decided(&again, vec![duplicate, put_away])), [""; 0]);
}

#[test]
fn an_issue_that_somebody_else_wrote_does_not_count() {
    let failing = workflow(vec![run(2, "failure")]);
    let copied = Issue {
        ours: false,
        ..told(3, 9)
    };
    assert_eq!(
        short(&decided(&failing, vec![copied.clone()])),
        ["create in deepfoundai/web"]
    );
    let passing = workflow(vec![run(10, "success")]);
    assert_eq!(short(&decided(&passing, vec![copied])), [""; 0]);
}

#[test]
fn an_issue_that_was_kept_is_ours_whichever_account_wrote_it_and_however_its_repository_is_written() {
    let kept = Watch {
        memory: Memory {
            issue: Some(IssueRef {
                repository: "DeepFoundAI/Web".to_owned(),
                number: 3,
            }),
            ..Memory::default()
        },
        ..Watch::default()
    };
    let written = Issue {
        ours: false,
        ..told(3, 9)
    };
    let passing = workflow(vec![run(10, "success")]);
    let decision = decided_with(
        &repository(),
        &passing,
        vec![written],
        Some(&kept),
        &Workflows::default(),
    );
    assert_eq!(short(&decision), ["close 3 Completed"]);
    let [Action::Close { passed, .. }] = decision.actions.as_slice() else {
        panic!("{decision:?}");
    };
    assert_eq!(
        *passed,
        Some(RunKey { run: 10, attempt: 1 }),
        "so that a later failure is seen"
    );
}

#[test]
fn what_a_person_closed_with_our_account_is_a_persons() {
    let failing = workflow(vec![run(2, "failure"), run(4, "failure")]);
    let put_away = Issue {
        standing: closed_by(true, 3),
        ..told(11, 2)
    };
    let kept = |closed| Watch {
        memory: Memory {
            issue: Some(put_away.place()),
            told: Some(RunKey { run: 2, attempt: 1 }),
            closed,
        },
        ..Watch::default()
    };
    let decide = |watch: &Watch| {
        let issues = vec![put_away.clone()];
        short(&decided_with(
            &repository(),
            &failing,
            issues,
            Some(watch),
            &Workflows::default(),
        ))
    };
    assert_eq!(decide(&kept(None)), [""; 0], "what is kept has it as open");
    let by_us = kept(Some(RunKey { run: 2, attempt: 1 }));
    assert_eq!(decide(&by_us), ["create in deepfoundai/web"]);
}
