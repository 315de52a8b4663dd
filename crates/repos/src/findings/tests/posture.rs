//! The rules on Actions, scanning, access, deployments and the organisation.

use super::*;

const STRICT: &str = "defaults.rules = 'strict'";

/// The finding of a rule where the sample is spoilt so, under the strict preset and `policy`.
fn of(rule: Rule, policy: &str, spoil: impl FnOnce(&mut Posture)) -> Finding {
    let mut repository = repository();
    spoil(&mut repository.posture);
    let report = under(&format!("{STRICT}\n{policy}"), &repository);
    finding(&report, rule).clone()
}

/// Its verdict, and what it says.
fn told(rule: Rule, policy: &str, spoil: impl FnOnce(&mut Posture)) -> (Verdict, String) {
    let finding = of(rule, policy, spoil);
    assert_eq!(
        finding.fix.is_empty(),
        !matches!(finding.verdict, Verdict::Fail | Verdict::Unknown),
        "{finding:?}"
    );
    (finding.verdict, finding.evidence.into_owned())
}

#[test]
fn the_sample_meets_the_strict_preset_too() {
    let mut repository = repository();
    repository.visibility = Visibility::Public;
    let report = under(STRICT, &repository);
    assert_eq!(failing(&report), []);
    for finding in &report.findings {
        assert_eq!(finding.verdict, Verdict::Pass, "{finding:?}");
    }
    for rule in Rule::ALL.into_iter().filter(|rule| rule.is_about_repositories()) {
        let there = report.findings.iter().any(|finding| finding.rule == rule);
        let only_where_the_policy_says_what = [Rule::RequiredWorkflows, Rule::SettingsDrift].contains(&rule);
        assert_eq!(there, !only_where_the_policy_says_what, "{rule}");
    }
}

#[test]
fn what_may_not_be_seen_is_unknown_and_what_the_plan_lacks_is_unavailable() {
    fn both<T: Clone>(set: impl Fn(&mut Posture, Option<Observed<T>>), rule: Rule) {
        let (verdict, words) = told(rule, "", |posture| {
            set(posture, Some(Observed::now(Fact::Unknown(no_admin()))));
        });
        assert_eq!(verdict, Verdict::Unknown, "{rule}");
        assert!(words.contains("Administration: read"), "{words}");
        let why = || Fact::Unavailable("the plan lacks it".to_owned());
        let (verdict, words) = told(rule, "", |posture| set(posture, Some(Observed::now(why()))));
        assert_eq!(verdict, Verdict::Unavailable, "{rule}");
        assert!(words.contains("the plan lacks it"), "{words}");
        assert_eq!(
            told(rule, "", |posture| set(posture, None)).0,
            Verdict::Unknown,
            "{rule} was not asked for"
        );
    }
    both(
        |posture, seen| posture.workflow_permissions = seen,
        Rule::WorkflowPermissions,
    );
    both(|posture, seen| posture.actions = seen, Rule::AllowedActions);
    both(|posture, seen| posture.uses = seen, Rule::ActionsPinned);
    both(|posture, seen| posture.secret_scanning = seen, Rule::SecretScanning);
    both(|posture, seen| posture.secret_scanning = seen, Rule::PushProtection);
    both(|posture, seen| posture.code_scanning = seen, Rule::CodeScanning);
    both(|posture, seen| posture.codeowners = seen, Rule::Codeowners);
    both(|posture, seen| posture.codeowners = seen, Rule::CodeownersErrors);
    both(|posture, seen| posture.webhooks = seen, Rule::Webhooks);
    both(|posture, seen| posture.deploy_keys = seen, Rule::DeployKeys);
    both(
        |posture, seen| posture.outside_collaborators = seen,
        Rule::OutsideAdmins,
    );
    both(|posture, seen| posture.environments = seen, Rule::Environments);
    both(|posture, seen| posture.tag_rulesets = seen, Rule::TagProtection);
    both(|posture, seen| posture.dependabot_runs = seen, Rule::DependabotRuns);
}

#[test]
fn a_fact_of_an_earlier_day_says_so() {
    let finding = of(Rule::Webhooks, "", |posture| {
        let hooks = posture.webhooks.as_mut().unwrap();
        hooks.on = Some(date(2026, 11, 20));
        hooks.fact = Fact::Known(vec![Webhook {
            secret: false,
            ..webhook()
        }]);
    });
    assert!(
        finding.evidence.ends_with("This was read on 2026-11-20."),
        "{}",
        finding.evidence
    );
    assert_eq!(finding.data["as_of"], "2026-11-20");
    assert_eq!(finding.data["webhooks"][0]["secret"], false);
}

