//! `agents key`: the access keys with which agents' AWS SDKs sign what they ask for here.

use cc_devops_fleet::aws_keys::{AwsKey, AwsKeyId, ListedKey};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::names::AgentName;
use serde_json::{Value, json};

use super::super::times::show;
use super::random_bits;
use crate::context::Context;
use crate::error::CliError;
use crate::output::table;
use crate::store::Opened;

pub(super) const ADD_HELP: &str = "\
The secret is shown with the key; `agents env NAME --reveal` shows it again, on record. An agent may have several keys,
so that a new one is in place before the old one ends.

Examples:
  cc-devops agents key add ContentOrchestrator
  cc-devops agents key add ContentOrchestrator --json   prints {\"agent\", \"awsAccessKeyId\", \"awsSecretAccessKey\"}";

pub(super) const END_HELP: &str = "\
It ends at once, in a running server too. Short-lived keys, which an agent fetches with its token, end with that:
`agents rotate NAME`.

Example:
  cc-devops agents key end AKIAIOSFODNN7EXAMPLE";

/// What to do with access keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Give an agent an access key and show it
    #[command(after_help = ADD_HELP)]
    Add {
        /// Name of the agent
        name: AgentName,
    },
    /// List an agent's access keys that are good
    List {
        /// Name of the agent
        name: AgentName,
    },
    /// End an access key
    #[command(after_help = END_HELP)]
    End {
        /// The key's id, as in AKIAIOSFODNN7EXAMPLE
        #[arg(value_name = "KEYID")]
        id: AwsKeyId,
    },
}

/// Runs `agents key`.
pub(super) async fn run(context: &Context, opened: &Opened, command: Command) -> Result<(), CliError> {
    match command {
        Command::Add { name } => {
            let key = made(opened, &name).await?;
            let mut document = json!({"agent": name});
            told(&mut document, &key);
            context.output.answer(&document, || {
                let head = format!("new access key of {name}");
                std::iter::once(head).chain(lines(&key)).collect::<Vec<_>>().join("\n")
            })?;
            note_of_the_door(context, opened);
            context.output.note(&format!(
                "keep it now; `cc-devops agents env {name}` prints what its AWS SDK needs beside it"
            ));
            Ok(())
        }
        Command::List { name } => {
            if opened.ports.agents.status(&name).await?.is_none() {
                return Err(CliError::Failed(format!("there is no agent {name}")));
            }
            let keys = opened.aws_keys().await?.list(&name).await?;
            let document: Vec<Value> = keys.iter().map(listed).collect();
            context.output.answer(&json!({"agent": name, "keys": document}), || {
                if keys.is_empty() {
                    return format!("{name} has no access key");
                }
                let rows = keys.iter().map(|key| {
                    let ends = key.ends_at.map_or_else(|| "-".to_owned(), show);
                    vec![key.id.to_string(), show(key.created_at), ends]
                });
                table(&["KEY", "MADE", "ENDS"], rows)
            })
        }
        Command::End { id } => {
            let agent = opened.aws_keys().await?.end(&id, None, Actor::Operator).await?;
            context
                .output
                .answer(&json!({"agent": agent, "awsAccessKeyId": id, "ended": true}), || {
                    format!("ended the access key {id} of {agent}")
                })
        }
    }
}

/// A new key of an agent's.
async fn made(opened: &Opened, name: &AgentName) -> Result<AwsKey, CliError> {
    let keys = opened.aws_keys().await?;
    Ok(keys.add(name, random_bits()?, Actor::Operator).await?)
}

/// The same, where one is wanted.
pub(super) async fn made_if(wanted: bool, opened: &Opened, name: &AgentName) -> Result<Option<AwsKey>, CliError> {
    if wanted {
        made(opened, name).await.map(Some)
    } else {
        Ok(None)
    }
}

/// Whether an agent has keys; on AWS it has none of ours.
pub(super) async fn has_some(opened: &Opened, name: &AgentName) -> Result<bool, CliError> {
    if !opened.is_folder() {
        return Ok(false);
    }
    Ok(!opened.aws_keys().await?.list(name).await?.is_empty())
}

/// Adds a key to a document for programs.
pub(super) fn told(document: &mut Value, key: &AwsKey) {
    if let Value::Object(document) = document {
        document.insert("awsAccessKeyId".to_owned(), json!(key.id));
        document.insert("awsSecretAccessKey".to_owned(), json!(key.secret.expose()));
    }
}

/// A key for people.
pub(super) fn lines(key: &AwsKey) -> [String; 2] {
    [
        format!("aws access key id {}", key.id),
        format!("aws secret access key {}", key.secret.expose()),
    ]
}

/// Says that a key opens nothing where AWS SDKs are not answered.
pub(super) fn note_of_the_door(context: &Context, opened: &Opened) {
    if !opened.capabilities.settings.aws_door {
        context
            .output
            .note("AWS SDKs are not answered here: enabled = false below [aws_door] in the configuration says so");
    }
}

fn listed(key: &ListedKey) -> Value {
    json!({"awsAccessKeyId": key.id, "createdAt": key.created_at, "endsAt": key.ends_at})
}
