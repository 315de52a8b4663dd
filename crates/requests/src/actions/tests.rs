//! The shipped registry, and what holds for every action in it.

use std::collections::BTreeSet;

use super::*;

#[test]
fn the_shipped_actions_fit_together_and_are_found_by_their_names() {
    let registry = Registry::of(ACTIONS.to_vec()).unwrap();
    for action in registry.actions() {
        assert_eq!(registry.find(action.name), Some(action));
        assert!(action.summary.ends_with('.'), "{}: a sentence", action.name);
        assert!(
            action.params.iter().all(|param| !param.rule.is_empty()),
            "{}",
            action.name
        );
    }
    let named: BTreeSet<&str> = registry.actions().map(|action| action.name).collect();
    let ruled: BTreeSet<&str> = registry.vocabulary().rules().iter().map(|rule| rule.action).collect();
    assert!(named.is_subset(&ruled), "policies may speak of every action");
}

/// The same file is held to what policies' own tests are given.
#[test]
fn the_schema_that_people_read_is_that_of_the_shipped_actions() {
    let shown = include_str!("../../../policy/src/control-plane.cedarschema");
    assert_eq!(shown, vocabulary().schema_text());
}

#[test]
fn every_file_that_holds_an_action_has_its_line_in_the_registry() {
    // From the workspace's root, wherever the test runs.
    let mut folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let here = loop {
        let here = folder.join(file!());
        if here.exists() {
            break here;
        }
        folder = folder.parent().expect("this file is in the workspace");
    };
    let files = std::fs::read_dir(here.parent().unwrap()).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let holding = texts
        .filter(|text| text.contains("\npub static ACTION: Action = "))
        .count();
    assert_eq!(holding, ACTIONS.len());
}

#[test]
fn a_parameter_that_is_there_twice_is_refused() {
    static TWICE: Action = Action {
        name: "twice",
        summary: "Has a parameter twice.",
        params: &[
            Param {
                name: "name",
                rule: "one",
                kind: Kind::Text,
            },
            Param {
                name: "name",
                rule: "other",
                kind: Kind::Text,
            },
        ],
        on: cc_devops_policy::On::ControlPlane,
        staged: false,
        carrying: Carrying::UnderClaim,
        read: put_secret::ACTION.read,
    };
    let error = Registry::shipped().with(&TWICE).unwrap_err();
    assert_eq!(error, "action \"twice\" has the parameter \"name\" twice");
}

#[test]
fn the_schema_of_parameters_says_which_json_each_is() {
    let schema = Action::find("protectBranches").unwrap().params_schema();
    assert_eq!(
        schema["properties"]["dryRun"]["type"],
        serde_json::json!(["boolean", "null"])
    );
    assert_eq!(schema["additionalProperties"], false);
}
