//! `put-secret`: writes a secret through the running control plane.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::actions::put_secret;
use cc_devops_requests::sealed_values::SealingKey;
use serde_json::{Map, json};

use super::bus;
use super::send::read_input;
use super::submit::{Asking, Channel, envelope, submit, word, write_answer};
use crate::client::Target;
use crate::context::Context;
use crate::error::CliError;
use crate::sealing::put_value;
use crate::store::AwsBackend;

const AFTER_HELP: &str = "\
The value is read from standard input or a file, so that it stands in no shell history and no
list of processes. One line break at its end is not part of it, unless --keep-line-break is given.
On AWS the request goes over the event bus under the agent's source, and the ledger tells its outcome.
What goes over the bus can be read there, in archives and in dead letters. So the value is sealed to
the key that the control plane publishes, unless --no-seal is given; over HTTP it is with --seal. Each
time it is sealed it is other bytes, so a repeat under the same --request-id is refused as a conflict.

Examples:
  printf %s \"$KEY\" | cc-devops put-secret /contentcraft/contentorchestrator/api-key
  cc-devops put-secret /contentcraft/stripe/key --value-file key.txt --stage prod
  cc-devops put-secret --seal /contentcraft/contentorchestrator/api-key < key.txt
  cc-devops put-secret --backend aws /contentcraft/billing/key --agent Billing < key.txt";

/// Which secret.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Name of the secret, as in /contentcraft/service/key
    name: SecretName,
    /// File that holds the value; - is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    value_file: PathBuf,
    /// Take a line break at the end as part of the value
    #[arg(long)]
    keep_line_break: bool,
    /// Seal the value to the control plane's key, over HTTP too
    #[arg(long)]
    seal: bool,
    /// Send the value as it is, over the event bus too
    #[arg(long, conflicts_with = "seal")]
    no_seal: bool,
    /// Stage of the request; without it, the installation's first, and on AWS that of --aws-stage
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// Wait this long for the outcome; 0 does not wait
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=86_400))]
    wait: u64,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    target: Target,
}

/// Runs `put-secret`.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let channel = Channel::open(context, &args.target).await?;
    let value = read_value(context, &args.value_file, args.keep_line_break)?;
    let mut params = Map::new();
    params.insert("name".to_owned(), json!(args.name));
    let key = match &channel {
        Channel::Bus(backend) if !args.no_seal => on_the_bus(context, backend, args.seal).await?,
        Channel::Http(client) if args.seal => Some(client.sealing_key().await?),
        Channel::Bus(_) | Channel::Http(_) => None,
    };
    put_value(&mut params, key.as_ref(), (&args.asking.agent, &args.name), &value)?;
    let event = envelope(
        &args.asking,
        &put_secret::ACTION,
        channel.stage(args.stage.as_deref()),
        &params,
    );
    let submitted = submit(&channel, &event, args.wait, context.output).await?;
    write_answer(context.output, &submitted, args.wait, |result| {
        format!(
            "{} {}\nversion {}",
            word(result, "action"),
            word(result, "secretName"),
            word(result, "versionId")
        )
    })
}

/// The key for a value that goes over the bus. A control plane of an older version publishes none.
async fn on_the_bus(context: &Context, backend: &AwsBackend, demanded: bool) -> Result<Option<SealingKey>, CliError> {
    let (key, parameter) = bus::sealing_key(backend).await?;
    if key.is_none() {
        if demanded {
            return Err(CliError::Failed(format!(
                "no sealing key is published in {parameter}: the first heartbeat of the control plane does that"
            )));
        }
        context.output.note(&format!(
            "no sealing key is published in {parameter}, so the value goes over the event bus as it is"
        ));
    }
    Ok(key)
}

fn read_value(context: &Context, file: &Path, keep_line_break: bool) -> Result<SecretValue, CliError> {
    if file.as_os_str() == "-" && std::io::stdin().is_terminal() {
        context
            .output
            .note("type the value, which will be visible, and end it with Ctrl-D on a line of its own");
    }
    let mut value = String::from_utf8(read_input(file)?)
        .map_err(|_| CliError::Usage("the value is no UTF-8 text; encode it, for example as base64".to_owned()))?;
    if !keep_line_break && value.ends_with('\n') {
        value.pop();
        if value.ends_with('\r') {
            value.pop();
        }
    }
    Ok(SecretValue::new(value))
}
