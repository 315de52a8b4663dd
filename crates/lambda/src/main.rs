//! `devops-automation`: the function `cc-agent-devops-automation-{stage}`.

mod wiring;

use cc_devops_lambda::Settings;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

// One thread: a function has a fraction of a processor, and starts faster so.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_current_span(true)
        .with_span_list(false)
        // CloudWatch has its own.
        .without_time();
    let filter = filter(&std::env::var("LOG_LEVEL").unwrap_or_default());
    tracing_subscriber::registry().with(lines).with(filter).init();
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

/// What is logged: ours at the level asked for. What the SDK says in detail is nobody's business, as
/// it may hold what requests hold.
fn filter(level: &str) -> Targets {
    let level = match level {
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "debug" => LevelFilter::DEBUG,
        _ => LevelFilter::INFO,
    };
    let ours = [
        "cc_devops_core",
        "cc_devops_aws",
        "cc_devops_lambda",
        "devops_automation",
    ];
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets(ours.map(|name| (name, level)))
}
