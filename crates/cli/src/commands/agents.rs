//! `agents`: who may ask, and the tokens they prove it with. A token is shown once, when it is
//! made; only its hash is kept.

use cc_devops_fleet::{AgentStatus, Enrolment, Liveness, Rhythm, Token};
use cc_devops_kernel::acts::Asker;
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::names::{AgentName, SecretPrefix, StackName};
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::times::{show, show_or_dash};
use crate::context::Context;
use crate::data_dir::DataDir;
use crate::error::CliError;
use crate::output::table;
use crate::store::{self, ADMIN};

const ADD_HELP: &str = "\
The token is shown once and cannot be shown again. An agent has its own secret prefix,
/NAMESPACE/<name in lower case>/, and its own stack, cc-agent-<name in kebab case>; it is given
others with --secret-prefix and --stack. No name or prefix is given away under which the control plane
keeps secrets of its own, such as its token of GitHub.

Examples:
  cc-devops agents add ContentOrchestrator
  cc-devops agents add Billing --secret-prefix /contentcraft/invoices/ --stack cc-billing-api
  cc-devops agents add Billing --json        prints {\"agent\": ..., \"token\": ...}";

const ROTATE_HELP: &str = "\
The new token is shown once. The old one ends at once, or after --keep-old-for. A revoked agent
may ask again after it. For `admin` the token file in the data folder is replaced as well.

Example:
  cc-devops agents rotate ContentOrchestrator --keep-old-for 3600";

const REVOKE_HELP: &str = "\
All its tokens end at once. Its record stays, for the audit trail's sake; `agents rotate` lets it
in again.

Example:
  cc-devops agents revoke ContentOrchestrator";

/// What to do with agents.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List agents with their state and last heartbeat
    List,
    /// Add an agent and show its token
    #[command(after_help = ADD_HELP)]
    Add(Add),
    /// Give an agent a new token and show it
    #[command(after_help = ROTATE_HELP)]
    Rotate {
        /// Name of the agent
        name: AgentName,
        /// How long the old token goes on
        #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=31_536_000))]
        keep_old_for: u32,
    },
    /// End all tokens of an agent
    #[command(after_help = REVOKE_HELP)]
    Revoke {
        /// Name of the agent
        name: AgentName,
    },
}

/// The agent to add.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// Name of the agent, as in ContentOrchestrator
    name: AgentName,
    /// Prefix it may keep secrets under beside its own; may be given more than once
    #[arg(long = "secret-prefix", value_name = "PREFIX")]
    secret_prefixes: Vec<SecretPrefix>,
    /// Stack it may deploy beside its own, without the stage; may be given more than once
    #[arg(long = "stack", value_name = "STACK")]
    stacks: Vec<StackName>,
    /// An operator, who may do everything and ask for any agent
    #[arg(long)]
    admin: bool,
}

/// Runs `agents`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let config = context.load_settings()?.settings;
    let opened = store::open(context).await?;
    // Whoever may open the store is the operator.
    let enrolment = Enrolment::new(&opened.ports, &config.installation, Asker::Operator);
    match command {
        Command::List => {
            let all = opened.ports.agents.list().await?;
            let now = SystemClock.now();
            let document: Vec<Value> = all.iter().map(|status| row(status, now, config.rhythm)).collect();
            context
                .output
                .answer(&json!({"agents": document}), || list_text(&all, now, config.rhythm))?;
        }
        Command::Add(add) => {
            let (token, agent) = (new_token()?, agent_of(add));
            let name = agent.name.clone();
            enrolment.add(agent, &token).await?;
            context
                .output
                .answer(&json!({"agent": name, "token": token.expose()}), || {
                    format!("added {name}\ntoken {}", token.expose())
                })?;
            context.output.note("keep the token now; it cannot be shown again");
        }
        Command::Rotate { name, keep_old_for } => {
            let token = new_token()?;
            let keep_old = SignedDuration::from_secs(keep_old_for.into());
            enrolment.rotate(&name, &token, keep_old).await?;
            let kept = if is_admin(&name) && opened.is_folder() {
                DataDir::new(&context.global.data_dir).keep_admin_token(token.expose())
            } else {
                Ok(())
            };
            context
                .output
                .answer(&json!({"agent": name, "token": token.expose()}), || {
                    format!("new token of {name}\ntoken {}", token.expose())
                })?;
            context.output.note(&match keep_old_for {
                0 => "the old token has ended; keep the new one now, it cannot be shown again".to_owned(),
                seconds => format!("the old token ends in {seconds} s; keep the new one now, it cannot be shown again"),
            });
            // Only now: the token is good, and was to be shown first.
            kept?;
        }
        Command::Revoke { name } => {
            enrolment.revoke(&name).await?;
            if is_admin(&name) && opened.is_folder() {
                DataDir::new(&context.global.data_dir).forget_admin_token()?;
            }
            context.output.answer(&json!({"agent": name, "revoked": true}), || {
                format!("revoked {name}; its tokens have ended")
            })?;
        }
    }
    Ok(())
}

fn is_admin(name: &AgentName) -> bool {
    name.as_str() == ADMIN
}

fn agent_of(add: Add) -> Agent {
    Agent {
        name: add.name,
        role: if add.admin { Role::Admin } else { Role::Agent },
        secret_prefixes: add.secret_prefixes,
        stacks: add.stacks,
    }
}

/// 256 bits from the operating system.
pub(crate) fn new_token() -> Result<Token, CliError> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)
        .map_err(|error| CliError::Failed(format!("the operating system gives no random bits: {error}")))?;
    Ok(Token::from_random(bits))
}

/// A revoked agent has no state of life.
fn state(status: &AgentStatus, now: Timestamp, rhythm: Rhythm) -> &'static str {
    if status.revoked_at.is_some() {
        "revoked"
    } else {
        Liveness::of(status.last_beat.as_ref(), now, rhythm).as_str()
    }
}

fn row(status: &AgentStatus, now: Timestamp, rhythm: Rhythm) -> Value {
    json!({
        "name": status.agent.name,
        "role": status.agent.role,
        "state": state(status, now, rhythm),
        "secretPrefixes": status.agent.secret_prefixes,
        "stacks": status.agent.stacks,
        "createdAt": status.created_at,
        "revokedAt": status.revoked_at,
        "lastHeartbeat": status.last_beat.as_ref().map(|beat| beat.at),
        "message": status.last_beat.as_ref().and_then(|beat| beat.message.as_ref()),
    })
}

fn list_text(all: &[AgentStatus], now: Timestamp, rhythm: Rhythm) -> String {
    let rows = all.iter().map(|status| {
        let beat = status.last_beat.as_ref();
        vec![
            status.agent.name.to_string(),
            match status.agent.role {
                Role::Agent => "agent".to_owned(),
                Role::Admin => "admin".to_owned(),
            },
            state(status, now, rhythm).to_owned(),
            show_or_dash(beat.map(|beat| beat.at)),
            show(status.created_at),
            beat.and_then(|beat| beat.message.clone())
                .unwrap_or_else(|| "-".to_owned()),
        ]
    });
    table(&["AGENT", "ROLE", "STATE", "LAST HEARTBEAT", "ADDED", "MESSAGE"], rows)
}
