//! The hygiene of repositories behind the front door: the daily audit, the look for failing workflows, and news
//! of the code host that bring it forward for one repository.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::names::RepositoryName;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_repos::auditing::Auditor;
use cc_devops_repos::ports::{CodeHostNotices, RepositoryWorker};
use cc_devops_repos::work::RepositoryWork;
use tokio::sync::Notify;

use crate::app::App;
use crate::problem::Chain;
use crate::scheduler::End;

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

/// Repositories whose workflows are to be looked at soon. What is lost with the process is seen by the next
/// look at all of them.
#[derive(Default)]
pub(crate) struct ToLookAt {
    names: Mutex<BTreeSet<RepositoryName>>,
    news: Notify,
}

impl ToLookAt {
    /// Adds one; it is looked at once, however often it is added before.
    pub(crate) fn add(&self, name: RepositoryName) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
        self.news.notify_one();
    }

    fn take(&self) -> Option<RepositoryName> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).pop_first()
    }
}

/// The daily audit. A stop breaks it off; the next start makes it anew.
pub(crate) async fn audit(app: &App) -> End {
    let Some(hygiene) = &app.hygiene else { return End::Done };
    let audited = tokio::select! {
        audited = hygiene.auditor.daily() => audited,
        () = app.stopping.cancelled() => return End::BrokenOff,
    };
    match audited {
        Ok(Some(report)) => {
            app.relay.ring();
            tracing::info!(
                owner = report.owner,
                repositories = report.summary.repositories,
                complete = report.complete,
                requests = report.requests,
                "the repositories were audited"
            );
            if report.complete { End::Done } else { End::Failed }
        }
        Ok(None) => {
            tracing::info!("no GitHub token is configured, so no repository is audited; docs/REPOS.md says how");
            End::Done
        }
        Err(error) => {
            tracing::error!(error = %Chain(&error), "the repositories were not audited; it is tried again");
            End::Failed
        }
    }
}

/// The look for failing workflows in every repository.
pub(crate) async fn watch_workflows(app: &App) -> End {
    let all = RepositoryWork::Monitor {
        repository: None,
        workflow: None,
    };
    look(app, &all).await
}

/// Looks at the repositories that the code host told of, until the server stops.
pub(crate) async fn look_at_news(app: App) {
    loop {
        tokio::select! {
            () = app.to_look_at.news.notified() => {}
            () = app.stopping.cancelled() => return,
        }
        while let Some(name) = app.to_look_at.take() {
            let work = RepositoryWork::Monitor {
                repository: Some(name),
                workflow: None,
            };
            if look(&app, &work).await == End::BrokenOff {
                return;
            }
        }
    }
}

async fn look(app: &App, work: &RepositoryWork) -> End {
    let Some(hygiene) = &app.hygiene else { return End::Done };
    let under_way = app.control.begin_work();
    match hygiene
        .worker
        .carry_out(work, &Author::default(), &under_way.course)
        .await
    {
        Ok(Ok(_)) => End::Done,
        Ok(Err(failure)) if failure.reason == cc_devops_kernel::outcome::Reason::MissingDependency => {
            tracing::info!(%failure, "no workflow is looked at; docs/REPOS.md says how");
            End::Done
        }
        Ok(Err(failure)) => {
            tracing::error!(%failure, "the workflows were not looked at; it is tried again");
            End::Failed
        }
        Err(error) if error.kind == PortErrorKind::Stopped => End::BrokenOff,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "the workflows were not looked at; it is tried again");
            End::Failed
        }
    }
}
