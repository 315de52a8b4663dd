//! Reads policies: a set that ships, or the Cedar files of a folder.

use std::path::Path;

use cc_devops_core::Installation;
use cc_devops_core::names::AgentName;
use cc_devops_core::policy::{Policy, PolicyProblem, PolicySet};
use cc_devops_core::ports::Ports;
use cc_devops_core::requests::actions::vocabulary;

use crate::config::Problem;
use crate::config::check::{Checked, PolicySource};
use crate::error::CliError;

/// What the files of a policy folder end in.
const EXTENSION: &str = "cedar";

/// A policy file: its name and its Cedar text.
pub(crate) type Source = (String, String);

/// The policies the configuration puts in force.
pub(crate) fn in_force(config: &Checked) -> Result<Policy, CliError> {
    let policy = match &config.policy {
        PolicySource::Shipped(set) => Policy::shipped(*set, &config.installation, vocabulary()),
        PolicySource::Folder(folder) => from_folder(folder, &config.installation)?,
    };
    Ok(match &config.aws {
        Some(target) => policy.guarding(&target.resources.stack),
        None => policy,
    })
}

/// The policies the configuration puts in force over the agents that there are.
pub(crate) async fn over(config: &Checked, ports: &Ports) -> Result<Policy, CliError> {
    let policy = in_force(config)?;
    match &config.policy {
        PolicySource::Shipped(_) => {}
        PolicySource::Folder(folder) => check_agents(&policy, folder, config, ports).await?,
    }
    Ok(policy)
}

/// Holds the agents that policies of a folder name to those that there are.
pub(crate) async fn check_agents(
    policy: &Policy,
    folder: &Path,
    config: &Checked,
    ports: &Ports,
) -> Result<(), CliError> {
    let agents = ports.agents.list().await?;
    let mut known: Vec<AgentName> = agents.into_iter().map(|status| status.agent.name).collect();
    known.push(config.installation.agent.clone());
    policy.check_agents(&known).map_err(|problems| wrong(folder, problems))
}

fn wrong(folder: &Path, problems: Vec<PolicyProblem>) -> CliError {
    CliError::Config {
        file: Some(folder.to_path_buf()),
        problems: problems
            .into_iter()
            .map(|problem| Problem::new(problem.place(), problem.problem))
            .collect(),
    }
}

/// The text of the policies in force.
pub(crate) fn sources(config: &Checked) -> Result<Vec<Source>, CliError> {
    match &config.policy {
        PolicySource::Shipped(set) => Ok(shipped(*set)),
        PolicySource::Folder(folder) => read_folder(folder),
    }
}

/// The text of a set that ships.
pub(crate) fn shipped(set: PolicySet) -> Vec<Source> {
    vec![(format!("{}.{EXTENSION}", set.as_str()), set.text().to_owned())]
}

/// The policies of a folder, validated against the schema; all that is wrong is told at once.
pub(crate) fn from_folder(folder: &Path, installation: &Installation) -> Result<Policy, CliError> {
    Policy::parse(&read_folder(folder)?, installation, vocabulary()).map_err(|problems| wrong(folder, problems))
}

/// The files of a folder, by name.
fn read_folder(folder: &Path) -> Result<Vec<Source>, CliError> {
    let fail = |path: &Path, error: std::io::Error| {
        CliError::Usage(format!("cannot read the policies in {}: {error}", path.display()))
    };
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| fail(folder, error))? {
        let path = entry.map_err(|error| fail(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).map_err(|error| fail(&path, error))?;
            sources.push((name, text));
        }
    }
    sources.sort();
    if sources.is_empty() {
        // Deny is the default: an empty folder would lock everybody out, which nobody means.
        return Err(CliError::Usage(format!(
            "there is no .{EXTENSION} file in {}; start from `cc-devops policy show`",
            folder.display()
        )));
    }
    Ok(sources)
}
