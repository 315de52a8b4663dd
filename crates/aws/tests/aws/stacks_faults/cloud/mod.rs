//! A CloudFormation that does what the emulator does not: it fails, rolls back, takes its time, and
//! loses answers. It stands behind the real SDK client, as its HTTP connector.

pub(crate) mod deploying;
pub(crate) mod model;
pub(crate) mod replay;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use cc_devops_aws::{Backend, Clients, Resources};
use cc_devops_kernel::ports::SystemClock;
use cc_devops_testkit::sample;

use crate::line::sdk_config;
use model::Model;
pub(crate) use model::{Event, Fate, Making, Stack};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// It is refused, without effect, with this status, code and sentence.
    Refused(u16, &'static str, &'static str),
    /// It takes effect, and its answer is lost.
    LostAnswer,
}

#[derive(Default)]
struct State {
    model: Model,
    calls: Vec<(String, String)>,
    faults: Vec<(&'static str, Fault)>,
}

/// The service. Clones share one state.
#[derive(Clone, Default)]
pub(crate) struct Cloud(Arc<Mutex<State>>);

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cloud")
    }
}

impl Cloud {
    /// A cloud with one stack.
    pub(crate) fn with(name: &str, stack: Stack) -> Self {
        let cloud = Self::default();
        cloud.add(name, stack);
        cloud
    }

    pub(crate) fn add(&self, name: &str, stack: Stack) {
        let name = sample::stack(name).to_string();
        self.state().model.stacks.insert(name, stack);
    }

    /// Changes a stack behind everybody's back.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Stack)) {
        change(self.state().model.stacks.get_mut(sample::stack(name).as_str()).unwrap());
    }

    pub(crate) fn delete(&self, name: &str) {
        self.state().model.stacks.remove(sample::stack(name).as_str());
    }

    /// The next call of an action goes wrong so. Faults of one action queue up.
    pub(crate) fn fail(&self, action: &'static str, fault: Fault) {
        self.state().faults.push((action, fault));
    }

    /// How often an action took effect, as opposed to how often it was called.
    pub(crate) fn effects(&self, action: &str) -> usize {
        self.state().model.effects.iter().filter(|took| *took == action).count()
    }

    /// The bodies of an action's calls, as they were sent.
    pub(crate) fn calls(&self, action: &str) -> Vec<String> {
        let state = self.state();
        let of_action = state.calls.iter().filter(|(called, _)| called == action);
        of_action.map(|(_, body)| body.clone()).collect()
    }

    /// A backend on this cloud that makes each call at most so often.
    pub(crate) fn backend(&self, attempts: u32) -> Backend {
        let resources = Resources::of(&sample::installation(), sample::stage());
        backend_on(self.clone(), attempts, resources)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, body: &str) -> Result<HttpResponse, ConnectorError> {
        let mut state = self.state();
        let action = model::field(body, "Action").unwrap_or_default();
        state.calls.push((action.clone(), body.to_owned()));
        let fault = state.faults.iter().position(|(of, _)| *of == action);
        let fault = fault.map(|place| state.faults.remove(place).1);
        if let Some(Fault::Refused(status, code, message)) = fault {
            return Ok(response(&Err((status, code, message.to_owned())), &action));
        }
        let answer = state.model.answer(&action, body);
        match fault {
            Some(Fault::LostAnswer) => Err(ConnectorError::timeout("the answer was lost".into())),
            _ => Ok(response(&answer, &action)),
        }
    }
}

/// A backend whose calls a connector answers, each made at most so often.
pub(crate) fn backend_on(connector: impl HttpConnector + 'static, attempts: u32, resources: Resources) -> Backend {
    let connector = SharedHttpConnector::new(connector);
    let client = http_client_fn(move |_, _| connector.clone());
    let config = sdk_config("http://cloudformation.invalid", attempts, client);
    Backend::new(
        Clients::new(config),
        resources,
        sample::installation(),
        Arc::new(SystemClock),
    )
}

impl HttpConnector for Cloud {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        HttpConnectorFuture::ready(self.answer(&body))
    }
}

pub(crate) fn response(answer: &model::Answer, action: &str) -> HttpResponse {
    let (status, body) = match answer {
        Ok(result) => (
            200,
            format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"),
        ),
        Err((status, code, message)) => (
            *status,
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>r</RequestId></ErrorResponse>"
            ),
        ),
    };
    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
}
