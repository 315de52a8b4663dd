//! Deploys on a CloudFormation that fails, rolls back, takes its time and loses answers.

mod cloud;
mod planned;
mod refused;
mod wanted;

use std::time::Duration;

use cc_devops_aws::PollBackoff;
use cc_devops_kernel::outcome::{DeployAction, Reason};
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_requests::ports::{Ports, StackEnd, StackProgress};
use cc_devops_requests::{DeployLambda, Template};
use cc_devops_testkit::memory::Memory;
use cc_devops_testkit::{contract, sample};

use cloud::deploying::{BACKOFF, STACK, deploy, failure, lease, progress, says, stacks, start, success, try_to_start};
use cloud::{Cloud, Event, Fate, Fault, Making, Stack};

fn fresh() -> Ports {
    let cloud = Cloud::default();
    cloud.add(sample::STACK_SUCCEEDS, Stack::new(Fate::Succeeds));
    cloud.add(
        sample::STACK_FAILS,
        Stack::new(Fate::EndsAs("UPDATE_ROLLBACK_COMPLETE")),
    );
    cloud.add(sample::STACK_KEEPS_CHANGING, Stack::new(Fate::KeepsChanging));
    Ports {
        stacks: stacks(&cloud),
        ..Memory::new().ports()
    }
}

#[tokio::test]
async fn the_contract() {
    contract::stacks(async || fresh()).await;
}

#[tokio::test]
async fn every_page_of_changes_is_told() {
    let cloud = Cloud::with(STACK, Stack::new(Fate::Succeeds));
    let result = success(&*stacks(&cloud)).await;
    assert_eq!(result.action, DeployAction::Deployed);
    assert_eq!(result.current_status, "UPDATE_COMPLETE");
    let told = |c: &cc_devops_kernel::outcome::StackChangeEntry| {
        (c.action.clone(), c.logical_id.clone(), c.replacement.clone().unwrap())
    };
    let told: Vec<_> = result.changes.iter().map(told).collect();
    let expected = [("Modify", "First", "False"), ("Modify", "Second", "True")];
    assert_eq!(
        told,
        expected.map(|(a, l, r)| (a.to_owned(), l.to_owned(), r.to_owned()))
    );
}

#[tokio::test]
async fn a_rollback_is_told_with_what_failed_first_and_why() {
    const FUNCTION: &str = "AWS::Lambda::Function";
    let reports: Vec<Event> = vec![
        ("Handler", FUNCTION, "UPDATE_IN_PROGRESS", ""),
        ("Handler", FUNCTION, "UPDATE_FAILED", "the role cannot be assumed"),
        ("Nested", "AWS::CloudFormation::Stack", "UPDATE_FAILED", "not updated"),
        ("Queue", "AWS::SQS::Queue", "UPDATE_FAILED", "Resource update cancelled"),
        ("Table", "AWS::DynamoDB::Table", "CREATE_FAILED", "it exists already"),
        ("Four", FUNCTION, "UPDATE_FAILED", "four"),
        ("Five", FUNCTION, "UPDATE_FAILED", "five"),
        ("Six", FUNCTION, "UPDATE_FAILED", "six"),
    ];
    let mut stack = Stack::new(Fate::EndsAs("UPDATE_ROLLBACK_COMPLETE"));
    stack.reports = reports;
    let failure = failure(&*stacks(&Cloud::with(STACK, stack))).await;
    says(
        &failure,
        Reason::DeployFailed,
        "was rolled back (UPDATE_ROLLBACK_COMPLETE). Failed: Handler (AWS::Lambda::Function): the role cannot be \
         assumed; Nested (AWS::CloudFormation::Stack): not updated; Table (AWS::DynamoDB::Table): it exists already; \
         Four (AWS::Lambda::Function): four; Five (AWS::Lambda::Function): five; and 1 more",
    );
    assert!(!failure.message.contains("cancelled"));
}

#[tokio::test]
async fn a_rollback_that_failed_needs_a_person() {
    let stack = Stack::new(Fate::EndsAs("UPDATE_ROLLBACK_FAILED"));
    let failure = failure(&*stacks(&Cloud::with(STACK, stack))).await;
    says(
        &failure,
        Reason::DeployFailed,
        "continue-update-rollback --stack-name shop-dev",
    );
}

