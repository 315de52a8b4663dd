//! `devops-automation`: the function `cc-agent-devops-automation-{stage}`.

mod relay_layer;

use std::sync::Arc;

use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_lambda::payload::open;
use cc_devops_lambda::{left, logging, wiring};
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde_json::value::RawValue;

use relay_layer::RelayLayer;

// One thread: a function has a fraction of a processor, and starts faster so.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logging::begin();
    let function = Arc::new(wiring::control_plane(wiring::settings()?).await?);
    let handler = service_fn(|event: LambdaEvent<Box<RawValue>>| {
        let function = Arc::clone(&function);
        async move {
            let left = left(event.context.deadline, SystemClock.now());
            let payload = match open(&event.payload) {
                Ok(payload) => payload,
                Err(answer) => return Ok(answer),
            };
            function.handle_within(payload, left).await.map_err(|error| {
                tracing::error!(%error, "the invocation failed");
                Error::from(error)
            })
        }
    });
    let relaying = Arc::clone(&function);
    let runtime = Runtime::new(handler).layer(TracingLayer::new());
    runtime.layer(RelayLayer::new(relaying)).run().await
}
