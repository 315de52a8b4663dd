//! Names that policies of one's own write down.

use cc_devops_kernel::names::AgentName;

use crate::Policy;
use crate::tests::{installation, vocabulary};

/// What is said of a policy whose condition names this entity.
fn said_of(condition: &str) -> Vec<String> {
    let text = format!("// a comment\nforbid (principal, action, resource)\nwhen {{ {condition} }};\n");
    match Policy::parse(&[("own.cedar".to_owned(), text)], &installation(), vocabulary()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_name_in_a_policy_that_can_be_nothing_here_is_refused_with_its_line() {
    for (written, meant) in [
        (
            "resource == Secret::\"contentcraft/a/key\"",
            "Secret::\"/contentcraft/a/key\"",
        ),
        (
            "resource == Secret::\"/ContentCraft/a/key\"",
            "Secret::\"/contentcraft/a/key\"",
        ),
        ("resource == Secret::\"a/key\"", "Secret::\"/contentcraft/a/key\""),
        (
            "resource == Secret::\"/contentcraft//a/key\"",
            "Secret::\"/contentcraft/a/key\"",
        ),
        (
            "resource == Secret::\"/contentcraft/a/\"",
            "SecretPrefix::\"/contentcraft/a/\"",
        ),
        (
            "resource in SecretPrefix::\"/contentcraft/a\"",
            "SecretPrefix::\"/contentcraft/a/\"",
        ),
        (
            "resource in SecretPrefix::\"contentcraft/a/\"",
            "SecretPrefix::\"/contentcraft/a/\"",
        ),
        ("resource == Stack::\"cc-agent-a-prod\"", "Stack::\"cc-agent-a\""),
        ("resource == Repository::\"deepfoundai/web\"", "Repository::\"web\""),
        ("resource == ControlPlane::\"DevOps\"", "ControlPlane::\"devops\""),
        ("resource == Agent::\"agent.Billing\"", "Agent::\"Billing\""),
        ("principal == Agent::\"agent.Billing\"", "Agent::\"Billing\""),
    ] {
        let said = said_of(written);
        let [said] = said.as_slice() else {
            panic!("{written}: {said:?}");
        };
        assert!(said.starts_with("own.cedar:3: "), "{said}");
        assert!(said.contains(&format!("did you mean {meant}")), "{said}");
    }
    for written in [
        "resource == Secret::\"/other/a/key\"",
        "resource in SecretPrefix::\"/other/\"",
        "resource == Stack::\"9lives\"",
        "principal == Admin::\"no name\"",
    ] {
        let said = said_of(written);
        assert!(
            said.len() == 1 && said[0].starts_with("own.cedar:3: "),
            "{written}: {said:?}"
        );
    }
}

/// What a policy may name, as the schema has it: a type that is added must be held to its names, too.
#[test]
fn every_type_of_the_schema_is_held_to_its_names() {
    let schema = include_str!("../entities.cedarschema");
    let types: Vec<&str> = schema
        .lines()
        .filter_map(|line| line.strip_prefix("entity ")?.split([' ', ';']).next())
        .collect();
    assert!(types.contains(&"Stage") && types.contains(&"Observer"), "{types:?}");
    for name in types {
        let place = match name {
            "Agent" | "Admin" | "Observer" => "principal ==",
            "Stage" => "context.stage ==",
            "SecretPrefix" => "resource in",
            _ => "resource ==",
        };
        let said = said_of(&format!("{place} {name}::\"no such name!\""));
        let told = format!("own.cedar:3: {name}::\"no such name!\": ");
        assert!(said.iter().any(|said| said.starts_with(&told)), "{name}: {said:?}");
    }
}

#[test]
fn a_stage_that_does_not_exist_is_refused_with_those_that_do() {
    let text = "forbid (principal, action == Action::\"deployLambda\", resource)\nwhen {\n  context.stage == \
                Stage::\"Prod\" ||\n  [Stage::\"dev\", Stage::\"qa\"].contains(context.stage)\n};";
    let problems = Policy::parse(
        &[("freeze.cedar".to_owned(), text.to_owned())],
        &installation(),
        vocabulary(),
    )
    .err()
    .unwrap();
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "freeze.cedar:3: Stage::\"Prod\": there is no such stage; use one of: dev, prod; did you mean \
             Stage::\"prod\"?",
            "freeze.cedar:4: Stage::\"qa\": there is no such stage; use one of: dev, prod",
        ]
    );
}

#[test]
fn what_fits_is_taken_wherever_it_stands() {
    let text = r#"
        @id("Stage::\"nowhere\"") // Stage::"nowhere"
        forbid (principal == Agent::"Billing", action == Action::"putSecret", resource == Secret::"/contentcraft/a/key")
        when { {"s": context.stage}.s == Stage::"prod" && "Stage::\"nowhere\"" != resource.name };
        forbid (principal is Agent, action in [Action::"github_repo_check"], resource == Repository::"web.site");
        permit (principal in Admin::"admin", action == Action::"deployLambda", resource == Stack::"cc-agent-a");
        permit (principal, action == Action::"readRequests", resource == ControlPlane :: "devops");
        forbid (principal, action == Action::"readSecret", resource)
        unless { resource in [SecretPrefix::"/contentcraft/", SecretPrefix::"/contentcraft/a/"] };
    "#;
    let parsed = Policy::parse(
        &[("own.cedar".to_owned(), text.to_owned())],
        &installation(),
        vocabulary(),
    );
    assert_eq!(parsed.err(), None);
}

#[test]
fn a_policy_that_can_never_decide_anything_is_refused() {
    for text in [
        "forbid (principal, action == Action::\"putSecret\", resource is Stack);",
        "\n\nforbid (principal, action, resource) when { principal is Agent && resource is Stage };",
    ] {
        let problems = Policy::parse(
            &[("idle.cedar".to_owned(), text.to_owned())],
            &installation(),
            vocabulary(),
        );
        let problems = problems.err().unwrap();
        assert!(problems.iter().all(|problem| problem.line.is_some()), "{problems:?}");
    }
}

#[test]
fn an_agent_in_a_policy_whose_name_another_has_is_refused() {
    let text = "forbid (principal == Agent::\"billing\", action, resource);\n\
                forbid (principal == Agent::\"Not-Yet\", action, resource);\n\
                permit (principal, action == Action::\"readEvents\", resource == Agent::\"wri-ter\");";
    let policy = Policy::parse(
        &[("own.cedar".to_owned(), text.to_owned())],
        &installation(),
        vocabulary(),
    )
    .unwrap();
    let name = |text: &str| AgentName::new(text).unwrap();
    assert_eq!(policy.check_agents(&[name("Other"), name("billing")]), Ok(()));
    let problems = policy.check_agents(&[name("Billing"), name("Wri-Ter")]).unwrap_err();
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "own.cedar:1: Agent::\"billing\": there is no such agent, and there will be none beside Billing; did you \
             mean Agent::\"Billing\"?",
            "own.cedar:3: Agent::\"wri-ter\": there is no such agent, and there will be none beside Wri-Ter; did you \
             mean Agent::\"Wri-Ter\"?",
        ]
    );
}
