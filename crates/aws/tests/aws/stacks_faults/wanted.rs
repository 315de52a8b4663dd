//! What a change set is made with, what it becomes of it, and what is left.

use cc_devops_deploys::RollbackTriggers;
use cc_devops_kernel::outcome::{DeployAction, Reason};
use cc_devops_kernel::ports::{Clock as _, PortErrorKind, SystemClock};
use cc_devops_requests::ports::{Planning, StackProgress, Stacks};
use cc_devops_requests::{DeployLambda, Template};
use cc_devops_testkit::sample;
use serde_json::{Value, json};

use crate::stacks_faults::cloud::deploying::{deploy, lease, says};
use crate::stacks_faults::cloud::replay::{Call, Replay, Reply, stack};
use crate::stacks_faults::planned::{answer, documents, drafted, ended, nested, plan};

/// Nothing is planned until a change set is made.
fn made_then(call: &Call, made: &std::sync::atomic::AtomicBool, then: impl Fn() -> Option<Reply>) -> Option<Reply> {
    use std::sync::atomic::Ordering::SeqCst;
    match call.action.as_str() {
        "CreateChangeSet" => {
            made.store(true, SeqCst);
            None
        }
        "DescribeChangeSet" if !made.load(SeqCst) => None,
        _ => then(),
    }
}

fn with_template(body: &str) -> DeployLambda {
    DeployLambda {
        template: Some(Template::Body(body.to_owned())),
        ..deploy()
    }
}

#[tokio::test]
async fn a_stages_rollback_triggers_go_with_every_change_set_and_nested_stacks_are_included() {
    let made = std::sync::atomic::AtomicBool::new(false);
    let replay = Replay::new(move |call| made_then(call, &made, || nested(call)));
    let alarm = |name: &str| format!("arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}");
    let stacks = replay.stacks_with(|resources| {
        let triggers = RollbackTriggers {
            alarms: vec![alarm("Errors"), alarm("Latency")],
            minutes: 15,
        };
        resources.rollback_triggers.insert(sample::stage(), triggers);
    });
    drafted(&*stacks).await;
    let calls = replay.calls("CreateChangeSet");
    let call = calls.first().unwrap();
    assert_eq!(call.field("IncludeNestedStacks"), "true");
    assert_eq!(call.field("ChangeSetType"), "UPDATE");
    assert_eq!(call.field("OnStackFailure"), "");
    assert_eq!(call.field("RollbackConfiguration.MonitoringTimeInMinutes"), "15");
    let trigger = |number: u8, part: &str| {
        let name = format!("RollbackConfiguration.RollbackTriggers.member.{number}.{part}");
        call.field(&name).to_owned()
    };
    assert_eq!(trigger(1, "Arn"), alarm("Errors"));
    assert_eq!(trigger(2, "Type"), "AWS::CloudWatch::Alarm");
}

#[tokio::test]
async fn what_is_shown_in_the_place_of_a_hidden_value_is_never_written_back() {
    let made = std::sync::atomic::AtomicBool::new(false);
    let replay = Replay::new(move |call| {
        made_then(call, &made, || match call.action.as_str() {
            "DescribeStacks" => {
                let mut stack = stack("UPDATE_COMPLETE");
                stack["Stacks"][0]["Parameters"] = json!([
                    {"ParameterKey": "Password", "ParameterValue": "****"},
                    {"ParameterKey": "Stars", "ParameterValue": "***"},
                ]);
                Some(Ok(stack))
            }
            "GetTemplateSummary" => Some(Ok(json!({"Parameters": [
                {"ParameterKey": "Password", "NoEcho": true}, {"ParameterKey": "Stars", "NoEcho": false},
                {"ParameterKey": "Fresh", "NoEcho": true},
            ]}))),
            _ => nested(call),
        })
    });
    let hidden = |names: &[&str]| DeployLambda {
        parameters: names
            .iter()
            .map(|name| ((*name).to_owned(), "****".to_owned()))
            .collect(),
        ..with_template("{}")
    };
    let end = ended(&*replay.stacks(), &hidden(&["Fresh"]), false).await;
    says(
        &end.outcome.unwrap_err(),
        Reason::InvalidParameter,
        "parameter Fresh is NoEcho",
    );
    assert_eq!(replay.calls("CreateChangeSet").len(), 0);

    plan(&*replay.stacks(), &hidden(&["Password", "Stars"]), false)
        .await
        .unwrap();
    let calls = replay.calls("CreateChangeSet");
    let call = calls.first().unwrap();
    let sent = |number: u8, part: &str| call.field(&format!("Parameters.member.{number}.{part}")).to_owned();
    assert_eq!(
        (sent(1, "ParameterKey"), sent(1, "UsePreviousValue")),
        ("Password".to_owned(), "true".to_owned())
    );
    assert_eq!(sent(1, "ParameterValue"), "");
    assert_eq!(
        sent(2, "ParameterValue"),
        "****",
        "of a parameter that hides nothing it is a value"
    );
}

