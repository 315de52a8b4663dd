//! `agents env`: what an agent's AWS SDK needs in its environment to ask here, service by service.

use cc_devops_fleet::aws_keys::newest;
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_wire::endpoint_variables;
use serde_json::{Map, Value, json};

use super::keys::note_of_the_door;
use crate::commands::shell::shell_word;
use crate::context::Context;
use crate::error::CliError;
use crate::public_url::{public_url, url_on_this_machine};
use crate::store::Opened;

pub(super) const HELP: &str = "\
Each service that is served here has an address of its own. What is not named goes where it always went: the agent's
buckets, tables, functions and queues of its own. --region names the region for all of them.

The secret is shown with --reveal alone, which stands in the audit trail. Without a key in its environment, an agent
fetches short-lived keys: the last lines, which are comments, say how.

Examples:
  cc-devops agents env ContentOrchestrator
  eval \"$(cc-devops agents env ContentOrchestrator --reveal)\"
  cc-devops agents env ContentOrchestrator --json   prints {\"agent\", \"environment\", \"containerCredentials\"}";

/// The region where none is named; it says nothing here, but SDKs want one.
const REGION: &str = "us-east-1";

/// Whose environment.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the agent
    name: AgentName,
    /// Print the secret too, on record
    #[arg(long)]
    reveal: bool,
}

/// The variables, in their order.
type Variables = Vec<(String, SecretValue)>;

/// Runs `agents env`.
pub(super) async fn run(context: &Context, opened: &Opened, args: &Args) -> Result<(), CliError> {
    let Args { name, reveal } = args;
    let keys = opened.aws_keys().await?;
    if opened.ports.agents.find(name).await?.is_none() {
        return Err(CliError::Failed(format!("there is no agent {name}, or it was revoked")));
    }
    let settings = &opened.capabilities.settings;
    let base = public_url(context, settings)?;
    let mut variables = addresses(&base, context.global.region.as_deref().unwrap_or(REGION));
    let (id, secret) = if *reveal {
        let key = keys.reveal(name, Actor::Operator).await?.ok_or_else(|| no_key(name))?;
        (Some(key.id), Some(key.secret))
    } else {
        (newest(keys.list(name).await?).map(|key| key.id), None)
    };
    let shown = id.as_ref().map(|id| SecretValue::new(id.to_string()));
    variables.extend(shown.map(|id| ("AWS_ACCESS_KEY_ID".to_owned(), id)));
    variables.extend(secret.map(|secret| ("AWS_SECRET_ACCESS_KEY".to_owned(), secret)));
    let fetched_at = url_on_this_machine(context, settings)? + "/v1/aws-credentials";
    let environment: Map<String, Value> = variables
        .iter()
        .map(|(name, value)| (name.clone(), json!(value.expose())))
        .collect();
    let document = json!({"agent": name, "environment": environment, "containerCredentials": fetched_at});
    context.output.content(&document, &lines(&variables, &fetched_at))?;
    if id.is_none() {
        context.output.note(&format!(
            "{name} has no access key: `cc-devops agents key add {name}` makes one, or let it fetch short-lived ones"
        ));
    }
    note_of_the_door(context, opened);
    Ok(())
}

fn no_key(name: &AgentName) -> CliError {
    CliError::Failed(format!(
        "{name} has no access key: make one with `cc-devops agents key add {name}`"
    ))
}

/// Where each service is, and in which region.
fn addresses(base: &str, region: &str) -> Variables {
    let door = format!("{base}/aws");
    let services = endpoint_variables().into_iter();
    let services = services.map(|service| (format!("AWS_ENDPOINT_URL_{service}"), SecretValue::new(door.clone())));
    // SDKs for Node know the second alone.
    let regions =
        ["AWS_DEFAULT_REGION", "AWS_REGION"].map(|name| (name.to_owned(), SecretValue::new(region.to_owned())));
    services.chain(regions).collect()
}

/// The lines for a shell. Comments come last, so that they hide nothing from a shell that is given all on one line.
fn lines(variables: &[(String, SecretValue)], fetched_at: &str) -> String {
    let mut lines: Vec<String> = variables
        .iter()
        .map(|(name, value)| format!("export {name}={}", shell_word(value.expose())))
        .collect();
    lines.push(
        "# Without a key in the environment: the SDK fetches short-lived keys, as in a container, with".to_owned(),
    );
    // An id without its secret stops SDKs for Python before they ask.
    lines.push("#   unset AWS_ACCESS_KEY_ID".to_owned());
    lines.push(format!(
        "#   AWS_CONTAINER_CREDENTIALS_FULL_URI={}",
        shell_word(fetched_at)
    ));
    lines.push("#   AWS_CONTAINER_AUTHORIZATION_TOKEN='Bearer TOKEN', where TOKEN is the agent's".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_given_service_by_service_and_never_for_all() {
        let variables = addresses("https://devops.example.org", "eu-central-1");
        let text = lines(&variables, "http://127.0.0.1:8787/v1/aws-credentials");
        for service in endpoint_variables() {
            let line = format!("export AWS_ENDPOINT_URL_{service}=https://devops.example.org/aws\n");
            assert!(text.contains(&line), "{text}");
        }
        assert!(!text.contains("AWS_ENDPOINT_URL="), "{text}");
        assert!(text.contains("export AWS_DEFAULT_REGION=eu-central-1\n"), "{text}");
        let (settings, comments) = text.split_once("\n#").unwrap();
        assert!(settings.lines().all(|line| line.starts_with("export ")), "{text}");
        assert!(comments.lines().skip(1).all(|line| line.starts_with('#')), "{text}");
        assert!(comments.contains("#   unset AWS_ACCESS_KEY_ID\n"), "{text}");
    }
}
