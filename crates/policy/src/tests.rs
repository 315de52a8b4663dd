//! The shipped sets, and what policies of one's own can and cannot do.

use std::sync::LazyLock;

use cc_devops_kernel::installation::Stages;
use cc_devops_kernel::names::{Namespace, SecretName, SecretPrefix, StackName, Stage};

use super::*;

const fn rule(action: &'static str, on: On, staged: bool) -> Rule {
    let told = if staged {
        RuleContext::Stage
    } else {
        RuleContext::Nothing
    };
    Rule { action, on, told }
}

/// What these tests ask about. The shipped rows are the registry's, whose own test holds `control-plane.cedarschema`
/// to them.
static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let requests = [
        rule("putSecret", On::Secret, true),
        rule("deployLambda", On::Stack, true),
        rule("github_repo_check", On::Repositories, false),
        rule("workflow_monitor", On::Repositories, false),
        rule("protectBranches", On::Repository, false),
        rule("bootstrapRepoSecrets", On::Repository, false),
        rule("reportCost", On::ControlPlane, false),
    ];
    Vocabulary::new(requests).unwrap()
});

pub(super) fn vocabulary() -> &'static Vocabulary {
    &VOCABULARY
}

pub(super) fn installation() -> Installation {
    Installation {
        agent: AgentName::new("DevOpsAutomation").unwrap(),
        namespace: Namespace::new("contentcraft").unwrap(),
        stages: Stages::new(stage("dev"), vec![stage("prod")]),
        credentials: vec![
            secret("/contentcraft/github/token"),
            secret("/contentcraft/stripe/reporting_api_key"),
        ],
        cost_control: AgentName::new("CostSentinel").unwrap(),
    }
}

fn secret(name: &str) -> SecretName {
    SecretName::new(name).unwrap()
}

fn stage(name: &str) -> Stage {
    Stage::new(name).unwrap()
}

pub(super) fn agent(name: &str, role: Role) -> Agent {
    Agent {
        name: AgentName::new(name).unwrap(),
        role,
        secret_prefixes: Vec::new(),
        stacks: Vec::new(),
    }
}

pub(super) fn ask(policy: &Policy, agent: &Agent, action: &str, resource: &str) -> bool {
    policy
        .decide(agent, &vocabulary().access(action, resource, &stage("dev")).unwrap())
        .allowed
}

#[test]
fn by_default_an_agent_has_its_own_and_nothing_else() {
    let policy = Policy::shipped(PolicySet::OwnPrefixes, &installation(), vocabulary());
    let me = agent("ContentOrchestrator", Role::Agent);
    for (action, resource, expected) in [
        ("putSecret", "/contentcraft/contentorchestrator/key", true),
        ("readSecret", "/contentcraft/contentorchestrator/a/b", true),
        ("putSecret", "/contentcraft/contentorchestrator-2/key", false),
        ("putSecret", "/contentcraft/contentorchestrator", false),
        ("readSecret", "/contentcraft/other/key", false),
        ("deployLambda", "cc-agent-content-orchestrator", true),
        ("deployLambda", "cc-agent-other", false),
        ("sendHeartbeat", "ContentOrchestrator", true),
        ("sendHeartbeat", "Other", false),
        ("readRequests", "ContentOrchestrator", true),
        ("readRequests", "Other", false),
        ("readRequests", "*", false),
        ("readEvents", "*", false),
        ("listAgents", "*", true),
        ("readMetrics", "*", true),
        ("readRevenue", "*", false),
        ("readBillingFigures", "*", false),
        ("publishAlert", "*", false),
        ("describeStacks", "*", false),
        ("describeStacks", "cc-agent-content-orchestrator", false),
        ("readHealth", "*", false),
        ("pauseAgent", "ContentOrchestrator", false),
        ("readAlerts", "*", false),
        ("manageAlerts", "*", false),
        ("setMaintenance", "*", false),
        ("manageWebhooks", "*", false),
        ("manageAgents", "*", false),
        ("fixRepositories", "web", false),
        ("github_repo_check", "*", false),
        ("workflow_monitor", "web", false),
        ("protectBranches", "web", false),
        ("bootstrapRepoSecrets", "web", false),
    ] {
        assert_eq!(ask(&policy, &me, action, resource), expected, "{action} on {resource}");
    }
}

