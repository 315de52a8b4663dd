//! `stripe-mrr-reporter`: the function `StripeMrrReporterFn-{stage}`.

use cc_devops_lambda::payload::open;
use cc_devops_lambda::{logging, wiring};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::value::RawValue;

// One thread, as nearly all of the time is waiting for Stripe.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logging::begin();
    let function = wiring::mrr(wiring::settings()?).await?;
    run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let payload = match open(&event.payload) {
            Ok(payload) => payload,
            Err(answer) => return Ok(answer),
        };
        function.handle(&payload).await.map_err(|error| {
            tracing::error!(%error, "the invocation failed");
            Error::from(error)
        })
    }))
    .await
}
