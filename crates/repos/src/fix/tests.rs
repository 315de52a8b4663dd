use insta::assert_snapshot;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::report::FileStanding;
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
    for means in [Means::Ruleset, Means::Classic] {
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
    assert_eq!(plan(&repository(), &policy(), TODAY, Means::Ruleset).changes, []);
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
    let plan = plan(&lax, &policy(), TODAY, Means::Classic);
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
    let refused = plan(&hidden, &policy(), TODAY, Means::Classic);
    assert_eq!(refused.changes, []);
    assert_eq!(refused.refused[0].rule, Rule::Deletion);
    assert!(refused.refused[0].why.contains("who may push"));
    let beside = plan(&hidden, &policy(), TODAY, Means::Ruleset);
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
    let more = plan(&some, &policy(), TODAY, Means::Ruleset);
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
        (Enforcement::Active, on_refs(&["~ALL"], &["~DEFAULT_BRANCH"])),
    ] {
        let plan = plan(&ours(enforcement, applies_to), &policy(), TODAY, Means::Ruleset);
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
    let plan = plan(&unprotected(), &policy(), TODAY, Means::Ruleset);
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
    let plan = plan(&repository, &policy(), TODAY, Means::Ruleset);
    assert_eq!(plan.changes, []);
    let rules: Vec<Rule> = plan.refused.iter().map(|refusal| refusal.rule).collect();
    assert_eq!(rules, [Rule::SecurityUpdates, Rule::StatusCheckNeverRan]);
    let unnamed = super::plan(&unprotected(), &Policy::default(), TODAY, Means::Ruleset);
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
    archived.traits.insert(Trait::Archived);
    let including = Policy::from_toml("defaults.include = ['archived']").unwrap();
    let refused = plan(&archived, &including, TODAY, Means::Ruleset);
    assert_eq!(refused.changes, []);
    assert_eq!(refused.refused.len(), 5);
    assert_eq!(plan(&archived, &policy(), TODAY, Means::Ruleset).refused, [], "skipped");
}