#[tokio::test]
async fn a_change_that_is_kept_half_done_is_not_called_rolled_back() {
    let stack = Stack::new(Fate::EndsAs("UPDATE_FAILED"));
    let failure = failure(&*stacks(&Cloud::with(STACK, stack))).await;
    says(&failure, Reason::DeployFailed, "was not rolled back");
}

#[tokio::test]
async fn no_changes_are_known_in_both_wordings_and_leave_nothing_behind() {
    for why in [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ] {
        let mut stack = Stack::new(Fate::Succeeds);
        stack.making = Making::Failed(why);
        let cloud = Cloud::with(STACK, stack);
        let result = success(&*stacks(&cloud)).await;
        assert_eq!(result.action, DeployAction::NoChanges);
        assert_eq!(result.current_status, "CREATE_COMPLETE");
        assert_eq!(
            (cloud.effects("DeleteChangeSet"), cloud.effects("ExecuteChangeSet")),
            (1, 0)
        );
    }
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_change() {
    for action in ["CreateChangeSet", "ExecuteChangeSet"] {
        // Without the SDK's own second attempt the request itself comes again.
        let cloud = Cloud::with(STACK, Stack::new(Fate::Succeeds));
        cloud.fail(action, Fault::LostAnswer);
        let stacks = stacks(&cloud);
        let error = try_to_start(&*stacks, &deploy()).await.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Timeout, "{action}");
        assert_eq!(success(&*stacks).await.action, DeployAction::Deployed, "{action}");
        assert_eq!(
            (cloud.effects("CreateChangeSet"), cloud.effects("ExecuteChangeSet")),
            (1, 1),
            "{action}"
        );

        // With it, nobody notices.
        let cloud = Cloud::with(STACK, Stack::new(Fate::Succeeds));
        cloud.fail(action, Fault::LostAnswer);
        let result = success(&*cloud.backend(2).stacks(BACKOFF)).await;
        assert_eq!(result.action, DeployAction::Deployed, "{action}");
        assert_eq!(cloud.calls(action).len(), 2, "{action} was attempted again");
        assert_eq!(
            (cloud.effects("CreateChangeSet"), cloud.effects("ExecuteChangeSet")),
            (1, 1),
            "{action}"
        );
    }
}

#[tokio::test]
async fn every_attempt_bears_the_same_name_and_token() {
    let cloud = Cloud::with(STACK, Stack::new(Fate::Succeeds));
    success(&*stacks(&cloud)).await;
    let field = |body: &str, name: &str| {
        let mut fields = body.split('&').filter_map(|field| field.split_once('='));
        fields.find(|(key, _)| *key == name).unwrap().1.to_owned()
    };
    let (create, execute) = (cloud.calls("CreateChangeSet"), cloud.calls("ExecuteChangeSet"));
    let (create, execute) = (create.first().unwrap(), execute.first().unwrap());
    let name = field(create, "ChangeSetName");
    assert!(name.starts_with("cc-devops-"));
    assert_eq!(field(create, "ClientToken"), name);
    assert_eq!(field(create, "ChangeSetType"), "UPDATE");
    assert_eq!(field(create, "UsePreviousTemplate"), "true");
    assert_eq!(field(execute, "ClientRequestToken"), name);
    let arn = format!("arn%3Aaws%3Acloudformation%3Aus-east-1%3A123456789012%3AchangeSet%2F{name}%2F77");
    assert_eq!(
        field(execute, "ChangeSetName"),
        arn,
        "the one that was looked at, and no other of its name"
    );
}

#[tokio::test]
async fn what_the_request_does_not_name_is_kept() {
    let mut stack = Stack::new(Fate::Succeeds);
    stack.parameters = vec!["Declared", "Gone"];
    stack.tags = vec![("team", "shop"), ("aws:owner", "aws"), ("cost", "low")];
    let cloud = Cloud::with(STACK, stack);
    let deploy = DeployLambda {
        template: Some(Template::Body("{}".to_owned())),
        tags: [("cost".to_owned(), "high".to_owned())].into(),
        ..deploy()
    };
    start(&*stacks(&cloud), &deploy).await;
    let calls = cloud.calls("CreateChangeSet");
    let call = calls.first().unwrap();
    assert!(call.contains("Parameters.member.1.ParameterKey=Declared&Parameters.member.1.UsePreviousValue=true"));
    assert!(
        !call.contains("Gone"),
        "the new template does not declare it, so it must not be sent"
    );
    assert!(call.contains("Tags.member.1.Key=cost&Tags.member.1.Value=high"));
    assert!(call.contains("Tags.member.2.Key=team&Tags.member.2.Value=shop"));
    assert!(!call.contains("Tags.member.3"), "tags of AWS's own cannot be set");
}

