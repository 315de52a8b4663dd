//! Which repositories' workflows are to be looked at before the next look at all of them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use cc_devops_kernel::names::RepositoryName;
use tokio::sync::Notify;

/// Repositories whose workflows are to be looked at soon. What is lost with the process is seen by the next
/// look at all of them.
#[derive(Default)]
pub(crate) struct DueWorkflowChecks {
    names: Mutex<BTreeSet<RepositoryName>>,
    news: Notify,
}

impl DueWorkflowChecks {
    /// Adds one; it is looked at once, however often it is added before.
    pub(crate) fn add(&self, name: RepositoryName) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
        self.news.notify_one();
    }

    /// Waits until one may be there.
    pub(crate) async fn arrived(&self) {
        self.news.notified().await;
    }

    /// The next one.
    pub(crate) fn take(&self) -> Option<RepositoryName> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).pop_first()
    }
}
