use super::*;

#[test]
fn case_04_a_default_branch_of_any_name() {
    for name in ["trunk", "release/2026/11", "dev/main"] {
        let mut repository = with_rulesets(vec![ruleset("own", strict_ruleset())]);
        repository.default_branch.as_mut().unwrap().name = name.to_owned();
        let report = run(&repository);
        assert_eq!(failing(&report), [], "{name}");
        assert_eq!(report.default_branch.as_deref(), Some(name));
    }
}

#[test]
fn case_05_a_branch_renamed_meanwhile_is_not_known() {
    let renamed = with_branch(|branch| branch.read_as = Some("master".to_owned()));
    let report = run(&renamed);
    assert_eq!(report.protection.verdict, Standing::Unknown);
    assert_eq!(failing(&report), []);
    assert!(
        finding(&report, Rule::BranchProtection)
            .evidence
            .contains("renamed from `master`")
    );
}

#[test]
fn case_06_the_strictest_of_classic_protection_and_rulesets() {
    let both = with_branch(|branch| {
        branch.rulesets = Fact::Known(vec![
            ruleset(
                "two",
                vec![RulesetRule::PullRequest(Reviews {
                    approvals: 2,
                    ..Reviews::default()
                })],
            ),
            ruleset(
                "checks",
                vec![RulesetRule::RequiredStatusChecks(StatusChecks {
                    strict: false,
                    checks: vec![required("lint", None), required("ci", Some(15368))],
                })],
            ),
        ]);
    });
    let report = run(&both);
    assert_eq!(report.protection.reviews_required, Some(2));
    assert_eq!(report.protection.required_checks, ["ci", "lint"]);
    assert_eq!(
        verdict(&report, Rule::StaleReviewsDismissed),
        Verdict::Pass,
        "the classic one dismisses"
    );
    let three = under("defaults.protection.required_reviews = 3", &both);
    assert_eq!(verdict(&three, Rule::RequiredReviews), Verdict::Fail);
}

#[test]
fn case_07_rulesets_that_are_not_in_force_do_not_count() {
    for enforcement in [Enforcement::Evaluate, Enforcement::Disabled] {
        let repository = with_rulesets(vec![Ruleset {
            enforcement,
            ..ruleset("watching", strict_ruleset())
        }]);
        assert_eq!(run(&repository).protection.verdict, Standing::Unprotected);
    }
}

#[test]
fn case_08_tag_and_push_rulesets_do_not_count() {
    for target in [Target::Tag, Target::Push, Target::Repository] {
        let repository = with_rulesets(vec![Ruleset {
            target,
            ..ruleset("other", strict_ruleset())
        }]);
        assert_eq!(run(&repository).protection.verdict, Standing::Unprotected);
    }
}

#[test]
fn case_09_and_12_what_github_lists_elsewhere_does_not_count() {
    for (applies_to, standing) in [
        (AppliesTo::DefaultBranch, Standing::Protected),
        (AppliesTo::Elsewhere, Standing::Unprotected),
    ] {
        let repository = with_rulesets(vec![Ruleset {
            applies_to,
            ..ruleset("some", strict_ruleset())
        }]);
        assert_eq!(run(&repository).protection.verdict, standing, "{applies_to:?}");
    }
}

#[test]
fn case_10_rulesets_of_the_organisation() {
    let of_the_organization = Ruleset {
        source: RulesetSource::Organization("deepfoundai".to_owned()),
        ..ruleset("org", strict_ruleset())
    };
    let report = run(&with_rulesets(vec![of_the_organization]));
    assert_eq!(report.protection.verdict, Standing::Protected);
    assert!(
        finding(&report, Rule::BranchProtection)
            .evidence
            .contains("ruleset `org` of the organisation deepfoundai")
    );
}

