use jiff::SignedDuration;

use super::*;
use crate::issues::IssueRef;
use crate::issues::by_subject::IssuesBySubject;
use crate::ports::FoundIssues;
use crate::samples::issue;
use crate::snapshot::Gap;

const WEB: RepositoryId = RepositoryId(42);

fn at(days: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * (20_000 + days))
}

fn place() -> Place {
    Place {
        full_name: "deepfoundai/web".to_owned(),
        issues_enabled: true,
        public: false,
        writable: true,
    }
}

fn broken(since: i64) -> Broken<'static> {
    Broken {
        severity: Severity::High,
        since: at(since),
        evidence: "`a` is off, says @ada.",
        fix: "Switch it on.",
    }
}

/// One day after the other: what is broken, the issues as they are, what is kept.
struct Life {
    place: Place,
    settings: IssueSettings,
    /// Whether the policy wants breaches told in an issue.
    wanted: bool,
    issues: Vec<Issue>,
    watch: Watch,
    day: i64,
}

impl Life {
    fn new() -> Self {
        Self {
            place: place(),
            settings: IssueSettings::default(),
            wanted: true,
            issues: Vec::new(),
            watch: Watch::default(),
            day: 0,
        }
    }

    fn decide(&self, rules: &[(Rule, i64)], mode: Mode) -> Decision {
        decide(&Situation {
            id: WEB,
            place: &self.place,
            broken: rules.iter().map(|(rule, since)| (*rule, broken(*since))).collect(),
            wanted: self.wanted,
            issues: &Fact::Known(self.issues.clone()),
            watch: Some(&self.watch),
            settings: &self.settings,
            mode,
            now: at(self.day),
        })
    }

    /// A day's audit, carried out; in short what was done.
    fn audit(&mut self, rules: &[(Rule, i64)]) -> Vec<String> {
        self.day += 1;
        let decision = self.decide(rules, Mode::Normal);
        self.watch = decision.watch;
        let mut done = Vec::new();
        for action in decision.actions {
            match action {
                Action::Create { repository, body, .. } => {
                    let number = self.issues.len() as u64 + 1;
                    done.push(format!("create {number}"));
                    self.issues.push(issue(number, body));
                    self.watch.memory.created(IssueRef { repository, number });
                }
                Action::Update { number, body, .. } => {
                    done.push(format!("update {number}"));
                    self.on(number).body = body;
                }
                Action::Close { number, reason, .. } => {
                    done.push(format!("close {number} {reason:?}"));
                    let at = at(self.day);
                    self.on(number).standing = IssueStanding::Closed {
                        by_us: true,
                        duplicate: reason == CloseReason::Duplicate,
                        at,
                    };
                }
            }
        }
        done
    }

    fn on(&mut self, number: u64) -> &mut Issue {
        self.issues.iter_mut().find(|issue| issue.number == number).unwrap()
    }

    fn a_person_closes(&mut self, number: u64) {
        let at = at(self.day);
        self.on(number).standing = IssueStanding::Closed {
            by_us: false,
            duplicate: false,
            at,
        };
    }
}

const ALERTS: Rule = Rule::VulnerabilityAlerts;
const PUSH: Rule = Rule::ForcePush;

#[test]
fn one_issue_lives_as_long_as_anything_is_broken() {
    let mut life = Life::new();
    assert!(life.audit(&[]).is_empty());
    assert_eq!(life.audit(&[(ALERTS, 2)]), ["create 1"]);
    assert!(life.issues[0].body.contains("`vulnerability_alerts`"));
    assert!(life.audit(&[(ALERTS, 2)]).is_empty(), "nothing has changed");
    assert_eq!(life.audit(&[(ALERTS, 2), (PUSH, 4)]), ["update 1"]);
    assert_eq!(life.audit(&[(PUSH, 4)]), ["update 1"]);
    assert!(!life.issues[0].body.contains("vulnerability_alerts"));
    assert_eq!(life.audit(&[]), ["close 1 Completed"]);
    assert!(life.audit(&[]).is_empty());
    assert_eq!(life.audit(&[(PUSH, 8)]), ["create 2"], "another time is another issue");
}

