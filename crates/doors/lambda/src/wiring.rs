//! Builds the real adapters and wires them to the function. The one place where that is done.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_aws::{Account, Backend, Clients};
use cc_devops_core::ControlPlane;
use cc_devops_core::policy::Policy;
use cc_devops_core::ports::{Ports, SystemClock};
use cc_devops_core::requests::relay::Patience;
use cc_devops_lambda::{Function, Settings, Setup};

/// The function on AWS. Makes no call but where credentials need one.
pub(crate) async fn function(settings: Settings) -> Function {
    let clients = Clients::connect(&Account::default()).await;
    let (resources, installation) = (settings.resources.clone(), settings.installation.clone());
    let backend = Backend::new(clients, resources, installation, Arc::new(SystemClock));
    let ports = Ports {
        metrics: backend.logged_metrics(),
        ..backend.ports()
    };
    let gauged = backend.clone();
    let plane = {
        let (backend, ports, settings) = (backend.clone(), ports.clone(), settings.clone());
        move || {
            let (backend, ports, settings) = (backend.clone(), ports.clone(), settings.clone());
            let made = async move {
                let key = backend.fingerprint_key().await?;
                let policy = Policy::shipped(settings.policy, &settings.installation);
                let policy = policy.guarding(&settings.resources.stack);
                let (installation, requests) = (settings.installation, settings.requests);
                Ok(ControlPlane::new(installation, ports, policy, key, requests)
                    .caring(backend.care())
                    .patient(patience()))
            };
            Box::pin(made) as futures::future::BoxFuture<'static, _>
        }
    };
    Function::new(Setup {
        installation: settings.installation,
        mode: settings.mode,
        rules: settings.rules,
        ports,
        care: backend.care(),
        plane: Box::new(plane),
        gauge: Box::new(move |standings, backlog, now| gauged.log_standing(standings, backlog, now)),
        full_check: Box::new(move || {
            let backend = backend.clone();
            Box::pin(async move {
                backend.full_check().await;
            })
        }),
    })
}

/// How long a consumer of the outbox gets: less than an invocation has left as a rule.
const PATIENCE: Duration = Duration::from_secs(15);

fn patience() -> Patience {
    Arc::new(|| Box::pin(tokio::time::sleep(PATIENCE)))
}
