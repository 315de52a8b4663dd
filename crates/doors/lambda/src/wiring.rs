//! The functions over the capabilities that the one composition gives them. Nothing is built here.

use std::sync::Arc;

use cc_devops_app::settings::file::FleetWatchName;
use cc_devops_app::settings::{BadVariables, of_variables, of_variables_and_policy};
use cc_devops_app::{AppError, Capabilities, NO_OWNER, Program, Settings, aws, billing, revenue};
use cc_devops_aws::SyncedAgents;
use cc_devops_kernel::ports::{PortError, PortResult};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_slack::SlackClicks;
use futures::FutureExt;

use crate::repositories::RepositoriesFunction;
use crate::revenue::MrrFunction;
use crate::watch::{MakeWatch, Watch};
use crate::{Function, Setup};

/// What the template tells a function.
///
/// # Errors
/// Every variable that is missing or cannot be used.
pub fn settings() -> Result<Settings, BadVariables> {
    of_variables(|name| std::env::var(name).ok())
}

/// What the template tells the function that looks after repositories.
///
/// # Errors
/// Every variable that is missing or cannot be used, and everything that is wrong with the policy.
pub fn settings_and_policy() -> Result<Settings, BadVariables> {
    of_variables_and_policy(|name| std::env::var(name).ok())
}

/// What the chains of the audit trail begin with that the function writes which looks after repositories.
pub const REPOSITORIES_CHAINS: &str = "repositories";

/// What those begin with that the function writes which takes clicks in Slack.
pub const SLACK_CHAINS: &str = "slack";

/// What a function can do, whose role may write these chains of the audit trail alone where it has any of its own.
async fn capabilities(
    settings: Settings,
    chains: Option<&'static str>,
) -> Result<(Capabilities, cc_devops_aws::Backend), AppError> {
    let backend = aws::backend(&settings).await?;
    let backend = backend.ok_or_else(|| AppError::Usage("a function works in an AWS account".to_owned()))?;
    if let Some(chains) = chains {
        backend.name_chains(chains);
    }
    Ok((aws::capabilities(settings, Program::FUNCTION, backend.clone()), backend))
}

/// The control plane's function. Makes no call but where credentials need one.
///
/// # Errors
/// No region is known.
pub async fn control_plane(settings: Settings) -> Result<Function, AppError> {
    let (capabilities, backend) = capabilities(settings, None).await?;
    let capabilities = Arc::new(capabilities);
    let (made, gauged) = (Arc::clone(&capabilities), backend.clone());
    let (watching, watched, synced) = (
        Arc::clone(&capabilities),
        backend.clone(),
        Arc::new(SyncedAgents::default()),
    );
    let settings = &capabilities.settings;
    Ok(Function::new(Setup {
        installation: settings.installation.clone(),
        mode: settings.mode,
        rules: settings.retention.rules,
        ports: capabilities.ports.clone(),
        worker: capabilities.repository_worker(),
        owner: settings.repositories.owner.clone(),
        plane: Box::new(move || {
            let made = Arc::clone(&made);
            async move { made.control_plane().await.map_err(PortError::from) }.boxed()
        }),
        watch: watches(settings).then(|| -> MakeWatch {
            Box::new(move || watch(Arc::clone(&watching), watched.clone(), Arc::clone(&synced)).boxed())
        }),
        gauge: Box::new(move |standings, backlog, now| gauged.log_standing(standings, backlog, now)),
        full_check: Box::new(move || {
            let backend = backend.clone();
            async move {
                backend.full_check().await;
            }
            .boxed()
        }),
    }))
}

/// Whether this stage watches the agents.
fn watches(settings: &Settings) -> bool {
    let aws = settings.aws.as_ref();
    aws.is_none_or(|aws| aws.names.watch == FleetWatchName::Enabled)
}

/// The watch over the agents of the parameter.
///
/// # Errors
/// The store's key cannot be read.
pub async fn watch(
    capabilities: Arc<Capabilities>,
    backend: cc_devops_aws::Backend,
    synced: Arc<SyncedAgents>,
) -> PortResult<Watch> {
    let watching = Arc::new(capabilities.watching().await?);
    let enrolled = Arc::clone(&watching);
    Ok(Watch {
        enrol: Box::new(move |now| {
            let (backend, watching, synced) = (backend.clone(), Arc::clone(&enrolled), Arc::clone(&synced));
            async move { synced.bring_in_line(&backend, &watching, now).await }.boxed()
        }),
        watching,
        notifier: Arc::new(capabilities.notifier()),
        delivering: Arc::new(capabilities.delivering()),
        clock: Arc::clone(&capabilities.ports.clock),
    })
}

/// What the function whose own address takes clicks in Slack works with. The key is read.
///
/// # Errors
/// No region is known, no channel has buttons, or the store's key cannot be read.
pub async fn slack(settings: Settings) -> Result<(SlackClicks, ControlPlane), AppError> {
    let (capabilities, _) = capabilities(settings, Some(SLACK_CHAINS)).await?;
    let clicks = capabilities.slack_clicks().ok_or_else(|| {
        let message =
            "no channel has buttons: set signing_secret of a channel of kind \"slack\" in the parameter Alerts";
        AppError::Usage(message.to_owned())
    })?;
    Ok((clicks, capabilities.control_plane().await?))
}

/// The function that reports MRR. Makes no call but where credentials need one.
///
/// # Errors
/// No region is known, or an address of exchange rates is none or would be reached in the clear.
pub async fn mrr(settings: Settings) -> Result<MrrFunction, AppError> {
    let (mut capabilities, backend) = capabilities(settings, None).await?;
    // It may write no alerts.
    capabilities.ports.conditions = backend.revenue_conditions();
    let (settings, ports) = (&capabilities.settings, &capabilities.ports);
    let account = billing::billing(&settings.revenue, ports, None);
    let reporter = revenue::reporter(&settings.revenue, settings.installation.clone(), account, ports.clone())?;
    Ok(MrrFunction::new(
        reporter,
        Arc::clone(&ports.clock),
        settings.revenue.key.clone(),
    ))
}

/// The function that looks after repositories. Makes no call but where credentials need one.
///
/// # Errors
/// No region is known.
pub async fn repositories(settings: Settings) -> Result<RepositoriesFunction, AppError> {
    let (mut capabilities, backend) = capabilities(settings, Some(REPOSITORIES_CHAINS)).await?;
    // It may write no alerts.
    capabilities.ports.conditions = backend.repository_conditions();
    let ports = &capabilities.ports;
    let tools = capabilities.repositories();
    let tools = tools.ok_or_else(|| AppError::Usage(NO_OWNER.to_owned()))?;
    Ok(RepositoriesFunction {
        owner: tools.owner.clone(),
        auditor: Arc::clone(&tools.auditor),
        worker: tools.repository_worker(ports),
        clock: Arc::clone(&ports.clock),
        agent: capabilities.settings.installation.agent.clone(),
        handed_over: backend.handed_over(),
    })
}
