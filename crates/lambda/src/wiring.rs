//! Builds the real adapters and wires them to the function. The one place where that is done.

use std::sync::Arc;

use cc_devops_aws::{Account, Backend, Clients};
use cc_devops_core::ControlPlane;
use cc_devops_core::policy::Policy;
use cc_devops_core::ports::{Ports, SystemClock};
use cc_devops_lambda::{Function, Settings, Setup};

/// The function on AWS. Makes no call but where credentials need one.
pub(crate) async fn function(settings: Settings) -> Function {
    let clients = Clients::connect(&Account::default()).await;
    let (resources, installation) = (settings.resources.clone(), settings.installation.clone());
    let backend = Backend::new(clients, resources, installation);
    let ports = Ports {
        metrics: backend.logged_metrics(),
        ..backend.ports(Arc::new(SystemClock))
    };
    let plane = {
        let (backend, ports, settings) = (backend.clone(), ports.clone(), settings.clone());
        move || {
            let (backend, ports, settings) = (backend.clone(), ports.clone(), settings.clone());
            let made = async move {
                let key = backend.fingerprint_key().await?;
                let policy = Policy::shipped(settings.policy, &settings.installation);
                let (installation, requests) = (settings.installation, settings.requests);
                Ok(ControlPlane::new(installation, ports, policy, key, requests).caring(backend.care()))
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
        full_check: Box::new(move || {
            let backend = backend.clone();
            Box::pin(async move {
                backend.full_check().await;
            })
        }),
    })
}
