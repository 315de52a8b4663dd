//! What a plan says of a change: everything that CloudFormation does, by answers that are replayed.

use std::sync::atomic::{AtomicUsize, Ordering};

use cc_devops_deploys::{ChangeSetDocuments, Draft, DraftContent};
use cc_devops_kernel::outcome::{DeployAction, Failure, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{Planning, StackEnd, Stacks, WantedChange};
use serde_json::{Value, json};

use crate::stacks_faults::cloud::deploying::{deploy, lease, says};
use crate::stacks_faults::cloud::replay::{Call, Replay, Reply};

pub(crate) fn answer(name: &str) -> Value {
    let file = format!(
        "{}/tests/aws/stacks_faults/answers/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// The change sets of a stack with a nested stack that has one itself.
pub(crate) fn nested(call: &Call) -> Option<Reply> {
    if call.action != "DescribeChangeSet" {
        return None;
    }
    Some(Ok(answer(match call.field("ChangeSetName").rsplit('-').next()? {
        "000000000002" => "child",
        "000000000003" => "grandchild",
        _ => "root",
    })))
}

pub(crate) async fn plan(stacks: &dyn Stacks, deploy: &DeployLambda, may_create: bool) -> PortResult<Planning> {
    let lease = lease();
    let wanted = WantedChange {
        stack: &lease.stack,
        request: &lease.request,
        deploy,
        may_create,
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    stacks.plan(&wanted).await
}

pub(crate) async fn drafted(stacks: &dyn Stacks) -> Draft {
    match plan(stacks, &deploy(), false).await.unwrap() {
        Planning::Ready(draft) => *draft,
        other => panic!("it is ready: {other:?}"),
    }
}

pub(crate) async fn ended(stacks: &dyn Stacks, deploy: &DeployLambda, may_create: bool) -> StackEnd {
    match plan(stacks, deploy, may_create).await.unwrap() {
        Planning::Ended(end) => end,
        other => panic!("it ends: {other:?}"),
    }
}

async fn refused(stacks: &dyn Stacks) -> Failure {
    ended(stacks, &deploy(), false).await.outcome.unwrap_err()
}

pub(crate) fn documents(draft: Draft) -> ChangeSetDocuments {
    match draft.content {
        DraftContent::ChangeSet(documents) => documents,
        other => panic!("it is a change set: {other:?}"),
    }
}

#[tokio::test]
async fn every_member_of_the_model_comes_as_the_command_line_writes_it() {
    let replay = Replay::new(nested);
    let draft = drafted(&*replay.stacks()).await;
    assert_eq!(draft.handle, answer("root")["ChangeSetId"]);
    assert!(!draft.first_creation);
    assert_eq!(draft.basis.status.as_deref(), Some("UPDATE_COMPLETE"));
    assert_eq!(draft.basis.last_updated.as_deref(), Some("2026-01-02T00:00:00Z"));
    assert!(draft.basis.stack_id.as_ref().unwrap().ends_with("000000000001"));
    let digest = draft.basis.template_digest.as_deref();
    assert_eq!(
        digest,
        Some("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
    );
    assert_eq!(draft.notes, Vec::<String>::new());
    assert_eq!(documents(draft).root, answer("root"));
    let asked = replay.calls("DescribeChangeSet");
    assert!(asked.iter().all(|call| call.field("IncludePropertyValues") == "true"));
}

#[tokio::test]
async fn what_goes_in_a_grandchild_is_told_and_a_circle_is_gone_round_once() {
    let replay = Replay::new(nested);
    let documents = documents(drafted(&*replay.stacks()).await);
    let names: Vec<&str> = documents.nested.keys().map(String::as_str).collect();
    let name = |number| format!("00000000-0000-0000-0000-00000000000{number}");
    assert_eq!(names, [name(2), name(3)]);
    assert_eq!(documents.nested[&name(2)], answer("child"));
    let gone = &documents.nested[&name(3)]["Changes"][0]["ResourceChange"];
    assert_eq!(
        (&gone["Action"], &gone["PolicyAction"]),
        (&json!("Remove"), &json!("Delete"))
    );
    assert_eq!(replay.calls("DescribeChangeSet").len(), 3, "each is read once");
}

#[tokio::test]
async fn a_nested_change_set_that_cannot_be_read_is_not_there_and_said() {
    for (refusal, said) in [
        ((403, "AccessDenied", "not authorized"), true),
        ((404, "ChangeSetNotFound", "it does not exist"), false),
    ] {
        let replay = Replay::new(move |call| {
            let is_grandchild = call.field("ChangeSetName").ends_with("000000000003");
            if is_grandchild {
                Some(Err(refusal))
            } else {
                nested(call)
            }
        });
        let draft = drafted(&*replay.stacks()).await;
        assert_eq!(draft.notes.len(), 1, "{:?}", draft.notes);
        assert_eq!(
            draft.notes[0].contains("cloudformation:DescribeChangeSet"),
            said,
            "{:?}",
            draft.notes
        );
        assert_eq!(documents(draft).nested.len(), 1);
    }
}

#[tokio::test]
async fn a_nested_stack_that_was_overtaken_keeps_the_whole_from_running() {
    let replay = Replay::new(|call| {
        let mut reply = nested(call)?;
        if let Ok(set) = &mut reply
            && set["StackName"] == "shop-dev-Data-1ABC"
        {
            set["ExecutionStatus"] = json!("OBSOLETE");
        }
        Some(reply)
    });
    says(
        &refused(&*replay.stacks()).await,
        Reason::StackInProgress,
        "nothing was done",
    );
    assert_eq!(replay.calls("DeleteChangeSet").len(), 1, "from the root alone");
}

/// A page of changes of which there are 250 on three; the last removes a table.
fn page(call: &Call) -> Value {
    let mut set = answer("root");
    let page: usize = call.field("NextToken").parse().unwrap_or(0);
    let numbers = page * 100..250.min((page + 1) * 100);
    let change = |number| match number {
        249 => json!({"Type": "Resource", "ResourceChange": {"Action": "Remove", "PolicyAction": "Delete",
            "LogicalResourceId": "Orders", "ResourceType": "AWS::DynamoDB::Table"}}),
        _ => json!({"Type": "Resource", "ResourceChange": {"Action": "Modify", "Replacement": "False",
            "LogicalResourceId": format!("Topic{number}"), "ResourceType": "AWS::SNS::Topic"}}),
    };
    set["Changes"] = numbers.map(change).collect();
    if page < 2 {
        set["NextToken"] = json!((page + 1).to_string());
    }
    set
}

#[tokio::test]
async fn every_page_is_read_once_the_change_set_is_made() {
    static LOOKS: AtomicUsize = AtomicUsize::new(0);
    let replay = Replay::new(|call| {
        if call.action != "DescribeChangeSet" {
            return None;
        }
        let mut page = page(call);
        if LOOKS.fetch_add(1, Ordering::SeqCst) < 2 {
            page["Status"] = json!("CREATE_IN_PROGRESS");
            page["ExecutionStatus"] = json!("UNAVAILABLE");
        }
        Some(Ok(page))
    });
    let documents = documents(drafted(&*replay.stacks()).await);
    let changes = documents.root["Changes"].as_array().unwrap();
    assert_eq!(changes.len(), 250);
    assert_eq!(changes[249]["ResourceChange"]["ResourceType"], "AWS::DynamoDB::Table");
    assert_eq!(documents.root.get("NextToken"), None, "nothing is behind it");
    let tokens: Vec<String> = replay
        .calls("DescribeChangeSet")
        .iter()
        .map(|call| call.field("NextToken").to_owned())
        .collect();
    assert_eq!(tokens, ["", "", "", "1", "2"], "no second page of one in the making");
}

#[tokio::test]
async fn pages_without_end_are_left_and_the_change_set_says_that_more_follows() {
    let replay = Replay::new(|call| {
        let mut page = (call.action == "DescribeChangeSet").then(|| page(call))?;
        page["NextToken"] = json!("1");
        Some(Ok(page))
    });
    let documents = documents(drafted(&*replay.stacks()).await);
    assert_eq!(documents.root["NextToken"], "1");
    assert_eq!(
        replay.calls("DescribeChangeSet").len(),
        2,
        "a token that leads to itself leads nowhere"
    );
}

#[tokio::test]
async fn words_that_the_model_does_not_list_come_as_they_are() {
    let replay = Replay::new(|call| {
        let mut reply = nested(call)?;
        if let Ok(set) = &mut reply {
            set["Changes"][0]["ResourceChange"]["Action"] = json!("Teleport");
            set["Changes"][0]["ResourceChange"]["Replacement"] = json!("Perhaps");
            set["DeploymentConfig"] = json!({"Mode": "WARP"});
        }
        Some(reply)
    });
    let root = documents(drafted(&*replay.stacks()).await).root;
    let change = &root["Changes"][0]["ResourceChange"];
    assert_eq!(
        (&change["Action"], &change["Replacement"]),
        (&json!("Teleport"), &json!("Perhaps"))
    );
    assert_eq!(root["DeploymentConfig"]["Mode"], "WARP");
}

#[tokio::test]
async fn every_reason_of_every_resource_is_told() {
    let replay = Replay::new(|call| match call.action.as_str() {
        "DescribeChangeSet" => Some(Ok(answer("failed"))),
        "DescribeEvents" if call.field("NextToken") == "second" => Some(Ok(answer("events_2"))),
        "DescribeEvents" => Some(Ok(answer("events_1"))),
        _ => None,
    });
    let told = refused(&*replay.stacks()).await;
    for reason in [
        "Table at /Resources/Table/Properties/Bling: extraneous key [Bling] is not permitted",
        "Table at /Resources/Table/Properties: required key [KeySchema] not found",
        "Bucket at /Resources/Bucket/Properties/BucketName: a bucket of that name exists already",
        "Topic at /Resources/Topic/Properties/Color: extraneous key [Color] is not permitted",
        "Role at /Resources/Role/Properties: required key [AssumeRolePolicyDocument] not found",
        "Stage at /Resources/Stage/Properties: required key [RestApiId] not found",
        "Rule at /Resources/Rule/Properties/State: not one of [ENABLED, DISABLED]",
    ] {
        says(&told, Reason::DeployFailed, reason);
    }
    assert!(!told.message.contains("only a warning"), "{}", told.message);
    let asked = replay.calls("DescribeEvents");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].field("ChangeSetName"), answer("failed")["ChangeSetId"]);
    assert_eq!(asked[0].field("Filters.FailedEvents"), "true");
}

#[tokio::test]
async fn a_childs_reason_is_told_at_the_root() {
    let replay = Replay::new(|call| match call.action.as_str() {
        "DescribeChangeSet" if call.field("ChangeSetName").ends_with("000000000002") => {
            Some(Ok(answer("failed_child")))
        }
        "DescribeChangeSet" => Some(Ok(answer("failed_root"))),
        _ => None,
    });
    let told = refused(&*replay.stacks()).await;
    says(
        &told,
        Reason::DeployFailed,
        "nested stack shop-dev-Data-1ABC: Template error: instance of Fn::GetAtt references undefined resource Orders",
    );
}

#[tokio::test]
async fn what_the_role_may_not_read_is_named_beside_the_plan() {
    let replay = Replay::new(|call| match call.action.as_str() {
        "GetTemplate" => Some(Err((403, "AccessDenied", "not authorized"))),
        _ => nested(call),
    });
    let draft = drafted(&*replay.stacks()).await;
    assert_eq!(draft.basis.template_digest, None);
    assert!(
        draft
            .notes
            .iter()
            .any(|note| note.contains("cloudformation:GetTemplate")),
        "{:?}",
        draft.notes
    );
}

#[tokio::test]
async fn no_changes_says_which_references_may_have_moved() {
    let replay = Replay::new(|call| {
        let mut set = (call.action == "DescribeChangeSet").then(|| answer("failed"));
        if let Some(set) = &mut set {
            set["StatusReason"] = json!("No updates are to be performed.");
        }
        match call.action.as_str() {
            "GetTemplate" => Some(Ok(json!({"TemplateBody": "Price: '{{resolve:ssm:/shop/price}}'"}))),
            _ => set.map(Ok),
        }
    });
    let end = ended(&*replay.stacks(), &deploy(), false).await;
    assert_eq!(end.outcome.unwrap().action, DeployAction::NoChanges);
    assert!(end.output.unwrap().contains("{{resolve:ssm:/shop/price}}"));
    assert_eq!(replay.calls("DeleteChangeSet").len(), 1);
}

#[tokio::test]
async fn unpinned_code_is_named() {
    let template = r#"{"Resources": {"Web": {"Type": "AWS::Lambda::Function",
        "Properties": {"Code": {"S3Bucket": "builds", "S3Key": "web.zip"}}}}}"#;
    let replay = Replay::new(move |call| match call.action.as_str() {
        "GetTemplate" => Some(Ok(json!({ "TemplateBody": template }))),
        _ => nested(call),
    });
    let notes = drafted(&*replay.stacks()).await.notes;
    assert!(
        notes.iter().any(|note| note.contains("Web (s3://builds/web.zip)")),
        "{notes:?}"
    );
}
