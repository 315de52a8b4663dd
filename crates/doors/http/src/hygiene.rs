//! The hygiene of repositories behind the front door: the daily audit, the look for failing workflows, and news
//! of the code host that bring it forward for one repository.

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_repos::work::RepositoryWork;

use crate::app::App;
use crate::job_end::JobEnd;
use crate::problem::Chain;

/// The daily audit. A stop breaks it off; the next start makes it anew.
pub(crate) async fn audit(app: &App) -> JobEnd {
    let Some(hygiene) = &app.hygiene else {
        return JobEnd::Done;
    };
    let audited = tokio::select! {
        audited = hygiene.auditor.daily() => audited,
        () = app.stopping.cancelled() => return JobEnd::BrokenOff,
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
            if report.complete { JobEnd::Done } else { JobEnd::Failed }
        }
        Ok(None) => {
            tracing::info!("no GitHub token is configured, so no repository is audited; docs/REPOS.md says how");
            JobEnd::Done
        }
        Err(error) => {
            tracing::error!(error = %Chain(&error), "the repositories were not audited; it is tried again");
            JobEnd::Failed
        }
    }
}

/// The look for failing workflows in every repository.
pub(crate) async fn watch_workflows(app: &App) -> JobEnd {
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
            () = app.due_checks.arrived() => {}
            () = app.stopping.cancelled() => return,
        }
        while let Some(name) = app.due_checks.take() {
            let work = RepositoryWork::Monitor {
                repository: Some(name),
                workflow: None,
            };
            if look(&app, &work).await == JobEnd::BrokenOff {
                return;
            }
        }
    }
}

async fn look(app: &App, work: &RepositoryWork) -> JobEnd {
    let Some(hygiene) = &app.hygiene else {
        return JobEnd::Done;
    };
    let under_way = app.control.begin_work();
    match hygiene
        .worker
        .carry_out(work, &Author::default(), &under_way.handle)
        .await
    {
        Ok(Ok(_)) => JobEnd::Done,
        Ok(Err(failure)) if failure.reason == cc_devops_kernel::outcome::Reason::MissingDependency => {
            tracing::info!(%failure, "no workflow is looked at; docs/REPOS.md says how");
            JobEnd::Done
        }
        Ok(Err(failure)) => {
            tracing::error!(%failure, "the workflows were not looked at; it is tried again");
            JobEnd::Failed
        }
        Err(error) if error.kind == PortErrorKind::Stopped => JobEnd::BrokenOff,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "the workflows were not looked at; it is tried again");
            JobEnd::Failed
        }
    }
}