#[tokio::test]
async fn a_large_template_needs_a_bucket() {
    let replay = Replay::new(|_| None);
    let end = ended(&*replay.stacks(), &with_template(&"#".repeat(51_201)), false).await;
    says(
        &end.outcome.unwrap_err(),
        Reason::InvalidParameter,
        "`aws.template_bucket`",
    );
    assert_eq!(replay.calls("CreateChangeSet").len(), 0);
}

/// A stack that is not there until it is planned, and then stands so.
fn creating(status: &'static str) -> Replay {
    let made = std::sync::atomic::AtomicBool::new(false);
    Replay::new(move |call| {
        let is_made = made.load(std::sync::atomic::Ordering::SeqCst);
        made_then(call, &made, || match call.action.as_str() {
            "DescribeStacks" if !is_made => {
                Some(Err((400, "ValidationError", "Stack with id shop-dev does not exist")))
            }
            "DescribeStacks" => Some(Ok(stack(status))),
            _ => nested(call),
        })
    })
}

#[tokio::test]
async fn a_stack_that_is_not_there_is_made_only_where_that_is_allowed() {
    let replay = creating("REVIEW_IN_PROGRESS");
    let end = ended(&*replay.stacks(), &with_template("{}"), false).await;
    says(&end.outcome.unwrap_err(), Reason::StackNotFound, "shop-dev");
    let end = ended(&*replay.stacks(), &deploy(), true).await;
    says(&end.outcome.unwrap_err(), Reason::InvalidParameter, "takes a template");
    assert_eq!(replay.calls("CreateChangeSet").len(), 0);

    let Planning::Ready(draft) = plan(&*replay.stacks(), &with_template("{}"), true).await.unwrap() else {
        panic!("it is ready");
    };
    assert!(draft.first_creation);
    assert_eq!(draft.basis.status.as_deref(), Some("REVIEW_IN_PROGRESS"));
    let calls = replay.calls("CreateChangeSet");
    let call = calls.first().unwrap();
    assert_eq!(
        (call.field("ChangeSetType"), call.field("OnStackFailure")),
        ("CREATE", "ROLLBACK")
    );
}

