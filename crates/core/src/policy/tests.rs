//! The shipped sets, and what policies of one's own can and cannot do.

use super::*;
use crate::installation::Stages;
use crate::names::{AgentName, SecretPrefix, StackName, Stage};
use crate::requests::Role;

fn installation() -> Installation {
    Installation {
        agent: AgentName::new("DevOpsAutomation").unwrap(),
        namespace: Namespace::new("contentcraft").unwrap(),
        stages: Stages::new(stage("dev"), vec![stage("prod")]),
    }
}

fn stage(name: &str) -> Stage {
    Stage::new(name).unwrap()
}

fn agent(name: &str, role: Role) -> Agent {
    Agent {
        name: AgentName::new(name).unwrap(),
        role,
        secret_prefixes: Vec::new(),
        stacks: Vec::new(),
    }
}

fn ask(policy: &Policy, agent: &Agent, action: &str, resource: &str) -> bool {
    policy
        .decide(agent, &Access::parse(action, resource, &stage("dev")).unwrap())
        .allowed
}

#[test]
fn by_default_an_agent_has_its_own_and_nothing_else() {
    let policy = Policy::shipped(PolicySet::OwnPrefixes, &installation());
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
        ("readHealth", "*", false),
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
    let policy = Policy::shipped(PolicySet::OwnPrefixes, &installation());
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
        let policy = Policy::shipped(set, &installation());
        let admin = agent("admin", Role::Admin);
        for (action, resource) in [
            ("putSecret", "/contentcraft/any/key"),
            ("readSecret", "/contentcraft/any/key"),
            ("deployLambda", "any"),
            ("sendHeartbeat", "Any"),
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
fn the_whole_namespace_set_opens_secrets_and_agent_stacks() {
    let policy = Policy::shipped(PolicySet::WholeNamespace, &installation());
    let me = agent("A", Role::Agent);
    assert!(ask(&policy, &me, "putSecret", "/contentcraft/other/key"));
    assert!(ask(&policy, &me, "deployLambda", "cc-agent-other"));
    assert!(!ask(&policy, &me, "deployLambda", "database"));
    assert!(!ask(&policy, &me, "readRequests", "*"));
    let decision = policy.decide(
        &me,
        &Access::parse("deployLambda", "cc-agent-other", &stage("dev")).unwrap(),
    );
    assert_eq!(decision.policies, ["agent-every-agent-stack"]);
}

#[test]
fn no_policy_lets_anybody_change_the_control_planes_own_stacks() {
    let everything = r#"@id("everything") permit (principal, action, resource);"#;
    let sources = [("open.cedar".to_owned(), everything.to_owned())];
    let open = Policy::parse(&sources, &installation()).unwrap();
    let mut owner = agent("A", Role::Agent);
    owner.stacks.push(StackName::new("cc-agent-devops-automation").unwrap());
    let sets = PolicySet::ALL.map(|set| Policy::shipped(set, &installation()));
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
                let access = Access::parse("deployLambda", own, &stage("dev")).unwrap();
                assert!(policy.refusal(&access).unwrap().contains("make deploy"));
            }
        }
        assert!(ask(
            &policy,
            &agent("admin", Role::Admin),
            "deployLambda",
            "cc-agent-other"
        ));
        let elsewhere = Access::parse("deployLambda", "plane-of-acme", &stage("prod")).unwrap();
        assert_eq!(policy.refusal(&elsewhere), None, "a full name is one stage's");
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
    let policy = Policy::parse(&sources, &installation()).unwrap();
    let me = agent("Writer", Role::Agent);
    assert!(ask(&policy, &me, "github_repo_check", "web"));
    assert!(!ask(&policy, &me, "github_repo_check", "*"));
    assert!(!ask(&policy, &me, "protectBranches", "web"));
    let all = Access::parse("protectBranches", "*", &stage("dev"));
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
    let policy = Policy::parse(&sources, &installation()).unwrap();
    let me = agent("A", Role::Agent);
    let on = |name: &str| Access::parse("deployLambda", "cc-agent-a", &stage(name)).unwrap();
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
    let problems = Policy::parse(&sources, &installation()).err().unwrap();
    assert!(problems.iter().any(|p| p.file == "one.cedar"), "{problems:?}");
    assert!(problems.iter().any(|p| p.file == "two.cedar"), "{problems:?}");
}

#[test]
fn no_policies_means_no() {
    let policy = Policy::parse(&[], &installation()).unwrap();
    assert!(!ask(&policy, &agent("admin", Role::Admin), "listAgents", "*"));
}
