//! A bad line between the SDK's clients and the emulator: calls are refused, answers are lost,
//! made up or late.
#![allow(dead_code, reason = "the Lambda door's tests take this in, and need a part of it")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use cc_devops_aws::{Backend, Clients};
use cc_devops_kernel::ports::SystemClock;
use cc_devops_testkit::sample;
use serde_json::{Value, json};

/// The SDK's settings for services that are `client` instead, each call made at most so often.
pub(crate) fn sdk_config(url: &str, attempts: u32, client: SharedHttpClient) -> SdkConfig {
    let retries = RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(Duration::from_millis(1));
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "test",
        )))
        .retry_config(retries)
        .http_client(client)
        .build()
}

/// What goes wrong with a call.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It has no effect, and this answer.
    Answered(u16, Value),
    /// It takes effect, and its answer is lost.
    LostAnswer,
}

impl Fault {
    /// Refused with a code.
    pub(crate) fn refused(status: u16, code: &str) -> Self {
        Self::Answered(status, error(code))
    }

    /// A transaction that is cancelled, with a reason's code for each write.
    pub(crate) fn cancelled(codes: &[&str]) -> Self {
        let reasons: Vec<Value> = codes.iter().map(|code| json!({"Code": code})).collect();
        let mut body = error("TransactionCanceledException");
        body["CancellationReasons"] = json!(reasons);
        Self::Answered(400, body)
    }
}

fn error(code: &str) -> Value {
    json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "as scripted"})
}

#[derive(Default)]
struct State {
    faults: Vec<(&'static str, Fault)>,
    calls: Vec<(String, Value)>,
    /// How many more calls get through.
    left: Option<usize>,
}

/// The line. Clones are the same line.
#[derive(Clone, Default)]
pub(crate) struct Line(Arc<Mutex<State>>);

impl Line {
    /// The next so many calls of an operation go wrong so. Faults of one operation queue up.
    pub(crate) fn fails(&self, times: usize, operation: &'static str, fault: &Fault) {
        let faults = std::iter::repeat_n((operation, fault.clone()), times);
        self.state().faults.extend(faults);
    }

    /// After so many more calls none gets through.
    pub(crate) fn breaks_off_after(&self, calls: usize) {
        self.state().left = Some(calls);
    }

    /// The bodies of the calls of an operation, tries included; what was seen is forgotten.
    pub(crate) fn calls(&self, operation: &str) -> Vec<Value> {
        let calls = std::mem::take(&mut self.state().calls);
        let of = calls.into_iter().filter(|(called, _)| called == operation);
        of.map(|(_, body)| body).collect()
    }

    /// Every call with its operation, tries included; what was seen is forgotten.
    pub(crate) fn all_calls(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.state().calls)
    }

    /// Another process on the resources of `backend`, whose calls go over this line, each tried at
    /// most so often.
    pub(crate) fn to(&self, backend: &Backend, attempts: u32) -> Backend {
        Backend::new(
            self.clients(backend, attempts),
            backend.resources().clone(),
            sample::installation(),
            Arc::new(SystemClock),
        )
    }

    /// Clients over this line to the account of `backend`, each call tried at most so often.
    pub(crate) fn clients(&self, backend: &Backend, attempts: u32) -> Clients {
        let line = self.clone();
        let straight = aws_smithy_http_client::Builder::new().build_http();
        let client = http_client_fn(move |settings, components| {
            SharedHttpConnector::new(OnLine {
                line: line.clone(),
                straight: straight.http_connector(settings, components),
            })
        });
        let url = backend.clients().config().endpoint_url().unwrap();
        Clients::new(sdk_config(url, attempts, client))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call; what goes wrong with it.
    fn take(&self, request: &HttpRequest) -> Option<Fault> {
        // DynamoDB_20120810.PutItem, or /service/GraniteServiceVersion20100801/operation/GetMetricData
        let target = request.headers().get("x-amz-target").unwrap_or(request.uri());
        let operation = target.rsplit(['.', '/']).next().unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let mut state = self.state();
        let fault = state.faults.iter().position(|(of, _)| *of == operation);
        let fault = fault.map(|place| state.faults.remove(place).1);
        state.calls.push((operation, body));
        match &mut state.left {
            Some(0) => Some(Fault::refused(400, "ResourceNotFoundException")),
            Some(left) => {
                *left -= 1;
                fault
            }
            None => fault,
        }
    }
}

#[derive(Clone)]
struct OnLine {
    line: Line,
    straight: SharedHttpConnector,
}

impl std::fmt::Debug for OnLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnLine")
    }
}

impl HttpConnector for OnLine {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match self.line.take(&request) {
            None => self.straight.call(request),
            Some(Fault::Answered(status, body)) => {
                let body = SdkBody::from(body.to_string());
                HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), body)))
            }
            Some(Fault::LostAnswer) => {
                let effect = self.straight.call(request);
                HttpConnectorFuture::new(async move {
                    drop(effect.await?);
                    Err(ConnectorError::timeout("the answer was lost".into()))
                })
            }
        }
    }
}