#[test]
fn case_11_bypass_actors_are_reported_and_null_is_unknown() {
    let with = |bypass| {
        with_rulesets(vec![Ruleset {
            bypass,
            ..ruleset("own", strict_ruleset())
        }])
    };
    let team = BypassActor {
        kind: BypassKind::Team,
        name: "platform".to_owned(),
        mode: BypassMode::Always,
    };
    let none = with(Fact::Known(Vec::new()));
    assert_eq!(verdict(&run(&none), Rule::BypassActors), Verdict::Pass);

    let some = with(Fact::Known(vec![team.clone()]));
    let report = run(&some);
    assert_eq!(failing(&report), [Rule::BypassActors]);
    assert!(
        finding(&report, Rule::BypassActors)
            .evidence
            .contains("`team:platform` past ruleset `own`")
    );
    let allowing = under("defaults.protection.allowed_bypass_actors = ['team:platform']", &some);
    assert_eq!(verdict(&allowing, Rule::BypassActors), Verdict::Pass);
    assert_eq!(
        finding(&allowing, Rule::BypassActors).data["actors"][0]["allowed"],
        true
    );

    let null = with(Fact::Unknown(Gap::Permission("Administration: write".to_owned())));
    let report = run(&null);
    assert_eq!(verdict(&report, Rule::BypassActors), Verdict::Unknown);
    assert_eq!(failing(&report), []);

    let admins = with_branch(|branch| {
        let mut lax = classic();
        lax.switches.clear();
        branch.classic = Fact::Known(Some(lax));
    });
    assert!(
        finding(&run(&admins), Rule::BypassActors)
            .evidence
            .contains("`role:admin`")
    );
    let none_that_counts = with_rulesets(vec![Ruleset {
        enforcement: Enforcement::Evaluate,
        bypass: Fact::Known(vec![team]),
        ..ruleset("watching", strict_ruleset())
    }]);
    assert_eq!(
        verdict(&run(&none_that_counts), Rule::BypassActors),
        Verdict::NotApplicable
    );
}

#[test]
fn case_13_pull_requests_without_approvals() {
    let repository = with_rulesets(vec![ruleset("own", vec![RulesetRule::PullRequest(Reviews::default())])]);
    let report = run(&repository);
    assert_eq!(report.protection.verdict, Standing::Protected);
    assert_eq!(report.protection.reviews_required, Some(0));
    let reviews = finding(&report, Rule::RequiredReviews);
    assert_eq!(reviews.verdict, Verdict::Fail);
    assert!(reviews.evidence.contains("required, but need no approval"));
    assert_eq!(verdict(&report, Rule::StaleReviewsDismissed), Verdict::NotApplicable);
    let content = under("defaults.protection.required_reviews = 0", &repository);
    assert_eq!(verdict(&content, Rule::RequiredReviews), Verdict::NotApplicable);
}

#[test]
fn case_14_a_list_of_checks_without_a_check() {
    let empty = RulesetRule::RequiredStatusChecks(StatusChecks::default());
    let alone = run(&with_rulesets(vec![ruleset("empty", vec![empty.clone()])]));
    assert_eq!(alone.protection.verdict, Standing::Unprotected, "it holds nothing back");
    let report = run(&with_rulesets(vec![ruleset("own", vec![empty, RulesetRule::Deletion])]));
    let checks = finding(&report, Rule::RequiredStatusChecks);
    assert_eq!(checks.verdict, Verdict::Fail);
    assert!(checks.evidence.contains("none is named"));
    assert_eq!(verdict(&report, Rule::StatusCheckNeverRan), Verdict::NotApplicable);
    let mut strict_only = classic();
    strict_only.status_checks = None;
    let report = run(&with_branch(|branch| branch.classic = Fact::Known(Some(strict_only))));
    assert_eq!(failing(&report), [Rule::RequiredStatusChecks]);
}

