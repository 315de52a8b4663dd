//! Overview: what needs a person now, and how everything goes.

mod deploys;
mod fleet;
mod money;
mod needs;
mod part;
mod traffic;
mod upkeep;

use std::sync::Arc;

use axum::response::Response;
use cc_devops_http::access::{
    ListAgents, Permitted, ReadAlerts, ReadAudit, ReadDeploys, ReadHealth, ReadMetrics, ReadRepositories, ReadRevenue,
    ReadWebhooks,
};
use cc_devops_http::problem::Problem;
use cc_devops_repos::hygiene::Register;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use self::needs::Seen;
use self::part::{Part, read};
use crate::components::{Tone, panel, status};
use crate::gate::{AnyVisitor, Visit};
use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::row::{Row, page};
use crate::section::Section;
use crate::state::DashboardState;

/// How many open alerts are read, the worst of which come first.
const ALERTS: usize = 200;

/// How many open plans are read.
const PLANS: usize = 50;

/// How many of the last deploys are shown, and how many agents that fail are named.
const FEW: usize = 5;

/// How many days of MRR are shown.
const DAYS: u16 = 30;

/// What changes on it.
const SHOWS: [Kind; 8] = [
    Kind::Agents,
    Kind::Requests,
    Kind::Deploys,
    Kind::Alerts,
    Kind::Revenue,
    Kind::Repositories,
    Kind::Webhooks,
    Kind::Health,
];

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![page(shared, Section::Overview.path(), show)]
}

async fn show(visit: Visit<AnyVisitor>) -> Result<Response, Refusal> {
    let visitor = &visit.permitted;
    // Each part asks whether it may be seen, and fails alone. None reads more where there is more of anything.
    let alerts = read(visitor, async |alerts: Permitted<ReadAlerts>| alerts.open(ALERTS).await);
    let plans = read(visitor, async |deploys: Permitted<ReadDeploys>| {
        deploys.open(PLANS).await
    });
    let latest = read(visitor, async |deploys: Permitted<ReadDeploys>| {
        deploys.latest(FEW).await
    });
    let fleet = read(visitor, async |agents: Permitted<ListAgents>| agents.by_state().await);
    let maintenance = read(visitor, async |agents: Permitted<ListAgents>| {
        agents.maintenance().await
    });
    let outbox = read(visitor, async |outbox: Permitted<ReadWebhooks>| {
        upkeep::told(&outbox).await
    });
    let trail = read(visitor, async |audit: Permitted<ReadAudit>| upkeep::trail(&audit).await);
    let traffic = read(visitor, async |metrics: Permitted<ReadMetrics>| metrics.rate().await);
    let health = read(visitor, async |health: Permitted<ReadHealth>| {
        Ok::<_, Problem>(health.health().await)
    });
    let mrr = read(visitor, async |revenue: Permitted<ReadRevenue>| {
        revenue.over(DAYS).await
    });
    let hygiene = read(visitor, async |repositories: Permitted<ReadRepositories>| {
        repositories.audit_days().await
    });
    let workflows = read(visitor, async |repositories: Permitted<ReadRepositories>| {
        repositories.failing_workflows(&Register::default()).await
    });
    let (alerts, plans, latest, fleet) = futures::join!(alerts, plans, latest, fleet);
    let (maintenance, outbox, trail, workflows) = futures::join!(maintenance, outbox, trail, workflows);
    let (mrr, hygiene, health, traffic) = futures::join!(mrr, hygiene, health, traffic);
    let now = visit.now();
    let today = now.to_zoned(TimeZone::UTC).date();
    let seen = Seen {
        alerts: &alerts,
        plans: &plans,
        fleet: &fleet,
        workflows: &workflows,
        maintenance: &maintenance,
        outbox: &outbox,
        trail: &trail,
        health: &health,
    };
    let content = html! {
        (needs::markup(&seen, now))
        div.panels {
            (shown(("requests", "Requests a minute", true), &traffic, |steps| traffic::markup(steps)))
            (shown(("agents", "Agents", false), &fleet, fleet::markup))
            (shown(("deploys", "Last deploys", false), &latest, |latest| deploys::markup(latest, now)))
            (shown(("mrr", "MRR", false), &mrr, money::markup))
            (shown(("hygiene", "Repositories", false), &hygiene, |audits| money::hygiene_markup(audits, today)))
            (shown(("trail", "Audit trail", false), &trail, upkeep::trail_markup))
            (shown(("cursors", "Who is told of events", false), &outbox, |told| upkeep::cursors_markup(told, now)))
        }
    };
    Ok(visit.page(Section::Overview, "Overview", &SHOWS, content))
}

/// A part under its heading: as it is, that it cannot be read, or nothing where it is not the visitor's to see.
fn shown<T>((id, title, is_wide): (&str, &str, bool), part: &Part<T>, markup: impl FnOnce(&T) -> Markup) -> Markup {
    match part {
        Part::NotYours => html! {},
        Part::Here(found) => panel(id, title, is_wide, &markup(found)),
        Part::Failed(why) => {
            let content = html! {
                p { (status(Tone::Bad, "cannot be read")) }
                p.soft { (why) ". The rest of the page is as it should be." }
            };
            panel(id, title, is_wide, &content)
        }
    }
}
