mod files;

use insta::assert_snapshot;
use jiff::civil::{Date, date};
use serde_json::json;

use super::*;
use crate::samples::*;
use crate::snapshot::*;

const TODAY: Date = date(2026, 11, 24);
const POLICY: &str = "defaults.protection.status_checks = ['ci']";

fn policy() -> Policy {
    Policy::from_toml(POLICY).unwrap()
}

/// What a repository is once its plan is carried out.
fn carried_out(mut repository: Repository, plan: &Plan) -> Repository {
    for change in &plan.changes {
        let branch = repository.default_branch.as_mut().unwrap();
        match &change.kind {
            ChangeKind::PutProtection { after, .. } => {
                branch.classic = Fact::Known(Some((**after).clone()));
                branch.protected = Fact::Known(true);
            }
            ChangeKind::CreateRuleset { name, rules, .. } => {
                let mut rulesets = branch.rulesets.known().unwrap().clone();
                rulesets.push(ruleset(name, rules.clone()));
                branch.rulesets = Fact::Known(rulesets);
            }
            ChangeKind::SwitchOnAlerts => repository.vulnerability_alerts = Fact::Known(true),
            ChangeKind::SwitchOnSecurityUpdates => repository.security_updates = Fact::Known(SecurityUpdates::On),
            ChangeKind::RestrictWorkflowToken | ChangeKind::SetUpCodeScanning => {}
            ChangeKind::SwitchOnSecretScanning { .. } => repository.posture = posture(),
            ChangeKind::WriteFile { path, after, .. } => {
                let mut files = repository.files.known().unwrap().clone();
                files.dependabot.retain(|file| file.path != *path);
                files.dependabot.push(TextFile {
                    path: path.clone(),
                    text: Fact::Known(after.clone()),
                });
                repository.files = Fact::Known(files);
            }
            ChangeKind::Setting(_) => panic!("no breach plans a setting: {change:?}"),
        }
    }
    repository
}

fn failing(repository: &Repository) -> Vec<Rule> {
    findings::check(repository, &policy(), TODAY)
        .findings
        .into_iter()
        .filter(|finding| finding.verdict == Verdict::Fail)
        .map(|finding| finding.rule)
        .collect()
}

#[test]
fn a_plan_puts_right_what_it_says_by_either_means() {
    for means in [ProtectionMethod::Ruleset, ProtectionMethod::Classic] {
        let mut bad = unprotected();
        bad.vulnerability_alerts = Fact::Known(false);
        bad.security_updates = Fact::Known(SecurityUpdates::Off);
        bad.files = Fact::Known(files(&[], &["Cargo.toml", "web/package.json"]));
        let plan = plan(&bad, &policy(), TODAY, means);
        assert_eq!(plan.refused, []);
        assert_eq!(plan.changes.len(), 4);
        let after = carried_out(bad, &plan);
        assert_eq!(failing(&after), []);
        assert_eq!(
            super::plan(&after, &policy(), TODAY, means).changes,
            [],
            "nothing is left to change"
        );
    }
    assert_eq!(
        plan(&repository(), &policy(), TODAY, ProtectionMethod::Ruleset).changes,
        []
    );
}

