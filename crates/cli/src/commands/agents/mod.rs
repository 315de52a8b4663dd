//! `agents`: who may ask, the tokens and access keys they prove it with, and how they are watched. A token is shown
//! once, when it is made; only its hash is kept.

mod addresses;
mod env;
mod history;
mod keys;
mod list;
mod watch_flags;
mod watched;

use cc_devops_fleet::{Enrolment, SlackUserId, Token};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::names::{AgentName, SecretPrefix, StackName};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::SignedDuration;
use serde_json::json;

use super::who::who;
use crate::context::Context;
use crate::data_dir::DataDir;
use crate::error::CliError;
use crate::store::{self, ADMIN, Opened};
use watch_flags::WatchFlags;
pub(super) use watched::labels;

const ADD_HELP: &str = "\
The token is shown once and cannot be shown again. An agent has its own secret prefix,
/NAMESPACE/<name in lower case>/, and its own stack, cc-agent-<name in kebab case>; it is given
others with --secret-prefix and --stack. With --role observer it is a person who sees what an operator sees, no
secret's value, and changes nothing; with --role admin, an operator. No name or prefix is given away under which the control plane
keeps secrets of its own, such as its token of GitHub.

It is watched from its first heartbeat or ping on: without a schedule every five minutes, or as [fleet] of
the configuration says. A cron job needs no client: it calls the ping address, which is as good as a token
for that, when it has ended well.

With --aws-key its AWS SDK may ask here too: `agents env` prints what that needs in its environment.

