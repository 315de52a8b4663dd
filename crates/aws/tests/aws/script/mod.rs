//! Services that answer by a script: the real SDK client, and behind it, in the network's place,
//! what each operation answers, in turn.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use cc_devops_aws::{Backend, Clients, Resources};
use cc_devops_kernel::ports::SystemClock;
use cc_devops_testkit::sample;
use serde_json::{Value, json};

use crate::line::sdk_config;

/// What an operation answers.
#[derive(Clone)]
enum Answer {
    /// A status and a body.
    Now(u16, Value),
    /// Nothing, however long one waits.
    Never,
}

#[derive(Default)]
struct State {
    answers: HashMap<String, VecDeque<Answer>>,
    calls: Vec<(String, Value)>,
}

/// The script. An operation that it does not have is answered by a panic; the last answer of one
/// that it has is given again and again.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<State>>);

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    /// The operation's next answer.
    pub(crate) fn answers(self, operation: &str, body: Value) -> Self {
        self.then(operation, Answer::Now(200, body))
    }

    /// The operation's next answer is a refusal with this status, code and sentence.
    pub(crate) fn refuses(self, operation: &str, status: u16, code: &str, message: &str) -> Self {
        let body = json!({"__type": code, "message": message, "Message": message});
        self.then(operation, Answer::Now(status, body))
    }

    /// The operation's next answer does not come.
    pub(crate) fn loses(self, operation: &str) -> Self {
        self.then(operation, Answer::Never)
    }

    fn then(self, operation: &str, answer: Answer) -> Self {
        self.state()
            .answers
            .entry(operation.to_owned())
            .or_default()
            .push_back(answer);
        self
    }

    /// The operations in the order of their calls.
    pub(crate) fn order(&self) -> Vec<String> {
        self.state()
            .calls
            .iter()
            .map(|(operation, _)| operation.clone())
            .collect()
    }

    /// What an operation was called with.
    pub(crate) fn calls(&self, operation: &str) -> Vec<Value> {
        let state = self.state();
        let calls = state.calls.iter().filter(|(called, _)| called == operation);
        calls.map(|(_, body)| body.clone()).collect()
    }

    /// A backend whose calls are made twice at most and may take 200 ms each.
    pub(crate) fn backend(&self) -> Backend {
        let connector = SharedHttpConnector::new(self.clone());
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(200));
        let client = http_client_fn(move |_, _| connector.clone());
        let config = sdk_config("http://aws.invalid", 2, client).into_builder();
        let config = config.timeout_config(timeouts.build()).build();
        let resources = Resources::of(&sample::installation(), sample::stage());
        Backend::new(
            Clients::new(config),
            resources,
            sample::installation(),
            Arc::new(SystemClock),
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &HttpRequest) -> Answer {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let mut state = self.state();
        state.calls.push((operation.clone(), body));
        let Some(answers) = state.answers.get_mut(&operation) else {
            panic!("nobody expected a call of {operation:?}");
        };
        match answers.pop_front() {
            Some(last) if answers.is_empty() => {
                answers.push_back(last.clone());
                last
            }
            Some(answer) => answer,
            None => panic!("{operation} has no answer"),
        }
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match self.answer(&request) {
            Answer::Never => HttpConnectorFuture::new(std::future::pending()),
            Answer::Now(status, body) => {
                let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()));
                response
                    .headers_mut()
                    .insert("content-type", "application/x-amz-json-1.1");
                HttpConnectorFuture::ready(Ok(response))
            }
        }
    }
}