#[test]
fn what_workflows_may_do_and_use() {
    let permissions = |token| {
        told(Rule::WorkflowPermissions, "", |posture| {
            posture.workflow_permissions = Some(Observed::known(WorkflowPermissions {
                token,
                may_approve: false,
            }));
        })
        .0
    };
    assert_eq!(permissions(TokenPermission::Write), Verdict::Fail);
    assert_eq!(permissions(TokenPermission::Read), Verdict::Pass);

    let allowed = |policy: &str, enabled, allowed| {
        told(Rule::AllowedActions, policy, |posture| {
            posture.actions = Some(Observed::known(ActionsPermissions {
                enabled,
                allowed,
                sha_pinning_required: false,
            }));
        })
        .0
    };
    assert_eq!(allowed("", true, AllowedActions::All), Verdict::Fail);
    assert_eq!(allowed("", false, AllowedActions::All), Verdict::Pass);
    assert_eq!(allowed("", true, AllowedActions::LocalOnly), Verdict::Pass);
    let local = "defaults.actions.allowed = 'local_only'";
    assert_eq!(allowed(local, true, AllowedActions::Selected), Verdict::Fail);
    assert_eq!(allowed(local, true, AllowedActions::LocalOnly), Verdict::Pass);
}

#[test]
fn actions_of_others_are_pinned() {
    let with = |policy: &str, files: Vec<WorkflowFile>| {
        told(Rule::ActionsPinned, policy, |posture| {
            posture.uses = Some(Observed::known(files));
        })
    };
    let (verdict, words) = with(
        "",
        vec![uses(&["actions/checkout@v4", "other/thing@v1", "DeepFoundAI/own@main"])],
    );
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(
        words,
        "Not pinned to a commit: `other/thing@v1` (`.github/workflows/ci.yml`, line 8)."
    );
    let (_, words) = with("defaults.actions.trusted = []", vec![uses(&["actions/checkout@v4"])]);
    assert!(words.contains("actions/checkout@v4"));
    assert_eq!(
        with(
            "defaults.actions.trusted = ['other/*']",
            vec![uses(&["other/thing@v1"])]
        )
        .0,
        Verdict::Pass
    );
    assert_eq!(with("", Vec::new()).0, Verdict::NotApplicable);
    let many: Vec<String> = (0..8).map(|number| format!("other/thing@v{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(with("", vec![uses(&many)]).1.contains("and 3 more"));
    let unreadable = WorkflowFile {
        path: ".github/workflows/big.yml".to_owned(),
        uses: Fact::Unknown(Gap::NotRead("it is too large".to_owned())),
    };
    assert_eq!(with("", vec![unreadable.clone(), uses(&["./x"])]).0, Verdict::Unknown);
    assert_eq!(
        with("", vec![unreadable, uses(&["other/thing@v1"])]).0,
        Verdict::Fail,
        "what was seen is enough"
    );
    let enforced = told(Rule::ActionsPinned, "", |posture| {
        posture.uses = Some(Observed::known(vec![uses(&["other/thing@v1"])]));
        posture.actions = Some(Observed::known(ActionsPermissions {
            enabled: true,
            allowed: AllowedActions::All,
            sha_pinning_required: true,
        }));
    });
    assert_eq!(enforced.0, Verdict::Pass);
}

#[test]
fn code_is_scanned_by_the_default_setup_a_workflow_or_another_tool() {
    let with = |code_scanning: CodeScanning, used: &[&str]| {
        told(Rule::CodeScanning, "", |posture| {
            posture.uses = Some(Observed::known(vec![uses(used)]));
            posture.code_scanning = Some(Observed::known(code_scanning));
        })
    };
    let bare = || CodeScanning {
        languages: vec!["python".to_owned()],
        ..CodeScanning::default()
    };
    assert_eq!(with(bare(), &["a/b@v1"]).0, Verdict::Fail);
    assert_eq!(with(bare(), &["github/codeql-action/analyze@v3"]).0, Verdict::Pass);
    let uploaded = |uploaded_by| CodeScanning {
        uploaded_by: Some(uploaded_by),
        ..bare()
    };
    let (verdict, words) = with(uploaded(Fact::Known(Some("Semgrep".to_owned()))), &[]);
    assert_eq!((verdict, words.as_str()), (Verdict::Pass, "Semgrep scans the code."));
    assert_eq!(with(uploaded(Fact::Known(None)), &[]).0, Verdict::Fail);
    assert_eq!(with(uploaded(Fact::Unknown(no_admin())), &[]).0, Verdict::Unknown);
    assert_eq!(with(CodeScanning::default(), &[]).0, Verdict::NotApplicable);
}

#[test]
fn files_that_say_who_answers() {
    let policy_of = |visibility, there| {
        let mut repository = repository();
        repository.visibility = visibility;
        repository.posture.security_policy = Some(Observed::known(there));
        verdict(&under(STRICT, &repository), Rule::SecurityPolicy)
    };
    assert_eq!(policy_of(Visibility::Public, false), Verdict::Fail);
    assert_eq!(policy_of(Visibility::Public, true), Verdict::Pass);
    assert_eq!(policy_of(Visibility::Private, false), Verdict::NotApplicable);

    let owners = |rule, mistakes: Option<Vec<CodeownersMistake>>| {
        told(rule, "", |posture| posture.codeowners = Some(Observed::known(mistakes)))
    };
    assert_eq!(owners(Rule::Codeowners, None).0, Verdict::Fail);
    assert_eq!(owners(Rule::CodeownersErrors, None).0, Verdict::NotApplicable);
    let mistake = CodeownersMistake {
        path: ".github/CODEOWNERS".to_owned(),
        line: 3,
        kind: "Unknown owner".to_owned(),
        source: "*.rs @gone\n".to_owned(),
        suggestion: None,
    };
    assert_eq!(owners(Rule::Codeowners, Some(vec![mistake.clone()])).0, Verdict::Pass);
    let (verdict, words) = owners(Rule::CodeownersErrors, Some(vec![mistake]));
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(
        words,
        "GitHub passes over lines of `.github/CODEOWNERS`: line 3, unknown owner (`*.rs @gone`)."
    );
}

#[test]
fn webhooks_that_can_be_read_or_forged() {
    let with = |policy: &str, change: &dyn Fn(&mut Webhook)| {
        told(Rule::Webhooks, policy, |posture| {
            let mut hook = webhook();
            change(&mut hook);
            posture.webhooks = Some(Observed::known(vec![hook]));
        })
    };
    for (change, says) in [
        (
            &(|hook: &mut Webhook| hook.https = false) as &dyn Fn(&mut Webhook),
            "plain http",
        ),
        (&|hook: &mut Webhook| hook.secret = false, "no secret"),
        (&|hook: &mut Webhook| hook.verified = false, "certificate"),
    ] {
        let (verdict, words) = with("", change);
        assert_eq!(verdict, Verdict::Fail);
        assert!(
            words.contains(says) && words.contains("hooks.example (number 5)"),
            "{words}"
        );
        assert_eq!(
            with("defaults.access.trusted_webhook_hosts = ['*.example']", change).0,
            Verdict::Pass
        );
    }
    let inactive = with("", &|hook| (hook.active, hook.secret) = (false, false));
    assert_eq!(inactive.0, Verdict::NotApplicable);
}

#[test]
fn keys_and_people_with_more_access_than_the_policy_names() {
    let keys = |policy: &str| {
        told(Rule::DeployKeys, policy, |posture| {
            posture.deploy_keys = Some(Observed::known(vec![DeployKey {
                title: "release bot".to_owned(),
                read_only: false,
            }]));
        })
        .0
    };
    assert_eq!(keys(""), Verdict::Fail);
    assert_eq!(
        keys("defaults.access.writing_deploy_keys = ['release*']"),
        Verdict::Pass
    );

    let people = |policy: &str, permission: &str| {
        told(Rule::OutsideAdmins, policy, |posture| {
            posture.outside_collaborators = Some(Observed::known(vec![Collaborator {
                login: "Eve".to_owned(),
                permission: permission.to_owned(),
            }]));
        })
        .0
    };
    assert_eq!(people("", "admin"), Verdict::Fail);
    assert_eq!(people("", "maintain"), Verdict::Pass);
    assert_eq!(
        people("defaults.access.outside_admins = ['eve']", "admin"),
        Verdict::Pass
    );
}

#[test]
fn environments_and_tags_of_releases() {
    let environment = |policy: &str, name: &str, rules: &[&str]| {
        told(Rule::Environments, policy, |posture| {
            posture.environments = Some(Observed::known(vec![Environment {
                name: name.to_owned(),
                rules: rules.iter().map(ToString::to_string).collect(),
            }]));
        })
        .0
    };
    assert_eq!(environment("", "production", &[]), Verdict::Fail);
    assert_eq!(environment("", "production", &["branch_policy"]), Verdict::Pass);
    assert_eq!(environment("", "staging", &[]), Verdict::NotApplicable);
    let reviewers = "defaults.deployments.require_reviewers = true";
    assert_eq!(environment(reviewers, "production", &["branch_policy"]), Verdict::Fail);
    assert_eq!(
        environment(reviewers, "production", &["required_reviewers"]),
        Verdict::Pass
    );
    let staging = "defaults.deployments.protected = ['staging']";
    assert_eq!(environment(staging, "staging", &[]), Verdict::Fail);

    let tags = |include: &str, exclude: &[&str], rules: &[&str]| {
        told(Rule::TagProtection, "", |posture| {
            posture.tag_rulesets = Some(Observed::known(vec![TagRuleset {
                name: "releases".to_owned(),
                include: vec![include.to_owned()],
                exclude: exclude.iter().map(ToString::to_string).collect(),
                rules: rules.iter().map(ToString::to_string).collect(),
            }]));
        })
    };
    assert_eq!(tags("~ALL", &[], &["update", "deletion"]).0, Verdict::Pass);
    assert_eq!(
        tags("refs/tags/v*", &[], &["non_fast_forward", "deletion"]).0,
        Verdict::Pass
    );
    assert_eq!(
        tags("refs/tags/release-*", &[], &["update", "deletion"]).0,
        Verdict::Fail
    );
    assert_eq!(
        tags("~ALL", &["refs/tags/v1*"], &["update", "deletion"]).0,
        Verdict::Fail
    );
    assert_eq!(
        tags("~ALL", &[], &["update"]),
        (Verdict::Fail, "A tag such as `v1.0.0` may be deleted.".to_owned())
    );
}

#[test]
fn required_workflows_are_those_the_policy_names() {
    let of = |required: &[&str]| {
        told(
            Rule::RequiredWorkflows,
            "defaults.workflows.required = ['.github/workflows/ci.yml']",
            |posture| {
                let required = required.iter().map(ToString::to_string).collect();
                posture.required_workflows = Some(Observed::known(required));
            },
        )
        .0
    };
    assert_eq!(of(&[]), Verdict::Fail);
    assert_eq!(of(&["other.yml"]), Verdict::Fail);
    assert_eq!(of(&[".github/workflows/ci.yml", "other.yml"]), Verdict::Pass);
}

#[test]
fn the_newest_run_of_each_of_dependabots_jobs_counts() {
    let of = |runs: Vec<DependabotRun>| {
        told(Rule::DependabotRuns, "", |posture| {
            posture.dependabot_runs = Some(Observed::known(runs));
        })
    };
    let run = dependabot_run;
    assert_eq!(of(Vec::new()).0, Verdict::NotApplicable);
    assert_eq!(
        of(vec![run("pip in /", "success"), run("pip in /", "failure")]).0,
        Verdict::Pass
    );
    let (verdict, words) = of(vec![
        run("pip in /", ""),
        run("pip in /", "cancelled"),
        run("pip in /", "failure"),
        run("cargo in /", "success"),
    ]);
    assert_eq!(verdict, Verdict::Fail);
    assert!(
        words.contains("pip in / on 2026-11-20") && !words.contains("cargo"),
        "{words}"
    );
}

#[test]
fn the_organisation_itself_is_held_against_the_policy() {
    let organization = |required: Fact<bool>, secret| Organization {
        login: "DeepFoundAI".to_owned(),
        two_factor_required: Some(Observed::now(required)),
        webhooks: Some(Observed::known(vec![Webhook { secret, ..webhook() }])),
    };
    let check = |policy: &str, organization: &Organization| {
        let policy = Policy::from_toml(policy).unwrap();
        check_organization(organization, &policy, TODAY)
    };
    let good = organization(Fact::Known(true), true);
    let report = check("", &good);
    assert_eq!(report.findings.len(), 1, "webhooks are of the strict preset");
    assert_eq!(verdict(&report, Rule::TwoFactorRequired), Verdict::Pass);
    assert_eq!(
        (report.id, report.full_name("x").as_str()),
        (RepositoryId::ORGANIZATION, "DeepFoundAI")
    );
    let bad = organization(Fact::Known(false), false);
    assert_eq!(failing(&check(STRICT, &bad)), [Rule::TwoFactorRequired, Rule::Webhooks]);
    let unknown = organization(Fact::Unknown(no_admin()), true);
    assert_eq!(verdict(&check("", &unknown), Rule::TwoFactorRequired), Verdict::Unknown);
    let off = "[[overrides]]\nrepositories = ['deepfoundai']\nrules_off = ['two_factor_required']";
    assert_eq!(check(off, &bad).findings, []);
    let exempt = "[[exemptions]]\nrepositories = ['deepfoundai']\nrule = 'two_factor_required'\nowner = 'ada'\n\
                  reason = 'two members have no device yet'\nuntil = 2027-01-31";
    assert_eq!(verdict(&check(exempt, &bad), Rule::TwoFactorRequired), Verdict::Exempt);
}
