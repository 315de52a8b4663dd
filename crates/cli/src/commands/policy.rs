//! `policy`: which policies are in force, whether they are valid, and what they allow.

use std::path::{Path, PathBuf};

use cc_devops_app::settings::PolicySource;
use cc_devops_app::settings::file::PolicySetName;
use cc_devops_app::{Settings, policies};
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::names::{AgentName, SecretPrefix, StackName};
use cc_devops_policy::{Answered, Asked, Assumed, On};
use cc_devops_requests::actions::{rules, vocabulary};
use serde_json::json;

use super::action_name::IN_POLICIES;
use super::agents::roles;
use crate::context::Context;
use crate::error::CliError;
use crate::store::{self, ADMIN};

const SHOW_HELP: &str = "\
Examples:
  cc-devops policy show
  cc-devops policy show --set whole-namespace > policies/mine.cedar
  cc-devops policy show --schema";

const CHECK_HELP: &str = "\
Without a question it says whether the policies are valid: by the schema, and in every name they hold.
With one it answers it: exit code 0 when it is allowed, 4 when it is denied. What no policy allows is
denied.

An agent that the control plane knows is taken with the prefixes and stacks it was given; any other
name, as an agent with just its own, and those named here.

applyPlan is asked of a plan that changes nothing and that nobody approved. What policies say of what a
plan changes, `cc-devops deploys review --policies DIR` tells.

";

const CHECK_EXAMPLES: &str = "
Examples:
  cc-devops policy check --policies ./policies
  cc-devops policy check Billing putSecret /contentcraft/stripe/key --stage prod
  cc-devops policy check Billing deployLambda cc-agent-billing --json
  cc-devops policy check Ana readAudit \"*\" --role observer
  cc-devops policy check Ana approvePlan cc-agent-billing --stage prod --requester Billing --admin";

/// How wide the column of actions is.
const COLUMN: usize = 33;

/// The help of `policy check`: its middle is what policies may speak of.
fn check_help() -> String {
    let mut help = format!("{CHECK_HELP}Actions and their resources:\n");
    let mut kinds: Vec<On> = Vec::new();
    for rule in rules() {
        if kinds.contains(&rule.on) {
            continue;
        }
        kinds.push(rule.on);
        let mut line = String::new();
        for alike in rules().iter().filter(|alike| alike.on == rule.on) {
            if !line.is_empty() && line.len() + alike.action.len() + 4 > COLUMN {
                help.push_str(&help_line(&line, rule.on));
                line.clear();
            }
            if !line.is_empty() {
                line.push_str(", ");
            }
            line.push_str(alike.action);
        }
        help.push_str(&help_line(&line, rule.on));
    }
    help + CHECK_EXAMPLES
}

fn help_line(actions: &str, on: On) -> String {
    format!("  {actions:<COLUMN$}{}\n", on.as_str())
}

/// What to do with policies.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show the policies in force, as Cedar
    #[command(after_help = SHOW_HELP)]
    Show {
        /// Show this shipped set instead
        #[arg(long, value_name = "SET")]
        set: Option<PolicySetName>,
        /// Show the schema that policies are checked against
        #[arg(long, conflicts_with = "set")]
        schema: bool,
    },
    /// Check policies, and ask "may X do Y to Z?"
    #[command(after_help = check_help())]
    Check(Check),
}

/// Which policies, and what to ask of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Agent that asks
    #[arg(requires = "action")]
    principal: Option<AgentName>,
    /// What it wants to do, as in putSecret
    #[arg(requires = "resource", value_parser = IN_POLICIES, hide_possible_values = true)]
    action: Option<String>,
    /// What it wants to do it to
    resource: Option<String>,
    /// Folder of .cedar files; without it, the policies in force
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Stage to ask about; without it, the installation's first
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// Agent that asked for the plan, of approvePlan; without it, another than asks here
    #[arg(long, value_name = "AGENT")]
    requester: Option<AgentName>,
    /// Take the agent as one of this role
    #[arg(long, value_name = "ROLE", value_parser = roles(), conflicts_with = "admin")]
    role: Option<Role>,
    /// The same as --role admin
    #[arg(long)]
    admin: bool,
    /// Prefix to take the agent as given; may be given more than once
    #[arg(long = "secret-prefix", value_name = "PREFIX")]
    secret_prefixes: Vec<SecretPrefix>,
    /// Stack to take the agent as given; may be given more than once
    #[arg(long = "stack", value_name = "STACK")]
    stacks: Vec<StackName>,
}

