//! What may be served beside the control plane.

use std::sync::Arc;

use cc_devops_alerts::{Alerts, Notifier};
use cc_devops_fleet::badges::BadgeKeys;
use cc_devops_fleet::watching::Watching;
use cc_devops_notify::{Delivering, Value};
use cc_devops_repos::auditing::Auditor;
use cc_devops_repos::ports::{CodeHostNotices, RepositoryWorker};
use cc_devops_revenue::ports::BillingNotices;
use cc_devops_revenue::reporting::Reporter;
use jiff::SignedDuration;

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