#[test]
fn case_14_a_required_check_that_never_ran_or_is_of_another_app() {
    let never = with_branch(|branch| branch.checks_seen = Fact::Known(Vec::new()));
    let report = run(&never);
    assert_eq!(failing(&report), [Rule::StatusCheckNeverRan]);
    assert!(
        finding(&report, Rule::StatusCheckNeverRan)
            .evidence
            .contains("was never reported")
    );

    let other = with_branch(|branch| {
        branch.checks_seen = Fact::Known(vec![SeenCheck {
            context: "ci".to_owned(),
            app: Some(1),
        }]);
    });
    let evidence = finding(&run(&other), Rule::StatusCheckNeverRan).evidence.clone();
    assert!(
        evidence.contains("`ci` of app 15368 was reported by app 1 only"),
        "{evidence}"
    );

    let policy = "defaults.protection.status_checks = [{ context = 'ci', app = 1 }]";
    let report = under(policy, &repository());
    assert_eq!(
        failing(&report),
        [Rule::RequiredStatusChecks],
        "the policy asks for another app's"
    );
    let any = under("defaults.protection.status_checks = ['ci', 'lint']", &repository());
    assert!(
        finding(&any, Rule::RequiredStatusChecks)
            .evidence
            .starts_with("Not required: `lint`.")
    );
    let unseen = with_branch(|branch| branch.checks_seen = Fact::Unknown(no_admin()));
    assert_eq!(verdict(&run(&unseen), Rule::StatusCheckNeverRan), Verdict::Unknown);
}

#[test]
fn case_15_without_admin_nothing_is_known_and_nothing_fails() {
    let blind = |protected, rulesets| {
        with_branch(|branch| {
            branch.classic = Fact::Unknown(no_admin());
            branch.protected = protected;
            branch.rulesets = Fact::Known(rulesets);
        })
    };
    let report = run(&blind(Fact::Known(true), Vec::new()));
    assert_eq!(report.protection.verdict, Standing::Unknown);
    assert_eq!(report.protection.reviews_required, None);
    assert_eq!(failing(&report), []);
    for rule in [
        Rule::RequiredReviews,
        Rule::RequiredStatusChecks,
        Rule::ForcePush,
        Rule::Deletion,
    ] {
        assert_eq!(verdict(&report, rule), Verdict::Unknown, "{rule}");
        assert!(finding(&report, rule).fix.contains("Administration: read"));
    }
    // Whoever may read the branch may read that nothing protects it.
    let open = run(&blind(Fact::Known(false), Vec::new()));
    assert_eq!(open.protection.verdict, Standing::Unprotected);
    // What the rulesets demand holds, whatever else there is.
    let enough = run(&blind(Fact::Known(true), vec![ruleset("own", strict_ruleset())]));
    assert_eq!(enough.protection.verdict, Standing::Protected);
    assert_eq!(enough.protection.reviews_required, Some(1));
    assert_eq!(verdict(&enough, Rule::RequiredReviews), Verdict::Pass);
    assert_eq!(verdict(&enough, Rule::BypassActors), Verdict::Unknown);
    // GraphQL says null where a credential may not look.
    let hidden = with_branch(|branch| branch.classic = Fact::Known(None));
    assert_eq!(run(&hidden).protection.verdict, Standing::Unknown);

    let mut settings = repository();
    settings.vulnerability_alerts = Fact::Unknown(no_admin());
    settings.security_updates = Fact::Unknown(no_admin());
    let report = run(&settings);
    assert_eq!(
        (report.dependabot.alerts, report.dependabot.security_updates),
        (None, None)
    );
    assert_eq!(verdict(&report, Rule::VulnerabilityAlerts), Verdict::Unknown);
    assert_eq!(failing(&report), []);
}

#[test]
fn case_16_a_plan_without_protection() {
    let why = "private repositories need GitHub Pro".to_owned();
    let free = with_branch(|branch| {
        branch.protected = Fact::Known(false);
        branch.classic = Fact::Unavailable(why.clone());
        branch.rulesets = Fact::Unavailable(why.clone());
    });
    let report = run(&free);
    assert_eq!(report.protection.verdict, Standing::Unavailable);
    assert_eq!(failing(&report), []);
    for rule in [Rule::BranchProtection, Rule::RequiredReviews, Rule::ForcePush] {
        assert_eq!(verdict(&report, rule), Verdict::Unavailable);
        assert!(finding(&report, rule).evidence.contains("GitHub Pro"));
    }
    let with_one = with_branch(|branch| {
        branch.classic = Fact::Unavailable(why);
        branch.rulesets = Fact::Known(vec![ruleset("weak", vec![RulesetRule::Deletion])]);
    });
    assert_eq!(
        verdict(&run(&with_one), Rule::ForcePush),
        Verdict::Fail,
        "rulesets are there, so they could say more"
    );
}

