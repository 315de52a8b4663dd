//! What the sections mean for the one who runs the commands.

use std::collections::BTreeMap;
use std::time::Duration;

use cc_devops_embedded::stacks::{CommandLine, RunAs, StackCommand};
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::installation::Stages;
use cc_devops_kernel::names::StackName;
use cc_devops_policy::is_own_stack;

use crate::settings::Problem;
use crate::settings::file::{BackendName, ConfigFile};
use crate::settings::problems::Findings;
use crate::settings::shape::required;

/// Checks the sections.
pub(crate) fn check(
    file: &ConfigFile,
    known_stages: Option<&Stages>,
    installation: Option<&Installation>,
    findings: &mut Findings<'_>,
) -> BTreeMap<StackName, StackCommand> {
    let mut stacks = BTreeMap::new();
    let for_all = file.deploys.user.as_ref();
    let for_all = for_all.and_then(|name| findings.take("deploys.user", RunAs::find(name)));
    for (name, section) in &file.stacks {
        let path = format!("stacks.{name}");
        let Some(stack) = findings.take(path.as_str(), StackName::new(name)) else {
            continue;
        };
        if installation.is_some_and(|installation| is_own_stack(installation, &stack)) {
            let problem = "this is the control plane's own stack, which no request may change: take it out";
            findings.add(path, problem);
            continue;
        }
        let working_dir = match &section.working_dir {
            Some(dir) => findings.dir(&format!("{path}.working_dir"), dir),
            None => findings.resolve("."),
        };
        let working_dir = std::path::absolute(&working_dir).unwrap_or(working_dir);
        let mut stages = Vec::new();
        for (at, stage) in section.stages.iter().enumerate() {
            if let Some(known) = known_stages {
                let found = known.find(stage);
                stages.extend(findings.take(format!("{path}.stages[{at}]"), found));
            }
        }
        let user = match &section.user {
            Some(name) => findings.take(format!("{path}.user"), RunAs::find(name)),
            None => for_all.clone(),
        };
        let Some(command) = line(&section.command) else {
            // In an account a section says only what a stack depends on.
            if file.backend == BackendName::Embedded {
                findings.add(path, required("command"));
            }
            continue;
        };
        let command = StackCommand {
            program: command.program,
            arguments: command.arguments,
            plan_command: section.plan_command.as_deref().and_then(line),
            working_dir,
            timeout: Duration::from_secs(section.timeout_seconds.into()),
            env: section.env.clone(),
            secret_env: section.secret_env.clone(),
            parameters: section.parameters.clone(),
            secret_parameters: section.secret_parameters.clone(),
            stages,
            user,
        };
        stacks.insert(stack, command);
    }
    stacks
}

/// A program and its arguments; the schema demands one word at least.
fn line(words: &[String]) -> Option<CommandLine> {
    let (program, arguments) = words.split_first()?;
    Some(CommandLine {
        program: program.into(),
        arguments: arguments.iter().map(Into::into).collect(),
    })
}

/// The users whom commands run as and whom this process may not become. Only what starts commands needs to.
pub(crate) fn not_permitted(stacks: &BTreeMap<StackName, StackCommand>) -> Vec<Problem> {
    let users = stacks
        .iter()
        .filter_map(|(name, command)| Some((name, command.user.as_ref()?)));
    users
        .filter_map(|(name, user)| {
            let refusal = user.permitted().err()?;
            Some(Problem::new(format!("stacks.{name}.user"), refusal.to_string()))
        })
        .collect()
}
