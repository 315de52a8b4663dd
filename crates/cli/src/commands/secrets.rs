//! `secrets`: which there are, what one holds, and the key that protects them all.

use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::names::{AgentName, SecretName, SecretPrefix};
use cc_devops_kernel::ports::{SecretSummary, SecretVersion};
use cc_devops_requests::secret_reads::ReadSecretError;
use serde_json::{Value, json};

use super::times::show;
use crate::context::Context;
use crate::data_dir::DataDir;
use crate::error::CliError;
use crate::output::table;
use crate::store::{self, ADMIN};

const GET_HELP: &str = "\
The policies are asked as for the admin, and the reading stands in the audit trail.

Examples:
  cc-devops secrets get /contentcraft/contentorchestrator/api-key --reveal
  KEY=$(cc-devops secrets get /contentcraft/contentorchestrator/api-key --reveal)";

const ROTATE_HELP: &str = "\
Makes a new master key and seals everything under it, while the control plane runs or not. It may
be interrupted; run it again and it goes on where it stopped. Back up the key file afterwards.
Where the key stands in CC_DEVOPS_MASTER_KEY, put the new one there first and the present one in
CC_DEVOPS_MASTER_KEY_PREVIOUS, for the server as well.

Example:
  cc-devops secrets rotate-key";

/// How many secrets are read at a time.
const PAGE: usize = 500;

/// What to do with secrets.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List secrets, without their values
    List {
        /// Only those under this prefix, as in /contentcraft/stripe/
        #[arg(long, value_name = "PREFIX")]
        prefix: Option<SecretPrefix>,
    },
    /// Show a secret's value
    #[command(after_help = GET_HELP)]
    Get {
        /// Name of the secret
        name: SecretName,
        /// Show the value; required, so that it is shown on purpose
        #[arg(long, required = true)]
        reveal: bool,
        /// The version before the current one
        #[arg(long)]
        previous: bool,
    },
    /// Replace the master key that protects all secrets
    #[command(after_help = ROTATE_HELP)]
    RotateKey,
}

/// Runs `secrets`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    match command {
        Command::List { prefix } => list(context, prefix.as_ref()).await,
        Command::Get { name, previous, .. } => Box::pin(get(context, &name, previous)).await,
        Command::RotateKey => rotate_key(context).await,
    }
}

async fn list(context: &Context, prefix: Option<&SecretPrefix>) -> Result<(), CliError> {
    let opened = store::open(context).await?;
    let mut all: Vec<SecretSummary> = Vec::new();
    loop {
        let after = all.last().map(|secret| secret.name.clone());
        let page = opened.ports.secrets.list(prefix, after.as_ref(), PAGE).await?;
        let ended = page.len() < PAGE;
        all.extend(page);
        if ended {
            break;
        }
    }
    let document: Vec<Value> = all
        .iter()
        .map(|secret| {
            json!({
                "name": secret.name,
                "versionId": secret.version_id,
                "versions": secret.versions,
                "updatedBy": secret.updated_by,
                "createdAt": secret.created_at,
                "updatedAt": secret.updated_at,
                "description": secret.description,
                "tags": secret.tags,
            })
        })
        .collect();
    context.output.answer(&json!({"secrets": document}), || {
        if all.is_empty() {
            return "no secrets".to_owned();
        }
        let rows = all.iter().map(|secret| {
            vec![
                secret.name.to_string(),
                secret.versions.to_string(),
                show(secret.updated_at),
                secret.updated_by.to_string(),
            ]
        });
        table(&["SECRET", "VERSIONS", "UPDATED", "BY"], rows)
    })?;
    Ok(())
}

async fn get(context: &Context, name: &SecretName, previous: bool) -> Result<(), CliError> {
    let opened = store::open(context).await?;
    let plane = opened.control_plane().await?;
    let admin = AgentName::new(ADMIN).map_err(|error| CliError::internal("the admin's name is refused", error))?;
    // Whoever may open the data folder is the operator, with or without a token.
    let admin = match plane.ports().agents.find(&admin).await? {
        Some(agent) => agent,
        None => Agent {
            name: admin,
            role: Role::Admin,
            secret_prefixes: Vec::new(),
            stacks: Vec::new(),
        },
    };
    let version = if previous {
        SecretVersion::Previous
    } else {
        SecretVersion::Current
    };
    let read = plane.read_secret(&admin, name, version).await;
    let answer = match read {
        Ok(read) => {
            let document = json!({
                "name": name,
                "value": read.value.expose(),
                "versionId": read.version_id,
                "createdAt": read.created_at,
            });
            context.output.content(&document, read.value.expose())
        }
        Err(ReadSecretError::Denied(sentence)) => {
            context.output.note(&sentence);
            Err(CliError::Denied)
        }
        Err(error @ (ReadSecretError::NotFound | ReadSecretError::AnotherVersion)) => {
            Err(CliError::Failed(format!("{name}: {error}")))
        }
        Err(ReadSecretError::Port(error)) => Err(error.into()),
    };
    if answer.is_ok() && context.output.is_terminal() {
        context.output.note("the reading stands in the audit trail");
    }
    answer
}

async fn rotate_key(context: &Context) -> Result<(), CliError> {
    let opened = store::open(context).await?;
    let _lock = if opened.is_folder() {
        Some(DataDir::new(&context.global.data_dir).lock_rotation()?)
    } else {
        None
    };
    let rotated = opened
        .rotate_key(context.output.progress("rows moved to the new key:"))
        .await?;
    let document = json!({
        "keyId": rotated.key_id,
        "rows": rotated.rows,
        "removePrevious": rotated.remove_previous,
    });
    context.output.answer(&document, || {
        format!(
            "the master key is now {}; {} row(s) were moved to it",
            rotated.key_id, rotated.rows
        )
    })?;
    context.output.note(if rotated.remove_previous {
        "take CC_DEVOPS_MASTER_KEY_PREVIOUS out of the environment, and keep a copy of the new key apart from the backups"
    } else {
        "keep a copy of the key file, apart from the backups"
    });
    Ok(())
}
