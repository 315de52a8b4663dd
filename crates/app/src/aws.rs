//! The AWS backend: one stage's control plane in an account.

use std::sync::Arc;

use cc_devops_aws::{Account, Backend as AwsBackend, Clients, Resources};
use cc_devops_kernel::ports::SystemClock;
use cc_devops_requests::ports::Ports;

use crate::capabilities::{Backend, Capabilities};
use crate::error::AppError;
use crate::no_stacks::NoStacks;
use crate::program::Program;
use crate::settings::{AwsSettings, Settings};

/// What everything is called in the account; what no setting names is called as the template calls it.
pub fn resources(settings: &Settings, aws: &AwsSettings) -> Resources {
    let mut resources = Resources::of(&settings.installation, aws.stage.clone()).keeping(&settings.retention.rules);
    let names = &aws.names;
    let fields = [
        (&names.ledger_table, &mut resources.ledger_table),
        (&names.billing_table, &mut resources.billing_table),
        (&names.ledger_key, &mut resources.ledger_key),
        (&names.enabled_agents, &mut resources.enabled_agents),
        (&names.sealing_key, &mut resources.sealing_key),
        (&names.event_bus, &mut resources.event_bus),
        (&names.function, &mut resources.function),
        (&names.repositories_function, &mut resources.repositories_function),
        (&names.request_queue, &mut resources.request_queue),
    ];
    for (given, field) in fields {
        if let Some(given) = given {
            field.clone_from(given);
        }
    }
    resources.stack = aws.stack();
    resources.alert_topic_arn.clone_from(&names.alert_topic_arn);
    resources.deploy_role_arn.clone_from(&names.deploy_role_arn);
    resources.template_bucket.clone_from(&names.template_bucket);
    let deploys = &settings.requests.deploys;
    resources.drift_stages.clone_from(&deploys.drift_stages);
    resources.rollback_triggers.clone_from(&deploys.rollback_triggers);
    resources
}

/// Which account, beyond what the environment says.
pub fn account(aws: &AwsSettings) -> Account {
    Account {
        region: aws.names.region.clone(),
        profile: aws.names.profile.clone(),
    }
}

/// The adapters of the account that the settings name; none where they name the embedded backend. No call is made
/// but where credentials need one.
///
/// # Errors
/// No region is known.
pub async fn backend(settings: &Settings) -> Result<Option<AwsBackend>, AppError> {
    let Some(aws) = &settings.aws else { return Ok(None) };
    // Boxed: it is large, and every command has it in its own.
    let clients = Box::pin(Clients::connect(&account(aws))).await;
    if clients.config().region().is_none() {
        return Err(AppError::Usage(
            "no AWS region is known: give --region, or set AWS_REGION or the profile's region".to_owned(),
        ));
    }
    Ok(Some(over(settings, aws, clients)))
}

/// The same on clients made elsewhere.
pub fn over(settings: &Settings, aws: &AwsSettings, clients: Clients) -> AwsBackend {
    let resources = resources(settings, aws);
    AwsBackend::new(clients, resources, settings.installation.clone(), Arc::new(SystemClock))
}

/// The capabilities of a program over those adapters.
pub fn capabilities(settings: Settings, program: Program, backend: AwsBackend) -> Capabilities {
    let mut ports: Ports = backend.ports();
    if program.logs_metrics {
        ports.metrics = backend.logged_metrics();
    }
    if !program.carries_out {
        ports.stacks = Arc::new(NoStacks);
    }
    Capabilities::new(settings, program, Backend::Aws(backend), ports)
}