#[test]
fn what_an_agent_was_given_is_its_own_too() {
    let policy = Policy::shipped(PolicySet::OwnPrefixes, &installation(), vocabulary());
    let mut me = agent("A", Role::Agent);
    me.secret_prefixes
        .push(SecretPrefix::new("/contentcraft/stripe/").unwrap());
    me.stacks.push(StackName::new("billing").unwrap());
    assert!(ask(&policy, &me, "putSecret", "/contentcraft/stripe/key"));
    assert!(ask(&policy, &me, "deployLambda", "billing"));
    assert!(ask(&policy, &me, "putSecret", "/contentcraft/a/key"));
}

#[test]
fn an_admin_has_everything() {
    for set in PolicySet::ALL {
        let policy = Policy::shipped(set, &installation(), vocabulary());
        let admin = agent("admin", Role::Admin);
        for (action, resource) in [
            ("putSecret", "/contentcraft/any/key"),
            ("readSecret", "/contentcraft/any/key"),
            ("deployLambda", "any"),
            ("sendHeartbeat", "Any"),
            ("pauseAgent", "Any"),
            ("readAlerts", "*"),
            ("manageAlerts", "*"),
            ("setMaintenance", "*"),
            ("readBillingFigures", "*"),
            ("publishAlert", "*"),
            ("describeStacks", "*"),
            ("describeStacks", "any"),
            ("readRequests", "*"),
            ("readEvents", "*"),
            ("manageWebhooks", "*"),
            ("manageAgents", "*"),
            ("fixRepositories", "*"),
            ("fixRepositories", "web"),
            ("github_repo_check", "*"),
            ("workflow_monitor", "web"),
            ("protectBranches", "web"),
            ("bootstrapRepoSecrets", "web"),
        ] {
            assert!(ask(&policy, &admin, action, resource), "{action}");
        }
    }
}

#[test]
fn who_looks_after_costs_reads_the_days_figures_and_nobody_elses_name_does() {
    let theirs = Installation {
        cost_control: AgentName::new("Frugal").unwrap(),
        ..installation()
    };
    for set in PolicySet::ALL {
        let shipped = Policy::shipped(set, &installation(), vocabulary());
        let other = Policy::shipped(set, &theirs, vocabulary());
        for (policy, may, may_not) in [(&shipped, "CostSentinel", "Frugal"), (&other, "Frugal", "CostSentinel")] {
            assert!(
                ask(policy, &agent(may, Role::Agent), "readBillingFigures", "*"),
                "{may}"
            );
            assert!(
                !ask(policy, &agent(may_not, Role::Agent), "readBillingFigures", "*"),
                "{may_not}"
            );
            for more in ["readRevenue", "publishAlert", "describeStacks"] {
                assert!(!ask(policy, &agent(may, Role::Agent), more, "*"), "{more}");
            }
        }
    }
    // In policies of one's own, too.
    let own = r#"permit (principal is Agent, action == Action::"readBillingFigures", resource)
        when { resource.costControl == principal };"#;
    let own = Policy::parse(&[("own.cedar".to_owned(), own.to_owned())], &theirs, vocabulary()).unwrap();
    assert!(ask(&own, &agent("Frugal", Role::Agent), "readBillingFigures", "*"));
    assert!(!ask(&own, &agent("A", Role::Agent), "readBillingFigures", "*"));
}

#[test]
fn the_whole_namespace_set_opens_secrets_and_agent_stacks() {
    let policy = Policy::shipped(PolicySet::WholeNamespace, &installation(), vocabulary());
    let me = agent("A", Role::Agent);
    assert!(ask(&policy, &me, "putSecret", "/contentcraft/other/key"));
    assert!(ask(&policy, &me, "deployLambda", "cc-agent-other"));
    assert!(!ask(&policy, &me, "deployLambda", "database"));
    assert!(!ask(&policy, &me, "readRequests", "*"));
    let decision = policy.decide(
        &me,
        &vocabulary()
            .access("deployLambda", "cc-agent-other", &stage("dev"))
            .unwrap(),
    );
    assert_eq!(decision.policies, ["agent-every-agent-stack"]);
}

