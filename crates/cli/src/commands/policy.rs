//! `policy`: which policies are in force, whether they are valid, and what they allow.

use std::path::{Path, PathBuf};

use cc_devops_app::settings::PolicySource;
use cc_devops_app::settings::file::PolicySetName;
use cc_devops_app::{Settings, policies};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::decision::Closed;
use cc_devops_kernel::names::{AgentName, SecretPrefix, StackName};
use cc_devops_policy::{Access, On};
use cc_devops_requests::actions::{rules, vocabulary};
use serde_json::json;

use super::action_name::IN_POLICIES;
use crate::context::Context;
use crate::error::CliError;
use crate::store::{self, ADMIN, Opened};

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
    /// Take the agent as an operator
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
    let stages = &config.installation.stages;
    let stage = match &check.stage {
        Some(name) => stages.find(name).map_err(CliError::Usage)?,
        None => stages.default_stage().clone(),
    };
    let mut access = vocabulary().access(action, resource, &stage).map_err(CliError::Usage)?;
    match (&mut access, &check.requester) {
        (Access::ApprovePlan { requester, .. }, Some(name)) => requester.clone_from(name),
        // Who asked for the plan is who would have it carried out.
        (Access::ApplyPlan { context, .. }, None) => principal.as_str().clone_into(&mut context.requester),
        (_, None) => {}
        (_, Some(_)) => return Err(CliError::Usage("--requester is for approvePlan alone".to_owned())),
    }
    let agent = agent(opened.as_ref(), principal, &check).await?;
    let decision = policy.decide(&agent, &access);
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
        let by = if decision.closed == Some(Closed::OwnStack) {
            decision.refusal(&agent.name, &access)
        } else if decision.policies.is_empty() {
            "no policy allows it".to_owned()
        } else {
            format!("decided by {}", decision.policies.join(", "))
        };
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

/// The agent as it is known, with what is asked to be assumed of it.
async fn agent(opened: Option<&Opened>, name: &AgentName, check: &Check) -> Result<Agent, CliError> {
    let known = match opened {
        Some(opened) => opened.ports.agents.find(name).await?,
        None => None,
    };
    let mut agent = known.unwrap_or_else(|| Agent {
        name: name.clone(),
        role: if name.as_str() == ADMIN {
            Role::Admin
        } else {
            Role::Agent
        },
        secret_prefixes: Vec::new(),
        stacks: Vec::new(),
    });
    if check.admin {
        agent.role = Role::Admin;
    }
    agent.secret_prefixes.extend(check.secret_prefixes.iter().cloned());
    agent.stacks.extend(check.stacks.iter().cloned());
    Ok(agent)
}
