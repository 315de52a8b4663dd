//! What is or may hold a secret is hidden, and that it changes is not.

use cc_devops_deploys::Reviewed;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sets::{arn, change, detail, digest_of, read, read_nested, row, set, shown, with, worker};

/// That this property is hidden, and nothing of its values shown.
fn hidden(reviewed: &Reviewed, id: &str, path: &str) {
    let found = row(reviewed, id);
    assert_eq!(found.masked, [path], "{path}");
    assert!(found.properties.iter().all(|property| property.masked), "{path}");
    let told = shown(reviewed);
    assert!(!told.contains("canary"), "{path}: {told}");
    assert!(told.contains("(hidden, changes)"), "{path}: {told}");
}

#[test]
fn a_secret_is_hidden_wherever_it_stands() {
    let places = [
        ("AWS::Lambda::Function", "/Properties/Environment"),
        ("AWS::Lambda::Function", "/Properties/Environment/Variables/A"),
        ("AWS::Lambda::Function", "/Properties"),
        ("AWS::ECS::TaskDefinition", "/Properties/ContainerDefinitions"),
        ("AWS::ECS::TaskDefinition", "/Properties/ContainerDefinitions/0"),
        (
            "AWS::ECS::TaskDefinition",
            "/Properties/ContainerDefinitions/1/Environment/0/Value",
        ),
        ("AWS::EC2::LaunchTemplate", "/Properties/LaunchTemplateData"),
        ("AWS::EC2::LaunchTemplate", "/Properties/LaunchTemplateData/UserData"),
        ("AWS::EC2::Instance", "/Properties/UserData"),
        (
            "AWS::ElasticBeanstalk::Environment",
            "/Properties/OptionSettings/3/Value",
        ),
        ("AWS::SecretsManager::Secret", "/Properties/SecretString"),
        ("AWS::RDS::DBInstance", "/Properties/MasterUserPassword"),
        ("AWS::Redshift::Cluster", "/Properties/MasterUserPassword"),
        ("AWS::ElastiCache::ReplicationGroup", "/Properties/AuthToken"),
        (
            "AWS::CodePipeline::Pipeline",
            "/Properties/Stages/0/Actions/0/Configuration/OAuthToken",
        ),
        (
            "AWS::CodeBuild::Project",
            "/Properties/Environment/EnvironmentVariables/0/Value",
        ),
        ("AWS::Amplify::App", "/Properties/EnvironmentVariables/1/Value"),
        ("AWS::SSM::Parameter", "/Properties/Value"),
        (
            "AWS::Glue::Connection",
            "/Properties/ConnectionInput/ConnectionProperties/PASSWORD",
        ),
        ("AWS::DMS::Endpoint", "/Properties/Password"),
        (
            "AWS::Cognito::UserPoolIdentityProvider",
            "/Properties/ProviderDetails/client_secret",
        ),
        ("Custom::Db", "/Properties/Settings/adminPassword"),
    ];
    for (resource_type, path) in places {
        let details = json!({"Details": [detail(path, "canary-before", "canary-after")]});
        let reviewed = read(set("s", &[change("It", resource_type, "Modify", &details)]));
        hidden(&reviewed, "It", path);
        assert!(reviewed.hides_something());
    }
}

#[test]
fn a_container_is_hidden_by_what_its_value_holds() {
    let values = [
        r#"{"Image":"x","Environment":[{"Name":"A","Value":"canary"}]}"#,
        r#"[[{"deep":[{"DbPassword":"canary"}]}]]"#,
        r#"{"Configuration":"{\"EnvironmentVariables\":\"[{\\\"value\\\":\\\"canary\\\"}]\"}"}"#,
        r#"[{"Key":"AuthToken","Value":"canary"}]"#,
        r#"{"url":"https://u:{{resolve:ssm-secure:canary}}@h"}"#,
        r#"{"UserData":"canary"#,
        "{{resolve:secretsmanager:canary}}",
    ];
    for value in values {
        for (before, after) in [(value, "canary plain"), ("canary plain", value)] {
            let reviewed = read(set("c", &[worker(&[detail("/Properties/Spec", before, after)])]));
            hidden(&reviewed, "Worker", "/Properties/Spec");
        }
    }
    let as_json = json!({"Target": {"Path": "/Properties/Spec", "BeforeValue": {"Environment": ["canary"]}}});
    hidden(&read(set("c", &[worker(&[as_json])])), "Worker", "/Properties/Spec");
}