#[test]
fn what_people_write_around_ours_stays() {
    let mut life = Life::new();
    life.audit(&[(ALERTS, 1)]);
    let body = format!("Ours to do.\n{}\n- [x] begun", life.issues[0].body);
    life.on(1).body = body.replace('\n', "\r\n");
    assert_eq!(life.audit(&[(ALERTS, 1), (PUSH, 2)]), ["update 1"]);
    let body = &life.issues[0].body;
    assert!(body.starts_with("Ours to do.\r\n<!-- cc-devops:breaches") && body.ends_with("\r\n- [x] begun"));
    life.on(1).body = "gone".to_owned();
    assert!(life.audit(&[(ALERTS, 1)]).is_empty(), "the text is theirs now");
    assert_eq!(life.audit(&[]), ["close 1 Completed"]);
}

#[test]
fn what_a_person_put_away_is_told_again_only_after_it_was_put_right() {
    let mut life = Life::new();
    life.audit(&[(ALERTS, 1)]);
    life.a_person_closes(1);
    assert!(life.audit(&[(ALERTS, 1)]).is_empty());
    // Something else is broken: it alone is told.
    assert_eq!(life.audit(&[(ALERTS, 1), (PUSH, 3)]), ["create 2"]);
    assert!(
        !life.issues[1].body.contains("vulnerability_alerts"),
        "{}",
        life.issues[1].body
    );
    assert!(life.audit(&[(ALERTS, 1), (PUSH, 3)]).is_empty());
    // Without what is kept it is the same.
    life.watch = Watch::default();
    assert!(life.audit(&[(ALERTS, 1), (PUSH, 3)]).is_empty());
    assert_eq!(
        life.audit(&[(ALERTS, 1)]),
        ["close 2 Completed"],
        "all of it is put right"
    );
    assert_eq!(
        life.audit(&[(ALERTS, 7)]),
        ["create 3"],
        "it was put right, and is broken again"
    );
    assert!(life.issues[2].body.contains("vulnerability_alerts"));
}

#[test]
fn one_that_a_person_closed_and_opened_again_goes_on() {
    let mut life = Life::new();
    life.audit(&[(ALERTS, 1)]);
    life.a_person_closes(1);
    life.audit(&[(ALERTS, 1)]);
    life.on(1).standing = IssueStanding::Open;
    assert!(life.audit(&[(ALERTS, 1)]).is_empty());
    assert_eq!(life.audit(&[(ALERTS, 1), (PUSH, 4)]), ["update 1"]);
    assert!(life.issues[0].body.contains("vulnerability_alerts"));
    assert_eq!(life.audit(&[]), ["close 1 Completed"]);
}

#[test]
fn one_that_was_deleted_or_moved_is_put_away_too() {
    for standing in [IssueStanding::Deleted, IssueStanding::Transferred] {
        let mut life = Life::new();
        life.audit(&[(ALERTS, 1)]);
        life.on(1).standing = standing;
        life.on(1).body = String::new();
        assert!(life.audit(&[(ALERTS, 1)]).is_empty());
        assert_eq!(life.audit(&[(ALERTS, 1), (PUSH, 3)]), ["create 2"]);
    }
}

#[test]
fn one_that_a_person_opened_again_stays_until_the_next_recovery() {
    let mut life = Life::new();
    life.audit(&[(ALERTS, 1)]);
    life.audit(&[]);
    life.on(1).standing = IssueStanding::Open;
    assert!(life.audit(&[]).is_empty());
    assert_eq!(life.audit(&[(ALERTS, 4)]), ["update 1"]);
    assert_eq!(life.audit(&[]), ["close 1 Completed"]);
}

#[test]
fn the_lowest_number_stays_and_a_strangers_marker_is_nothing() {
    let mut life = Life::new();
    life.audit(&[(ALERTS, 1)]);
    let body = life.issues[0].body.clone();
    life.issues.push(issue(2, body.clone()));
    life.issues.push(Issue {
        ours: false,
        ..issue(3, body)
    });
    assert_eq!(life.audit(&[(ALERTS, 1)]), ["close 2 Duplicate"]);
    assert_eq!(life.issues[2].standing, IssueStanding::Open);
}