#[test]
fn case_31_classic_protection_is_merged_with_what_stands() {
    let actors = |name: &str| Actors {
        teams: vec![name.to_owned()],
        ..Actors::default()
    };
    let standing = Classic {
        reviews: Some(Reviews {
            approvals: 2,
            dismiss_stale: false,
            code_owners: true,
            last_push: false,
        }),
        status_checks: Some(StatusChecks {
            strict: true,
            checks: vec![required("lint", Some(7)), required("old", None)],
        }),
        switches: [
            ClassicSwitch::EnforceAdmins,
            ClassicSwitch::AllowForcePushes,
            ClassicSwitch::LinearHistory,
        ]
        .into(),
        restrictions: Fact::Known(Some(actors("release"))),
        dismissals: Fact::Known(Some(actors("leads"))),
        bypass: Fact::Known(actors("bots")),
        ..classic()
    };
    let lax = with_branch(|branch| branch.classic = Fact::Known(Some(standing.clone())));
    let plan = plan(&lax, &policy(), TODAY, ProtectionMethod::Classic);
    let ChangeKind::PutProtection { branch, body, .. } = &plan.changes[0].kind else {
        panic!("{plan:?}");
    };
    assert_eq!(branch, "main");
    assert_eq!(
        plan.changes[0].rules,
        [Rule::StaleReviewsDismissed, Rule::RequiredStatusChecks, Rule::ForcePush]
    );
    assert_eq!(
        *body,
        json!({
            "required_status_checks": {"strict": true, "checks": [
                {"context": "lint", "app_id": 7},
                {"context": "old", "app_id": -1},
                {"context": "ci", "app_id": -1},
            ]},
            "enforce_admins": true,
            "required_pull_request_reviews": {
                "required_approving_review_count": 2,
                "dismiss_stale_reviews": true,
                "require_code_owner_reviews": true,
                "require_last_push_approval": false,
                "dismissal_restrictions": {"users": [], "teams": ["leads"], "apps": []},
                "bypass_pull_request_allowances": {"users": [], "teams": ["bots"], "apps": []},
            },
            "restrictions": {"users": [], "teams": ["release"], "apps": []},
            "required_linear_history": true,
            "allow_force_pushes": false,
            "allow_deletions": false,
            "block_creations": false,
            "required_conversation_resolution": false,
            "lock_branch": false,
            "allow_fork_syncing": false,
        })
    );
    let diff = plan.diff();
    assert!(diff.contains("--- a/branches/main/protection"));
    assert!(diff.contains("-  \"allow_force_pushes\": true,\n+  \"allow_force_pushes\": false,"));
    assert!(!diff.contains("-      \"release\""), "nothing that stood is taken away");
}

#[test]
fn case_31_what_is_not_known_is_not_overwritten() {
    let hidden = with_branch(|branch| {
        branch.classic = Fact::Known(Some(Classic {
            switches: [ClassicSwitch::AllowDeletions, ClassicSwitch::EnforceAdmins].into(),
            restrictions: Fact::Unknown(no_admin()),
            status_checks: Some(StatusChecks {
                strict: false,
                checks: vec![required("ci", None)],
            }),
            ..classic()
        }));
        branch.checks_seen = Fact::Unknown(no_admin());
    });
    let refused = plan(&hidden, &policy(), TODAY, ProtectionMethod::Classic);
    assert_eq!(refused.changes, []);
    assert_eq!(refused.refused[0].rule, Rule::Deletion);
    assert!(refused.refused[0].why.contains("who may push"));
    let beside = plan(&hidden, &policy(), TODAY, ProtectionMethod::Ruleset);
    assert_eq!(failing(&carried_out(hidden, &beside)), []);
}

#[test]
fn a_ruleset_of_ours_is_added_to_and_one_a_person_changed_is_not() {
    let ours = |enforcement, applies_to| {
        with_rulesets(vec![Ruleset {
            enforcement,
            applies_to,
            ..ruleset(
                RULESET_NAME,
                vec![RulesetRule::Deletion, RulesetRule::Other("workflows".to_owned())],
            )
        }])
    };
    let some = ours(Enforcement::Active, AppliesTo::DefaultBranch);
    let more = plan(&some, &policy(), TODAY, ProtectionMethod::Ruleset);
    let ChangeKind::CreateRuleset { name, rules, body } = &more.changes[0].kind else {
        panic!("{more:?}");
    };
    assert_eq!(name, "cc-devops baseline 2");
    assert_eq!(body["name"], "cc-devops baseline 2");
    assert!(!rules.contains(&RulesetRule::Deletion), "that holds already");
    assert_eq!(failing(&carried_out(some, &more)), []);

    for (enforcement, applies_to) in [
        (Enforcement::Disabled, AppliesTo::DefaultBranch),
        (Enforcement::Evaluate, AppliesTo::DefaultBranch),
        (Enforcement::Active, AppliesTo::Elsewhere),
    ] {
        let plan = plan(
            &ours(enforcement, applies_to),
            &policy(),
            TODAY,
            ProtectionMethod::Ruleset,
        );
        assert_eq!(plan.changes, []);
        assert!(
            plan.refused
                .iter()
                .all(|refusal| refusal.why.contains("a person took the ruleset"))
        );
    }
}

