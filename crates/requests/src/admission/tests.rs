//! Every row of bad input has its code; what the meaning of a request is; who may say who they are.

#![expect(clippy::needless_pass_by_value, reason = "the cases read better by value")]

use cc_devops_kernel::installation::Stages;
use cc_devops_kernel::names::{ActionsSecretName, AgentName, Namespace, RepositoryName, SecretName};
use serde_json::json;

use super::*;
use crate::actions::deploy_lambda::Deploy;
use crate::{Action, RepositoryWork};

fn installation() -> Installation {
    Installation {
        agent: AgentName::new("DevOpsAutomation").unwrap(),
        namespace: Namespace::new("contentcraft").unwrap(),
        stages: Stages::new(Stage::new("dev").unwrap(), vec![Stage::new("prod").unwrap()]),
        credentials: vec![],
        cost_control: AgentName::new("CostSentinel").unwrap(),
    }
}

fn principal(name: &str, role: Role) -> Principal {
    Principal {
        agent: AgentName::new(name).unwrap(),
        role,
    }
}

fn admit_as(principal: &Principal, detail: Value) -> Admission {
    let event = json!({"source": "agent.Writer", "detail-type": "devops.request", "detail": detail});
    let envelope = Envelope::read(event).map_err(|e| e.failure.message).unwrap();
    admit(
        &envelope,
        principal,
        (&installation(), Registry::shipped()),
        &FingerprintKey::new([1; 32]),
        Timestamp::UNIX_EPOCH,
    )
}

fn admit_detail(detail: Value) -> Admission {
    admit_as(&principal("Writer", Role::Agent), detail)
}

fn reason(detail: Value) -> Reason {
    admit_detail(detail).verdict.err().expect("must be refused").reason
}

fn put(params: Value) -> Value {
    json!({"requestId": "r", "action": "putSecret", "params": params})
}

fn deploy(params: Value) -> Value {
    json!({"requestId": "r", "action": "deployLambda", "params": params})
}

#[test]
fn bad_input_gets_its_code() {
    use Reason::{InvalidParameter, MissingParameter, SchemaValidationFailed, UnsupportedAction};
    let name = "/contentcraft/writer/key";
    let cases = [
        (json!({"requestId": "r"}), SchemaValidationFailed),
        (json!({"requestId": "r", "action": 7}), SchemaValidationFailed),
        (json!({"requestId": "r", "action": "dropTables"}), UnsupportedAction),
        (
            json!({"requestId": "r", "action": "putSecret", "stage": "qa"}),
            SchemaValidationFailed,
        ),
        (
            json!({"requestId": "r", "action": "putSecret", "stage": 1}),
            SchemaValidationFailed,
        ),
        (
            json!({"requestId": "r", "action": "putSecret", "ts": "yesterday"}),
            SchemaValidationFailed,
        ),
        (
            json!({"requestId": "r", "action": "putSecret", "agent": "Other"}),
            SchemaValidationFailed,
        ),
        (
            json!({"requestId": "r", "action": "putSecret", "params": []}),
            SchemaValidationFailed,
        ),
        (
            json!({"requestId": "r", "action": "putSecret", "params": {"name": "a"}, "payload": {}}),
            SchemaValidationFailed,
        ),
        (json!({"requestId": "r", "action": "putSecret"}), MissingParameter),
        (put(json!({"name": name})), MissingParameter),
        (put(json!({"name": name, "value": null})), MissingParameter),
        (put(json!({"value": "v"})), MissingParameter),
        (put(json!({"name": name, "value": 1})), SchemaValidationFailed),
        (put(json!({"name": name, "value": ""})), InvalidParameter),
        (
            put(json!({"name": name, "value": "v".repeat(65_537)})),
            InvalidParameter,
        ),
        (
            put(json!({"name": "/elsewhere/writer/key", "value": "v"})),
            InvalidParameter,
        ),
        (
            put(json!({"name": "/contentcraft/../key", "value": "v"})),
            InvalidParameter,
        ),
        (
            put(json!({"name": name, "value": "v", "kmskey": "k"})),
            InvalidParameter,
        ),
        (deploy(json!({})), MissingParameter),
        (deploy(json!({"stackName": "a b"})), InvalidParameter),
        (deploy(json!({"stackName": "a", "stage": "qa"})), InvalidParameter),
        (
            deploy(json!({"stackName": "a", "templateUrl": "http://x"})),
            InvalidParameter,
        ),
        (
            deploy(json!({"stackName": "a", "templateUrl": "https://x", "templateBody": "{}"})),
            InvalidParameter,
        ),
        (
            deploy(json!({"stackName": "a", "parameters": {"LD-PRELOAD": "x"}})),
            InvalidParameter,
        ),
        (
            deploy(json!({"stackName": "a", "parameters": {"A": "x\u{0}"}})),
            InvalidParameter,
        ),
        (
            deploy(json!({"stackName": "a", "parameters": {"A": {}}})),
            SchemaValidationFailed,
        ),
        (
            deploy(json!({"stackName": "a", "capabilities": ["CAPABILITY_ROOT"]})),
            InvalidParameter,
        ),
        (
            deploy(json!({"stackName": "a", "capabilities": "CAPABILITY_IAM"})),
            SchemaValidationFailed,
        ),
        (deploy(json!({"stackName": "a", "tags": {"": "x"}})), InvalidParameter),
    ];
    for (detail, expected) in cases {
        let shown = detail.to_string().chars().take(120).collect::<String>();
        assert_eq!(reason(detail), expected, "{shown}");
    }
}

