//! What the template promises beyond what SAM and the linters see: who may do what, and under which conditions.

use std::path::Path;

use cc_devops_lambda::wiring::{REPOSITORIES_CHAINS, SLACK_CHAINS};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// The template as JSON; `!Sub x` is `{"Sub": "x"}`.
fn template() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../template.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    as_json(&Yaml::load_from_str(&text).unwrap()[0])
}

fn as_json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(is)) => json!(is),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::FloatingPoint(number)) => json!(number.into_inner()),
        Yaml::Value(Scalar::String(text)) | Yaml::Representation(text, ..) => json!(text),
        Yaml::Sequence(items) => items.iter().map(as_json).collect(),
        Yaml::Mapping(fields) => {
            let field = |(name, value): (&Yaml<'_>, &Yaml<'_>)| (name.as_str().unwrap().to_owned(), as_json(value));
            Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
        }
        Yaml::Tagged(tag, node) => json!({ tag.suffix.as_str(): as_json(node) }),
        other => panic!("nothing of that kind is in the template: {other:?}"),
    }
}

/// A statement, also where it stands under a condition of the template.
fn unconditional(statement: &Value) -> &Value {
    statement.get("If").map_or(statement, |branches| &branches[1])
}

/// The statements of a role's policies.
fn statements(template: &Value, role: &str) -> Vec<Value> {
    let policies = template["Resources"][role]["Properties"]["Policies"]
        .as_array()
        .unwrap();
    let statements = policies
        .iter()
        .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    statements.map(|statement| unconditional(statement).clone()).collect()
}

fn statement(template: &Value, role: &str, sid: &str) -> Value {
    let found = statements(template, role)
        .into_iter()
        .find(|statement| statement["Sid"] == sid);
    found.unwrap_or_else(|| panic!("{role} has no statement {sid}"))
}

/// The statements of a role on the ledger's table. Any other on DynamoDB must be on a table that is allowed here, so
/// that a resource that is written in another way does not pass unseen.
fn on_ledger(template: &Value, role: &str) -> Vec<Value> {
    let (ledger, billing) = (
        json!({"GetAtt": "LedgerTable.Arn"}),
        json!({"GetAtt": "BillingTable.Arn"}),
    );
    let mut found = statements(template, role);
    found.retain(|statement| {
        let actions = statement["Action"].to_string();
        assert!(
            statement.get("NotAction").is_none() && !actions.contains('*'),
            "{role} names what it may: {statement}"
        );
        if !actions.contains("dynamodb:") {
            return false;
        }
        let resource = &statement["Resource"];
        let is_billing = role == "MrrRole" && *resource == billing;
        assert!(*resource == ledger || is_billing, "{role}: {statement}");
        !is_billing
    });
    found
}

const ROLES: [&str; 4] = ["FunctionRole", "MrrRole", "RepositoriesRole", "SlackRole"];

#[test]
fn a_key_of_ones_own_is_used_through_secrets_manager_alone() {
    let template = template();
    for role in ROLES {
        let key = statement(&template, role, "SecretsKey");
        assert_eq!(
            key["Condition"]["StringEquals"]["kms:ViaService"],
            json!({"Sub": "secretsmanager.${AWS::Region}.amazonaws.com"}),
            "{role}"
        );
    }
    let uses_kms = |statement: &Value| statement["Action"].to_string().contains("kms:");
    for role in ROLES {
        let all = statements(&template, role);
        assert_eq!(all.iter().filter(|statement| uses_kms(statement)).count(), 1, "{role}");
    }
}

