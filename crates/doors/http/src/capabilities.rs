//! What is served: the control plane, and what else there is here.

use std::sync::Arc;

use cc_devops_repos::auditing::Auditor;
use cc_devops_repos::ports::{CodeHostNotices, RepositoryWorker};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::retention::Keeper;
use cc_devops_revenue::ports::BillingNotices;
use cc_devops_revenue::reporting::Reporter;
use jiff::SignedDuration;

/// What is served.
pub struct Capabilities {
    /// Requests, agents and all that belongs to them.
    pub control: Arc<ControlPlane>,
    /// MRR, where it is reported here.
    pub revenue: Option<Revenue>,
    /// The hygiene of repositories, where they are looked after here.
    pub hygiene: Option<Hygiene>,
    /// Who forgets what is not kept any longer, where that is done here.
    pub keeper: Option<Arc<Keeper>>,
}

impl From<Arc<ControlPlane>> for Capabilities {
    /// The control plane alone.
    fn from(control: Arc<ControlPlane>) -> Self {
        Self {
            control,
            revenue: None,
            hygiene: None,
            keeper: None,
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
