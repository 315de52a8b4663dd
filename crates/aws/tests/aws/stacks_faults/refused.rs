//! Deploys that CloudFormation refuses: which reason and sentence the request ends with.

use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_requests::ports::StackProgress;
use cc_devops_requests::{DeployLambda, Template};

use crate::stacks_faults::cloud::deploying::{STACK, deploy, failure, says, stacks, start, try_to_start};
use crate::stacks_faults::cloud::{Cloud, Fate, Fault, Making, Stack};

#[tokio::test]
async fn a_stack_that_cannot_be_updated_says_why_and_what_to_do() {
    let cases = [
        ("UPDATE_IN_PROGRESS", Reason::StackInProgress, "send the deploy again"),
        (
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            Reason::StackInProgress,
            "already",
        ),
        ("DELETE_IN_PROGRESS", Reason::StackInProgress, "DELETE_IN_PROGRESS"),
        ("ROLLBACK_COMPLETE", Reason::DeployFailed, "delete it and create it"),
        ("REVIEW_IN_PROGRESS", Reason::DeployFailed, "delete it and create it"),
        ("CREATE_FAILED", Reason::DeployFailed, "delete it and create it"),
        (
            "UPDATE_ROLLBACK_FAILED",
            Reason::DeployFailed,
            "continue-update-rollback",
        ),
        ("DELETE_FAILED", Reason::DeployFailed, "an operator must look"),
    ];
    for (status, reason, words) in cases {
        let mut stack = Stack::new(Fate::Succeeds);
        stack.status = status;
        let cloud = Cloud::with(STACK, stack);
        says(&failure(&*stacks(&cloud)).await, reason, words);
        assert_eq!(cloud.effects("CreateChangeSet"), 0, "{status}");
    }
}

#[tokio::test]
async fn missing_capabilities_are_named() {
    let cloud = Cloud::with(STACK, Stack::new(Fate::Succeeds));
    let refusal = Fault::Refused(
        400,
        "InsufficientCapabilitiesException",
        "Requires capabilities : [CAPABILITY_NAMED_IAM]",
    );
    cloud.fail("CreateChangeSet", refusal);
    let told = failure(&*stacks(&cloud)).await;
    says(&told, Reason::InvalidParameter, "[CAPABILITY_NAMED_IAM]");

    let mut stack = Stack::new(Fate::Succeeds);
    stack.making = Making::Failed("Requires capabilities : [CAPABILITY_AUTO_EXPAND]");
    let cloud = Cloud::with(STACK, stack);
    let told = failure(&*stacks(&cloud)).await;
    says(&told, Reason::InvalidParameter, "[CAPABILITY_AUTO_EXPAND]");
}

#[tokio::test]
async fn what_the_template_does_not_take_is_an_invalid_parameter() {
    let refusals = [
        ("CreateChangeSet", "Parameters: [Nope] do not exist in the template"),
        ("GetTemplateSummary", "Template format error: unsupported structure."),
    ];
    for (action, sentence) in refusals {
        let cloud = Cloud::with(STACK, Stack::new(Fate::Succeeds));
        cloud.fail(action, Fault::Refused(400, "ValidationError", sentence));
        let deploy = DeployLambda {
            template: Some(Template::Body("{}".to_owned())),
            parameters: [("Nope".to_owned(), "1".to_owned())].into(),
            ..deploy()
        };
        let StackProgress::Ended(end) = start(&*stacks(&cloud), &deploy).await else {
            panic!("{action} is refused for good");
        };
        says(&end.outcome.unwrap_err(), Reason::InvalidParameter, sentence);
        assert_eq!(cloud.effects("CreateChangeSet"), 0, "{action}");
    }
}

#[tokio::test]
async fn a_change_set_that_could_not_be_made_is_told_and_removed() {
    let mut stack = Stack::new(Fate::Succeeds);
    stack.making = Making::Failed("the macro Shout failed");
    let cloud = Cloud::with(STACK, stack);
    says(
        &failure(&*stacks(&cloud)).await,
        Reason::DeployFailed,
        "the macro Shout failed",
    );
    assert_eq!(cloud.effects("DeleteChangeSet"), 1);
}

