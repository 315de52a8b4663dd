//! `deploy`: asks the running control plane to deploy a stack.

use std::path::PathBuf;

use cc_devops_kernel::names::StackName;
use cc_devops_requests::actions::deploy_lambda;
use serde_json::{Map, Value, json};

use super::send::read_input;
use super::submit::{Asking, Channel, envelope, submit, word, write_answer};
use crate::client::Target;
use crate::context::Context;
use crate::error::CliError;

const AFTER_HELP: &str = "\
The stack is named without its stage: cc-agent-x on stage dev is the stack cc-agent-x-dev.
Without --wait the command ends when the request is on record. With --wait it waits for the
outcome; exit code 1 when the deploy failed or did not end in time. Where a policy asks for approval it says
what to look at and what to type, and waits on: exit code 1 also when it is denied or not approved in time.
With --plan-only the change is planned and shown, and nothing is changed. On AWS the request goes over the
event bus under the agent's source, to the control plane of --aws-stage, which must be --stage.

Examples:
  cc-devops deploy cc-agent-content-orchestrator --stage dev --wait
  cc-devops deploy cc-agent-x --stage prod --parameter VERSION=1.4.2 --wait 600
  cc-devops deploy cc-agent-x --stage prod --plan-only --wait
  cc-devops deploy --backend aws cc-agent-billing --stage dev --agent Billing --wait";

/// Which stack, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Name of the stack, without its stage
    stack: StackName,
    /// Stage to deploy to
    #[arg(long, value_name = "STAGE")]
    stage: String,
    /// Parameter to set; may be given more than once. The others keep their value
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parse_pair)]
    parameters: Vec<(String, String)>,
    /// Tag for the stack; may be given more than once
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_pair)]
    tags: Vec<(String, String)>,
    /// Address of the template; without one, the previous template
    #[arg(long, value_name = "URL", conflicts_with = "template_body_file")]
    template_url: Option<String>,
    /// File that holds the template; - is standard input
    #[arg(long, value_name = "FILE")]
    template_body_file: Option<PathBuf>,
    /// Capability the change acknowledges, as in CAPABILITY_IAM; may be given more than once
    #[arg(long = "capability", value_name = "NAME")]
    capabilities: Vec<String>,
    /// Plan the change and show it; nothing is changed
    #[arg(long)]
    plan_only: bool,
    /// Wait for the outcome, this long; 900 where no number is given
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_value_t = 0, default_missing_value = "900",
          value_parser = clap::value_parser!(u64).range(..=86_400))]
    wait: u64,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    target: Target,
}

/// Runs `deploy`.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let channel = Channel::open(context, &args.target).await?;
    let params = params(&args)?;
    let event = envelope(&args.asking, &deploy_lambda::ACTION, Some(&args.stage), &params);
    let submitted = submit(&channel, &event, args.wait, context.output).await?;
    write_answer(context.output, &submitted, args.wait, told)
}

/// What became of a stack, for people.
pub(super) fn told(result: &Value) -> String {
    let what = match word(result, "action") {
        "no_changes" => "has nothing to change",
        "planned" => "is planned, and nothing is changed; see `cc-devops deploys list`",
        _ => "is deployed",
    };
    format!(
        "{} {what} ({})",
        word(result, "stackName"),
        word(result, "currentStatus")
    )
}

fn params(args: &Args) -> Result<Map<String, Value>, CliError> {
    let mut params = Map::new();
    params.insert("stackName".to_owned(), json!(args.stack));
    if let Some(url) = &args.template_url {
        params.insert("templateUrl".to_owned(), json!(url));
    }
    if let Some(file) = &args.template_body_file {
        let body = String::from_utf8(read_input(file)?)
            .map_err(|_| CliError::Usage(format!("the template {} is no UTF-8 text", file.display())))?;
        params.insert("templateBody".to_owned(), json!(body));
    }
    for (name, pairs) in [("parameters", &args.parameters), ("tags", &args.tags)] {
        if !pairs.is_empty() {
            let object: Map<String, Value> = pairs.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
            params.insert(name.to_owned(), Value::Object(object));
        }
    }
    if args.plan_only {
        params.insert("planOnly".to_owned(), json!(true));
    }
    if !args.capabilities.is_empty() {
        params.insert("capabilities".to_owned(), json!(args.capabilities));
    }
    Ok(params)
}

pub(super) fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        // The text is not repeated: it may be a value.
        _ => Err("write KEY=VALUE".to_owned()),
    }
}