#[test]
fn nothing_reaches_a_queue_or_the_topic_in_the_clear() {
    let template = template();
    let resources = template["Resources"].as_object().unwrap();
    let of = |kind: &str| {
        let all = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
        all.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let mut guarded = Vec::new();
    for (kind, named, target) in [
        ("AWS::SQS::QueuePolicy", "Queues", "GetAtt"),
        ("AWS::SNS::TopicPolicy", "Topics", "Ref"),
    ] {
        for policy in of(kind) {
            let properties = &resources[&policy]["Properties"];
            let statements = properties["PolicyDocument"]["Statement"].as_array().unwrap();
            let deny = statements
                .iter()
                .find(|statement| statement["Effect"] == "Deny")
                .unwrap();
            assert_eq!(deny["Principal"], "*", "{policy}");
            assert_eq!(
                deny["Condition"],
                json!({"Bool": {"aws:SecureTransport": "false"}}),
                "{policy}"
            );
            for named in properties[named].as_array().unwrap() {
                let name = named["Ref"].as_str().unwrap();
                let resource = match target {
                    "GetAtt" => json!({"GetAtt": format!("{name}.Arn")}),
                    _ => json!({"Ref": name}),
                };
                let covered = match &deny["Resource"] {
                    Value::Array(all) => all.contains(&resource),
                    one => *one == resource,
                };
                assert!(covered, "{policy} names {name} and does not deny it");
                guarded.push(name.to_owned());
            }
        }
    }
    guarded.sort();
    let mut all: Vec<String> = of("AWS::SQS::Queue").into_iter().chain(of("AWS::SNS::Topic")).collect();
    all.sort();
    assert_eq!(guarded, all, "each queue and topic is guarded once");
}

#[test]
fn the_functions_role_may_not_change_the_control_planes_own_stack() {
    let template = template();
    let own = statement(&template, "FunctionRole", "OwnStack");
    assert_eq!(own["Effect"], "Deny");
    let denied = own["Action"].as_array().unwrap();
    // Whatever it may do to agents' stacks that changes one.
    for sid in ["Stacks", "NestedStacks", "PlannedStacks"] {
        let allowed = statement(&template, "FunctionRole", sid);
        for action in allowed["Action"].as_array().unwrap() {
            let reads = ["cloudformation:Describe", "cloudformation:Get", "cloudformation:List"];
            let reads = reads.iter().any(|verb| action.as_str().unwrap().starts_with(verb));
            assert!(reads || denied.contains(action), "{action}");
        }
    }
    let names: Vec<&str> = own["Resource"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arn| arn["Sub"].as_str().unwrap())
        .collect();
    assert!(
        names.iter().any(|arn| arn.ends_with(":stack/${AWS::StackName}/*")),
        "{names:?}"
    );
}

#[test]
fn nested_stacks_are_changed_by_their_root_alone_and_a_stack_is_deleted_only_where_stacks_are_made() {
    let template = template();
    let nested = statement(&template, "FunctionRole", "NestedStacks");
    assert!(!nested["Action"].to_string().contains("Execute"), "{nested}");
    let deletes = |statement: &&Value| {
        statement["Effect"] == "Allow" && statement["Action"].to_string().contains("cloudformation:DeleteStack")
    };
    let all = statements(&template, "FunctionRole");
    let deleting: Vec<&Value> = all.iter().filter(deletes).map(|statement| &statement["Sid"]).collect();
    assert_eq!(deleting, ["PlannedStacks"]);
    let policies = template["Resources"]["FunctionRole"]["Properties"]["Policies"].to_string();
    assert!(
        policies.contains(r#"{"If":["MayCreateStacks",{"#),
        "only where it was asked for"
    );
    assert_eq!(template["Parameters"]["CreatesStacks"]["Default"], "false");
}

#[test]
fn the_function_hears_of_every_end_of_a_stacks_change() {
    let template = template();
    let rule = &template["Resources"]["DevOpsAutomationFunction"]["Properties"]["Events"]["StackStatus"]["Properties"]
        ["Pattern"];
    let heard = rule["detail"]["status-details"]["status"].as_array().unwrap();
    for change in ["UPDATE", "CREATE"] {
        let rollback = if change == "UPDATE" {
            "UPDATE_ROLLBACK"
        } else {
            "ROLLBACK"
        };
        for end in ["COMPLETE", "FAILED"] {
            assert!(heard.contains(&json!(format!("{change}_{end}"))), "{change}_{end}");
            assert!(heard.contains(&json!(format!("{rollback}_{end}"))), "{rollback}_{end}");
        }
    }
}

#[test]
fn the_other_functions_may_leave_news_and_write_nothing_that_is_believed() {
    let template = template();
    for (role, own) in [("MrrRole", "revenue"), ("RepositoriesRole", "repositories")] {
        let (news, conditions) = (&format!("NEWS#{own}"), &format!("CONDITIONS#{own}"));
        let mut keys = Vec::new();
        for statement in on_ledger(&template, role) {
            let writes = [
                "PutItem",
                "UpdateItem",
                "DeleteItem",
                "BatchWriteItem",
                "TransactWriteItems",
            ];
            let actions = statement["Action"].to_string();
            if !writes.iter().any(|write| actions.contains(write)) {
                continue;
            }
            let condition = &statement["Condition"];
            let (_, leading) = condition.as_object().unwrap().iter().next().unwrap();
            keys.extend(leading["dynamodb:LeadingKeys"].as_array().unwrap().clone());
        }
        assert!(
            keys.contains(&json!(news)) && keys.contains(&json!(conditions)),
            "{role}: {keys:?}"
        );
        for key in &keys {
            let key = key.as_str().unwrap();
            assert!(
                !"LOG#1".starts_with(key.trim_end_matches('*')) && key != "*",
                "{role} may write {key}"
            );
            assert!(!key.starts_with("NEWS") || key == news, "{role} leaves {key}");
            assert!(
                !key.starts_with("CONDITIONS") || key == conditions,
                "{role} leaves {key}"
            );
            assert!(!key.starts_with("STATE"), "{role} may write alerts: {key}");
        }
    }
}

#[test]
fn the_other_functions_write_no_chain_of_the_trail_but_their_own() {
    let template = template();
    let reaches_chains = |key: &str| {
        let stem = key.trim_end_matches('*');
        stem.starts_with("AUDIT") || (stem != key && "AUDIT#".starts_with(stem))
    };
    for (role, own) in [
        ("MrrRole", None),
        ("RepositoriesRole", Some(REPOSITORIES_CHAINS)),
        ("SlackRole", Some(SLACK_CHAINS)),
    ] {
        let mut chains: Vec<String> = Vec::new();
        for statement in on_ledger(&template, role) {
            let condition = statement["Condition"].as_object().unwrap();
            for leading in condition.values() {
                let keys = leading["dynamodb:LeadingKeys"].as_array().unwrap();
                let keys = keys.iter().filter_map(Value::as_str);
                chains.extend(keys.filter(|key| reaches_chains(key)).map(str::to_owned));
            }
        }
        let expected: Vec<String> = own.iter().map(|own| format!("AUDIT#{own}-*")).collect();
        assert_eq!(chains, expected, "{role}");
    }
}

#[test]
fn the_sealing_key_is_published_under_the_contracts_name() {
    let template = template();
    let published = statement(&template, "FunctionRole", "SealingKey");
    let parameters = published["Resource"].to_string();
    for name in [
        ":parameter/${Namespace}/devops/sealing-key\"",
        ":parameter/${Namespace}/devops/sealing-key/${Stage}\"",
    ] {
        assert!(parameters.contains(name), "{parameters}");
    }
    for role in ["MrrRole", "RepositoriesRole"] {
        let all = statements(&template, role);
        assert!(!Value::from(all).to_string().contains("sealing-key"), "{role}");
    }
}

#[test]
fn a_click_in_slack_may_write_a_decision_and_nothing_else() {
    let template = template();
    let written = statement(&template, "SlackRole", "Decisions");
    assert_eq!(written["Action"], "dynamodb:PutItem");
    assert_eq!(
        written["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"],
        json!(["STATE#plan", format!("AUDIT#{SLACK_CHAINS}-*")])
    );
    let actions: String = statements(&template, "SlackRole")
        .iter()
        .map(|statement| statement["Action"].to_string())
        .collect();
    for refused in [
        "cloudformation:",
        "iam:",
        "lambda:",
        "UpdateItem",
        "DeleteItem",
        "dynamodb:Query",
        "PutSecretValue",
        "PutParameter",
    ] {
        assert!(!actions.contains(refused), "{refused} in {actions}");
    }
    // Off by default, with all that belongs to it.
    assert_eq!(template["Parameters"]["SlackSigningSecret"]["Default"], "");
    for name in [
        "SlackLogs",
        "SlackRole",
        "SlackActionsFunction",
        "SlackActionsUrl",
        "SlackActionsUrlPermission",
        "SlackActionsInvokePermission",
    ] {
        assert_eq!(template["Resources"][name]["Condition"], "TakesClicks", "{name}");
    }
}
