//! What GitHub lets be switched on or narrowed by itself; the rest people decide.

use super::{Case, ChangeKind, Draft};
use crate::diff::unified;
use crate::rules::Rule;

pub(super) fn plan(case: &Case<'_>, draft: &mut Draft) {
    if case.fails(Rule::WorkflowPermissions) {
        let diff = unified("default workflow permissions", "write\n", "read\n");
        draft.change(vec![Rule::WorkflowPermissions], ChangeKind::RestrictWorkflowToken, diff);
    }
    secret_scanning(case, draft);
    if case.fails(Rule::CodeScanning) {
        let diff = unified("code scanning default setup", "not-configured\n", "configured\n");
        draft.change(vec![Rule::CodeScanning], ChangeKind::SetUpCodeScanning, diff);
    }
    for (rule, why) in PEOPLE {
        if case.fails(rule) {
            draft.refuse(rule, why);
        }
    }
}

/// Push protection needs secret scanning, so both are one change.
fn secret_scanning(case: &Case<'_>, draft: &mut Draft) {
    let (scanning, push_protection) = (case.fails(Rule::SecretScanning), case.fails(Rule::PushProtection));
    if !scanning && !push_protection {
        return;
    }
    let wanted = [
        (scanning, Rule::SecretScanning, "secret scanning"),
        (push_protection, Rule::PushProtection, "push protection"),
    ];
    let (mut rules, mut before, mut after) = (Vec::new(), String::new(), String::new());
    for (_, rule, name) in wanted.into_iter().filter(|(fails, ..)| *fails) {
        rules.push(rule);
        before.extend([name, ": off\n"]);
        after.extend([name, ": on\n"]);
    }
    let kind = ChangeKind::SwitchOnSecretScanning {
        scanning,
        push_protection,
    };
    draft.change(rules, kind, unified("security and analysis", &before, &after));
}

/// What no plan changes, and why.
pub(super) const PEOPLE: [(Rule, &str); 10] = [
    (
        Rule::AllowedActions,
        "which actions are needed is for a person to say; a list that leaves one out stops its workflows",
    ),
    (
        Rule::ActionsPinned,
        "which commit of an action is trusted is for a person to say",
    ),
    (
        Rule::SecurityPolicy,
        "where vulnerabilities are reported to is for a person to write",
    ),
    (
        Rule::Codeowners,
        "who owns which part of the code is for a person to say",
    ),
    (
        Rule::CodeownersErrors,
        "who owns which part of the code is for a person to say",
    ),
    (
        Rule::Webhooks,
        "the receiver must know the secret and the address first, so a person changes both sides",
    ),
    (
        Rule::DeployKeys,
        "a key cannot be made to read only, and whoever uses it must be given another first",
    ),
    (Rule::OutsideAdmins, "what somebody may do here is for a person to say"),
    (
        Rule::Environments,
        "who approves deployments, and from which branches they come, is for a person to say",
    ),
    (
        Rule::TagProtection,
        "who may still make releases is for a person to say, in a ruleset on tags",
    ),
];

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::{Plan, ProtectionMethod, plan};
    use super::*;
    use crate::policy::Policy;
    use crate::samples::*;
    use crate::snapshot::*;

    fn planned(repository: &Repository) -> Plan {
        let policy = Policy::from_toml("defaults.rules = 'strict'").unwrap();
        plan(repository, &policy, date(2026, 11, 24), ProtectionMethod::Ruleset)
    }

    fn spoilt(spoil: impl FnOnce(&mut Posture)) -> Repository {
        let mut repository = repository();
        spoil(&mut repository.posture);
        repository
    }

    #[test]
    fn both_switches_of_secret_scanning_are_one_change() {
        let of = |scanning: Fact<bool>, push_protection: Fact<bool>| {
            planned(&spoilt(|posture| {
                posture.secret_scanning = Some(Observed::known(SecretScanning {
                    scanning,
                    push_protection,
                }));
            }))
        };
        let plan = of(Fact::Known(false), Fact::Known(false));
        assert_eq!(plan.changes.len(), 1);
        assert_eq!(plan.changes[0].rules, [Rule::SecretScanning, Rule::PushProtection]);
        insta::assert_snapshot!(plan.diff(), @"
        --- a/security and analysis
        +++ b/security and analysis
        @@ -1,2 +1,2 @@
        -secret scanning: off
        -push protection: off
        +secret scanning: on
        +push protection: on
        ");
        let plan = of(Fact::Known(true), Fact::Known(false));
        assert_eq!(
            plan.changes[0].kind,
            ChangeKind::SwitchOnSecretScanning {
                scanning: false,
                push_protection: true
            }
        );
        let unavailable = || Fact::Unavailable("the plan lacks it".to_owned());
        assert_eq!(of(unavailable(), unavailable()).changes, []);
        assert_eq!(of(Fact::Unknown(no_admin()), Fact::Unknown(no_admin())).changes, []);
    }

    #[test]
    fn the_token_and_code_scanning_are_set_and_the_rest_is_refused_with_a_reason() {
        let repository = spoilt(|posture| {
            posture.workflow_permissions = Some(Observed::known(WorkflowPermissions {
                token: TokenPermission::Write,
                may_approve: true,
            }));
            posture.code_scanning = Some(Observed::known(CodeScanning {
                languages: vec!["python".to_owned()],
                ..CodeScanning::default()
            }));
            posture.uses = Some(Observed::known(vec![uses(&["other/thing@v1"])]));
            posture.codeowners = Some(Observed::known(None));
            posture.environments = Some(Observed::known(vec![Environment {
                name: "prod-eu".to_owned(),
                rules: Vec::new(),
            }]));
            posture.tag_rulesets = Some(Observed::known(Vec::new()));
            posture.dependabot_runs = Some(Observed::known(vec![dependabot_run("pip in /", "failure")]));
        });
        let plan = planned(&repository);
        let names: Vec<&str> = plan.changes.iter().map(|change| change.kind.name()).collect();
        assert_eq!(names, ["restrict_workflow_token", "set_up_code_scanning"]);
        let refused: Vec<Rule> = plan.refused.iter().map(|refusal| refusal.rule).collect();
        assert_eq!(
            refused,
            [
                Rule::ActionsPinned,
                Rule::Codeowners,
                Rule::Environments,
                Rule::TagProtection,
                Rule::DependabotRuns
            ]
        );
    }
}
