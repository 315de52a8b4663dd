//! `deploys promote` and `deploys rollback`: what ran once is deployed again, as a plan like any other.

use cc_devops_kernel::names::StackName;
use cc_devops_outbound::Method;
use serde_json::{Map, Value, json};
use std::time::Instant;

use super::super::deploy::{parse_pair, told};
use super::super::submit::{follow, write_answer};
use super::super::submitted::Submitted;
use super::Acting;
use super::account::Account;
use crate::context::Context;
use crate::error::CliError;

const PROMOTE_HELP: &str = "\
The template that was deployed to --from, byte for byte, is deployed to --to with the parameters that the stack
has there. What the template refers to and does not pin, such as a bucket's newest object, is named in the plan:
it may be another there. The policies decide as of any deploy. A stack that a command of its own deploys has no
template: it is deployed to --to with the parameters of its last good deploy there, but for secret ones, which are
kept nowhere.

Examples:
  cc-devops deploys promote cc-agent-x --from dev --to prod
  cc-devops deploys promote cc-agent-x --from dev --to prod --wait 900 --json";

const ROLLBACK_HELP: &str = "\
The template and the parameters of the last deploy before this one that ended well are planned and decided on as
any deploy is. A parameter that CloudFormation does not tell (NoEcho) keeps the value it has now, unless it is
given here. What a deploy has lost of data does not come back. The stack is named with its stage.

Examples:
  cc-devops deploys rollback cc-agent-x-prod --wait
  cc-devops deploys rollback cc-agent-x-prod --parameter VERSION=1.4.2";

/// What is deployed where.
#[derive(Debug, clap::Args)]
#[command(after_help = PROMOTE_HELP)]
pub(crate) struct Promote {
    /// Name of the stack, without its stage
    stack: StackName,
    /// Stage whose template is taken
    #[arg(long, value_name = "STAGE")]
    from: String,
    /// Stage it is deployed to
    #[arg(long, value_name = "STAGE")]
    to: String,
    #[command(flatten)]
    asking: Asking,
}

/// What is deployed again.
#[derive(Debug, clap::Args)]
#[command(after_help = ROLLBACK_HELP)]
pub(crate) struct Rollback {
    /// Full name of the stack, with its stage
    stack: String,
    /// Parameter that is to have another value than at that deploy; may be given more than once
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parse_pair)]
    parameters: Vec<(String, String)>,
    #[command(flatten)]
    asking: Asking,
}

/// How it is asked for.
#[derive(Debug, clap::Args)]
struct Asking {
    /// Wait for the outcome, this long; 900 where no number is given
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_value_t = 0, default_missing_value = "900",
          value_parser = clap::value_parser!(u64).range(..=86_400))]
    wait: u64,
    #[command(flatten)]
    acting: Acting,
}

/// Runs `deploys promote`.
pub(super) async fn promote(context: &Context, args: Promote) -> Result<(), CliError> {
    let body = json!({"from": args.from, "to": args.to});
    ask(
        context,
        &["v1", "stacks", args.stack.as_str(), "promote"],
        &body,
        args.asking,
    )
    .await
}

/// Runs `deploys rollback`.
pub(super) async fn rollback(context: &Context, args: Rollback) -> Result<(), CliError> {
    let parameters: Map<String, Value> = args
        .parameters
        .into_iter()
        .map(|(name, value)| (name, json!(value)))
        .collect();
    let body = json!({"parameters": parameters});
    ask(context, &["v1", "stacks", &args.stack, "rollback"], &body, args.asking).await
}

async fn ask(context: &Context, path: &[&str], body: &Value, asking: Asking) -> Result<(), CliError> {
    if let Some(account) = Account::of(context, &asking.acting).await? {
        let accepted = account.post(path, body).await?;
        if asking.wait > 0 {
            context
                .output
                .note("the function takes it up with its next sweep, within a minute; it is not waited for here");
        }
        return write_answer(context.output, &Submitted::Accepted(accepted), 0, told);
    }
    let client = asking.acting.server(context)?;
    let begun = Instant::now();
    let body = body.to_string().into_bytes();
    let accepted = client.ask(Method::POST, path, &[], Some(body), 0).await?.success()?;
    let submitted = follow(&client, accepted, begun, asking.wait, context.output).await?;
    write_answer(context.output, &submitted, asking.wait, told)
}
