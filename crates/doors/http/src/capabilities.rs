//! What is served: the control plane, and what else there is here.

use std::sync::Arc;

use cc_devops_alerts::{Alerts, Notifier};
use cc_devops_fleet::badges::BadgeKeys;
use cc_devops_fleet::watching::Watching;
use cc_devops_notify::{Delivering, Value};
use cc_devops_repos::auditing::Auditor;
use cc_devops_repos::ports::{CodeHostNotices, RepositoryWorker};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::retention::Pruner;
use cc_devops_revenue::ports::BillingNotices;
use cc_devops_revenue::reporting::Reporter;
use cc_devops_slack::SlackClicks;
use jiff::SignedDuration;

use crate::mount::Mount;

/// What is served.
pub struct Capabilities {
    /// Requests, agents and all that belongs to them.
    pub control: Arc<ControlPlane>,
    /// MRR, where it is reported here.
    pub revenue: Option<Revenue>,
    /// The hygiene of repositories, where they are looked after here.
    pub hygiene: Option<Hygiene>,
    /// Who forgets what is not kept any longer, where that is done here.
    pub pruner: Option<Arc<Pruner>>,
    /// Who takes clicks in Slack; none where no channel has buttons.
    pub slack: Option<Arc<SlackClicks>>,
    /// The watch over the agents, and who tells people, where that is done here.
    pub watch: Option<Watch>,
    /// What else is served on the same listener.
    pub doors: Vec<Mount>,
}

/// The capability to watch agents and to tell people.
#[derive(Clone)]
pub struct Watch {
    /// Which agents are alive.
    pub watching: Arc<Watching>,
    /// The alerts as people see them.
    pub alerts: Alerts,
    /// Decides what is told.
    pub notifier: Notifier,
    /// Sends it.
    pub delivering: Delivering,
    /// The address of the outside watch that hears each minute that telling and sending go on.
    pub outside: Option<Value>,
    /// Makes the addresses of badges.
    pub badges: BadgeKeys,
}

impl From<Arc<ControlPlane>> for Capabilities {
    /// The control plane alone.
    fn from(control: Arc<ControlPlane>) -> Self {
        Self {
            control,
            revenue: None,
            hygiene: None,
            pruner: None,
            slack: None,
            watch: None,
            doors: Vec::new(),
        }
    }
}

/// The capability to report MRR.
#[derive(Clone)]
pub struct Revenue {
    /// Computes and keeps it.
    pub reporter: Arc<Reporter>,
    /// Who understands what the billing source sends; without it, nothing is taken.
    pub notices: Option<Arc<dyn BillingNotices>>,
    /// How long after a change at the billing source the report is made anew. What changes meanwhile
    /// is in the same report.
    pub refresh_after: SignedDuration,
}

/// The capability to look after repositories.
#[derive(Clone)]
pub struct Hygiene {
    /// Audits and tells.
    pub auditor: Arc<Auditor>,
    /// Does what is asked about one repository, or all.
    pub worker: Arc<dyn RepositoryWorker>,
    /// The owner whose repositories they are.
    pub owner: String,
    /// Who understands what the code host sends; without it, nothing is taken.
    pub notices: Option<Arc<dyn CodeHostNotices>>,
}
