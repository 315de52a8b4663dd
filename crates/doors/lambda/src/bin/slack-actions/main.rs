//! `slack-actions`: the function `SlackActionsFn-{stage}`, whose own address takes clicks in Slack.

use cc_devops_lambda::payload::open;
use cc_devops_lambda::{logging, wiring};
use cc_devops_slack::function_url::handle;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::value::RawValue;

// One thread: a function has a fraction of a processor, and starts faster so.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logging::begin();
    let (clicks, plane) = wiring::slack(wiring::settings()?).await?;
    run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        Ok::<_, Error>(match open(&event.payload) {
            Ok(payload) => handle(&clicks, &plane, &payload).await,
            Err(answer) => answer,
        })
    }))
    .await
}
