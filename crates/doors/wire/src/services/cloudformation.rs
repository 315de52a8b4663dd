//! CloudFormation: the stacks that are deployed here, in its words.

use cc_devops_http::access::DescribeStacks;
use cc_devops_requests::deploys::{DescribedStack, StackStanding};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fault::{Failed, Fault};
use crate::model::{List, Member, Shape, Text};
use crate::operation::{Call, Operation, Service};
use crate::services::made_ids::uuid_of;

static DESCRIBE: [Member; 2] = [
    Member::optional("StackName", Text::ANY.shape()),
    Member::optional("NextToken", Text::of(1, 1_024).shape()),
];

static PARAMETER: [Member; 2] = [
    Member::optional("ParameterKey", Text::ANY.shape()),
    Member::optional("ParameterValue", Text::ANY.shape()),
];
static PARAMETERS: List = List::of(Shape::Structure(&PARAMETER), 0, usize::MAX);
static DRIFT: [Member; 1] = [Member::required(
    "StackDriftStatus",
    Text::among(&["DRIFTED", "IN_SYNC", "UNKNOWN", "NOT_CHECKED"]).shape(),
)];
const STATUS: Text = Text::among(&[
    "CREATE_IN_PROGRESS",
    "CREATE_FAILED",
    "CREATE_COMPLETE",
    "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
]);
static STACK: [Member; 10] = [
    Member::optional("StackId", Text::ANY.shape()),
    Member::required("StackName", Text::ANY.shape()),
    Member::optional("Parameters", Shape::List(&PARAMETERS)),
    Member::required("CreationTime", Shape::Timestamp),
    Member::optional("LastUpdatedTime", Shape::Timestamp),
    Member::required("StackStatus", Shape::Text(STATUS)),
    Member::optional("StackStatusReason", Text::ANY.shape()),
    Member::optional("DisableRollback", Shape::Boolean),
    Member::optional("EnableTerminationProtection", Shape::Boolean),
    Member::optional("DriftInformation", Shape::Structure(&DRIFT)),
];
static STACKS: List = List::of(Shape::Structure(&STACK), 0, usize::MAX);
static DESCRIBED: [Member; 2] = [
    Member::optional("Stacks", Shape::List(&STACKS)),
    Member::optional("NextToken", Text::of(1, 1_024).shape()),
];

