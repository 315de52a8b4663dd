use proptest::prelude::*;

use super::*;

fn any_rule() -> impl Strategy<Value = RulesetRule> {
    prop_oneof![
        (0..4_u32, any::<bool>()).prop_map(|(approvals, dismiss_stale)| RulesetRule::PullRequest(Reviews {
            approvals,
            dismiss_stale,
            ..Reviews::default()
        })),
        prop::collection::vec("[abc]", 0..3).prop_map(|names| RulesetRule::RequiredStatusChecks(StatusChecks {
            strict: false,
            checks: names.iter().map(|name| required(name, None)).collect(),
        })),
        Just(RulesetRule::NonFastForward),
        Just(RulesetRule::Deletion),
        Just(RulesetRule::Other("creation".to_owned())),
    ]
}

fn any_ruleset() -> impl Strategy<Value = Ruleset> {
    let enforcement = prop_oneof![
        4 => Just(Enforcement::Active),
        1 => Just(Enforcement::Evaluate),
    ];
    let target = prop_oneof![4 => Just(Target::Branch), 1 => Just(Target::Tag)];
    (prop::collection::vec(any_rule(), 0..4), enforcement, target, "[a-z]{3}").prop_map(
        |(rules, enforcement, target, name)| Ruleset {
            enforcement,
            target,
            ..ruleset(&name, rules)
        },
    )
}

/// How good a verdict is, for what only gets stricter.
fn worth(verdict: Verdict) -> u8 {
    u8::from(verdict == Verdict::Pass)
}

proptest! {
    #[test]
    fn the_order_of_rulesets_and_rules_changes_nothing(
        rulesets in prop::collection::vec(any_ruleset(), 0..5),
        classic_too in any::<bool>(),
    ) {
        let of = |rulesets: Vec<Ruleset>| {
            let mut repository = with_rulesets(rulesets);
            if classic_too {
                repository.default_branch.as_mut().unwrap().classic = Fact::Known(Some(classic()));
            }
            run(&repository)
        };
        let mut turned = rulesets.clone();
        turned.reverse();
        for ruleset in &mut turned {
            ruleset.rules.reverse();
        }
        prop_assert_eq!(of(rulesets), of(turned));
    }

    #[test]
    fn one_more_ruleset_never_weakens_anything(
        rulesets in prop::collection::vec(any_ruleset(), 0..4),
        more in any_ruleset(),
        classic_unknown in any::<bool>(),
    ) {
        let of = |rulesets: Vec<Ruleset>| {
            let mut repository = with_rulesets(rulesets);
            let branch = repository.default_branch.as_mut().unwrap();
            if classic_unknown {
                branch.protected = Fact::Known(true);
                branch.classic = Fact::Unknown(no_admin());
            }
            run(&repository)
        };
        let before = of(rulesets.clone());
        let after = of(rulesets.into_iter().chain([more]).collect());
        prop_assert!(after.protection.reviews_required >= before.protection.reviews_required);
        for name in &before.protection.required_checks {
            prop_assert!(after.protection.required_checks.contains(name));
        }
        for rule in [
            Rule::BranchProtection,
            Rule::RequiredReviews,
            Rule::StaleReviewsDismissed,
            Rule::RequiredStatusChecks,
            Rule::ForcePush,
            Rule::Deletion,
        ] {
            prop_assert!(worth(verdict(&after, rule)) >= worth(verdict(&before, rule)), "{}", rule);
        }
    }

    #[test]
    fn what_is_not_known_never_fails(rulesets in prop::collection::vec(any_ruleset(), 0..4)) {
        let mut repository = with_rulesets(rulesets);
        let branch = repository.default_branch.as_mut().unwrap();
        branch.protected = Fact::Known(true);
        branch.classic = Fact::Unknown(no_admin());
        let report = run(&repository);
        for rule in [Rule::BranchProtection, Rule::RequiredReviews, Rule::RequiredStatusChecks, Rule::ForcePush, Rule::Deletion] {
            prop_assert_ne!(verdict(&report, rule), Verdict::Fail);
        }
    }
}
