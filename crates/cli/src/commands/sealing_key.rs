//! `sealing-key`: the key that agents seal values to before they send them.

use cc_devops_kernel::acts::Author;
use cc_devops_requests::sealed_values::keeping::SealingKeeper;
use serde_json::{Value, json};

use super::times::show;
use crate::context::Context;
use crate::error::CliError;
use crate::output::table;
use crate::store;

const SHOW_HELP: &str = "\
The newest key comes first; values are to be sealed to that. What was sealed to a key before it is
opened until the time shown. A key is made when it is first asked for.

Examples:
  cc-devops sealing-key show
  cc-devops sealing-key show --json";

const ROTATE_HELP: &str = "\
A key is replaced by itself after 90 days, and what was sealed to it is opened for 30 days more, so
this is for when somebody may have learned the private key. On AWS the new key is published in the
parameter store at once. It stands in the audit trail.

Example:
  cc-devops sealing-key rotate";

/// What to do with the key.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show the public key, and those before it that still open
    #[command(after_help = SHOW_HELP)]
    Show,
    /// Make a new key now
    #[command(after_help = ROTATE_HELP)]
    Rotate,
}

/// Runs `sealing-key`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let opened = store::open(context).await?;
    let keeper = SealingKeeper::new(&opened.ports);
    match command {
        Command::Show => show_all(context, &keeper).await,
        Command::Rotate => {
            let key = keeper.rotate(&Author::operator()).await?;
            let document = serde_json::to_value(&key);
            let document = document.map_err(|error| CliError::internal("a key is not JSON", error))?;
            context.output.answer(&document, || {
                format!("values are to be sealed to key {} now:\n{}", key.key_id, key.public_key)
            })
        }
    }
}

async fn show_all(context: &Context, keeper: &SealingKeeper<'_>) -> Result<(), CliError> {
    let kept = keeper.kept().await?;
    let document: Vec<Value> = kept
        .iter()
        .map(|kept| {
            json!({
                "keyId": kept.key.key_id,
                "publicKey": kept.key.public_key,
                "algorithm": kept.key.algorithm,
                "createdAt": kept.key.created_at,
                "rotatesAt": kept.key.rotates_at,
                "opensUntil": kept.opens_until,
            })
        })
        .collect();
    context.output.answer(&json!({"keys": document}), || {
        if kept.is_empty() {
            return "there is no key yet; it is made when somebody asks for it (GET /v1/sealing-key)".to_owned();
        }
        let rows = kept.iter().map(|kept| {
            vec![
                kept.key.key_id.to_string(),
                kept.key.public_key.clone(),
                show(kept.key.created_at),
                match kept.opens_until {
                    None => format!("newest; replaced {}", show(kept.key.rotates_at)),
                    Some(until) => format!("opens until {}", show(until)),
                },
            ]
        });
        table(&["KEY", "PUBLIC KEY", "MADE", "STATE"], rows)
    })
}
