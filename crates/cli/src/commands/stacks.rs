//! `stacks`: who holds a stack, and freeing one after somebody has looked at it.

use cc_devops_kernel::names::{AgentName, FullStackName};
use cc_devops_requests::stacks::release_stack;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::store::{self, ADMIN};

const SHOW_HELP: &str = "\
The stack is named with its stage.

Example:
  cc-devops stacks show cc-agent-x-dev";

const RELEASE_HELP: &str = "\
A deploy whose fate nobody knows keeps its stack: no other deploy changes it until somebody has
looked. Look at the stack first, then free it here. A stack that a request is changing is not freed.
The release stands in the audit trail. The stack is named with its stage.

Example:
  cc-devops stacks release cc-agent-x-dev";

/// What to do with stacks.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show which request holds a stack
    #[command(after_help = SHOW_HELP)]
    Show {
        /// Full name of the stack, with its stage
        stack: String,
    },
    /// Let the next deploy change a stack whose last one's fate was unknown
    #[command(after_help = RELEASE_HELP)]
    Release {
        /// Full name of the stack, with its stage
        stack: String,
    },
}

/// Runs `stacks`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let opened = store::open(context).await?;
    match command {
        Command::Show { stack } => {
            let stack = FullStackName::from_stored(stack);
            let holder = opened.ports.ledger.holder_of(&stack).await?;
            let record = match &holder {
                Some(holder) => opened.ports.ledger.find(holder).await?,
                None => None,
            };
            let goes_on = record.is_some_and(|record| record.completed.is_none());
            let document = json!({"stack": stack, "heldBy": holder, "changing": goes_on});
            context.output.answer(&document, || match &holder {
                None => format!("{stack} is free"),
                Some(holder) if goes_on => format!("{stack} is being changed by request {holder}"),
                Some(holder) => format!(
                    "{stack} is kept by request {holder}, whose fate is unknown; look at it, then: cc-devops stacks \
                     release {stack}"
                ),
            })
        }
        Command::Release { stack } => {
            let stack = FullStackName::from_stored(stack);
            let admin =
                AgentName::new(ADMIN).map_err(|error| CliError::internal("the admin's name is refused", error))?;
            // Whoever may open the data folder, or the table, is the operator.
            let released = release_stack(&opened.ports, &admin, &stack).await;
            let holder = released.map_err(|error| CliError::Failed(error.to_string()))?;
            context
                .output
                .answer(&json!({"stack": stack, "heldBy": holder, "released": true}), || {
                    format!("{stack} is free; request {holder} had kept it")
                })
        }
    }
}