#[test]
fn the_body_of_a_ruleset_is_as_github_takes_it() {
    let plan = plan(&unprotected(), &policy(), TODAY, ProtectionMethod::Ruleset);
    let ChangeKind::CreateRuleset { body, .. } = &plan.changes[0].kind else {
        panic!("{plan:?}");
    };
    assert_eq!(body["conditions"]["ref_name"]["include"], json!(["~DEFAULT_BRANCH"]));
    assert_eq!(body["rules"][0]["parameters"]["required_approving_review_count"], 1);
    assert_eq!(
        body["rules"][1]["parameters"]["required_status_checks"],
        json!([{"context": "ci"}])
    );
    assert_eq!(body["rules"][2], json!({"type": "non_fast_forward"}));
    assert_eq!(body["rules"][3], json!({"type": "deletion"}));
}

#[test]
fn what_people_decide_is_refused() {
    let mut repository = with_branch(|branch| branch.checks_seen = Fact::Known(Vec::new()));
    repository.security_updates = Fact::Known(SecurityUpdates::Paused);
    let plan = plan(&repository, &policy(), TODAY, ProtectionMethod::Ruleset);
    assert_eq!(plan.changes, []);
    let rules: Vec<Rule> = plan.refused.iter().map(|refusal| refusal.rule).collect();
    assert_eq!(rules, [Rule::SecurityUpdates, Rule::StatusCheckNeverRan]);
    let unnamed = super::plan(&unprotected(), &Policy::default(), TODAY, ProtectionMethod::Ruleset);
    assert!(
        unnamed
            .refused
            .iter()
            .any(|r| r.rule == Rule::RequiredStatusChecks && r.why.contains("status_checks"))
    );
    assert_eq!(unnamed.changes.len(), 1);
}

#[test]
fn case_02_nothing_is_planned_for_what_is_read_only() {
    let mut archived = unprotected();
    archived.traits.insert(RepositoryFlag::Archived);
    let including = Policy::from_toml("defaults.include = ['archived']").unwrap();
    let refused = plan(&archived, &including, TODAY, ProtectionMethod::Ruleset);
    assert_eq!(refused.changes, []);
    assert_eq!(refused.refused.len(), 5);
    assert_eq!(
        plan(&archived, &policy(), TODAY, ProtectionMethod::Ruleset).refused,
        [],
        "skipped"
    );
}

#[test]
fn a_plan_can_be_read() {
    let mut bad = repository();
    bad.vulnerability_alerts = Fact::Known(false);
    bad.files = Fact::Known(files(&[], &["go.mod"]));
    let plan = plan(&bad, &policy(), TODAY, ProtectionMethod::Ruleset);
    let diff = plan.diff();
    assert!(diff.starts_with("--- a") && diff.ends_with("+on\n"));
    assert_snapshot!(diff, @r#"
    --- a/.github/dependabot.yml
    +++ b/.github/dependabot.yml
    @@ -0,0 +1,6 @@
    +version: 2
    +updates:
    +  - package-ecosystem: "gomod"
    +    directory: "/"
    +    schedule:
    +      interval: "weekly"
    --- a/vulnerability alerts
    +++ b/vulnerability alerts
    @@ -1 +1 @@
    -off
    +on
    "#);
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["repository"], "deepfoundai/web");
    assert_eq!(json["changes"][0]["kind"]["change"], "write_file");
    assert_eq!(json["changes"][1]["rules"], json!(["vulnerability_alerts"]));
}

