//! The table of what is served.

use std::pin::Pin;
use std::sync::Arc;

use cc_devops_http::access::{Credential, Permitted, Privilege};
use cc_devops_http::problem::Problem;
use cc_devops_http::{App, RequestPlace};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::fault::{Failed, Fault};
use crate::model::{Member, Shape};
pub(crate) use crate::service::Service;

/// A call whose signature holds, before its operation is asked for.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) app: App,
    /// Who signed it.
    pub(crate) credential: Credential,
    /// The region of the signature's scope: what ARNs name.
    pub(crate) region: Arc<str>,
    /// When it was signed, by the caller's clock.
    pub(crate) signed_at: Timestamp,
    /// Where this door is, as the caller addressed it, without a `/` at its end: what queue addresses begin with.
    pub(crate) endpoint: Arc<str>,
    /// The place that the request was let in on, which an operation that waits gives back first.
    pub(crate) let_in: Option<RequestPlace>,
}

/// The account that ARNs name: nobody's.
pub(crate) const ACCOUNT: &str = "000000000000";

impl Call {
    /// The proof that whoever signed may do what a `P` is about, as on the API's own routes: the rate limit counts once for a
    /// call, before this.
    pub(crate) fn permitted<P: Privilege>(&self) -> Result<Permitted<P>, Problem> {
        Permitted::of(&self.app, &self.credential)
    }

    /// The ARN of a resource of this installation.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{ACCOUNT}:{resource}", self.region)
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Value, Failed>> + Send>>;

/// An operation: its model, and what carries it out.
pub(crate) struct Operation {
    pub(crate) service: Service,
    pub(crate) name: &'static str,
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    run: Box<dyn Fn(Call, Value) -> Answer + Send + Sync>,
}

impl Operation {
    /// An operation that takes and gives a structure of these members, and whose handler takes it typed and gives it typed.
    /// The input holds what its shape asks for (the validator made sure): numbers are numbers whatever the protocol, moments
    /// are RFC 3339 texts (`jiff::Timestamp` reads and writes these), bytes are base64 texts. A member that is not there is
    /// left out.
    pub(crate) fn of<I, O, F>(
        service: Service,
        name: &'static str,
        (input, output): (&'static [Member], &'static [Member]),
        handler: impl Fn(Call, I) -> F + Send + Sync + Copy + 'static,
    ) -> Self
    where
        I: DeserializeOwned,
        O: Serialize,
        F: Future<Output = Result<O, Failed>> + Send + 'static,
    {
        let run = move |call, document| -> Answer {
            let input = serde_json::from_value::<I>(document);
            let answer = input.map(|input| handler(call, input));
            Box::pin(async move {
                let output = answer.map_err(|error| Fault::sender("SerializationException", error.to_string()))?;
                let output = serde_json::to_value(output.await?);
                output.map_err(|_unserialisable| Failed::Problem(Problem::internal()))
            })
        };
        Self {
            service,
            name,
            input: Shape::Structure(input),
            output: Shape::Structure(output),
            run: Box::new(run),
        }
    }

    /// Carries it out.
    pub(crate) fn run(&self, call: Call, input: Value) -> Answer {
        (self.run)(call, input)
    }
}