#[test]
fn what_the_code_host_does_not_list_as_in_force_holds_nothing() {
    let repository = with_rulesets(vec![Ruleset {
        applies_to: AppliesTo::Elsewhere,
        ..ruleset("asleep", strict_ruleset())
    }]);
    assert_eq!(run(&repository).protection.verdict, Standing::Unprotected);
}

#[test]
fn required_workflows_and_code_scanning_hold_merges_back_as_checks_do() {
    let workflows = RulesetRule::Workflows(vec![".github/workflows/policy.yml".to_owned()]);
    let scanning = RulesetRule::CodeScanning(vec!["CodeQL".to_owned()]);
    for rule in [
        workflows.clone(),
        scanning,
        RulesetRule::Other("workflows".to_owned()),
        RulesetRule::Other("code_scanning".to_owned()),
    ] {
        let repository = with_rulesets(vec![ruleset("required", vec![rule.clone()])]);
        let report = run(&repository);
        assert_eq!(verdict(&report, Rule::BranchProtection), Verdict::Pass, "{rule:?}");
        assert_eq!(verdict(&report, Rule::RequiredStatusChecks), Verdict::Pass, "{rule:?}");
        assert_eq!(
            verdict(&report, Rule::StatusCheckNeverRan),
            Verdict::NotApplicable,
            "{rule:?}"
        );
        // A check that the policy names is still missing, and nothing says that failing changes are taken.
        let report = under("defaults.protection.status_checks = ['ci']", &repository);
        let checks = finding(&report, Rule::RequiredStatusChecks);
        assert_eq!(checks.verdict, Verdict::Fail, "{rule:?}");
        assert!(!checks.evidence.contains("whose checks fail"), "{}", checks.evidence);
    }
    let evidence = run(&with_rulesets(vec![ruleset("required", vec![workflows.clone()])]));
    assert_eq!(
        finding(&evidence, Rule::RequiredStatusChecks).evidence,
        "Must pass: the workflow `.github/workflows/policy.yml`."
    );
    for nothing in [
        Ruleset {
            enforcement: Enforcement::Evaluate,
            ..ruleset("on trial", vec![workflows])
        },
        ruleset("empty", vec![RulesetRule::Workflows(Vec::new()), RulesetRule::Deletion]),
    ] {
        let report = run(&with_rulesets(vec![nothing.clone()]));
        assert_eq!(
            verdict(&report, Rule::RequiredStatusChecks),
            Verdict::Fail,
            "{nothing:?}"
        );
    }
}

#[test]
fn a_policy_allows_a_person_and_never_those_without_a_name() {
    let past = |kind, name: &str| BypassActor {
        kind,
        name: name.to_owned(),
        mode: BypassMode::Always,
    };
    let with = |actors: Vec<BypassActor>| {
        with_rulesets(vec![Ruleset {
            bypass: Fact::Known(actors),
            ..ruleset("baseline", strict_ruleset())
        }])
    };
    let policy = "defaults.protection.allowed_bypass_actors = ['user:ada', 'unnamed', 'app:unnamed']";
    let ada = with(vec![past(BypassKind::User, "ada")]);
    let report = run(&ada);
    assert_eq!(verdict(&report, Rule::BypassActors), Verdict::Fail);
    assert_eq!(
        finding(&report, Rule::BypassActors).data["actors"][0]["actor"],
        "user:ada"
    );
    assert_eq!(verdict(&under(policy, &ada), Rule::BypassActors), Verdict::Pass);

    let report = under(
        policy,
        &with(vec![past(BypassKind::User, "ada"), past(BypassKind::Unnamed, "")]),
    );
    let bypass = finding(&report, Rule::BypassActors);
    assert_eq!(bypass.verdict, Verdict::Fail);
    assert_eq!(
        bypass.evidence,
        "Let past: somebody whom GitHub does not name past ruleset `baseline`."
    );
    assert!(bypass.fix.contains("cannot name"), "{}", bypass.fix);
}