#[test]
fn what_may_not_be_seen_is_unknown_and_not_in_order() {
    let mut hidden = unprotected();
    let branch = hidden.default_branch.as_mut().unwrap();
    branch.classic = Fact::Unknown(no_admin());
    branch.protected = Fact::Known(true);
    hidden.vulnerability_alerts = Fact::Unknown(no_admin());
    let plan = plan(&hidden, &policy(), TODAY, ProtectionMethod::Ruleset);
    assert_eq!(plan.changes, []);
    let unknown: Vec<Rule> = plan.unknown.iter().map(|unknown| unknown.rule).collect();
    for rule in [Rule::BranchProtection, Rule::RequiredReviews, Rule::VulnerabilityAlerts] {
        assert!(unknown.contains(&rule), "{unknown:?}");
    }
    assert!(
        plan.unknown
            .iter()
            .all(|unknown| unknown.fix.contains("`Administration: read`")),
        "{:?}",
        plan.unknown
    );
    let known = super::plan(&repository(), &policy(), TODAY, ProtectionMethod::Ruleset);
    assert_eq!(known.unknown, []);
    assert_eq!(serde_json::to_value(&known).unwrap().get("unknown"), None);
}

#[test]
fn settings_that_the_policy_names_are_nothing_that_this_plan_does_not_know() {
    let naming = Policy::from_toml("[defaults.settings]\ntopics = [\"payments\"]").unwrap();
    assert_eq!(
        plan(&repository(), &naming, TODAY, ProtectionMethod::Ruleset).unknown,
        []
    );
}

#[test]
fn one_person_alone_cannot_approve_what_they_propose() {
    for means in [ProtectionMethod::Ruleset, ProtectionMethod::Classic] {
        let mut plan = plan(&unprotected(), &policy(), TODAY, means);
        assert_eq!(plan.approvals, 1);
        assert!(plan.needs_writers());
        plan.warn_of_one_writer("ada");
        let warnings = &plan.changes[0].warnings;
        assert!(warnings[0].contains("only `ada` may write"), "{warnings:?}");
        assert_eq!(
            serde_json::to_value(&plan).unwrap()["changes"][0]["warnings"][0],
            warnings[0]
        );
    }
    // Nothing of it is about people where no approval is demanded, or nothing comes by a pull request.
    let nobody = Policy::from_toml("defaults.protection.required_reviews = 0").unwrap();
    assert!(!super::plan(&unprotected(), &nobody, TODAY, ProtectionMethod::Ruleset).needs_writers());
    let mut quiet = repository();
    quiet.vulnerability_alerts = Fact::Known(false);
    let plan = plan(&quiet, &policy(), TODAY, ProtectionMethod::Ruleset);
    assert_eq!(
        (plan.approvals, plan.changes.len(), plan.needs_writers()),
        (1, 1, false)
    );
}

#[test]
fn a_ruleset_that_is_out_of_force_is_respected_wherever_it_was_listed() {
    let mut bad = unprotected();
    let asleep = Ruleset {
        enforcement: Enforcement::Disabled,
        applies_to: AppliesTo::Elsewhere,
        ..ruleset(RULESET_NAME, vec![RulesetRule::Deletion])
    };
    bad.default_branch.as_mut().unwrap().rulesets = Fact::Known(vec![asleep]);
    let plan = plan(&bad, &policy(), TODAY, ProtectionMethod::Ruleset);
    assert_eq!(plan.changes, []);
    assert!(plan.refused[0].why.contains("out of force"), "{:?}", plan.refused);
}

#[test]
fn a_difference_keeps_blank_lines_and_names_texts_as_they_are_called() {
    let shown = super::unified("labels/\"é\"", "a\n\nb\n", "a\n\nc\n");
    let expected = "--- a/labels/\"é\"\n+++ b/labels/\"é\"\n@@ -1,3 +1,3 @@\n a\n \n-b\n+c\n";
    assert_eq!(shown, expected);
    assert_eq!(super::unified("x", "same\n", "same\n"), "");
    let made = super::unified("x", "", "new");
    assert_eq!(
        made,
        "--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+new\n\\ No newline at end of file\n"
    );
}