#[tokio::test]
async fn throttling_is_waited_out_as_long_as_that_is_sensible() {
    let throttled = Fault::Refused(400, "Throttling", "Rate exceeded");
    let cloud = Cloud::with(STACK, Stack::new(Fate::Succeeds));
    cloud.fail("CreateChangeSet", throttled);
    cloud.fail("DescribeChangeSet", Fault::Refused(503, "ServiceUnavailable", "later"));
    let result = success(&*cloud.backend(2).stacks(BACKOFF)).await;
    assert_eq!(result.action, DeployAction::Deployed);

    cloud.fail("DescribeChangeSet", throttled);
    cloud.fail("DescribeChangeSet", throttled);
    let stacks = cloud.backend(2).stacks(BACKOFF);
    let error = stacks.progress(&lease().stack, &lease().request).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
}

#[tokio::test]
async fn a_change_set_that_takes_long_is_left_to_the_sweep() {
    let mut stack = Stack::new(Fate::Succeeds);
    // Each look of the sweep is two: whether it was begun, and how its planning stands.
    stack.making = Making::Ready(8);
    let cloud = Cloud::with(STACK, stack);
    let stacks = stacks(&cloud);
    assert_eq!(start(&*stacks, &deploy()).await, StackProgress::Changing);
    assert_eq!(cloud.effects("ExecuteChangeSet"), 0, "it is not ready");
    for _ in 0..3 {
        assert_eq!(progress(&*stacks).await, StackProgress::Changing);
    }
    assert_eq!(cloud.effects("ExecuteChangeSet"), 1, "the sweep executes it");
    assert!(matches!(progress(&*stacks).await, StackProgress::Ended(end) if end.outcome.is_ok()));
}

#[tokio::test]
async fn waiting_for_a_change_set_ends_when_its_time_is_over() {
    let mut stack = Stack::new(Fate::Succeeds);
    stack.making = Making::Ready(50);
    let cloud = Cloud::with(STACK, stack);
    let backoff = PollBackoff {
        looks: 100,
        in_all: Duration::ZERO,
        ..BACKOFF
    };
    let stacks = cloud.backend(1).stacks(backoff);
    assert_eq!(start(&*stacks, &deploy()).await, StackProgress::Changing);
    assert_eq!(
        cloud.effects("DescribeChangeSet"),
        1,
        "the first page of the one look that found it in the making: its pages are read when it is made"
    );
}

#[tokio::test]
async fn a_change_that_was_overtaken_is_never_called_deployed() {
    let mut stack = Stack::new(Fate::Succeeds);
    stack.making = Making::Overtaken;
    stack.status = "UPDATE_COMPLETE";
    let cloud = Cloud::with(STACK, stack);
    let failure = failure(&*stacks(&cloud)).await;
    says(&failure, Reason::StackInProgress, "nothing was done");
    assert_eq!(
        (cloud.effects("ExecuteChangeSet"), cloud.effects("DeleteChangeSet")),
        (0, 1)
    );
}

#[tokio::test]
async fn a_change_that_has_not_begun_is_not_taken_for_ended() {
    let mut stack = Stack::new(Fate::NeverBegins);
    stack.status = "UPDATE_COMPLETE";
    let stacks = stacks(&Cloud::with(STACK, stack));
    assert_eq!(start(&*stacks, &deploy()).await, StackProgress::Changing);
    assert_eq!(progress(&*stacks).await, StackProgress::Changing);
}

#[tokio::test]
async fn an_execution_that_fails_before_the_stack_moves_is_a_failure() {
    let mut stack = Stack::new(Fate::FailsAtOnce);
    stack.status = "UPDATE_COMPLETE";
    let failure = failure(&*stacks(&Cloud::with(STACK, stack))).await;
    says(&failure, Reason::DeployFailed, "stays as it was (UPDATE_COMPLETE)");
}