#[tokio::test]
async fn a_stack_that_could_not_be_created_is_no_success_and_says_how_it_is_removed() {
    let executed = |status: &'static str, execution: &'static str| {
        Replay::new(move |call| match call.action.as_str() {
            "DescribeStacks" => Some(Ok(stack(status))),
            "DescribeChangeSet" => {
                let mut set = answer("root");
                set["ExecutionStatus"] = json!(execution);
                Some(Ok(set))
            }
            _ => None,
        })
    };
    let progress = async |replay: &Replay| {
        replay
            .stacks()
            .progress(&lease().stack, &lease().request)
            .await
            .unwrap()
    };
    for status in ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"] {
        let StackProgress::Ended(end) = progress(&executed(status, "EXECUTE_FAILED")).await else {
            panic!("{status} is an end");
        };
        assert!(end.fate_known);
        let failure = end.outcome.unwrap_err();
        says(&failure, Reason::DeployFailed, status);
        says(
            &failure,
            Reason::DeployFailed,
            "aws cloudformation delete-stack --stack-name shop-dev",
        );
    }
    let StackProgress::Ended(end) = progress(&executed("UPDATE_ROLLBACK_COMPLETE", "EXECUTE_FAILED")).await else {
        panic!("a rollback is an end");
    };
    says(&end.outcome.unwrap_err(), Reason::DeployFailed, "was rolled back");
    let StackProgress::Ended(end) = progress(&executed("CREATE_COMPLETE", "EXECUTE_COMPLETE")).await else {
        panic!("it is created");
    };
    assert_eq!(end.outcome.unwrap().action, DeployAction::Deployed);
    let going_on = progress(&executed("CREATE_IN_PROGRESS", "EXECUTE_IN_PROGRESS")).await;
    assert_eq!(going_on, StackProgress::Changing);
    let failed_at_once = progress(&executed("REVIEW_IN_PROGRESS", "EXECUTE_FAILED")).await;
    assert!(matches!(failed_at_once, StackProgress::Ended(end) if end.outcome.is_err()));
}

async fn applied(stacks: &dyn Stacks, handle: &str) -> StackProgress {
    stacks.apply(&lease(), handle, SystemClock.now()).await.unwrap()
}

#[tokio::test]
async fn what_is_not_there_any_more_or_cannot_run_does_not_run_and_nothing_in_its_place_does() {
    let handle = answer("root")["ChangeSetId"].as_str().unwrap().to_owned();
    let with = |member: &'static str, value: &'static str| {
        Replay::new(move |call| {
            let mut reply = nested(call)?;
            if let Ok(set) = &mut reply {
                set[member] = json!(value);
            }
            Some(reply)
        })
    };
    let gone = Replay::new(|_| None);
    let cases = [
        (&gone, Reason::StackInProgress),
        (&with("ExecutionStatus", "OBSOLETE"), Reason::StackInProgress),
        (&with("ExecutionStatus", "UNAVAILABLE"), Reason::DeployFailed),
        (&with("Status", "DELETE_IN_PROGRESS"), Reason::DeployFailed),
        (&with("Status", "FAILED"), Reason::DeployFailed),
    ];
    for (replay, reason) in cases {
        let StackProgress::Ended(end) = applied(&*replay.stacks(), &handle).await else {
            panic!("it can never run");
        };
        assert!(end.fate_known);
        assert_eq!(end.outcome.unwrap_err().reason, reason);
        assert_eq!(replay.calls("ExecuteChangeSet").len(), 0);
        let asked = replay.calls("DescribeChangeSet");
        assert_eq!(asked.first().unwrap().field("ChangeSetName"), handle, "by its ARN");
    }
    let replay = with("StackName", "another-dev");
    let error = replay
        .stacks()
        .apply(&lease(), &handle, SystemClock.now())
        .await
        .unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Refused);
    let replay = Replay::new(nested);
    let error = replay
        .stacks()
        .apply(&lease(), "cc-devops-1", SystemClock.now())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, replay.calls("ExecuteChangeSet").len()),
        (PortErrorKind::Refused, 0)
    );
}

#[tokio::test]
async fn a_look_begins_nothing() {
    let replay = Replay::new(nested);
    let stacks = replay.stacks();
    let (stack, request) = (lease().stack, lease().request);
    assert_eq!(
        stacks.progress(&stack, &request).await.unwrap(),
        StackProgress::NotBegun
    );
    assert!(matches!(
        stacks.planned(&stack, &request).await.unwrap(),
        Planning::Ready(_)
    ));
    for action in ["CreateChangeSet", "ExecuteChangeSet", "DeleteChangeSet"] {
        assert_eq!(replay.calls(action).len(), 0, "{action}");
    }
}