#[test]
fn what_a_hidden_parameter_caused_is_hidden_in_its_own_stack() {
    let caused = |cause: &str| {
        with(
            detail("/Properties/Url", "canary-1", "canary-2"),
            &json!({"ChangeSource": "ParameterReference", "CausingEntity": cause}),
        )
    };
    let parameters = json!({"Parameters": [{"ParameterKey": "Db", "ParameterValue": "****"},
                                           {"ParameterKey": "Size", "ParameterValue": "small"}]});
    let reviewed = read(with(set("p", &[worker(&[caused("Db")])]), &parameters));
    hidden(&reviewed, "Worker", "/Properties/Url");
    let open = read(with(set("p", &[worker(&[caused("Size")])]), &parameters));
    assert!(row(&open, "Worker").masked.is_empty());
    // The same path by two causes: one is enough.
    let both = [caused("Size"), caused("Db")];
    hidden(
        &read(with(set("p", &[worker(&both)]), &parameters)),
        "Worker",
        "/Properties/Url",
    );
    // What stands above it, and below.
    for path in ["/Properties/Url/host", "/Properties/Url/host/0"] {
        let below = [caused("Db"), detail(path, "canary-3", "canary-4")];
        let reviewed = read(with(set("p", &[worker(&below)]), &parameters));
        assert_eq!(row(&reviewed, "Worker").masked.len(), 2);
        assert!(!shown(&reviewed).contains("canary"));
    }
    let mut deep = caused("Db");
    deep["Target"]["Path"] = json!("/Properties/Options/url");
    let above = [detail("/Properties/Options", "canary-5", "canary-6"), deep];
    let reviewed = read(with(set("p", &[worker(&above)]), &parameters));
    assert_eq!(
        row(&reviewed, "Worker").masked,
        ["/Properties/Options", "/Properties/Options/url"]
    );
    // A nested stack's own parameters count in it.
    let nested = with(set("1", &[worker(&[caused("Db")])]), &parameters);
    let passed = [
        detail("/Properties/Parameters/Db", "canary-7", "canary-8"),
        detail("/Properties/Parameters", r#"{"Db":"canary-9"}"#, "{}"),
    ];
    let more = json!({"ChangeSetId": arn("1"), "Details": passed});
    let root = set("0", &[change("Data", "AWS::CloudFormation::Stack", "Modify", &more)]);
    let reviewed = read_nested(root, [("1", nested)]);
    assert_eq!(row(&reviewed, "Data/Worker").masked, ["/Properties/Url"]);
    assert!(!shown(&reviewed).contains("canary"), "{}", shown(&reviewed));
}

#[test]
fn contexts_drift_and_what_nobody_knows_are_never_shown_and_count() {
    let context = |name: &str, value: &str| {
        let more = json!({name: value, "Details": []});
        read(set("x", &[change("It", "AWS::SNS::Topic", "Add", &more)]))
    };
    let plain = digest_of(&read(set(
        "x",
        &[change("It", "AWS::SNS::Topic", "Add", &json!({"Details": []}))],
    )));
    for name in [
        "BeforeContext",
        "AfterContext",
        "PreviousDeploymentContext",
        "TomorrowsMember",
    ] {
        let (a, b) = (
            context(name, r#"{"a":"canary-1","b":2}"#),
            context(name, r#"{"a":"canary-2","b":2}"#),
        );
        assert!(!shown(&a).contains("canary"));
        assert_ne!(digest_of(&a), digest_of(&b), "{name}");
        assert_ne!(digest_of(&a), plain, "{name}");
        assert_eq!(
            digest_of(&a),
            digest_of(&context(name, r#"{ "b": 2, "a": "canary-1" }"#)),
            "{name}"
        );
    }
    let drifted = |actual: &str| {
        let mut drifted = detail("/Properties/Size", "1", "2");
        drifted["Target"]["Drift"] = json!({"PreviousValue": "1", "ActualValue": actual});
        read(set("x", &[worker(&[drifted])]))
    };
    assert!(!shown(&drifted("canary-1")).contains("canary"));
    assert_ne!(digest_of(&drifted("canary-1")), digest_of(&drifted("canary-2")));
}

#[test]
fn parameters_are_shown_unless_they_are_secrets_and_tags_are_shown() {
    let more = json!({
        "Parameters": [
            {"ParameterKey": "Secret", "ParameterValue": "****"},
            {"ParameterKey": "DbPassword", "ParameterValue": "canary-1"},
            {"ParameterKey": "Url", "ParameterValue": "{{resolve:secretsmanager:canary-2}}"},
            {"ParameterKey": "Image", "ParameterValue": "/ami", "ResolvedValue": "ami-shown"},
            {"ParameterKey": "Size", "ParameterValue": "size-shown", "UsePreviousValue": true},
            {"ParameterKey": "Environment", "ParameterValue": "stage-shown"},
        ],
        "Tags": [{"Key": "Environment", "Value": "tag-shown"}],
    });
    let reviewed = read(with(set("t", &[]), &more));
    let told = shown(&reviewed);
    assert!(!told.contains("canary"), "{told}");
    for text in [
        "ami-shown",
        "size-shown",
        "stage-shown",
        "tag-shown",
        "parameter Secret: (hidden)",
    ] {
        assert!(told.contains(text), "{text}: {told}");
    }
    let mut other = more;
    other["Parameters"][1]["ParameterValue"] = json!("canary-3");
    assert_ne!(digest_of(&reviewed), digest_of(&read(with(set("t", &[]), &other))));
}

#[test]
fn a_parameter_that_is_called_as_secrets_are_is_not_listed_and_its_change_counts() {
    for name in ["SlackToken", "WebhookSecret", "DB_PASSWD", "GitCredential"] {
        let with_value = |value: &str| {
            let more = json!({"Parameters": [{"ParameterKey": name, "ParameterValue": value}]});
            read(with(set("n", &[worker(&[])]), &more))
        };
        let reviewed = with_value("canary-2");
        assert!(reviewed.about.parameters[name].masked, "{name}");
        assert_eq!(reviewed.about.parameters[name].value, None, "{name}");
        assert_ne!(digest_of(&reviewed), digest_of(&with_value("canary-3")), "{name}");
    }
}

#[test]
fn what_is_no_secret_is_shown() {
    for (path, after) in [
        ("/Properties/Tags/0/Value", "prod"),
        ("/Properties/Tags", r#"[{"Key":"Environment","Value":"prod"}]"#),
        ("/Properties/Description", "sets the Password of nobody"),
        ("/Properties/ContainerDefinitions/0/Image", "repo/image:2"),
        ("/Properties/KmsKeyArn", "arn:aws:kms:x"),
        ("/Properties/Definition", r#"{"StartAt":"A","States":{}}"#),
    ] {
        let reviewed = read(set("o", &[worker(&[detail(path, "before", after)])]));
        assert!(row(&reviewed, "Worker").masked.is_empty(), "{path}");
        assert!(!reviewed.hides_something(), "{path}");
        assert_eq!(row(&reviewed, "Worker").properties[0].after.as_deref(), Some(after));
    }
}

/// Paths below which a secret may stand.
fn place() -> impl Strategy<Value = String> {
    let head = prop::sample::select(vec!["/Properties", "/Properties/Spec/0", "/Properties/A/B"]);
    let name = prop::sample::select(vec![
        "Environment",
        "EnvironmentVariables",
        "UserData",
        "OptionSettings",
        "SecretString",
        "TheirPassword",
        "AuthTokenOfIt",
        "GitHubOAuthToken",
    ]);
    let tail = prop::sample::select(vec!["", "/0", "/Variables/X", "/3/Value"]);
    (head, name, tail).prop_map(|(head, name, tail)| format!("{head}/{name}{tail}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// A canary is in the value of a secret's path, in JSON of what stands above it, in contexts and drift.
    #[test]
    fn no_canary_is_in_any_output(places in prop::collection::vec(place(), 1..5), wraps in 0_usize..3, seed in any::<u32>()) {
        let canary = format!("canary-{seed}");
        let mut details: Vec<Value> = places.iter().map(|path| detail(path, &canary, "x")).collect();
        for path in &places {
            let (above, name) = path.rsplit_once('/').unwrap();
            let mut held = json!({name: canary, "Password": canary});
            for _ in 0..wraps {
                held = json!([held.to_string()]);
            }
            details.push(detail(above, "", &held.to_string()));
            details.push(detail("/Properties/Elsewhere", &held.to_string(), ""));
        }
        details[0]["Target"]["Drift"] = json!({"ActualValue": canary});
        let more = json!({"Details": details, "AfterContext": json!({"Properties": canary}).to_string()});
        let reviewed = read(set("q", &[change("It", "Custom::It", "Modify", &more)]));
        let told = shown(&reviewed);
        prop_assert!(!told.contains(&canary), "{}", told);
    }
}