#[test]
fn no_policy_lets_anybody_change_the_control_planes_own_stacks() {
    let everything = r#"@id("everything") permit (principal, action, resource);"#;
    let sources = [("open.cedar".to_owned(), everything.to_owned())];
    let open = Policy::parse(&sources, &installation(), vocabulary()).unwrap();
    let mut owner = agent("A", Role::Agent);
    owner.stacks.push(StackName::new("cc-agent-devops-automation").unwrap());
    let sets = PolicySet::ALL.map(|set| Policy::shipped(set, &installation(), vocabulary()));
    for policy in sets.into_iter().chain([open]) {
        let policy = policy.guarding("Plane-of-Acme-dev");
        for who in [
            &agent("admin", Role::Admin),
            &owner,
            &agent("DevOpsAutomation", Role::Agent),
        ] {
            for own in [
                "cc-agent-devops-automation",
                "cc-agent-dev-ops-automation",
                "CC-Agent-DevOps-Automation",
                "plane-of-acme",
            ] {
                assert!(!ask(&policy, who, "deployLambda", own), "{own}");
                let access = vocabulary().access("deployLambda", own, &stage("dev")).unwrap();
                let denied = policy.decide(who, &access);
                assert_eq!(denied.closed, Some(Closed::OwnStack));
                assert!(denied.refusal(&who.name, &access).contains("make deploy"));
            }
        }
        assert!(ask(
            &policy,
            &agent("admin", Role::Admin),
            "deployLambda",
            "cc-agent-other"
        ));
        let elsewhere = vocabulary()
            .access("deployLambda", "plane-of-acme", &stage("prod"))
            .unwrap();
        let decision = policy.decide(&owner, &elsewhere);
        assert_eq!(decision.closed, None, "a full name is one stage's");
    }
}

#[test]
fn a_stack_that_is_called_after_the_control_plane_is_its_own() {
    for (name, is_own) in [
        ("cc-agent-devops-automation", true),
        ("CC-Agent-DevOpsAutomation", true),
        ("cc-agent-other", false),
    ] {
        let stack = StackName::new(name).unwrap();
        assert_eq!(is_own_stack(&installation(), &stack), is_own, "{name}");
    }
}

#[test]
fn an_agent_can_be_given_its_repositories() {
    let own = r#"@id("writer-checks-web")
        permit (principal == Agent::"Writer", action in [Action::"github_repo_check", Action::"workflow_monitor"],
                resource == Repository::"web");"#;
    let sources = [
        ("base.cedar".to_owned(), PolicySet::OwnPrefixes.text().to_owned()),
        ("own.cedar".to_owned(), own.to_owned()),
    ];
    let policy = Policy::parse(&sources, &installation(), vocabulary()).unwrap();
    let me = agent("Writer", Role::Agent);
    assert!(ask(&policy, &me, "github_repo_check", "web"));
    assert!(!ask(&policy, &me, "github_repo_check", "*"));
    assert!(!ask(&policy, &me, "protectBranches", "web"));
    let all = vocabulary().access("protectBranches", "*", &stage("dev"));
    assert!(all.unwrap_err().contains("one repository"));
}

#[test]
fn a_policy_can_forbid_a_stage() {
    let sources = [
        ("base.cedar".to_owned(), PolicySet::OwnPrefixes.text().to_owned()),
        (
            "freeze.cedar".to_owned(),
            "@id(\"freeze\") forbid (principal, action == Action::\"deployLambda\", resource) \
             when { context.stage == Stage::\"prod\" };"
                .to_owned(),
        ),
    ];
    let policy = Policy::parse(&sources, &installation(), vocabulary()).unwrap();
    let me = agent("A", Role::Agent);
    let on = |name: &str| vocabulary().access("deployLambda", "cc-agent-a", &stage(name)).unwrap();
    assert!(policy.decide(&me, &on("dev")).allowed);
    let denied = policy.decide(&me, &on("prod"));
    assert!(!denied.allowed);
    assert_eq!(denied.policies, ["freeze"]);
}