#[test]
fn nothing_is_done_where_it_may_not_be_or_nothing_is_known() {
    let mut life = Life::new();
    let withheld = life.decide(&[(ALERTS, 0)], Mode::Maintenance);
    assert!(withheld.actions.is_empty() && withheld.withheld.len() == 1);
    assert_eq!(withheld.watch, Watch::default());

    let unknown = Fact::Unknown(Gap::NotRead("502".to_owned()));
    let decision = decide(&Situation {
        id: WEB,
        place: &life.place,
        broken: BTreeMap::from([(ALERTS, broken(0))]),
        wanted: true,
        issues: &unknown,
        watch: None,
        settings: &life.settings,
        mode: Mode::Normal,
        now: at(1),
    });
    assert!(decision.actions.is_empty() && decision.why.contains("not known"));

    life.place.writable = false;
    assert!(life.audit(&[(ALERTS, 1)]).is_empty());
    life.place.writable = true;
    life.place.issues_enabled = false;
    assert!(life.audit(&[(ALERTS, 1)]).is_empty());
    life.settings.fallback_repository = Some("deepfoundai/ops".to_owned());
    assert_eq!(life.audit(&[(ALERTS, 1)]), ["create 1"]);
    assert_eq!(life.watch.memory.issue.as_ref().unwrap().repository, "deepfoundai/ops");
}

#[test]
fn an_issue_that_the_policy_does_not_want_any_more_is_closed() {
    let mut life = Life::new();
    life.audit(&[(ALERTS, 1)]);
    life.on(1).locked = true;
    let decision = decide(&Situation {
        id: WEB,
        place: &life.place,
        broken: BTreeMap::new(),
        wanted: false,
        issues: &Fact::Known(life.issues.clone()),
        watch: Some(&life.watch),
        settings: &life.settings,
        mode: Mode::Normal,
        now: at(2),
    });
    assert_eq!(
        decision.actions,
        [Action::Close {
            repository: "deepfoundai/web".to_owned(),
            number: 1,
            reason: CloseReason::NotPlanned,
            comment: None,
            passed: None,
        }],
        "and nothing is written into a locked conversation"
    );
}

#[test]
fn what_the_policy_wants_told_in_an_issue_again_is_told_in_a_new_one() {
    for audits_without in [1, 2] {
        let mut life = Life::new();
        life.audit(&[(ALERTS, 1)]);
        life.wanted = false;
        assert_eq!(life.audit(&[]), ["close 1 NotPlanned"]);
        for _ in 1..audits_without {
            assert!(life.audit(&[]).is_empty());
            assert!(!life.watch.is_worth_keeping(), "there is nothing to look up");
        }
        life.wanted = true;
        assert_eq!(life.audit(&[(ALERTS, 1)]), ["create 2"], "no person put it away");
    }
}

#[test]
fn what_is_weak_is_told_to_those_alone_who_may_see_the_repository() {
    let body = |place: Place| {
        let mut life = Life::new();
        life.place = place;
        life.settings.fallback_repository = Some("deepfoundai/ops".to_owned());
        life.audit(&[(ALERTS, 1)]);
        life.issues.remove(0).body
    };
    let private = body(place());
    assert!(
        private.contains("`a` is off, says \\@\u{200b}ada.") && private.contains("Switch it on."),
        "{private}"
    );
    let public = body(Place {
        public: true,
        ..place()
    });
    let elsewhere = body(Place {
        issues_enabled: false,
        ..place()
    });
    for told in [public, elsewhere] {
        assert!(
            told.contains("`vulnerability_alerts`") && !told.contains("ada"),
            "{told}"
        );
    }
}

#[test]
fn what_is_kept_is_read_by_what_comes_later() {
    let mut life = Life::new();
    life.audit(&[(ALERTS, 1)]);
    let json = serde_json::to_value(&life.watch).unwrap();
    assert_eq!(json["issue"]["number"], 1);
    assert_eq!(json["rules"], json!(["vulnerability_alerts"]));
    assert_eq!(serde_json::from_value::<Watch>(json).unwrap(), life.watch);
    assert_eq!(serde_json::from_str::<Watch>("{}").unwrap(), Watch::default());
    let other = Breaches(RepositoryId(7));
    assert_eq!(other.told(&life.issues[0].body), None, "another repository's");
    let found = FoundIssues {
        issues: life.issues,
        ..FoundIssues::default()
    };
    let told_of = IssuesBySubject::of(&found).told_of();
    assert_eq!(told_of, BTreeSet::from([Breaches(WEB)]));
}