#[tokio::test]
async fn another_of_the_name_does_not_hide_that_a_change_was_begun() {
    let replay = Replay::new(|call| match call.action.as_str() {
        "DescribeStackEvents" => Some(Ok(json!({"StackEvents": [{
            "EventId": "1", "StackId": stack("")["Stacks"][0]["StackId"], "StackName": "shop-dev",
            "PhysicalResourceId": stack("")["Stacks"][0]["StackId"], "ResourceStatus": "UPDATE_COMPLETE",
            "ResourceType": "AWS::CloudFormation::Stack", "LogicalResourceId": "shop-dev",
            "Timestamp": "2026-01-01T00:00:00Z", "ClientRequestToken": token(),
        }]}))),
        _ => nested(call),
    });
    let progress = replay
        .stacks()
        .progress(&lease().stack, &lease().request)
        .await
        .unwrap();
    assert!(matches!(progress, StackProgress::Ended(end) if end.outcome.is_ok()));
}

/// What the request's change is known by: the name that is asked for first.
fn token() -> Value {
    use sha2::{Digest, Sha256};
    let digest = hex::encode(Sha256::digest(lease().request.as_str()));
    json!(format!("cc-devops-{}", &digest[..40]))
}

/// A stack that was only planned, with these change sets left.
fn reviewed(left: Value) -> Replay {
    Replay::new(move |call| match call.action.as_str() {
        "DescribeStacks" => Some(Ok(stack("REVIEW_IN_PROGRESS"))),
        "ListChangeSets" => Some(Ok(json!({ "Summaries": left }))),
        _ => None,
    })
}

#[tokio::test]
async fn what_was_only_planned_is_removed_with_the_stack_that_was_made_for_it() {
    let handle = answer("root")["ChangeSetId"].as_str().unwrap().to_owned();
    let (name, request) = (lease().stack, lease().request);
    let removes = |left: Value| {
        let (handle, name, request) = (handle.clone(), name.clone(), request.clone());
        async move {
            let replay = reviewed(left);
            replay.stacks().discard(&name, &request, &handle).await.unwrap();
            assert_eq!(replay.calls("DeleteChangeSet")[0].field("ChangeSetName"), handle);
            replay
                .calls("DeleteStack")
                .iter()
                .map(|call| call.field("StackName").to_owned())
                .collect::<Vec<_>>()
        }
    };
    let stack_id = stack("")["Stacks"][0]["StackId"].as_str().unwrap().to_owned();
    assert_eq!(removes(json!([])).await, [stack_id.as_str()]);
    let summary = |status: &str| json!([{"ChangeSetName": "another", "Status": status}]);
    assert_eq!(removes(summary("DELETE_IN_PROGRESS")).await, [stack_id]);
    assert_eq!(
        removes(summary("CREATE_COMPLETE")).await,
        [""; 0],
        "somebody else plans it"
    );

    // A stack that stands is left alone, and one whose plan never had a handle is found by its name.
    let replay = Replay::new(|_| None);
    replay.stacks().discard(&name, &request, "").await.unwrap();
    assert_eq!(replay.calls("DeleteStack").len(), 0);
    assert_eq!(
        json!(replay.calls("DeleteChangeSet")[0].field("ChangeSetName")),
        token()
    );
}

#[tokio::test]
async fn what_may_not_be_removed_yet_is_tried_again_and_a_missing_permission_holds_nobody_up() {
    let (name, request) = (lease().stack, lease().request);
    let making = Replay::new(|call| {
        let mut set = answer("root");
        set["Status"] = json!("CREATE_IN_PROGRESS");
        match call.action.as_str() {
            "DeleteChangeSet" => Some(Err((400, "InvalidChangeSetStatus", "it is being made"))),
            "DescribeChangeSet" => Some(Ok(set)),
            _ => None,
        }
    });
    let error = making.stacks().discard(&name, &request, "").await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    for action in ["ListChangeSets", "DeleteStack"] {
        let replay = Replay::new(move |call| match call.action.as_str() {
            "DescribeStacks" => Some(Ok(stack("REVIEW_IN_PROGRESS"))),
            called if called == action => Some(Err((403, "AccessDenied", "not authorized"))),
            _ => None,
        });
        replay.stacks().discard(&name, &request, "").await.unwrap();
    }
}

