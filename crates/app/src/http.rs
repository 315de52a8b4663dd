//! What the HTTP door is given.

use std::sync::Arc;

use cc_devops_dashboard::{self as dashboard, Dashboard};
use cc_devops_http::{Capabilities as DoorCapabilities, Hygiene, Mount, Revenue, Watch};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_repos::ports::RepositoryWorker;
use cc_devops_requests::engine::ControlPlane;

use crate::billing::{billing, billing_notices};
use crate::capabilities::{Backend, Capabilities};
use crate::code_host::code_host_notices;
use crate::policies;
use crate::revenue::reporter;

impl Capabilities {
    /// What the HTTP door is given. On AWS the days of MRR and the audits are made by functions of their own, so
    /// the door has neither.
    ///
    /// # Errors
    /// An address of exchange rates that is none, or would be reached in the clear; the store's key cannot be read.
    pub async fn http(&self, plane: Arc<ControlPlane>) -> PortResult<DoorCapabilities> {
        let here = self.is_embedded();
        let worker = plane.repository_worker().cloned();
        Ok(DoorCapabilities {
            control: plane,
            revenue: here.then(|| self.http_revenue()).transpose()?,
            hygiene: worker
                .filter(|_| here)
                .and_then(|worker| self.http_repositories(worker)),
            slack: self.slack_clicks().map(Arc::new),
            pruner: Some(Arc::new(self.pruner())),
            watch: Some(Watch {
                watching: Arc::new(self.watching().await?),
                alerts: self.alerts(),
                notifier: self.notifier(),
                delivering: self.delivering(),
                outside: self.settings.alerts.heartbeat.clone(),
                badges: self.badge_keys().await?,
            }),
            doors: self.doors()?,
        })
    }

    /// The door for AWS SDKs and the dashboard, unless they are switched off. In an AWS account, SDKs speak to AWS itself.
    fn doors(&self) -> PortResult<Vec<Mount>> {
        let mut doors = Vec::new();
        if self.settings.aws_door && self.is_embedded() {
            doors.push(cc_devops_wire::door());
        }
        if self.settings.dashboard {
            let policies = policies::sources(&self.settings).map_err(|error| {
                PortError::new(PortErrorKind::Refused, "the policies cannot be shown").because(error)
            })?;
            doors.push(dashboard::door(Dashboard {
                settings: self.settings.shown.clone(),
                policies,
            }));
        }
        Ok(doors)
    }

    fn is_embedded(&self) -> bool {
        match self.backend() {
            #[cfg(feature = "embedded")]
            Backend::Embedded(_) => true,
            #[cfg(feature = "aws")]
            Backend::Aws(_) => false,
        }
    }

    fn http_revenue(&self) -> PortResult<Revenue> {
        let settings = &*self.settings.revenue;
        let installation = self.settings.installation.clone();
        let account = billing(settings, &self.ports, None);
        Ok(Revenue {
            reporter: Arc::new(reporter(settings, installation, account, self.ports.clone())?),
            notices: billing_notices(settings, &self.ports),
            refresh_after: settings.refresh_after,
        })
    }

    fn http_repositories(&self, worker: Arc<dyn RepositoryWorker>) -> Option<Hygiene> {
        let tools = self.repositories()?;
        Some(Hygiene {
            worker,
            auditor: Arc::clone(&tools.auditor),
            owner: tools.owner.clone(),
            notices: code_host_notices(&self.settings.repositories, &self.ports),
        })
    }
}
