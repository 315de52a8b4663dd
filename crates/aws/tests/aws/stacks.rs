//! Deploys on the emulator's CloudFormation.

mod plans;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudformation::types::Parameter;
use cc_devops_aws::{Backend, PollBackoff};
use cc_devops_kernel::outcome::{DeployAction, Reason};
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use cc_devops_requests::ports::{Planning, StackEnd, StackProgress, Stacks, WantedChange};
use cc_devops_requests::record::StackLease;
use cc_devops_requests::{DeployLambda, Template};
use cc_devops_testkit::{peers, sample};

use crate::harness;

const TEMPLATE: &str = r#"{
  "Parameters": {"Value": {"Type": "String"}, "Other": {"Type": "String", "Default": "other"}},
  "Resources": {"Kept": {"Type": "AWS::SSM::Parameter", "Properties": {
    "Name": "/kept", "Type": "String", "Value": {"Fn::Sub": "${Value}/${Other}"}}}}
}"#;

const TWO: &str = r#"{
  "Parameters": {"Value": {"Type": "String"}},
  "Resources": {
    "Kept": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/kept", "Type": "String", "Value": {"Ref": "Value"}}},
    "Topic": {"Type": "AWS::SNS::Topic"}}
}"#;

const BACKOFF: PollBackoff = PollBackoff {
    first: Duration::from_millis(20),
    longest: Duration::from_millis(200),
    looks: 30,
    in_all: Duration::from_secs(10),
};

const STACK: &str = "shop";

fn parameter(name: &str, value: &str) -> Parameter {
    Parameter::builder().parameter_key(name).parameter_value(value).build()
}

async fn with_stack(backend: &Backend) {
    let cloudformation = backend.clients().cloudformation();
    cloudformation
        .create_stack()
        .stack_name(sample::stack(STACK).as_str())
        .template_body(TEMPLATE)
        .parameters(parameter("Value", "one"))
        .parameters(parameter("Other", "kept"))
        .send()
        .await
        .unwrap();
}

fn deploy(template: Option<&str>, parameters: &[(&str, &str)]) -> DeployLambda {
    DeployLambda {
        template: template.map(|body| Template::Body(body.to_owned())),
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        ..sample::deploy_lambda(STACK)
    }
}

fn lease(id: &str, stack: &str) -> StackLease {
    StackLease {
        stack: sample::stack(stack),
        request: sample::request_id(id),
    }
}

fn wanted<'a>(lease: &'a StackLease, deploy: &'a DeployLambda) -> WantedChange<'a> {
    WantedChange {
        stack: &lease.stack,
        request: &lease.request,
        deploy,
        may_create: false,
        at: SystemClock.now(),
    }
}

/// Plans until that has come to something.
async fn planned(stacks: &dyn Stacks, wanted: &WantedChange<'_>) -> Planning {
    let mut planning = stacks.plan(wanted).await.unwrap();
    for _ in 0..200 {
        match planning {
            Planning::GoesOn => tokio::time::sleep(Duration::from_millis(50)).await,
            planning => return planning,
        }
        planning = stacks.planned(wanted.stack, wanted.request).await.unwrap();
    }
    panic!("the planning must come to something");
}

/// The end of a deploy: it is planned until it is ready, and applied.
async fn ended(stacks: &dyn Stacks, id: &str, deploy: &DeployLambda) -> StackEnd {
    let lease = lease(id, deploy.stack.as_str());
    let mut progress = match planned(stacks, &wanted(&lease, deploy)).await {
        Planning::Ready(draft) => stacks.apply(&lease, &draft.handle, SystemClock.now()).await.unwrap(),
        Planning::Ended(end) => return end,
        Planning::GoesOn => panic!("it goes on no more"),
    };
    for _ in 0..200 {
        match progress {
            StackProgress::Ended(end) => return end,
            StackProgress::Changing | StackProgress::NotBegun => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        progress = stacks.progress(&lease.stack, &lease.request).await.unwrap();
    }
    panic!("the change must end");
}

async fn kept(backend: &Backend) -> String {
    let answer = backend
        .clients()
        .ssm()
        .get_parameter()
        .name("/kept")
        .send()
        .await
        .unwrap();
    answer.parameter.unwrap().value.unwrap()
}

#[tokio::test]
async fn a_deploy_changes_what_it_names_and_keeps_the_rest() {
    let peer = peers::ministack().await;
    let backend = harness::bare(&peer);
    with_stack(&backend).await;
    let stacks = backend.stacks(BACKOFF);

    let end = ended(&*stacks, "r1", &deploy(None, &[("Value", "two")])).await;
    let result = end.outcome.clone().unwrap();
    assert_eq!(result.action, DeployAction::Deployed);
    assert_eq!(result.current_status, "UPDATE_COMPLETE");
    assert_eq!(result.stack_name, "shop-dev");
    assert!(result.stack_id.contains("shop-dev") && result.change_set_id.contains("cc-devops-"));
    let changed: Vec<_> = result
        .changes
        .iter()
        .map(|c| (c.action.as_str(), c.logical_id.as_str()))
        .collect();
    assert_eq!(changed, [("Modify", "Kept")]);
    assert_eq!(
        kept(&backend).await,
        "two/kept",
        "what the request does not name keeps its value"
    );

    assert_eq!(
        ended(&*stacks, "r1", &deploy(None, &[("Value", "two")])).await,
        end,
        "a request that comes again meets the change set that exists"
    );

    let end = ended(&*stacks, "r2", &deploy(Some(TWO), &[])).await;
    let result = end.outcome.unwrap();
    let mut changed: Vec<_> = result
        .changes
        .iter()
        .map(|c| (c.action.as_str(), c.logical_id.as_str()))
        .collect();
    changed.sort_unstable();
    assert_eq!(changed, [("Add", "Topic"), ("Modify", "Kept")]);
    assert_eq!(
        kept(&backend).await,
        "two",
        "a parameter that the new template does not declare is not sent"
    );
}

#[tokio::test]
async fn a_deploy_that_changes_nothing_says_so_and_leaves_no_change_set() {
    let peer = peers::ministack().await;
    let backend = harness::bare(&peer);
    with_stack(&backend).await;
    let end = ended(&*backend.stacks(BACKOFF), "r1", &deploy(None, &[])).await;
    let result = end.outcome.unwrap();
    assert_eq!((result.action, result.changes.len()), (DeployAction::NoChanges, 0));
    let left = backend
        .clients()
        .cloudformation()
        .list_change_sets()
        .stack_name("shop-dev")
        .send()
        .await
        .unwrap();
    assert!(left.summaries().is_empty(), "the empty change set is removed");
}

#[tokio::test]
async fn a_stack_that_is_not_there_and_a_change_nobody_knows_are_told() {
    let peer = peers::ministack().await;
    let backend = harness::bare(&peer);
    let stacks = backend.stacks(BACKOFF);
    let failure = ended(&*stacks, "r1", &deploy(None, &[])).await.outcome.unwrap_err();
    assert_eq!(failure.reason, Reason::StackNotFound);
    with_stack(&backend).await;
    let progress = stacks
        .progress(&sample::stack(STACK), &sample::request_id("never"))
        .await
        .unwrap();
    let StackProgress::Ended(end) = progress else {
        panic!("a change nobody knows of cannot go on");
    };
    assert!(end.outcome.unwrap_err().message.contains("fate is unknown"));
}