#[test]
fn every_problem_of_every_file_is_reported() {
    let sources = [
        ("one.cedar".to_owned(), "permit (principal, action, resource".to_owned()),
        (
            "two.cedar".to_owned(),
            "permit (principal, action == Action::\"fly\", resource);".to_owned(),
        ),
    ];
    let problems = Policy::parse(&sources, &installation(), vocabulary()).err().unwrap();
    assert!(problems.iter().any(|p| p.file == "one.cedar"), "{problems:?}");
    assert!(problems.iter().any(|p| p.file == "two.cedar"), "{problems:?}");
}

#[test]
fn what_policies_may_speak_of_has_names_that_stand_once() {
    let rule = |action| Rule {
        action,
        on: On::Secret,
        told: RuleContext::Nothing,
    };
    for (names, said) in [
        (vec!["readSecret"], "twice"),
        (vec!["one", "one"], "twice"),
        (vec!["no-name"], "no action's name"),
        (vec![""], "no action's name"),
    ] {
        let error = Vocabulary::new(names.into_iter().map(rule)).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
    let dotted = Vocabulary::new([rule("revenue.report")]).unwrap();
    let text = "permit (principal, action == Action::\"revenue.report\", resource);".to_owned();
    let policy = Policy::parse(&[("own.cedar".to_owned(), text)], &installation(), &dotted).unwrap();
    let access = dotted
        .access("revenue.report", "/contentcraft/a/key", &stage("dev"))
        .unwrap();
    assert!(policy.decide(&agent("A", Role::Agent), &access).allowed);
}

#[test]
fn no_policies_means_no() {
    let policy = Policy::parse(&[], &installation(), vocabulary()).unwrap();
    assert!(!ask(&policy, &agent("admin", Role::Admin), "listAgents", "*"));
}

#[test]
fn no_policy_opens_the_control_planes_own_secrets_to_an_agent() {
    let open = "permit (principal, action, resource);";
    let all = [("open.cedar".to_owned(), open.to_owned())];
    let mut hub = agent("GitHub", Role::Agent);
    hub.secret_prefixes
        .push(SecretPrefix::new("/contentcraft/stripe/").unwrap());
    let policies = [
        Policy::shipped(PolicySet::OwnPrefixes, &installation(), vocabulary()),
        Policy::shipped(PolicySet::WholeNamespace, &installation(), vocabulary()),
        Policy::parse(&all, &installation(), vocabulary()).unwrap(),
    ];
    for policy in &policies {
        for action in ["putSecret", "readSecret"] {
            for own in [
                "/contentcraft/github/token",
                "/contentcraft/stripe/reporting_api_key",
                "/contentcraft/devopsautomation/key",
            ] {
                assert!(!ask(policy, &hub, action, own), "{action} {own}");
                assert!(ask(policy, &agent("admin", Role::Admin), action, own), "{action} {own}");
            }
            assert!(ask(policy, &hub, action, "/contentcraft/github/npm"));
            assert!(ask(policy, &hub, action, "/contentcraft/stripe/other"));
        }
    }
    let access = vocabulary()
        .access("readSecret", "/contentcraft/github/token", &stage("dev"))
        .unwrap();
    let [.., open] = &policies;
    let denied = open.decide(&hub, &access);
    assert_eq!(denied.policies, ["control-plane-secrets"]);
    assert_eq!(denied.closed, Some(Closed::OwnSecret));
    let said = denied.refusal(&hub.name, &access);
    assert!(said.contains("whatever the policies say"), "{said}");
    let other = vocabulary().access("manageAgents", "*", &stage("dev")).unwrap();
    let shipped = policies.first().unwrap();
    let said = shipped.decide(&hub, &other).refusal(&hub.name, &other);
    assert_eq!(
        said,
        "no policy lets GitHub do manageAgents on *; an operator can grant it"
    );
}