/// The status of a stack that was not searched.
const NOBODY_LOOKED: &str = "";

/// A stack on a stage that asks for drift, whose detection says so.
async fn drift(begun: Reply, found: Value) -> (Replay, Planning) {
    let made = std::sync::atomic::AtomicBool::new(false);
    let said = std::sync::Mutex::new(String::new());
    let replay = Replay::new(move |call| {
        if call.action == "CreateChangeSet" {
            call.field("Description").clone_into(&mut said.lock().unwrap());
        }
        made_then(call, &made, || match call.action.as_str() {
            "DetectStackDrift" => Some(begun.clone()),
            "DescribeStackDriftDetectionStatus" => {
                assert_eq!(call.field("StackDriftDetectionId"), "look-1");
                Some(Ok(found.clone()))
            }
            "DescribeChangeSet" => {
                let mut reply = nested(call)?;
                if let Ok(set) = &mut reply {
                    set["Description"] = json!(*said.lock().unwrap());
                    set.as_object_mut().unwrap().remove("StackDriftStatus");
                }
                Some(reply)
            }
            _ => None,
        })
    });
    let stacks = replay.stacks_with(|resources| {
        resources.drift_stages.insert(sample::stage());
    });
    let planning = plan(&*stacks, &deploy(), false).await.unwrap();
    (replay, planning)
}

#[tokio::test]
async fn drift_is_looked_for_beside_the_plan_where_the_stage_asks() {
    let begun = || Ok(json!({"StackDriftDetectionId": "look-1"}));
    let told = |status: &str, drift: Option<&str>| {
        let mut told = json!({"StackDriftDetectionId": "look-1", "DetectionStatus": status});
        if let Some(drift) = drift {
            told["StackDriftStatus"] = json!(drift);
        }
        told
    };
    let cases = [
        (begun(), told("DETECTION_COMPLETE", Some("DRIFTED")), "DRIFTED", None),
        (begun(), told("DETECTION_COMPLETE", Some("IN_SYNC")), "IN_SYNC", None),
        (begun(), told("DETECTION_FAILED", Some("DRIFTED")), "DRIFTED", None),
        (
            begun(),
            told("DETECTION_FAILED", None),
            "DETECTION_FAILED",
            Some("DETECTION_FAILED"),
        ),
        (
            Err((403, "AccessDenied", "no")),
            json!({}),
            NOBODY_LOOKED,
            Some("cloudformation:DetectStackDrift"),
        ),
    ];
    // The change set was made long ago, by its own account. The plan says what is found in the end.
    let (_, planning) = drift(begun(), told("DETECTION_IN_PROGRESS", None)).await;
    assert_eq!(planning, Planning::GoesOn);
    for (begun, found, status, note) in cases {
        let (_, planning) = drift(begun, found).await;
        let Planning::Ready(draft) = planning else {
            panic!("it is ready, {status}");
        };
        assert_eq!(draft.notes.len(), usize::from(note.is_some()), "{:?}", draft.notes);
        assert!(
            note.is_none_or(|note| draft.notes[0].contains(note)),
            "{:?}",
            draft.notes
        );
        let root = documents(*draft).root;
        let told = root
            .get("StackDriftStatus")
            .map_or(NOBODY_LOOKED, |told| told.as_str().unwrap());
        assert_eq!(told, status);
        assert_eq!(
            root.get("Description"),
            None,
            "what is noted on a change set is no part of it"
        );
    }
    let replay = Replay::new(nested);
    drafted(&*replay.stacks()).await;
    assert_eq!(
        replay.calls("DetectStackDrift").len(),
        0,
        "on a stage that does not ask"
    );
}