fn edited(text: &str, tree: &[&str]) -> Result<String, String> {
    let mut repository = repository();
    repository.files = Fact::Known(files(&[(".github/dependabot.yml", text)], tree));
    let plan = plan(&repository, &policy(), TODAY, Means::Ruleset);
    if let Some(refusal) = plan.refused.first() {
        return Err(refusal.why.clone());
    }
    let after = carried_out(repository, &plan);
    let report = findings::check(&after, &policy(), TODAY);
    assert_eq!(report.dependabot.file, Some(FileStanding::Present));
    match plan.changes.as_slice() {
        [
            Change {
                kind: ChangeKind::WriteFile { after, .. },
                ..
            },
        ] => Ok(after.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn case_31_an_existing_file_is_edited_and_keeps_its_comments() {
    let text = "# Owned by platform.
version: 2 # always
registries:
  npm: {type: npm-registry, url: https://x}
updates:
  # The backend.
  - package-ecosystem: cargo
    directory: /   # the workspace
    registries: [npm]
    schedule:
      interval: weekly

  - package-ecosystem: \"github-actions\"
    directory: \"/\"
    schedule: {interval: daily,
      timezone: Europe/Berlin}
    commit-message:
      prefix: |
        ci
    # reviewers: [ada]

# The end.
enable-beta-ecosystems: true
";
    let after = edited(text, &["Cargo.toml", "web/package.json", "tools/go.mod", "go.mod"]).unwrap();
    assert!(after.starts_with("# Owned") && after.ends_with("true\n"));
    assert_snapshot!(after, @r#"
    # Owned by platform.
    version: 2 # always
    registries:
      npm: {type: npm-registry, url: https://x}
    updates:
      # The backend.
      - package-ecosystem: cargo
        directory: /   # the workspace
        registries: [npm]
        schedule:
          interval: weekly

      - package-ecosystem: "github-actions"
        directory: "/"
        schedule: {interval: daily,
          timezone: Europe/Berlin}
        commit-message:
          prefix: |
            ci
        # reviewers: [ada]

      - package-ecosystem: "gomod"
        directories:
          - "/"
          - "/tools"
        schedule:
          interval: "weekly"

      - package-ecosystem: "npm"
        directory: "/web"
        schedule:
          interval: "weekly"

    # The end.
    enable-beta-ecosystems: true
    "#);
}

#[test]
fn case_31_files_of_many_shapes_are_edited_or_refused() {
    // No indentation, no newline at the end.
    let flush = "version: 2\nupdates:\n- package-ecosystem: cargo\n  directory: /\n  schedule:\n    interval: weekly";
    let after = edited(flush, &["Cargo.toml", "go.mod"]).unwrap();
    assert!(after.starts_with("version") && after.ends_with("\"weekly\"\n"));
    assert_snapshot!(after, @r#"
    version: 2
    updates:
    - package-ecosystem: cargo
      directory: /
      schedule:
        interval: weekly
    - package-ecosystem: "gomod"
      directory: "/"
      schedule:
        interval: "weekly"
    "#);
    let windows = DEPENDABOT.replace('\n', "\r\n");
    let after = edited(&windows, &["Cargo.toml", "go.mod"]).unwrap();
    assert!(after.starts_with(&windows) && !after.replace("\r\n", "").contains('\n'));
    let ended = format!("---\n{DEPENDABOT}...\n");
    assert!(
        edited(&ended, &["Cargo.toml", "go.mod"])
            .unwrap()
            .ends_with("\"weekly\"\n...\n")
    );
    let block = "version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /\n    schedule:\n      interval: cron\n      cronjob: |\n        0 9 * * *\n\nregistries: {}\n";
    let after = edited(block, &["Cargo.toml", "go.mod"]).unwrap();
    assert!(after.ends_with("registries: {}\n") && after.contains("        0 9 * * *\n"));
    let after = edited("# none yet\nversion: 2\nupdates: [] # soon\n", &["go.mod"]).unwrap();
    assert!(after.starts_with("# none") && after.ends_with("\"weekly\"\n"));
    assert_snapshot!(after, @r#"
    # none yet
    version: 2
    updates: # soon
      - package-ecosystem: "gomod"
        directory: "/"
        schedule:
          interval: "weekly"
    "#);
    let brackets = "version: 2\nupdates: [{package-ecosystem: cargo, directory: /, schedule: {interval: daily}}]\n";
    assert!(edited(brackets, &["go.mod"]).unwrap_err().contains("brackets"));
    let odd =
        "version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /a\n    schedule: {interval: daily}\n";
    let after = edited(odd, &["x/[id]/go.mod", "y/go.mod"]).unwrap();
    assert!(
        after.contains("directories:\n      - \"/x/\\\\[id\\\\]\"\n      - \"/y\"\n"),
        "{after}"
    );
}

#[test]
fn case_31_a_file_that_cannot_be_read_is_never_replaced() {
    for (text, why) in [
        ("version: 1\nupdate_configs: []\n", "version 1"),
        ("version: 2\nupdates: [\n", "mistakes"),
    ] {
        assert!(edited(text, &["Cargo.toml"]).unwrap_err().contains(why));
    }
    let after = edited("# soon\n", &["Cargo.toml", "crates/a/Cargo.toml"]).unwrap();
    assert!(after.starts_with("# soon") && after.ends_with("\"weekly\"\n"));
    assert_snapshot!(after, @r#"
    # soon
    version: 2
    updates:
      - package-ecosystem: "cargo"
        directory: "/"
        schedule:
          interval: "weekly"
    "#);
    let mut two = repository();
    two.files = Fact::Known(files(
        &[
            (".github/dependabot.yml", DEPENDABOT),
            (".github/dependabot.yaml", "version: 1"),
        ],
        &["Cargo.toml"],
    ));
    assert!(
        plan(&two, &policy(), TODAY, Means::Ruleset).refused[0]
            .why
            .contains("which to keep")
    );
    let mut blind = repository();
    let mut unread = files(&[], &[]);
    unread.tree = Fact::Unknown(Gap::NotRead("502".to_owned()));
    blind.files = Fact::Known(unread);
    assert!(
        plan(&blind, &policy(), TODAY, Means::Ruleset).refused[0]
            .why
            .contains("tree is not known")
    );
}

/// The entry for Docker that is missing is put in, and every byte that stood stays where it was.
#[test]
fn files_of_every_shape_keep_what_they_say() {
    let file =
        "version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /\n    schedule:\n      interval: weekly\n";
    let tail = "registries:\n  house:\n    type: git\n    url: x\n    password: ${{secrets.HOUSE}} # new\n";
    let used = format!("{file}    registries: [house]\n");
    let block = |style: &str| format!("{file}    commit-message:\n      prefix: {style}\n        ci\n        more\n");
    for text in [
        file.to_owned(),
        file.trim_end().to_owned(),
        file.replace('\n', "\r\n"),
        file.replace('\n', "\r\n").trim_end().to_owned(),
        format!("\u{feff}{file}"),
        format!("\u{feff}{}", block("|").replace('\n', "\r\n")),
        file.replace("\n  ", "\n"),
        block("|"),
        block("|").trim_end().to_owned(),
        block("|-") + "\n\n",
        block("|+") + "\n\n",
        block(">") + "# end\n",
        format!("{file}  # - package-ecosystem: docker\n  #   directory: /\n# add nothing below\n"),
        format!("{used}{tail}"),
        format!("{used}\n# Registries.\n{tail}"),
        format!("{file}\n\n\n"),
        format!("{file}    labels:\n      - a\n      # - b\n"),
        format!("{file}    labels: [a,\n      b]\n"),
    ] {
        let after = edited(&text, &["Cargo.toml", "Dockerfile"]).unwrap();
        let added = after.len() - text.len();
        let at = after
            .bytes()
            .zip(text.bytes())
            .take_while(|(new, old)| new == old)
            .count();
        assert!(
            (0..=at).any(|at| after.get(at + added..) == text.get(at..)),
            "something stood elsewhere:\n{text}\n---\n{after}"
        );
        let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let dash = if text.contains("\n- ") { "" } else { "  " };
        let entry = format!("{ending}{dash}- package-ecosystem: \"docker\"{ending}{dash}  directory: \"/\"{ending}");
        assert_eq!(after.matches(&entry).count(), 1, "{after}");
    }
}

#[test]
fn what_an_entry_reaches_is_not_proposed() {
    let file = |folders: &str| {
        format!(
            "version: 2\nupdates:\n  - package-ecosystem: docker\n    directories: {folders}\n    schedule: {{interval: daily}}\n"
        )
    };
    let mut all = repository();
    let everything = file("['**/*']");
    all.files = Fact::Known(files(
        &[(".github/dependabot.yml", &everything)],
        &["Dockerfile", "svc/Dockerfile"],
    ));
    assert_eq!(plan(&all, &policy(), TODAY, Means::Ruleset).changes, []);
    let after = edited(
        &file("['/svc/*']"),
        &["Dockerfile", "svc/a/Dockerfile", "web/Dockerfile"],
    )
    .unwrap();
    assert!(after.contains("directories:\n      - \"/\"\n      - \"/web\"\n") && !after.contains("\"/svc"));
    let pip = edited(
        "version: 2\nupdates: []\n",
        &["pyproject.toml", "docs/requirements.txt", "a/b/requirements.txt"],
    );
    assert!(
        pip.unwrap().contains("directories:\n      - \"/\"\n      - \"/a/b\"\n"),
        "one folder deep is read"
    );
    let branch = file("[/]").replace("schedule", "target-branch: next\n    schedule");
    assert!(edited(&branch, &["Dockerfile"]).unwrap().contains("directory: \"/\""));
    // `/` would have the same workflows, and nobody knows what GitHub says to that.
    let workflows = file("[/.github/workflows]").replace("docker", "github-actions");
    let why = edited(&workflows, &[".github/workflows/ci.yml", "action.yml"]).unwrap_err();
    assert!(why.contains("not known"), "{why}");
    // Overlapping entries are for a person to part.
    let twice = format!("{}{}", file("['*']"), file("[/]").replace("version: 2\nupdates:\n", ""));
    assert!(
        edited(&twice, &["Dockerfile", "go.mod"])
            .unwrap_err()
            .contains("mistakes")
    );
}

#[test]
fn a_plan_can_be_read() {
    let mut bad = repository();
    bad.vulnerability_alerts = Fact::Known(false);
    bad.files = Fact::Known(files(&[], &["go.mod"]));
    let plan = plan(&bad, &policy(), TODAY, Means::Ruleset);
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

proptest! {
    /// Whatever stands, an edit only inserts lines, and what it adds covers what was left out.
    #[test]
    fn an_edit_inserts_and_nothing_else(
        comment in prop::sample::select(vec!["", "# note\n", "\n", "    # inner\n"]),
        indent in 0..5_usize,
        ecosystems in prop::sample::subsequence(vec!["cargo", "docker", "gomod", "npm", "pip"], 1..5),
        tail in prop::sample::select(vec!["", "\n", "# end\n", "registries: {}\n", "\n# x\nregistries:\n  a: {type: git, url: x}\n"]),
    ) {
        let pad = " ".repeat(indent);
        let mut text = "version: 2\nupdates:\n".to_owned();
        for ecosystem in &ecosystems {
            text.extend([format!(
                "{pad}- package-ecosystem: {ecosystem}\n{pad}  directory: /\n{pad}  schedule:\n{pad}    interval: daily # x\n{pad}  registries: '*'\n{comment}"
            )]);
        }
        text.push_str(tail);
        let after = edited(&text, &["Cargo.toml", "Dockerfile", "go.mod", "package.json", "requirements.txt", "mix.exs"]).unwrap();
        let mut rest = after.lines();
        for line in text.lines() {
            prop_assert!(rest.any(|other| other == line), "{:?} is gone from {}", line, after);
        }
    }
}

#[test]
fn what_may_not_be_seen_is_unknown_and_not_in_order() {
    let mut hidden = unprotected();
    let branch = hidden.default_branch.as_mut().unwrap();
    branch.classic = Fact::Unknown(no_admin());
    branch.protected = Fact::Known(true);
    hidden.vulnerability_alerts = Fact::Unknown(no_admin());
    let plan = plan(&hidden, &policy(), TODAY, Means::Ruleset);
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
    let known = super::plan(&repository(), &policy(), TODAY, Means::Ruleset);
    assert_eq!(known.unknown, []);
    assert_eq!(serde_json::to_value(&known).unwrap().get("unknown"), None);
}

#[test]
fn one_person_alone_cannot_approve_what_they_propose() {
    for means in [Means::Ruleset, Means::Classic] {
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
    assert!(!super::plan(&unprotected(), &nobody, TODAY, Means::Ruleset).needs_writers());
    let mut quiet = repository();
    quiet.vulnerability_alerts = Fact::Known(false);
    let plan = plan(&quiet, &policy(), TODAY, Means::Ruleset);
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
    let plan = plan(&bad, &policy(), TODAY, Means::Ruleset);
    assert_eq!(plan.changes, []);
    assert!(plan.refused[0].why.contains("out of force"), "{:?}", plan.refused);
}
