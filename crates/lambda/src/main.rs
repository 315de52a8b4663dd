//! `devops-automation`: the function `cc-agent-devops-automation-{stage}`.

mod wiring;

use cc_devops_lambda::Settings;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use tracing_subscriber::EnvFilter;

// One thread: a function has a fraction of a processor, and starts faster so.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::try_from_env("LOG_LEVEL").unwrap_or_else(|_| EnvFilter::new("info")))
        .with_current_span(true)
        .with_span_list(false)
        // CloudWatch has its own.
        .without_time()
        .init();
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let function = wiring::function(settings).await;
    run(service_fn(async |event: LambdaEvent<Value>| {
        function.handle(event.payload).await.map_err(|error| {
            tracing::error!(%error, "the invocation failed");
            Error::from(error)
        })
    }))
    .await
}
