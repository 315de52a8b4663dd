//! Reads policies: a set that ships, or the Cedar files of a folder.

use std::path::Path;

use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::AgentName;
use cc_devops_policy::{OBSERVER_RULES, PLAN_RULES, Policy, PolicyProblem, PolicySet};
use cc_devops_requests::actions::vocabulary;
use cc_devops_requests::ports::Ports;

use crate::error::AppError;
use crate::settings::{PolicySource, Problem, Settings};

/// What the files of a policy folder end in.
const EXTENSION: &str = "cedar";

/// A policy file: its name and its Cedar text.
pub type Source = (String, String);

/// The policies the configuration puts in force.
pub fn in_force(config: &Settings) -> Result<Policy, AppError> {
    let policy = match &config.policy {
        PolicySource::Shipped(set) => Policy::shipped(*set, &config.installation, vocabulary()),
        PolicySource::Folder(folder) => from_folder(folder, &config.installation)?,
    };
    Ok(match &config.aws {
        Some(aws) => policy.guarding(&aws.stack()),
        None => policy,
    })
}

/// The policies the configuration puts in force over the agents that there are.
pub async fn over(config: &Settings, ports: &Ports) -> Result<Policy, AppError> {
    let policy = in_force(config)?;
    match &config.policy {
        PolicySource::Shipped(_) => {}
        PolicySource::Folder(folder) => check_agents(&policy, folder, config, ports).await?,
    }
    Ok(policy)
}

/// Holds the agents that policies of a folder name to those that there are.
pub async fn check_agents(policy: &Policy, folder: &Path, config: &Settings, ports: &Ports) -> Result<(), AppError> {
    let agents = ports.agents.list().await?;
    let mut known: Vec<AgentName> = agents.into_iter().map(|status| status.agent.name).collect();
    known.push(config.installation.agent.clone());
    policy.check_agents(&known).map_err(|problems| wrong(folder, problems))
}

fn wrong(folder: &Path, problems: Vec<PolicyProblem>) -> AppError {
    AppError::Settings {
        file: Some(folder.to_path_buf()),
        problems: problems
            .into_iter()
            .map(|problem| Problem::new(problem.place(), problem.problem))
            .collect(),
    }
}

/// The text of the policies in force, with the shipped rules for plans and observers where they are added to them.
pub fn sources(config: &Settings) -> Result<Vec<Source>, AppError> {
    match &config.policy {
        PolicySource::Shipped(set) => Ok(shipped(*set)),
        PolicySource::Folder(folder) => {
            let mut sources = read_folder(folder)?;
            // What is wrong with them is no reason not to show them.
            let policy = Policy::parse(&sources, &config.installation, vocabulary());
            if let Ok(policy) = policy {
                sources.extend(policy.has_shipped_plan_rules().then(plan_rules));
                sources.extend(policy.has_shipped_observer_rules().then(observer_rules));
            }
            Ok(sources)
        }
    }
}

/// The text of a set that ships.
pub fn shipped(set: PolicySet) -> Vec<Source> {
    let own = (format!("{}.{EXTENSION}", set.as_str()), set.text().to_owned());
    vec![own, plan_rules(), observer_rules()]
}

/// The shipped rules for plans, which hold with every policy that does not speak of plans itself.
fn plan_rules() -> Source {
    (format!("plans.{EXTENSION} (shipped)"), PLAN_RULES.to_owned())
}

/// The shipped rules for observers, which hold with every policy that does not speak of observers itself.
fn observer_rules() -> Source {
    (format!("observers.{EXTENSION} (shipped)"), OBSERVER_RULES.to_owned())
}

/// The policies of a folder, validated against the schema; all that is wrong is told at once.
pub fn from_folder(folder: &Path, installation: &Installation) -> Result<Policy, AppError> {
    Policy::parse(&read_folder(folder)?, installation, vocabulary()).map_err(|problems| wrong(folder, problems))
}

/// The files of a folder, by name.
fn read_folder(folder: &Path) -> Result<Vec<Source>, AppError> {
    let fail = |path: &Path, error: std::io::Error| {
        AppError::Usage(format!("cannot read the policies in {}: {error}", path.display()))
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
        return Err(AppError::Usage(format!(
            "there is no .{EXTENSION} file in {}; start from `cc-devops policy show`",
            folder.display()
        )));
    }
    Ok(sources)
}
