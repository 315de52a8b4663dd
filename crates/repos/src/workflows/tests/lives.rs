//! Whole lives of a workflow, look by look, with and without what was kept.

use proptest::prelude::*;

use super::*;

/// GitHub's side: runs that come, issues that stand.
#[derive(Default)]
struct World {
    runs: Vec<Run>,
    issues: Vec<Issue>,
    watch: Watch,
    keeps: bool,
    now: i64,
}

impl World {
    fn new(keeps: bool) -> Self {
        Self {
            keeps,
            ..Self::default()
        }
    }

    fn runs(&mut self, end: &str) {
        self.now += 1;
        self.runs.push(run(u64::try_from(self.now).unwrap(), end));
    }

    /// One look, carried out.
    fn look(&mut self) -> Vec<String> {
        self.now += 1;
        let decision = decided_with(
            &repository(),
            &workflow(self.runs.clone()),
            self.issues.clone(),
            self.keeps.then_some(&self.watch),
            &Workflows::default(),
        );
        self.watch = decision.watch.clone();
        for action in &decision.actions {
            match action {
                Action::Create { body, .. } => {
                    let number = u64::try_from(self.issues.len()).unwrap() + 1;
                    self.issues.push(open(number, body.clone()));
                    self.watch.memory.created(IssueRef {
                        repository: "deepfoundai/web".to_owned(),
                        number,
                    });
                }
                Action::Update { number, body, .. } => self.issue(*number).body.clone_from(body),
                Action::Close { number, .. } => {
                    let at = self.now;
                    self.issue(*number).standing = closed_by(true, at);
                }
            }
        }
        short(&decision)
    }

    fn issue(&mut self, number: u64) -> &mut Issue {
        self.issues.iter_mut().find(|issue| issue.number == number).unwrap()
    }