#[tokio::test]
async fn a_change_set_that_did_not_pass_the_early_checks_says_what_did_not() {
    let mut stack = Stack::new(Fate::Succeeds);
    stack.making = Making::Failed("The following validation failed: [AWS::EarlyValidation::PropertyValidation].");
    stack.failed_checks = vec![(
        "Table",
        "/Resources/Table/Properties/Bling",
        "extraneous key [Bling] is not permitted",
    )];
    let cloud = Cloud::with(STACK, stack.clone());
    let told = failure(&*stacks(&cloud)).await;
    says(
        &told,
        Reason::DeployFailed,
        "Failed: Table at /Resources/Table/Properties/Bling: extraneous key [Bling] is not permitted",
    );
    assert_eq!(cloud.effects("DeleteChangeSet"), 1);

    // Where the checks may not be read, the request ends with what is known.
    let cloud = Cloud::with(STACK, stack);
    cloud.fail(
        "DescribeEvents",
        Fault::Refused(403, "AccessDenied", "User is not authorized to perform it"),
    );
    let told = failure(&*stacks(&cloud)).await;
    says(&told, Reason::DeployFailed, "AWS::EarlyValidation::PropertyValidation");
    says(&told, Reason::DeployFailed, "grant `cloudformation:DescribeEvents`");
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    for action in [
        "DescribeChangeSet",
        "DescribeStacks",
        "CreateChangeSet",
        "ExecuteChangeSet",
    ] {
        let cloud = Cloud::with(STACK, Stack::new(Fate::Succeeds));
        let denied = Fault::Refused(403, "AccessDenied", "User is not authorized to perform it");
        cloud.fail(action, denied);
        let error = try_to_start(&*stacks(&cloud), &deploy()).await.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Refused);
        assert!(error.message.contains(&format!("cloudformation:{action}")), "{error}");
    }
}

#[tokio::test]
async fn no_refusal_repeats_a_parameters_value() {
    const VALUE: &str = "hunter2-in-progress";
    let deploy = DeployLambda {
        parameters: [("Password".to_owned(), VALUE.to_owned())].into(),
        ..deploy()
    };
    let says_the_value = "Parameter 'Password' must not be 'hunter2-in-progress'";
    for action in ["CreateChangeSet", "ExecuteChangeSet"] {
        let cloud = Cloud::with(STACK, Stack::new(Fate::Succeeds));
        cloud.fail(action, Fault::Refused(400, "ValidationError", says_the_value));
        let StackProgress::Ended(end) = start(&*stacks(&cloud), &deploy).await else {
            panic!("{action} is refused for good");
        };
        let told = end.outcome.unwrap_err();
        says(&told, Reason::InvalidParameter, "Parameter 'Password' must not be '…'");
    }
    let mut stack = Stack::new(Fate::Succeeds);
    stack.making = Making::Failed(says_the_value);
    let StackProgress::Ended(end) = start(&*stacks(&Cloud::with(STACK, stack)), &deploy).await else {
        panic!("a change set that failed cannot go on");
    };
    assert!(!end.outcome.unwrap_err().message.contains(VALUE));

    // A request that comes again finds its change rolled back.
    let mut stack = Stack::new(Fate::EndsAs("UPDATE_ROLLBACK_COMPLETE"));
    stack.reports = vec![("User", "AWS::RDS::DBInstance", "UPDATE_FAILED", says_the_value)];
    let cloud = Cloud::with(STACK, stack);
    let stacks = stacks(&cloud);
    let told = loop {
        if let StackProgress::Ended(end) = start(&*stacks, &deploy).await {
            break end.outcome.unwrap_err();
        }
    };
    says(&told, Reason::DeployFailed, "Parameter 'Password' must not be '…'");
}
