//! Health: whether the control plane itself works, how much it has to do, and maintenance mode.

mod maintenance;
mod showing;

use std::sync::Arc;

use axum::response::Response;
use cc_devops_http::access::{ReadHealth, SetMaintenance, TryMaintenance};
use maud::html;

use crate::gate::Visit;
use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::row::{Row, act, page};
use crate::section::Section;
use crate::state::DashboardState;

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![
        page(shared, Section::Health.path(), show),
        page::<SetMaintenance, _, _>(shared, maintenance::BEGIN, maintenance::ask),
        act::<TryMaintenance, _, _>(shared, maintenance::BEGIN, maintenance::begin),
        page::<SetMaintenance, _, _>(shared, maintenance::END, maintenance::ask_to_end),
        act::<TryMaintenance, _, _>(shared, maintenance::END, maintenance::end),
    ]
}

async fn show(visit: Visit<ReadHealth>) -> Result<Response, Refusal> {
    let permitted = &visit.permitted;
    let now = visit.now();
    let health = permitted.health().await;
    // What cannot be read is said in its place; the checks say why.
    let (backlog, standings) = (permitted.backlog().await.ok(), permitted.standings().await.ok());
    let (weights, switched) = (permitted.weights().await.ok(), permitted.switched().await.ok());
    let content = html! {
        (showing::summary(&health))
        (showing::checks(&health))
        (showing::mode(permitted, switched.as_ref(), now))
        (showing::work(backlog.as_ref(), now))
        (showing::consumers(standings.as_deref(), now))
        (showing::server(&health, permitted.connections(), weights.as_deref(), now))
    };
    Ok(visit.page(Section::Health, "Health", &[Kind::Health], content))
}
