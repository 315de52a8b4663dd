//! What is looked at to know what changed. A look reads a few rows, however much there is: the audit trail tells of every
//! act and every outcome, the event log of news, and the newest requests of those that have no outcome yet. What changes
//! without a row is looked at less often.

use std::time::Duration;

use cc_devops_kernel::audit::{AuditFilter, AuditRow};
use cc_devops_kernel::events::{EventBody, LoggedEvent};
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::RecordKind;
use cc_devops_outbox::webhooks::SubscriptionStatus;
use cc_devops_repos::auditing::AUDIT_DETAIL_TYPE;
use cc_devops_requests::record::{RequestFilter, RequestRecord, RequestState};
use cc_devops_revenue::reporting::DAY_DETAIL_TYPE;
use tokio::time::{Instant, timeout};

use super::looker::{Looker, read};
use super::{Area, Areas};
use crate::app::App;
use crate::health;

/// How many of the newest rows are read. Where more came since the last look, everything they can tell of counts as
/// changed.
const ROWS: usize = 20;

/// How often is looked at what changes without a row of the trail or the log.
const SLOWLY: Duration = Duration::from_secs(5);

/// How often heartbeats that changed nobody's state are told.
const BEATS: Duration = Duration::from_millis(1_500);

/// How long the checks of the health are waited for.
const CHECKS: Duration = Duration::from_millis(500);

/// What audit rows can tell of.
const BY_TRAIL: [Area; 9] = [
    Area::Agents,
    Area::Requests,
    Area::Deploys,
    Area::Alerts,
    Area::Secrets,
    Area::Repositories,
    Area::Audit,
    Area::Webhooks,
    Area::Health,
];

impl Looker {
    /// What changed since the last look.
    pub(super) async fn look(&mut self, app: &App, beaten: bool) -> Areas {
        let now = Instant::now();
        let ports = app.ports();
        let (everybodys, every) = (RequestFilter::default(), AuditFilter::default());
        let (newest, rows, requests, alert, groups) = futures::join!(
            ports.events.newest(),
            ports.audit.list(&every, None, ROWS),
            ports.ledger.list(&everybodys, None, ROWS),
            ports.state.next_due(RecordKind::Alert),
            ports.state.list(RecordKind::Group, None, None, ROWS),
        );
        let mut areas = Areas::NONE;
        if let Some(newest) = read(newest) {
            areas.add(self.news(app, newest).await);
        }
        if let Some(rows) = read(rows) {
            areas.add(self.acts(&rows.items));
        }
        let requests = requests.map(|page| page.items.iter().map(|one| standing(app, one)).collect::<Vec<_>>());
        if self.requests.moved(requests) {
            areas.add(Area::Requests);
        }
        let groups = groups.map(|groups| {
            let versions = groups.into_iter().map(|group| (group.key.name, group.version));
            versions.collect::<Vec<_>>()
        });
        let (due, told) = (self.alerts.moved(alert), self.groups.moved(groups));
        if due || told {
            areas.add(Area::Alerts);
        }
        if self.slowly.is_none_or(|at| now.duration_since(at) >= SLOWLY) {
            self.slowly = Some(now);
            areas.add(std::mem::take(&mut self.perhaps));
            areas.add(self.look_slowly(app).await);
        }
        self.beats |= beaten;
        if self.beats && self.beats_told.is_none_or(|at| now.duration_since(at) >= BEATS) {
            self.beats = false;
            self.beats_told = Some(now);
            areas.add(Area::Agents);
        }
        self.is_begun = true;
        areas
    }

    /// What changes without a row of the trail or the log, or where many rows came at once.
    async fn look_slowly(&mut self, app: &App) -> Areas {
        let ports = app.ports();
        let health = async { timeout(CHECKS, health::look(app)).await.ok() };
        let channels = async {
            match &app.watch {
                Some(watch) => watch.delivering.health().await,
                None => Ok(Vec::new()),
            }
        };
        let (backlog, webhooks, day, watch, states, alerts, channels, health) = futures::join!(
            ports.ledger.backlog(),
            ports.webhooks.statuses(),
            ports.revenue.latest(),
            ports.state.next_due(RecordKind::Watch),
            ports.state.counts(RecordKind::Watch),
            ports.state.counts(RecordKind::Alert),
            channels,
            health,
        );
        let mut areas = Areas::NONE;
        let mut moved = |moved: bool, of: &[Area]| {
            if moved {
                areas.add(of.iter().copied().collect::<Areas>());
            }
        };
        let backlog = backlog.map(|backlog| {
            let open = (backlog.received, backlog.executing, backlog.waiting);
            (open, backlog.unpublished, backlog.oldest_open)
        });
        moved(self.backlog.moved(backlog), &[Area::Requests, Area::Health]);
        let webhooks = webhooks.map(|all| all.iter().map(endpoint).collect::<Vec<_>>());
        moved(self.webhooks.moved(webhooks), &[Area::Webhooks]);
        let day = day.map(|day| day.map(|day| (day.date, day.at)));
        moved(self.revenue.moved(day), &[Area::Revenue]);
        moved(self.watches.moved(watch), &[Area::Agents]);
        moved(self.states.moved(states), &[Area::Agents]);
        moved(self.open_alerts.moved(alerts), &[Area::Alerts]);
        let channels = channels.map(|channels| {
            let each = channels.into_iter();
            each.map(|one| {
                (
                    one.name,
                    format!("{:?}", one.state),
                    one.error,
                    one.waiting,
                    one.dead_letters,
                )
            })
            .collect::<Vec<_>>()
        });
        moved(self.channels.moved(channels), &[Area::Alerts, Area::Health]);
        if let Some(health) = health {
            // Its sentences count seconds.
            let checks = health
                .checks
                .into_iter()
                .map(|check| (check.name, check.message.is_some()));
            let checks: Vec<_> = checks.collect();
            let is_normal = health.mode == Mode::Normal;
            moved(self.health.moved(Ok((is_normal, checks))), &[Area::Health]);
        }
        areas
    }

