//! `deploys review`, through the real binary: every case with known truth, on both stages, and what cannot be reviewed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::process::{Place, Run};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploys/tests/data/cases")
}

fn all() -> Value {
    serde_json::from_slice(&fs::read(cases().join("cases.json")).unwrap()).unwrap()
}

/// A case's file or folder as a word of a command line.
fn file(case: &Value, name: &str) -> String {
    cases()
        .join(case[name].as_str().unwrap())
        .to_string_lossy()
        .into_owned()
}

/// Reviews a case's document.
fn review(place: &Place, case: &Value, more: &[&str]) -> Run {
    let input = file(case, "document");
    let mut words = vec!["deploys", "review", "--input", &input];
    let nested = case["nested"].is_string().then(|| file(case, "nested"));
    words.extend(nested.iter().flat_map(|dir| ["--nested", dir]));
    words.extend(more);
    place.run(&words)
}

fn code(verdict: &Value) -> i32 {
    match verdict.as_str() {
        Some("apply") => 0,
        Some("needs_approval") => 5,
        Some("denied") => 4,
        other => panic!("{other:?} is no verdict"),
    }
}

#[test]
fn every_case_of_deploys_review_is_decided_as_it_is_known() {
    let place = Place::new();
    for case in all()["cases"].as_array().unwrap() {
        let id = &case["id"];
        let expect = &case["expect"];
        for stage in ["dev", "prod"] {
            let run = review(&place, case, &["--stage", stage, "--json"]);
            if expect["verdict"] == "never apply" {
                assert_eq!(run.json()["verdict"], "denied", "{id}");
                assert_eq!(run.code, 4, "{id}");
                continue;
            }
            let answer = run.json();
            assert_eq!(answer["verdict"], expect["verdict"][stage], "{id} {stage}: {run}");
            assert_eq!(run.code, code(&expect["verdict"][stage]), "{id} {stage}");
            for (name, value) in expect["summary"].as_object().unwrap() {
                assert_eq!(&answer["summary"][name], value, "{id}: {name}");
            }
            let rows = answer["changes"].as_array().unwrap();
            for wanted in expect["changes"].as_array().unwrap() {
                let row = rows.iter().find(|row| row["path"] == wanted["path"]).unwrap();
                for (name, value) in wanted.as_object().unwrap() {
                    assert_eq!(&row[name], value, "{id}: {name}");
                }
            }
            for text in case["mustShow"].as_array().into_iter().flatten() {
                assert!(run.stdout.contains(text.as_str().unwrap()), "{id}: {text}");
            }
            let secrets: Vec<&str> = case["mustNotShow"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let forms: &[&[&str]] = &[&["--json"], &[], &["-v", "-v"], &["--markdown", "-v", "-v"]];
            for form in forms.iter().filter(|_| !secrets.is_empty()) {
                let run = review(&place, case, form);
                for secret in &secrets {
                    assert!(
                        !run.stdout.contains(secret) && !run.stderr.contains(secret),
                        "{id} {form:?}: {secret}"
                    );
                }
            }
        }
    }
    assert!(!place.data().exists(), "a review makes nothing");
}

#[test]
fn digests_of_deploys_review_tell_plans_apart_under_one_key() {
    let place = Place::new();
    let key = place
        .write("key", "a key of the pipeline's own\n")
        .to_string_lossy()
        .into_owned();
    for pair in all()["digests"].as_array().unwrap() {
        let digest = |case: &Value| {
            let answer = review(&place, case, &["--key-file", &key, "--json"]).json();
            assert_eq!(answer["comparable"], true);
            answer["digest"].clone()
        };
        let of = pair["of"].as_array().unwrap();
        assert_eq!(
            digest(&of[0]) == digest(&of[1]),
            pair["digest"] == "same",
            "{}",
            pair["id"]
        );
        assert_eq!(digest(&of[0]), digest(&of[0]), "{}", pair["id"]);
    }
}

#[test]
fn deploys_review_says_where_digests_cannot_be_compared() {
    let place = Place::new();
    let of = |name: &str| json!({"document": format!("documents/{name}.json")});
    let (hides, open) = (of("secret-in-environment"), of("removed-and-kept"));
    let answer = |case: &Value| review(&place, case, &["--json"]).json();
    assert_eq!(answer(&open)["comparable"], true);
    assert_eq!(answer(&open)["digest"], answer(&open)["digest"]);
    assert_eq!(answer(&hides)["comparable"], false);
    assert_ne!(answer(&hides)["digest"], answer(&hides)["digest"]);
    let told = review(&place, &hides, &[]).exits(0).stdout;
    assert!(told.contains("--key-file"), "{told}");
    assert!(!review(&place, &open, &[]).stdout.contains("--key-file"));
}

#[test]
fn deploys_review_asks_policies_of_ones_own() {
    let place = Place::new();
    for case in all()["policies"].as_array().unwrap() {
        let policies = file(case, "policies");
        let stage = case["stage"].as_str().unwrap();
        let run = review(&place, case, &["--stage", stage, "--policies", &policies, "--json"]);
        assert_eq!(run.json()["verdict"], case["verdict"], "{run}");
        assert_eq!(run.code, code(&case["verdict"]));
        assert_eq!(run.json()["policies"], json!(["never-delete-data"]));
    }
}

#[test]
fn deploys_review_says_in_words_what_is_lost() {
    let place = Place::new();
    let lost = json!({"document": "documents/nested-deletion.json", "nested": "nested/nested-deletion"});
    let told = review(&place, &lost, &["--stage", "prod"]).exits(5).stdout;
    assert!(
        told.starts_with("LOSES DATA: Data/Tables/Orders (AWS::DynamoDB::Table) is removed"),
        "{told}"
    );
    assert!(told.contains("prod: somebody has to approve it"), "{told}");
    let markdown = review(&place, &lost, &["--stage", "prod", "--markdown"])
        .exits(5)
        .stdout;
    assert!(
        markdown.contains("```diff\n~ Data  AWS::CloudFormation::Stack"),
        "{markdown}"
    );
    let asked = review(&place, &lost, &["--json"]).exits(5).json();
    for name in [
        "stage",
        "approvals",
        "approvers",
        "requester",
        "adds",
        "modifies",
        "removes",
        "replacements",
        "replacesStateful",
        "deletesStateful",
        "maybeReplacesStateful",
        "losesStateful",
        "changesIam",
        "drifted",
        "frozen",
        "express",
        "firstCreation",
        "unplanned",
        "unknownChange",
        "resourceTypes",
    ] {
        assert!(!asked["summary"][name].is_null(), "{name}");
    }
}

#[test]
fn deploys_review_takes_standard_input_and_plan_files() {
    let place = Place::new();
    let take = |input: &str| place.run_with(&["deploys", "review", "--input", "-", "--json"], input);
    let table = json!({"path": "orders", "action": "Remove", "resourceType": "AWS::DynamoDB::Table"});
    let answer = take(&json!({"changes": [table]}).to_string()).exits(5).json();
    assert_eq!(answer["summary"]["losesStateful"], true);
    // What it shows is a plan file again.
    let again = take(&json!({"changes": answer["changes"]}).to_string()).exits(5).json();
    assert_eq!(again["digest"], answer["digest"]);
    take("{\"changes\": []}").exits(0);
    let other = take("{\"changes\": 5}").exits(5).json();
    assert_eq!(other["text"], "{\"changes\": 5}");
    let set = json!({"ChangeSetId": "a/1", "Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "Changes": []});
    take(&set.to_string()).exits(0);
    take(&format!("\u{feff}{set}")).exits(0);
}

#[test]
fn deploys_review_refuses_what_it_cannot_review() {
    let place = Place::new();
    let take = |input: &str| place.run_with(&["deploys", "review", "--input", "-"], input);
    for (input, said) in [
        ("", "it is empty"),
        ("not json", "--output json"),
        ("{}", "neither"),
        ("[]", "neither"),
        ("{\"Stacks\": []}", "neither"),
    ] {
        let run = take(input).exits(2);
        assert!(run.stderr.contains(said), "{input}: {run}");
    }
    place.run(&["deploys", "review", "--input", "nowhere.json"]).exits(2);
    place.run(&["deploys", "review"]).exits(2);
    fs::write(place.path().join("wide.json"), b"\xff\xfe{\0}\0").unwrap();
    let wide = place.run(&["deploys", "review", "--input", "wide.json"]).exits(2);
    assert!(wide.stderr.contains("UTF-16"), "{wide}");
    let set = json!({"ChangeSetId": "a/1", "Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "Changes": []});
    place.write("set.json", &set.to_string());
    place.write("key", "\n");
    let with = |more: &[&str]| {
        let words = ["deploys", "review", "--input", "set.json"];
        place.run(&[&words[..], more].concat())
    };
    with(&[]).exits(0);
    with(&["--stage", "prd"]).exits(2);
    with(&["--key-file", "key"]).exits(2);
    with(&["--key-file", "nowhere"]).exits(2);
    with(&["--nested", "nowhere"]).exits(2);
    with(&["--policies", "nowhere"]).exits(2);
    for (status, execution) in [
        ("CREATE_COMPLETE", "OBSOLETE"),
        ("CREATE_COMPLETE", "EXECUTE_COMPLETE"),
        ("CREATE_IN_PROGRESS", "UNAVAILABLE"),
        ("FAILED", "UNAVAILABLE"),
    ] {
        let set = json!({"ChangeSetId": "a/1", "Status": status, "ExecutionStatus": execution, "Changes": []});
        let run = take(&set.to_string()).exits(4);
        assert!(run.stdout.contains("it cannot be carried out"), "{run}");
    }
}

#[test]
fn deploys_review_refuses_a_change_set_that_says_one_thing_twice() {
    let place = Place::new();
    let take = |input: &str| place.run_with(&["deploys", "review", "--input", "-", "--json"], input);
    let head = r#""ChangeSetId":"a/1","Status":"CREATE_COMPLETE","ExecutionStatus":"AVAILABLE""#;
    let removed = r#"{"ResourceChange":{"Action":"Remove","LogicalResourceId":"A","ResourceType":"AWS::S3::Bucket"}}"#;
    for input in [
        format!(r#"{{{head},"Changes":[{removed}],"Changes":[]}}"#),
        format!(r#"{{{head},"Changes":[{{"Type":"Hook","Type":"Resource"}}]}}"#),
        format!("\u{feff}{{{head},\"Changes\":[],\"\\u0053tatus\":\"CREATE_COMPLETE\"}}"),
    ] {
        let run = take(&input).exits(2);
        assert!(run.stderr.contains("twice"), "{run}");
    }
    // A nested one that does so is not there.
    let nested = place.path().join("nested");
    fs::create_dir(&nested).unwrap();
    fs::write(
        nested.join("1.json"),
        r#"{"ChangeSetId":"a/1","Changes":[],"Changes":[]}"#,
    )
    .unwrap();
    let stack = r#"{"Type":"Resource","ResourceChange":{"Action":"Modify","LogicalResourceId":"A",
                    "ResourceType":"AWS::CloudFormation::Stack","ChangeSetId":"a/1"}}"#;
    let root = format!(r#"{{{},"Changes":[{stack}]}}"#, head.replace("a/1", "a/0"));
    let words = ["deploys", "review", "--input", "-", "--json", "--nested", "nested"];
    let answer = place.run_with(&words, &root).exits(5).json();
    assert_eq!(answer["summary"]["unknownChange"], true);
}

#[test]
fn deploys_review_says_in_words_what_is_asked_about() {
    let place = Place::new();
    let take = |input: &Value, stage: &str| {
        let words = ["deploys", "review", "--input", "-", "--stage", stage];
        place.run_with(&words, &input.to_string())
    };
    let set = |status: &str, changes: Value| {
        let execution = if status == "FAILED" { "UNAVAILABLE" } else { "AVAILABLE" };
        json!({"ChangeSetId": "a/1", "Status": status, "ExecutionStatus": execution, "StatusReason": "No such bucket",
               "StackDriftStatus": "IN_SYNC", "Changes": changes})
    };
    let removed = json!({"Action": "Remove", "LogicalResourceId": "A", "ResourceType": "AWS::IAM::Role"});
    let changes = json!([{"Type": "Resource", "ResourceChange": removed}]);
    let told = take(&set("CREATE_COMPLETE", changes), "prod").exits(5).stdout;
    assert!(
        told.contains("prod asks because: 1 resource is removed; rights change"),
        "{told}"
    );
    assert!(told.contains("prod: somebody has to approve it"), "{told}");
    assert!(!told.contains("StackDriftStatus"), "{told}");
    let failed = take(&set("FAILED", json!([])), "prod").exits(4).stdout;
    assert!(
        failed.contains("No such bucket") && !failed.contains("to add"),
        "{failed}"
    );
}