#[test]
fn a_value_at_the_limit_is_taken() {
    let name = "/contentcraft/writer/key";
    assert!(
        admit_detail(put(json!({"name": name, "value": "v".repeat(65_536)})))
            .verdict
            .is_ok()
    );
    // 32,768 characters of two bytes each: the limit is in bytes.
    assert!(
        admit_detail(put(json!({"name": name, "value": "é".repeat(32_769)})))
            .verdict
            .is_err()
    );
}

#[test]
fn payload_is_another_name_for_params_and_stage_defaults_to_the_first() {
    let params = json!({"stackName": "cc-agent-writer", "parameters": {"Size": 3, "On": true}});
    let one = admit_detail(json!({"requestId": "r", "action": "deployLambda", "payload": params}));
    let two = admit_detail(
        json!({"requestId": "r", "action": "deployLambda", "params": params, "stage": "dev",
        "ts": "2026-01-31T12:00:00Z", "later": "field"}),
    );
    assert_eq!(one.head.fingerprint, two.head.fingerprint);
    assert_eq!(one.head.resource.as_deref(), Some("cc-agent-writer-dev"));
    let Ok(command) = one.verdict else {
        panic!("it is taken")
    };
    let deploy = &command.as_effect::<Deploy>().expect("a deploy").change;
    assert_eq!(deploy.parameters["Size"], "3");
    assert_eq!(deploy.parameters["On"], "true");
}

#[test]
fn the_parameters_stage_overrides_the_events() {
    let one = admit_detail(json!({"requestId": "r", "action": "deployLambda", "stage": "dev",
        "params": {"stackName": "cc-agent-writer", "stage": "prod"}}));
    assert_eq!(one.head.resource.as_deref(), Some("cc-agent-writer-prod"));
    assert_eq!(one.head.stage, "prod");
}

#[test]
fn nobody_is_somebody_else() {
    let detail = put(json!({"name": "/contentcraft/writer/key", "value": "v"}));
    let other = admit_as(&principal("Other", Role::Agent), detail.clone());
    assert_eq!(other.verdict.err().unwrap().reason, Reason::SecurityViolation);
    assert_eq!(
        other.head.agent.as_str(),
        "Other",
        "an unproven name is not kept as the agent"
    );
    let mut lying = detail.clone();
    lying["requestedBy"] = json!("Other");
    assert_eq!(reason(lying), Reason::SecurityViolation);
    let admin = admit_as(&principal("admin", Role::Admin), detail);
    assert!(admin.verdict.is_ok());
    assert_eq!(
        (admin.head.principal.as_str(), admin.head.agent.as_str()),
        ("admin", "Writer")
    );
}

#[test]
fn an_envelope_that_cannot_be_read_says_what_is_missing() {
    let detail = json!({"requestId": "r", "action": "putSecret"});
    let cases = [
        (json!([]), None),
        (json!({}), None),
        (json!({"detail-type": "devops.request", "detail": detail}), Some("r")),
        (
            json!({"source": "agent.A", "detail-type": "other", "detail": detail}),
            Some("r"),
        ),
        (
            json!({"source": "aws.s3", "detail-type": "devops.request", "detail": detail}),
            Some("r"),
        ),
        (
            json!({"source": "agent.A", "detail-type": "devops.request", "detail": "text"}),
            None,
        ),
        (
            json!({"source": "agent.A", "detail-type": "devops.request", "detail": {}}),
            None,
        ),
        (
            json!({"source": "agent.A", "detail-type": "devops.request", "detail": {"requestId": ""}}),
            None,
        ),
        (
            json!({"source": "agent.A", "detail-type": "devops.request", "detail": {"requestId": "r".repeat(129)}}),
            None,
        ),
        (
            json!({"source": "agent.A", "detail-type": "devops.request", "detail": {"requestId": 5}}),
            None,
        ),
    ];
    for (event, id) in cases {
        let unreadable = Envelope::read(event.clone())
            .err()
            .unwrap_or_else(|| panic!("{event} must be refused"));
        assert_eq!(unreadable.failure.reason, Reason::SchemaValidationFailed);
        assert_eq!(
            unreadable.id.as_ref().map(cc_devops_kernel::names::RequestId::as_str),
            id,
            "{event}"
        );
    }
}