/// Runs `policy`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let config = context.load_settings()?.settings;
    match command {
        Command::Show { schema: true, .. } => {
            let text = vocabulary().schema_text();
            context.output.content(&json!({"schema": text}), text.trim_end())
        }
        Command::Show { set, .. } => show(context, &config, set),
        Command::Check(check) => Box::pin(self::check(context, &config, check)).await,
    }
}

fn show(context: &Context, config: &Settings, set: Option<PolicySetName>) -> Result<(), CliError> {
    let sources = match set {
        Some(set) => policies::shipped(set.into()),
        None => policies::sources(config)?,
    };
    let files: Vec<_> = sources
        .iter()
        .map(|(file, text)| json!({"file": file, "text": text}))
        .collect();
    let texts: Vec<String> = sources
        .iter()
        .map(|(file, text)| format!("// {file}\n{}", text.trim_end()))
        .collect();
    context.output.content(&json!({"policies": files}), &texts.join("\n\n"))
}

async fn check(context: &Context, config: &Settings, check: Check) -> Result<(), CliError> {
    let policy = match &check.policies {
        Some(folder) => policies::from_folder(folder, &config.installation)?,
        None => policies::in_force(config)?,
    };
    let folder = match (&check.policies, &config.policy) {
        (Some(folder), _) | (None, PolicySource::Folder(folder)) => Some(folder),
        (None, PolicySource::Shipped(_)) => None,
    };
    // A question is about the agents that there are. Without one the account is left alone.
    let wanted = match &config.aws {
        Some(_) => check.principal.is_some(),
        None => store::exists(Path::new(&context.global.data_dir)),
    };
    let opened = if wanted {
        Some(store::open(context).await?)
    } else {
        None
    };
    if let (Some(folder), Some(opened)) = (folder, &opened) {
        policies::check_agents(&policy, folder, config, &opened.ports).await?;
    }
    let (Some(principal), Some(action), Some(resource)) = (&check.principal, &check.action, &check.resource) else {
        return context
            .output
            .answer(&json!({"valid": true}), || "the policies are valid".to_owned());
    };
    let asked = Asked {
        principal,
        action,
        resource,
        stage: check.stage.as_deref(),
        requester: check.requester.as_ref(),
    };
    let known = match &opened {
        Some(opened) => opened.ports.agents.find(principal).await?,
        None => None,
    };
    let role = match check.role {
        None if check.admin => Some(Role::Admin),
        // Before it is made, as after.
        None if known.is_none() && principal.as_str() == ADMIN => Some(Role::Admin),
        role => role,
    };
    let assumed = Assumed {
        role,
        secret_prefixes: check.secret_prefixes.clone(),
        stacks: check.stacks.clone(),
    };
    let words = (vocabulary(), &config.installation.stages);
    let answered = policy.answer(&asked, assumed.of(known, principal), words);
    let answered = answered.map_err(CliError::Usage)?;
    answer(context, &answered)
}

fn answer(context: &Context, answered: &Answered) -> Result<(), CliError> {
    let Answered {
        agent,
        access,
        stage,
        decision,
    } = answered;
    let principal = &agent.name;
    let word = if decision.allowed { "allow" } else { "deny" };
    let mut document = json!({
        "decision": word,
        "policies": decision.policies,
        "errors": decision.errors,
        "principal": principal,
        "role": agent.role,
        "action": access.action(),
        "resource": access.resource(),
        "stage": stage,
    });
    if let (Some(closed), Some(fields)) = (decision.closed, document.as_object_mut()) {
        fields.insert("closed".to_owned(), json!(closed));
    }
    context.output.answer(&document, || {
        let by = answered.because();
        let mut text = format!("{word}: {principal} {} {}; {by}", access.action(), access.resource());
        for error in &decision.errors {
            text.push_str("\n  could not be evaluated, which denies: ");
            text.push_str(error);
        }
        text
    })?;
    if decision.allowed {
        Ok(())
    } else {
        Err(CliError::Denied)
    }
}