/// What is served of it.
pub(crate) fn operations() -> Vec<Operation> {
    vec![Operation::of(
        Service::CloudFormation,
        "DescribeStacks",
        (&DESCRIBE, &DESCRIBED),
        describe_stacks,
    )]
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    stack_name: Option<String>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    stacks: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    stack_id: String,
    stack_name: String,
    parameters: Vec<Parameter>,
    creation_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_updated_time: Option<Timestamp>,
    stack_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack_status_reason: Option<String>,
    disable_rollback: bool,
    enable_termination_protection: bool,
    drift_information: Drift,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    parameter_key: String,
    parameter_value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Drift {
    stack_drift_status: &'static str,
}

async fn describe_stacks(call: Call, input: Describe) -> Result<Described, Failed> {
    let permitted = call.permitted::<DescribeStacks>()?;
    if let Some(given) = input.stack_name.as_deref().filter(|given| !given.is_empty()) {
        let name = name_of(given);
        let found = permitted.describe(name).await?;
        let found = found.ok_or_else(|| {
            let shown: String = given.chars().take(256).collect();
            Fault::sender("ValidationError", format!("Stack with id {shown} does not exist"))
        })?;
        return Ok(Described {
            stacks: vec![stack(&call, found)],
            next_token: None,
        });
    }
    let page = permitted.all(input.next_token.as_deref()).await?;
    Ok(Described {
        stacks: page.stacks.into_iter().map(|found| stack(&call, found)).collect(),
        next_token: page.next,
    })
}

/// The stack's name, where it is named by its ARN.
fn name_of(given: &str) -> &str {
    let behind = given.strip_prefix("arn:").and_then(|arn| arn.split_once(":stack/"));
    behind.map_or(given, |(_, named)| {
        named.split_once('/').map_or(named, |(name, _)| name)
    })
}

fn stack(call: &Call, found: DescribedStack) -> Entry {
    let name = found.stack.to_string();
    let stack_status = status(found.standing, found.is_first);
    let parameters = found.parameters.into_iter();
    Entry {
        stack_id: call.arn("cloudformation", &format!("stack/{name}/{}", uuid_of(&name))),
        stack_name: name,
        parameters: parameters
            .map(|(parameter_key, parameter_value)| Parameter {
                parameter_key,
                parameter_value,
            })
            .collect(),
        creation_time: found.first_at,
        last_updated_time: (!found.is_first).then_some(found.last_at),
        stack_status,
        stack_status_reason: found.error,
        disable_rollback: false,
        enable_termination_protection: false,
        // What a command deploys is not compared with what is there.
        drift_information: Drift {
            stack_drift_status: "NOT_CHECKED",
        },
    }
}

fn status(standing: StackStanding, is_first: bool) -> &'static str {
    match (standing, is_first) {
        (StackStanding::Changing, true) => "CREATE_IN_PROGRESS",
        (StackStanding::Changing, false) => "UPDATE_IN_PROGRESS",
        (StackStanding::Deployed, true) => "CREATE_COMPLETE",
        (StackStanding::Deployed, false) => "UPDATE_COMPLETE",
        (StackStanding::Failed, true) => "CREATE_FAILED",
        (StackStanding::Failed, false) => "UPDATE_FAILED",
    }
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::ports::{Content, RecordKey, RecordKind, StateChange};
    use serde_json::{Value, json};

    use super::*;
    use crate::services::harness::{Caller, Harness};

    /// Keeps a record as the engine does.
    async fn keep(harness: &Harness, kind: RecordKind, name: &str, list: Option<&str>, body: &Value) {
        let change = StateChange {
            key: RecordKey::new(kind, name),
            version: 0,
            content: Some(Content {
                due_at: None,
                list: list.map(str::to_owned),
                body: body.to_string(),
            }),
        };
        harness.control.ports().state.write(&[change], None).await.unwrap();
    }

    /// Keeps that a stack was deployed in an hour of a day: one is enough for its order.
    async fn deployed(harness: &Harness, stack: &str, hour: u8, error: Option<&str>) {
        let at = format!("2026-03-01T{hour:02}:00:00Z");
        let body = json!({
            "plan": format!("plan-{hour:024}"),
            "request": format!("r{hour}"),
            "stack": stack,
            "stage": "dev",
            "requestedBy": "X",
            "digest": "a".repeat(64),
            "parameters": {"Hour": hour.to_string()},
            "begunAt": at,
            "endedAt": at,
            "tookMs": 1,
            "succeeded": error.is_none(),
            "error": error,
        });
        let name = format!("{stack}/{:015}/plan", 99 - hour);
        keep(harness, RecordKind::Deployed, &name, Some(stack), &body).await;
        if hour == 1 {
            keep(harness, RecordKind::PlannedStack, stack, None, &json!({})).await;
        }
    }

    async fn harness() -> Harness {
        let harness = Harness::new().await;
        deployed(&harness, "cc-agent-x-dev", 1, None).await;
        deployed(&harness, "cc-agent-x-dev", 2, None).await;
        deployed(&harness, "shop-dev", 1, None).await;
        deployed(&harness, "shop-dev", 2, Some("its command ended with exit status: 1")).await;
        deployed(&harness, "fresh-dev", 1, None).await;
        // It was planned, and nothing of it has run.
        keep(&harness, RecordKind::PlannedStack, "never-dev", None, &json!({})).await;
        harness
    }

    #[tokio::test]
    async fn a_stack_is_told_as_cloudformation_tells_it() {
        let harness = harness().await;
        let named = json!({"StackName": "cc-agent-x-dev"});
        let told = harness.ask(Caller::Operator, "DescribeStacks", named).await.unwrap();
        let stack = &told["Stacks"][0];
        let arn = stack["StackId"].as_str().unwrap();
        assert!(
            arn.starts_with("arn:aws:cloudformation:us-east-1:000000000000:stack/cc-agent-x-dev/"),
            "{arn}"
        );
        assert_eq!(stack["StackName"], "cc-agent-x-dev");
        assert_eq!(stack["StackStatus"], "UPDATE_COMPLETE");
        assert_eq!(stack["CreationTime"], "2026-03-01T01:00:00Z");
        assert_eq!(stack["LastUpdatedTime"], "2026-03-01T02:00:00Z");
        assert_eq!(
            stack["Parameters"],
            json!([{"ParameterKey": "Hour", "ParameterValue": "2"}])
        );
        let by_arn = harness
            .ask(Caller::Operator, "DescribeStacks", json!({"StackName": arn}))
            .await
            .unwrap();
        assert_eq!(by_arn, told);
    }

    #[tokio::test]
    async fn every_stack_that_was_deployed_is_told_and_no_other() {
        let harness = harness().await;
        let told = harness
            .ask(Caller::Operator, "DescribeStacks", json!({}))
            .await
            .unwrap();
        let stacks = told["Stacks"].as_array().unwrap().iter();
        let told: Vec<(&str, &str, Option<&str>)> = stacks
            .map(|stack| {
                let text = |name: &str| stack[name].as_str();
                (
                    text("StackName").unwrap(),
                    text("StackStatus").unwrap(),
                    text("StackStatusReason"),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("cc-agent-x-dev", "UPDATE_COMPLETE", None),
                ("fresh-dev", "CREATE_COMPLETE", None),
                (
                    "shop-dev",
                    "UPDATE_FAILED",
                    Some("its command ended with exit status: 1")
                ),
            ]
        );
    }

    #[tokio::test]
    async fn pages_are_all_stacks_once() {
        let harness = Harness::new().await;
        for number in 0..45 {
            deployed(&harness, &format!("s{number:02}-dev"), 1, None).await;
        }
        let (mut seen, mut token, mut pages) = (Vec::new(), Value::Null, 0);
        loop {
            let input = if token.is_null() {
                json!({})
            } else {
                json!({"NextToken": token})
            };
            let page = harness.ask(Caller::Operator, "DescribeStacks", input).await.unwrap();
            let stacks = page["Stacks"].as_array().unwrap();
            seen.extend(
                stacks
                    .iter()
                    .map(|stack| stack["StackName"].as_str().unwrap().to_owned()),
            );
            token = page["NextToken"].clone();
            pages += 1;
            if token.is_null() {
                break;
            }
        }
        let all: Vec<String> = (0..45).map(|number| format!("s{number:02}-dev")).collect();
        assert_eq!((seen, pages), (all, 3));
    }

    #[tokio::test]
    async fn a_stack_that_is_not_there_is_refused_in_cloudformations_words() {
        let harness = harness().await;
        for name in ["never-dev", "none-dev", "no-stage"] {
            let told = harness
                .fault(Caller::Operator, "DescribeStacks", json!({"StackName": name}))
                .await;
            assert_eq!(
                told,
                (
                    "ValidationError".to_owned(),
                    format!("Stack with id {name} does not exist")
                )
            );
        }
    }

    #[tokio::test]
    async fn whom_no_policy_lets_is_told_of_no_stack() {
        let harness = harness().await;
        for input in [
            json!({}),
            json!({"StackName": "cc-agent-x-dev"}),
            json!({"StackName": "none-dev"}),
            json!({"StackName": "no-stage"}),
        ] {
            assert_eq!(harness.problem(Caller::Agent, "DescribeStacks", input).await, 403);
        }
    }

    #[test]
    fn a_stack_is_named_by_its_name_or_its_arn() {
        for (given, name) in [
            ("cc-agent-x-dev", "cc-agent-x-dev"),
            (
                "arn:aws:cloudformation:us-east-1:000000000000:stack/cc-agent-x-dev/5b2f",
                "cc-agent-x-dev",
            ),
            (
                "arn:aws:cloudformation:us-east-1:000000000000:stack/cc-agent-x-dev",
                "cc-agent-x-dev",
            ),
            ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket"),
        ] {
            assert_eq!(name_of(given), name);
        }
    }

    #[test]
    fn every_status_is_one_of_cloudformations() {
        let standings = [StackStanding::Changing, StackStanding::Deployed, StackStanding::Failed];
        let told = standings.map(|standing| [true, false].map(|is_first| status(standing, is_first)));
        let mut told = told.concat();
        told.sort_unstable();
        let mut known = STATUS.among.to_vec();
        known.sort_unstable();
        assert_eq!(told, known);
    }
}
