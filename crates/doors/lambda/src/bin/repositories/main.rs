//! `repositories`: the function `RepositoriesFn-{stage}`.

use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_lambda::payload::open;
use cc_devops_lambda::repositories::Invocation;
use cc_devops_lambda::{left, logging, wiring};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::value::RawValue;

// One thread, as nearly all of the time is waiting for GitHub.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logging::begin();
    let function = wiring::repositories(wiring::settings_and_policy()?).await?;
    run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let invocation = Invocation {
            run: event.context.request_id.clone(),
            left: left(event.context.deadline, SystemClock.now()),
        };
        let payload = match open(&event.payload) {
            Ok(payload) => payload,
            Err(answer) => return Ok(answer),
        };
        function.handle(&payload, &invocation).await.map_err(|error| {
            tracing::error!(%error, "the invocation failed");
            Error::from(error)
        })
    }))
    .await
}
