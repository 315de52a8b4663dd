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
        .with_env_filter(EnvFilter::new(filter(&std::env::var("LOG_LEVEL").unwrap_or_default())))
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

/// What is logged: ours at the level asked for. What the SDK says in detail is nobody's business, as
/// it may hold what requests hold.
fn filter(level: &str) -> String {
    let level = match level {
        "error" | "warn" | "debug" => level,
        _ => "info",
    };
    let ours = [
        "cc_devops_core",
        "cc_devops_aws",
        "cc_devops_lambda",
        "devops_automation",
    ];
    let ours: Vec<String> = ours.iter().map(|name| format!("{name}={level}")).collect();
    format!("warn,{}", ours.join(","))
}
