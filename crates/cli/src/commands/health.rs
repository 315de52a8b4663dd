//! `health`: asks the running control plane how it is.

use std::time::Duration;

use cc_devops_outbound::Method;
use serde_json::Value;

use super::bus;
use crate::client::{Client, Target};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{table, visible};
use crate::store;

const AFTER_HELP: &str = "\
Exit code 0 when it is healthy, 1 when it is degraded, 3 when none runs on the folder or nothing listens,
6 when the folder holds no control plane, 7 when TLS fails, 8 when it is overloaded, 9 when it does not
answer in time.

With an operator's token, the admin's in the data folder by itself, it tries a small write and says what
is wrong. Without one it says which checks fail, and no more.

Examples:
  cc-devops health
  cc-devops health --url http://127.0.0.1:8787 --json
  cc-devops health --backend aws --aws-stage prod";

/// Which control plane.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Which server, and whose token; on AWS without an address, the function
    #[command(flatten)]
    target: Target,
    /// How many seconds it may take to answer; its own checks take 8 at most
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

/// Runs `health`.
pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), CliError> {
    let body = match store::on_aws(&context.load_settings()?.settings).await? {
        Some(backend) if args.target.url.is_none() => bus::function_health(&backend).await?,
        _ => {
            let client = Client::with_a_token_at_hand(context, &args.target)?;
            body(&client.patient(Duration::from_secs(args.timeout))).await?
        }
    };
    context.output.answer(&body, || text(&body))?;
    if body.get("status").and_then(Value::as_str) == Some("healthy") {
        Ok(())
    } else {
        Err(CliError::Answered)
    }
}

/// The contract's health body; a degraded control plane answers with one too.
pub(super) async fn body(client: &Client) -> Result<Value, CliError> {
    let answer = client.ask(Method::GET, &["health"], &[], None, 0).await?;
    if answer.body.get("capabilities").is_some() {
        Ok(answer.body)
    } else {
        answer.success()
    }
}

fn text(body: &Value) -> String {
    let word = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    let said = |name| visible(&word(body, name)).into_owned();
    let head = format!(
        "{} {} is {} ({} mode)",
        said("agent"),
        said("version"),
        said("status"),
        said("mode")
    );
    let checks = body.get("checks").and_then(Value::as_array);
    let rows = checks
        .into_iter()
        .flatten()
        .map(|check| vec![word(check, "name"), word(check, "status"), word(check, "message")]);
    format!("{head}\n\n{}", table(&["CHECK", "STATUS", "MESSAGE"], rows))
}