Examples:
  cc-devops agents add ContentOrchestrator
  cc-devops agents add Billing --secret-prefix /contentcraft/invoices/ --stack cc-billing-api
  cc-devops agents add nightly-backup --cron \"30 2 * * *\" --tz Europe/Berlin --grace 30m
  cc-devops agents add Writer --period 10m --severity critical --tag host=web1
  cc-devops agents add Ana --role observer
  cc-devops agents add Publisher --aws-key
  cc-devops agents add Billing --json   prints {\"agent\", \"token\", \"ping_url\", \"schedule\", \"next\"}";

const SET_HELP: &str = "\
What is not named stays as it is; without any flag it shows what is set. The schedule is said back in words,
with its next three times. It holds at once, in a running server too, and ends no pause.

Examples:
  cc-devops agents set Writer --period 5m --grace 10m
  cc-devops agents set nightly-backup --cron \"0 6 * * mon-fri\" --tz Europe/Berlin --max-runtime 4h
  cc-devops agents set weekly-report --on-calendar \"Mon *-*-* 09:00\" --tz Europe/Berlin
  cc-devops agents set Writer --tag host=web1 --tag team= --stage prod --severity critical
  cc-devops agents set Ana --slack-user U024BE7LH   the operator Ana decides in Slack by buttons";

const LIST_HELP: &str = "\
UPTIME is that of the last 30 days, with a bar of one character a day: full where it was up all day. Agents
that were never heard are `new`. Who reports and is not enabled stands below the table: on AWS, where agents
put their heartbeats into CloudWatch themselves, who did so within three hours.

Examples:
  cc-devops agents list
  cc-devops agents list --json";

const PAUSE_HELP: &str = "\
No time rule holds and nothing is told until it is resumed, or heard again where its pause is not sticky. An
alert that is open is closed, which says by whom.

Examples:
  cc-devops agents pause Writer
  cc-devops agents pause Writer --by ana";

const RESUME_HELP: &str = "\
It is waited for as if it had been heard now.

Example:
  cc-devops agents resume Writer";

const PING_URL_HELP: &str = "\
Whoever has the address can say that the agent works, and that is all it opens: keep it like a password. It
stands in the audit trail that it was shown. --rotate makes another; the old one ends at once. Below the
address are /start, /fail, /log and /EXIT-STATUS.

Examples:
  cc-devops agents ping-url nightly-backup
  cc-devops agents ping-url nightly-backup --rotate";

const BADGE_HELP: &str = "\
The addresses cannot be guessed, and show a state and nothing else: a picture, JSON, and JSON in the form of
shields.io.

Examples:
  cc-devops agents badge Writer
  cc-devops agents badge --all --json";

const ROTATE_HELP: &str = "\
The new token is shown once. The old one ends at once, or after --keep-old-for, and so do its access keys; an
agent that had one is given a new one. A revoked agent may ask again after it. For `admin` the token file in the
data folder is replaced as well.

Example:
  cc-devops agents rotate ContentOrchestrator --keep-old-for 3600";

const REVOKE_HELP: &str = "\
All its tokens and access keys end at once. Its record stays, for the audit trail's sake; `agents rotate` lets it
in again.

Example:
  cc-devops agents revoke ContentOrchestrator";

/// What to do with agents.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List agents with their state, last heartbeat and uptime
    #[command(after_help = LIST_HELP)]
    List,
    /// Add an agent and show its token
    #[command(after_help = ADD_HELP)]
    Add(Box<Add>),
    /// Set how an agent is watched
    #[command(after_help = SET_HELP)]
    Set {
        /// Name of the agent
        name: AgentName,
        /// The Slack user that this operator is, as in U024BE7LH; empty: none any more
        #[arg(long, value_name = "ID", value_parser = slack_user)]
        slack_user: Option<SlackUser>,
        #[command(flatten)]
        watch: Box<WatchFlags>,
    },
    /// Show when an agent changed its state, and why
    #[command(after_help = history::HELP)]
    History(history::Args),
    /// Wait for an agent no more, until it is resumed
    #[command(after_help = PAUSE_HELP)]
    Pause {
        /// Name of the agent
        name: AgentName,
        /// Who pauses it; without it, the user who gives the command
        #[arg(long, value_name = "WHO")]
        by: Option<String>,
    },
    /// Wait for an agent again
    #[command(after_help = RESUME_HELP)]
    Resume {
        /// Name of the agent
        name: AgentName,
        /// Who resumes it; without it, the user who gives the command
        #[arg(long, value_name = "WHO")]
        by: Option<String>,
    },
    /// Show the address by which an agent says that it works
    #[command(after_help = PING_URL_HELP)]
    PingUrl {
        /// Name of the agent
        name: AgentName,
        /// Make another; the old one ends at once
        #[arg(long)]
        rotate: bool,
    },
    /// Show the addresses of an agent's badge
    #[command(after_help = BADGE_HELP)]
    Badge {
        /// Name of the agent
        #[arg(required_unless_present = "all")]
        name: Option<AgentName>,
        /// The badge of all agents together
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
    /// Add, list and end access keys, with which an agent's AWS SDK signs
    #[command(subcommand)]
    Key(keys::Command),
    /// Print the lines for a shell by which an agent's AWS SDK asks here
    #[command(after_help = env::HELP)]
    Env(env::Args),
    /// Give an agent a new token and show it
    #[command(after_help = ROTATE_HELP)]
    Rotate {
        /// Name of the agent
        name: AgentName,
        /// How long the old token goes on, and its access keys
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
    /// What it is: an agent, an operator who may do everything and ask for any agent (admin), or a person who looks and
    /// changes nothing (observer)
    #[arg(long, value_name = "ROLE", default_value = "agent", value_parser = roles(), conflicts_with = "admin")]
    role: Role,
    /// The same as --role admin
    #[arg(long)]
    admin: bool,
    /// The Slack user that this operator is, who decides by buttons then; as in U024BE7LH
    #[arg(long, value_name = "ID")]
    slack_user: Option<SlackUserId>,
    /// Give it an access key too, with which its AWS SDK signs
    #[arg(long)]
    aws_key: bool,
    #[command(flatten)]
    watch: WatchFlags,
}

/// Runs `agents`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let config = context.load_settings()?.settings;
    let opened = store::open(context).await?;
    // Whoever may open the store is the operator.
    let enrolment = Enrolment::new(&opened.ports, &config.installation, Actor::Operator);
    match command {
        Command::List => list::run(context, &opened).await?,
        Command::Add(args) => add(context, &opened, &enrolment, *args).await?,
        Command::Set {
            name,
            slack_user,
            watch,
        } => {
            if let Some(SlackUser(user)) = slack_user {
                let users = opened.capabilities.slack_users();
                users.set(&name, user.as_ref(), Actor::Operator).await?;
            }
            watched::set(context, &opened, &name, &watch).await?;
        }
        Command::History(args) => history::run(context, &opened, args).await?,
        Command::Pause { name, by } => watched::pause(context, &opened, &name, &who(by)).await?,
        Command::Resume { name, by } => watched::resume(context, &opened, &name, &who(by)).await?,
        Command::PingUrl { name, rotate } => addresses::ping_url(context, &opened, &name, rotate).await?,
        Command::Badge { name, .. } => addresses::badge(context, &opened, name.as_ref()).await?,
        Command::Key(command) => keys::run(context, &opened, command).await?,
        Command::Env(args) => env::run(context, &opened, &args).await?,
        Command::Rotate { name, keep_old_for } => {
            let enrolment = if opened.is_folder() {
                enrolment.with_aws_keys(opened.capabilities.aws_keys_key().await?)
            } else {
                enrolment
            };
            rotate(context, &opened, &enrolment, &name, keep_old_for).await?;
        }
        Command::Revoke { name } => {
            enrolment.revoke(&name).await?;
            opened.capabilities.watched_no_longer(&name, &who(None)).await?;
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

/// Gives an agent a new token, and a new access key where it has one.
async fn rotate(
    context: &Context,
    opened: &Opened,
    enrolment: &Enrolment<'_>,
    name: &AgentName,
    keep_old_for: u32,
) -> Result<(), CliError> {
    let had_keys = keys::has_some(opened, name).await?;
    let token = new_token()?;
    enrolment
        .rotate(name, &token, SignedDuration::from_secs(keep_old_for.into()))
        .await?;
    let kept = if is_admin(name) && opened.is_folder() {
        DataDir::new(&context.global.data_dir).keep_admin_token(token.expose())
    } else {
        Ok(())
    };
    let key = keys::made_if(had_keys, opened, name).await;
    let known = key.as_ref().ok().and_then(Option::as_ref);
    let mut document = json!({"agent": name, "token": token.expose()});
    if let Some(key) = known {
        keys::told(&mut document, key);
    }
    context.output.answer(&document, || {
        let head = [format!("new token of {name}"), format!("token {}", token.expose())];
        let lines = head.into_iter().chain(known.into_iter().flat_map(keys::lines));
        lines.collect::<Vec<_>>().join("\n")
    })?;
    let old = if had_keys {
        "the old token and access keys"
    } else {
        "the old token"
    };
    context.output.note(&match (keep_old_for, had_keys) {
        (0, false) => format!("{old} has ended; keep the new one now, it cannot be shown again"),
        (0, true) => format!("{old} have ended; keep the new ones now, the token cannot be shown again"),
        (seconds, false) => format!("{old} ends in {seconds} s; keep the new one now, it cannot be shown again"),
        (seconds, true) => {
            format!("{old} end in {seconds} s; keep the new ones now, the token cannot be shown again")
        }
    });
    // Only now: the token is good, and was to be shown first.
    key?;
    kept
}

/// Adds an agent, and says how it is watched.
async fn add(context: &Context, opened: &Opened, enrolment: &Enrolment<'_>, add: Add) -> Result<(), CliError> {
    let role = if add.admin { Role::Admin } else { add.role };
    if add.slack_user.is_some() && role != Role::Admin {
        let message = "--slack-user is for operators, who decide in Slack: add --role admin";
        return Err(CliError::Usage(message.to_owned()));
    }
    if add.aws_key {
        opened.gives_aws_keys()?;
    }
    // What cannot be watched so is refused before anything is made.
    let settings = watched::wanted(opened, &add.watch)?;
    let token = new_token()?;
    let name = add.name.clone();
    let agent = Agent {
        name: add.name,
        role,
        secret_prefixes: add.secret_prefixes,
        stacks: add.stacks,
    };
    enrolment.add(agent, &token).await?;
    let slack_user = match &add.slack_user {
        Some(user) => {
            let users = opened.capabilities.slack_users();
            users.set(&name, Some(user), Actor::Operator).await
        }
        None => Ok(()),
    };
    // The agent is there from here on, and its token is shown whatever follows.
    let key = keys::made_if(add.aws_key, opened, &name).await;
    let known = key.as_ref().ok().and_then(Option::as_ref);
    let watched = watched::first(context, opened, &name, settings).await;
    let (mut document, lines) = match &watched {
        Ok(watched) => (watched.document(&name, &token), watched.lines()),
        Err(_) => (json!({"agent": name, "token": token.expose()}), Vec::new()),
    };
    if let Some(key) = known {
        keys::told(&mut document, key);
    }
    context.output.answer(&document, || {
        let head = [format!("added {name}"), format!("token {}", token.expose())];
        let key = known.into_iter().flat_map(keys::lines);
        head.into_iter().chain(key).chain(lines).collect::<Vec<_>>().join("\n")
    })?;
    context.output.note("keep the token now; it cannot be shown again");
    if known.is_some() {
        keys::note_of_the_door(context, opened);
    }
    key?;
    slack_user?;
    watched.map(drop)
}

/// Reads a role by its name.
pub(super) fn roles() -> impl TypedValueParser<Value = Role> {
    let names = PossibleValuesParser::new(Role::ALL.map(Role::as_str));
    names.map(|name| Role::find(&name).unwrap_or(Role::Agent))
}

/// A Slack user's id, or that it is none.
#[derive(Debug, Clone)]
pub(crate) struct SlackUser(Option<SlackUserId>);

fn slack_user(text: &str) -> Result<SlackUser, String> {
    let id = (!text.is_empty()).then(|| text.parse()).transpose()?;
    Ok(SlackUser(id))
}

/// A token of random bits.
pub(crate) fn new_token() -> Result<Token, CliError> {
    random_bits().map(Token::from_random)
}

/// 256 bits from the operating system.
fn random_bits() -> Result<[u8; 32], CliError> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)
        .map_err(|error| CliError::Failed(format!("the operating system gives no random bits: {error}")))?;
    Ok(bits)
}