    /// What the log tells of.
    async fn news(&mut self, app: &App, newest: Cursor) -> Areas {
        let last = self.newest.replace(newest);
        let Some(last) = last.filter(|last| *last != newest) else {
            return Areas::NONE;
        };
        let Some(events) = read(app.ports().events.after(last, None, ROWS).await) else {
            return Areas::ALL;
        };
        if events.len() >= ROWS {
            self.perhaps.add([Area::Revenue, Area::Repositories, Area::Webhooks]);
        }
        let mut areas = Areas::from(Area::Requests);
        for event in &events {
            areas.add(told_of(event));
        }
        areas
    }

    /// What the trail tells of.
    fn acts(&mut self, rows: &[AuditRow]) -> Areas {
        let known = std::mem::replace(&mut self.trail, rows.iter().map(|row| row.hash).collect());
        if !self.is_begun {
            return Areas::NONE;
        }
        let mut areas = Areas::NONE;
        let new = rows.iter().filter(|row| !known.contains(&row.hash));
        for row in new.clone() {
            areas.add(Area::Audit);
            areas.add(acted_on(&row.entry.action));
        }
        if new.count() >= ROWS {
            areas.add(Area::Requests);
            self.perhaps.add(BY_TRAIL);
        }
        areas
    }
}

/// What an event tells of.
fn told_of(event: &LoggedEvent) -> Areas {
    match &event.event.body {
        EventBody::Completed(completed) => acted_on(&completed.action),
        EventBody::Announcement(news) => match news.detail_type.as_str() {
            DAY_DETAIL_TYPE => Area::Revenue.into(),
            AUDIT_DETAIL_TYPE => Area::Repositories.into(),
            _ => [Area::Webhooks, Area::Repositories].into(),
        },
    }
}

/// What an audit row's action is about: a request's, or one of the trail's own, which have a dot.
fn acted_on(action: &str) -> Areas {
    match action.split_once('.') {
        Some(("agent" | "ping_key", _)) => Area::Agents.into(),
        Some(("secret" | "secrets" | "sealing_key", _)) => Area::Secrets.into(),
        Some(("webhook", _)) => Area::Webhooks.into(),
        Some(("plan" | "stack", _)) => [Area::Deploys, Area::Requests].into(),
        Some(("repository" | "issue", _)) => Area::Repositories.into(),
        Some(("alert", _)) => Area::Alerts.into(),
        Some(("outbox", _)) => [Area::Health, Area::Webhooks].into(),
        Some(("maintenance" | "store" | "audit", _)) => Area::Health.into(),
        Some(_) => Areas::NONE,
        None => requested(action),
    }
}

/// What a request's action changes.
fn requested(action: &str) -> Areas {
    let also = match action {
        "putSecret" => Some(Area::Secrets),
        "deployLambda" => Some(Area::Deploys),
        "github_repo_check" | "workflow_monitor" | "protectBranches" | "bootstrapRepoSecrets" => {
            Some(Area::Repositories)
        }
        _ => None,
    };
    also.into_iter().chain([Area::Requests]).collect()
}

/// How a request stands.
fn standing(app: &App, one: &RequestRecord) -> (String, &'static str, u32, Option<(u64, u64)>) {
    let here = match one.state {
        RequestState::Executing => app.control.progress_of(&one.head.id),
        _ => None,
    };
    let progress = here.as_ref().or(one.progress.as_ref());
    let progress = progress.map(|progress| (progress.done, progress.of));
    (one.head.id.to_string(), one.state.as_str(), one.tries, progress)
}

/// How a webhook does.
fn endpoint(status: &SubscriptionStatus) -> (String, u64, String) {
    (
        status.subscription.id.0.clone(),
        status.dead_letters,
        format!("{:?}", status.endpoint),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_is_about_something() {
        assert_eq!(acted_on("putSecret"), [Area::Requests, Area::Secrets].into());
        assert_eq!(acted_on("deployLambda"), [Area::Requests, Area::Deploys].into());
        assert_eq!(acted_on("unknown"), Area::Requests.into());
        assert_eq!(acted_on("agent.paused"), Area::Agents.into());
        assert_eq!(acted_on("plan.approved"), [Area::Deploys, Area::Requests].into());
        assert_eq!(acted_on("session.begun"), Areas::NONE);
    }
}