    fn person_closes(&mut self, number: u64) {
        self.now += 1;
        let at = self.now;
        self.issue(number).standing = closed_by(false, at);
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_failure_opens_an_issue_and_a_recovery_closes_it() {
    for keeps in [true, false] {
        let mut world = World::new(keeps);
        world.runs("success");
        assert_eq!(world.look(), NOTHING);
        world.runs("failure");
        assert_eq!(world.look(), ["create in deepfoundai/web"]);
        assert_eq!(world.look(), NOTHING);
        world.runs("timed_out");
        assert_eq!(world.look(), ["update 1"]);
        world.runs("cancelled");
        assert_eq!(world.look(), NOTHING);
        world.runs("success");
        assert_eq!(world.look(), ["close 1 Completed"]);
        assert_eq!(world.look(), NOTHING);
        world.runs("failure");
        assert_eq!(
            world.look(),
            ["create in deepfoundai/web"],
            "never opened again, but anew"
        );
    }
}

#[test]
fn case_26_a_closed_issue_stays_closed_until_the_next_success() {
    for keeps in [true, false] {
        let mut world = World::new(keeps);
        world.runs("failure");
        world.look();
        world.person_closes(1);
        assert_eq!(world.look(), NOTHING);
        world.runs("failure");
        world.runs("startup_failure");
        assert_eq!(world.look(), NOTHING, "keeps {keeps}");
        world.runs("success");
        assert_eq!(world.look(), NOTHING);
        world.runs("failure");
        assert_eq!(world.look(), ["create in deepfoundai/web"], "keeps {keeps}");
        assert_eq!(world.issue(1).standing, closed_by(false, 3));
    }
}

#[test]
fn case_26_a_success_before_the_closing_is_no_recovery_after_it() {
    let mut world = World::new(true);
    world.runs("failure");
    world.look();
    // It recovers and fails again before anybody looks, then a person closes the issue.
    world.runs("success");
    world.runs("failure");
    world.person_closes(1);
    world.runs("failure");
    assert_eq!(world.look(), NOTHING);
    world.runs("success");
    world.runs("failure");
    assert_eq!(world.look(), ["create in deepfoundai/web"]);
}

#[test]
fn case_26_a_person_closes_it_after_the_recovery() {
    for keeps in [true, false] {
        let mut world = World::new(keeps);
        world.runs("failure");
        world.look();
        world.runs("success");
        world.person_closes(1);
        assert_eq!(world.look(), NOTHING);
        world.runs("failure");
        assert_eq!(world.look(), ["create in deepfoundai/web"], "keeps {keeps}");
    }
}

#[test]
fn case_26_a_person_opens_it_again() {
    let mut world = World::new(true);
    world.runs("failure");
    world.look();
    world.runs("success");
    assert_eq!(world.look(), ["close 1 Completed"]);
    world.issue(1).standing = IssueStanding::Open;
    assert_eq!(world.look(), NOTHING);
    world.runs("success");
    assert_eq!(world.look(), NOTHING, "it stays open until it fails and recovers again");
    world.runs("failure");
    assert_eq!(world.look(), ["update 1"]);
    world.runs("success");
    assert_eq!(world.look(), ["close 1 Completed"]);
}

#[test]
fn case_26_transferred_or_deleted() {
    for standing in [IssueStanding::Transferred, IssueStanding::Deleted] {
        let mut world = World::new(true);
        world.runs("failure");
        world.look();
        world.issue(1).standing = standing.clone();
        world.issue(1).body.clear();
        world.runs("failure");
        assert_eq!(world.look(), NOTHING, "{standing:?}");
        world.runs("success");
        assert_eq!(world.look(), NOTHING, "it is a person's now");
        world.runs("failure");
        assert_eq!(world.look(), ["create in deepfoundai/web"], "{standing:?}");
    }
}

#[test]
fn case_23_a_run_that_succeeds_when_tried_again_closes() {
    let mut world = World::new(false);
    world.runs("failure");
    world.look();
    world.runs[0] = running(1, 2);
    assert_eq!(world.look(), NOTHING, "nobody knows yet");
    world.runs[0] = Run {
        attempt: 2,
        ..run(1, "success")
    };
    assert_eq!(world.look(), ["close 1 Completed"]);
}

#[test]
fn case_23_an_older_success_closes_nothing() {
    let stale = workflow(vec![run(1, "success")]);
    let decision = decided(&stale, vec![told(7, 2)]);
    assert_eq!(short(&decision), NOTHING);
    // Nor does an older failure open anything.
    let put_away = Issue {
        standing: closed_by(true, 9),
        ..told(7, 2)
    };
    assert_eq!(
        short(&decided(&workflow(vec![run(2, "failure")]), vec![put_away])),
        NOTHING
    );
}

#[test]
fn case_21_a_deleted_or_renamed_workflow_closes() {
    let deleted = Workflow {
        state: WorkflowState::Deleted,
        ..workflow(vec![run(1, "failure")])
    };
    assert_eq!(short(&decided(&deleted, vec![told(7, 1)])), ["close 7 NotPlanned"]);
    let issues = Fact::Known(vec![told(7, 1)]);
    let repository = repository();
    let gone = decide(&Situation {
        repository: &repository,
        workflow: Seen::Gone(WorkflowId(9)),
        issues: &issues,
        watch: None,
        settings: &Workflows::default(),
        mode: Mode::Normal,
    });
    assert_eq!(short(&gone), ["close 7 NotPlanned"]);
    assert_eq!(gone.report.health, HealthName::Gone);
    // A new name changes nothing: the id is the key.
    let renamed = Workflow {
        name: "Tests".to_owned(),
        ..workflow(vec![run(2, "success")])
    };
    assert_eq!(short(&decided(&renamed, vec![told(7, 1)])), ["close 7 Completed"]);
}

#[test]
fn case_29_what_is_not_known_closes_and_opens_nothing() {
    let gap = || Gap::NotRead("the rate limit is used up".to_owned());
    let kept = Watch {
        path: ".github/workflows/ci.yml".to_owned(),
        memory: Memory {
            issue: Some(IssueRef {
                repository: "deepfoundai/web".to_owned(),
                number: 7,
            }),
            told: Some(RunKey { run: 1, attempt: 1 }),
            closed: None,
        },
        failing_since: Some(at(1)),
        ..Watch::default()
    };
    let unread = Workflow {
        runs: Fact::Unknown(gap()),
        ..workflow(Vec::new())
    };
    let decision = decided_with(
        &repository(),
        &unread,
        vec![told(7, 1), told(8, 1)],
        Some(&kept),
        &Workflows::default(),
    );
    assert_eq!((short(&decision), &decision.watch), (Vec::new(), &kept));
    assert_eq!(decision.report.status, "unknown");
    for end in ["failure", "success"] {
        let (repository, workflow) = (repository(), workflow(vec![run(3, end)]));
        let decision = decide(&Situation {
            repository: &repository,
            workflow: Seen::Listed(&workflow),
            issues: &Fact::Unknown(gap()),
            watch: None,
            settings: &Workflows::default(),
            mode: Mode::Normal,
        });
        assert_eq!(short(&decision), NOTHING);
        assert!(decision.why.contains("rate limit"));
    }
}

#[test]
fn in_maintenance_it_reports_only_and_tells_later() {
    let (repository, failing) = (repository(), workflow(vec![run(3, "failure")]));
    let none = Fact::Known(Vec::new());
    let look = |mode, watch| {
        decide(&Situation {
            repository: &repository,
            workflow: Seen::Listed(&failing),
            issues: &none,
            watch,
            settings: &Workflows::default(),
            mode,
        })
    };
    let quiet = look(Mode::Maintenance, None);
    assert!(quiet.actions.is_empty());
    assert_eq!(quiet.withheld.len(), 1);
    assert_eq!(quiet.report.action_taken, None);
    assert_eq!(quiet.report.health, HealthName::Failing);
    let later = look(Mode::Normal, Some(&quiet.watch));
    assert_eq!(short(&later), ["create in deepfoundai/web"]);
    assert_eq!(later.report.action_taken, Some(ActionTaken::IssueCreated));
}

#[test]
fn case_02_nothing_is_written_to_a_repository_that_is_read_only() {
    let mut archived = repository();
    archived.traits.insert(crate::snapshot::RepositoryFlag::Archived);
    let failing = workflow(vec![run(3, "failure")]);
    let decision = decided_with(&archived, &failing, Vec::new(), None, &Workflows::default());
    assert_eq!(short(&decision), NOTHING);
    let ignored = Workflows {
        ignored: vec![crate::patterns::Glob::new("ci.yml").unwrap()],
        ..Workflows::default()
    };
    assert_eq!(
        short(&decided_with(&repository(), &failing, Vec::new(), None, &ignored)),
        NOTHING
    );
}

#[test]
fn the_report_is_as_the_contract_has_it() {
    let json = |runs| serde_json::to_value(decided(&workflow(runs), Vec::new()).report).unwrap();
    let failing = json(vec![run(3, "failure")]);
    assert_eq!(failing["workflow"], ".github/workflows/ci.yml");
    assert_eq!(
        (&failing["status"], &failing["conclusion"]),
        (&"completed".into(), &"failure".into())
    );
    assert_eq!(failing["action_taken"], "issue_created");
    let none = json(Vec::new());
    assert_eq!(none["status"], "no_runs_found");
    assert_eq!(none["action_taken"], serde_json::Value::Null);
}

#[test]
fn what_is_kept_survives_being_stored() {
    let mut world = World::new(true);
    world.runs("success");
    world.runs("failure");
    world.look();
    let mut watches = Watches::default();
    watches.keep(RepositoryId(42), WorkflowId(9), world.watch.clone());
    let text = serde_json::to_string(&watches).unwrap();
    let mut again: Watches = serde_json::from_str(&text).unwrap();
    assert_eq!(again, watches);
    assert_eq!(again.of(RepositoryId(42), WorkflowId(9)), Some(&world.watch));
    again.forget(RepositoryId(42), WorkflowId(9));
    assert_eq!(again, Watches::default());
}

#[derive(Debug, Clone)]
enum Event {
    Run(&'static str),
    Look,
    PersonCloses,
}

proptest! {
    /// Whatever happens: one open issue at most, none while it passes, and no look writes twice.
    #[test]
    fn every_life_has_one_open_issue_at_most(
        events in prop::collection::vec(
            prop_oneof![
                4 => prop::sample::select(vec!["success", "failure", "cancelled", "timed_out"]).prop_map(Event::Run),
                3 => Just(Event::Look),
                1 => Just(Event::PersonCloses),
            ],
            0..40,
        ),
        keeps in any::<bool>(),
    ) {
        let mut world = World::new(keeps);
        for event in events {
            match event {
                Event::Run(end) => world.runs(end),
                Event::PersonCloses => {
                    let number = world.issues.iter().find(|i| i.standing == IssueStanding::Open).map(|i| i.number);
                    if let Some(number) = number {
                        world.person_closes(number);
                    }
                }
                Event::Look => {
                    world.look();
                    prop_assert_eq!(world.look(), NOTHING, "a second look finds nothing left to do");
                    let open = world.issues.iter().filter(|i| i.standing == IssueStanding::Open).count();
                    prop_assert!(open <= 1);
                    let last = world.runs.iter().rev().find_map(|run| run.conclusion.as_ref()?.failed());
                    if last == Some(false) {
                        prop_assert_eq!(open, 0);
                    }
                }
            }
        }
    }
}