#[test]
fn no_message_shows_a_value() {
    let planted = "planted-s3cret";
    for detail in [
        put(json!({"name": "/contentcraft/writer/key", "value": [planted]})),
        put(json!({"name": "/contentcraft/writer/key", "value": planted, "kmsKey": 1})),
        json!({"requestId": "r", "action": "putSecret", "params": planted}),
        deploy(json!({"stackName": "a", "parameters": {"A": [planted]}})),
        deploy(json!({"stackName": "a", "parameters": {"A": format!("{planted}\u{0}")}})),
    ] {
        let failure = admit_detail(detail).verdict.err().unwrap();
        assert!(!failure.message.contains(planted), "{}", failure.message);
    }
}

#[test]
fn work_on_repositories_is_read() {
    let of = |action: &str, params: Value| admit_detail(json!({"requestId": "r", "action": action, "params": params}));
    let all = of("github_repo_check", json!({}));
    assert_eq!(all.head.resource.as_deref(), Some("*"));
    let one = of("workflow_monitor", json!({"repository": "web", "workflow": "ci.yml"}));
    assert_eq!(one.head.resource.as_deref(), Some("web"));
    let secrets = json!({"repository": "web", "secrets": {"NPM_TOKEN": "/contentcraft/github/npm"}});
    let command = of("bootstrapRepoSecrets", secrets).verdict.ok().unwrap();
    match command.as_effect() {
        Some(RepositoryWork::SetSecrets { secrets, .. }) => assert_eq!(secrets.len(), 1),
        _ => panic!("secrets"),
    }
    let command = of("protectBranches", json!({"repository": "web", "dryRun": true})).verdict;
    match command.ok().unwrap().as_effect() {
        Some(RepositoryWork::Protect { dry_run, .. }) => assert!(dry_run),
        _ => panic!("protection"),
    }
}

#[test]
fn bad_work_on_repositories_gets_its_code() {
    for (action, params, wanted) in [
        (
            "github_repo_check",
            json!({"repository": "acme/web"}),
            Reason::InvalidParameter,
        ),
        ("github_repo_check", json!({"owner": "acme"}), Reason::InvalidParameter),
        (
            "workflow_monitor",
            json!({"workflow": "ci.yml"}),
            Reason::InvalidParameter,
        ),
        ("protectBranches", json!({}), Reason::MissingParameter),
        (
            "protectBranches",
            json!({"repository": "web", "dryRun": "yes"}),
            Reason::SchemaValidationFailed,
        ),
        (
            "bootstrapRepoSecrets",
            json!({"repository": "web"}),
            Reason::InvalidParameter,
        ),
        (
            "bootstrapRepoSecrets",
            json!({"repository": "web", "secrets": {"GITHUB_TOKEN": "/contentcraft/a/b"}}),
            Reason::InvalidParameter,
        ),
        (
            "bootstrapRepoSecrets",
            json!({"repository": "web", "secrets": {"TOKEN": "/elsewhere/a/b"}}),
            Reason::InvalidParameter,
        ),
    ] {
        let shown = format!("{action} {params}");
        assert_eq!(
            reason(json!({"requestId": "r", "action": action, "params": params})),
            wanted,
            "{shown}"
        );
    }
}

#[test]
fn the_parameters_of_a_task_are_those_that_are_read() {
    let name = |text: &str| RepositoryName::new(text).unwrap();
    for work in [
        RepositoryWork::Check { repository: None },
        RepositoryWork::Check {
            repository: Some(name("web")),
        },
        RepositoryWork::Monitor {
            repository: Some(name("web")),
            workflow: Some("ci.yml".to_owned()),
        },
        RepositoryWork::Protect {
            repository: name("web"),
            dry_run: true,
        },
        RepositoryWork::SetSecrets {
            repository: name("web"),
            secrets: [(
                ActionsSecretName::new("NPM_TOKEN").unwrap(),
                SecretName::new("/contentcraft/npm/token").unwrap(),
            )]
            .into(),
        },
    ] {
        let detail = json!({"requestId": "r", "action": Action::for_work(&work).as_str(), "params": work.params()});
        let read = admit_detail(detail).verdict.ok();
        let read = read.unwrap_or_else(|| panic!("{work:?} is not read again"));
        assert_eq!(read.as_effect(), Some(&work));
    }
}
