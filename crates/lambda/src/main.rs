//! `devops-automation`: the function `cc-agent-devops-automation-{stage}`.

mod wiring;

use cc_devops_lambda::{Settings, left, logging};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

// One thread: a function has a fraction of a processor, and starts faster so.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logging::begin();
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let function = wiring::function(settings).await;
    run(service_fn(async |event: LambdaEvent<Value>| {
        let left = left(event.context.deadline, Timestamp::now());
        function.handle_within(event.payload, left).await.map_err(|error| {
            tracing::error!(%error, "the invocation failed");
            Error::from(error)
        })
    }))
    .await
}
