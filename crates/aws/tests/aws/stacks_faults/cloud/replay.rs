//! A CloudFormation that gives the answers it is told to, written as the command line writes them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use cc_devops_aws::Resources;
use cc_devops_requests::ports::Stacks;
use cc_devops_testkit::sample;
use serde_json::{Value, json};

use super::deploying::BACKOFF;
use super::model::{decoded, escaped};
use super::{backend_on, response};

/// What an action answers: its result, or status, code and sentence of an error.
pub(crate) type Reply = Result<Value, (u16, &'static str, &'static str)>;

/// A call with its fields.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) action: String,
    fields: BTreeMap<String, String>,
}

impl Call {
    fn read(body: &str) -> Self {
        let fields = body.split('&').filter_map(|field| field.split_once('='));
        let fields: BTreeMap<String, String> = fields.map(|(name, value)| (decoded(name), decoded(value))).collect();
        Self {
            action: fields.get("Action").cloned().unwrap_or_default(),
            fields,
        }
    }

    /// A field; empty where it was not sent.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

type Answers = dyn Fn(&Call) -> Option<Reply> + Send + Sync;

/// The service. Clones share what was asked.
#[derive(Clone)]
pub(crate) struct Replay {
    answers: Arc<Answers>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replay")
    }
}

impl Replay {
    /// A service that answers so; what is not answered so is the answer of a stack that stands still.
    pub(crate) fn new(answers: impl Fn(&Call) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self {
            answers: Arc::new(answers),
            calls: Arc::default(),
        }
    }

    pub(crate) fn stacks(&self) -> Arc<dyn Stacks> {
        self.stacks_with(|_| {})
    }

    /// With settings of its own.
    pub(crate) fn stacks_with(&self, change: impl FnOnce(&mut Resources)) -> Arc<dyn Stacks> {
        let mut resources = Resources::of(&sample::installation(), sample::stage());
        change(&mut resources);
        backend_on(self.clone(), 1, resources).stacks(BACKOFF)
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls of an action.
    pub(crate) fn calls(&self, action: &str) -> Vec<Call> {
        self.asked()
            .iter()
            .filter(|call| call.action == action)
            .cloned()
            .collect()
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let call = Call::read(&body);
        let reply = (self.answers)(&call).unwrap_or_else(|| at_rest(&call));
        let answer = reply
            .map(|value| xml(&value))
            .map_err(|(status, code, message)| (status, code, message.to_owned()));
        let answer = response(&answer, &call.action);
        self.asked().push(call);
        HttpConnectorFuture::ready(Ok(answer))
    }
}

/// A stack as `describe-stacks` tells of it.
pub(crate) fn stack(status: &str) -> Value {
    json!({"Stacks": [{
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/shop-dev/0d6c0000-0000-0000-0000-000000000001",
        "StackName": "shop-dev", "StackStatus": status, "CreationTime": "2026-01-01T00:00:00Z",
        "LastUpdatedTime": "2026-01-02T00:00:00Z",
    }]})
}

fn at_rest(call: &Call) -> Reply {
    match call.action.as_str() {
        "DescribeStacks" => Ok(stack("UPDATE_COMPLETE")),
        "DescribeStackEvents" => Ok(json!({"StackEvents": []})),
        "GetTemplate" => Ok(json!({"TemplateBody": "{}"})),
        "GetTemplateSummary" => Ok(json!({"Parameters": []})),
        "ListChangeSets" => Ok(json!({"Summaries": []})),
        "DescribeEvents" => Ok(json!({"OperationEvents": []})),
        "CreateChangeSet" | "ExecuteChangeSet" | "DeleteChangeSet" | "DeleteStack" => Ok(json!({})),
        "DescribeChangeSet" => Err((404, "ChangeSetNotFound", "it does not exist")),
        action => panic!("the adapter has no business calling {action}"),
    }
}

/// As the Query protocol writes it.
fn xml(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("<{name}>{}</{name}>", xml(value)));
            members.collect::<Vec<_>>().concat()
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| format!("<member>{}</member>", xml(item)));
            items.collect::<Vec<_>>().concat()
        }
        Value::String(text) => escaped(text),
        other => other.to_string(),
    }
}