#[tokio::test]
async fn a_stack_that_somebody_else_begins_to_change_meanwhile_is_in_progress() {
    for refusal in [
        None,
        Some(Fault::Refused(
            400,
            "ValidationError",
            "Stack:shop-dev is in UPDATE_IN_PROGRESS state and can not be updated.",
        )),
    ] {
        let mut stack = Stack::new(Fate::Succeeds);
        stack.making = Making::Ready(5);
        let cloud = Cloud::with(STACK, stack);
        let stacks = stacks(&cloud);
        assert_eq!(start(&*stacks, &deploy()).await, StackProgress::Changing);
        cloud.change(STACK, |stack| stack.status = "UPDATE_IN_PROGRESS");
        if let Some(refusal) = refusal {
            cloud.fail("ExecuteChangeSet", refusal);
        }
        let told = failure(&*stacks).await;
        says(&told, Reason::StackInProgress, "UPDATE_IN_PROGRESS");
        assert_eq!(cloud.effects("DeleteChangeSet"), 1, "the change set is not left behind");
    }
}

#[tokio::test]
async fn an_executed_change_set_that_is_gone_is_known_by_its_events() {
    let cloud = Cloud::with(STACK, Stack::new(Fate::Succeeds));
    let stacks = stacks(&cloud);
    assert_eq!(start(&*stacks, &deploy()).await, StackProgress::Changing);
    assert!(matches!(progress(&*stacks).await, StackProgress::Ended(end) if end.outcome.is_ok()));
    cloud.change(STACK, |stack| {
        stack.change_set = None;
        stack.status = "UPDATE_ROLLBACK_COMPLETE";
    });
    let StackProgress::Ended(StackEnd {
        outcome: Ok(result), ..
    }) = progress(&*stacks).await
    else {
        panic!("what others made of the stack since does not count");
    };
    assert_eq!(result.action, DeployAction::Deployed);
    assert!(matches!(start(&*stacks, &deploy()).await, StackProgress::Ended(end) if end.outcome.is_ok()));
    assert_eq!(cloud.effects("CreateChangeSet"), 1, "no second change set is made");

    // Of another, only the beginning is known.
    let cloud = Cloud::with(STACK, Stack::new(Fate::KeepsChanging));
    let stacks = self::stacks(&cloud);
    assert_eq!(start(&*stacks, &deploy()).await, StackProgress::Changing);
    cloud.change(STACK, |stack| {
        stack.change_set = None;
        stack.status = "UPDATE_COMPLETE";
    });
    let StackProgress::Ended(end) = progress(&*stacks).await else {
        panic!("nothing will ever tell how it ended");
    };
    says(&end.outcome.unwrap_err(), Reason::DeployFailed, "fate is unknown");
}

#[tokio::test]
async fn a_change_that_has_ended_is_told_while_others_change_the_stack_again() {
    for gone in [false, true] {
        let cloud = Cloud::with(STACK, Stack::new(Fate::Succeeds));
        let stacks = stacks(&cloud);
        assert_eq!(success(&*stacks).await.action, DeployAction::Deployed);
        cloud.change(STACK, |stack| {
            stack.status = "UPDATE_IN_PROGRESS";
            if gone {
                stack.change_set = None;
            }
        });
        let StackProgress::Ended(end) = progress(&*stacks).await else {
            panic!("what others do to the stack does not keep the request waiting");
        };
        assert_eq!(end.outcome.unwrap().action, DeployAction::Deployed);
    }

    // The change set is gone and the stack moves, but this request's own change has not ended.
    let cloud = Cloud::with(STACK, Stack::new(Fate::KeepsChanging));
    let stacks = stacks(&cloud);
    assert_eq!(start(&*stacks, &deploy()).await, StackProgress::Changing);
    cloud.change(STACK, |stack| stack.change_set = None);
    assert_eq!(progress(&*stacks).await, StackProgress::Changing);
}

#[tokio::test]
async fn a_stack_that_is_deleted_while_it_changes_ends_the_request() {
    let cloud = Cloud::with(STACK, Stack::new(Fate::KeepsChanging));
    let stacks = stacks(&cloud);
    assert_eq!(start(&*stacks, &deploy()).await, StackProgress::Changing);
    cloud.delete(STACK);
    let StackProgress::Ended(end) = progress(&*stacks).await else {
        panic!("a stack that is gone does not change");
    };
    assert!(end.outcome.is_err());
}
