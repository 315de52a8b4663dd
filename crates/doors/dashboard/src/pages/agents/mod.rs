//! Agents: who is alive.

use std::sync::Arc;

use axum::response::Response;
use cc_devops_fleet::watch::Status;
use cc_devops_http::access::ListAgents;

use crate::components::{Column, Tone, moment, status, table};
use crate::gate::Visit;
use crate::house::House;
use crate::kinds::Kind;
use crate::layout::Section;
use crate::refusal::Refusal;
use crate::routes::{Row, page};
use maud::html;

pub(crate) fn rows(house: &Arc<House>) -> Vec<Row> {
    vec![page(house, Section::Agents.path(), list)]
}

async fn list(visit: Visit<ListAgents>) -> Result<Response, Refusal> {
    let now = visit.now();
    let agents = visit.permitted.agents().await?;
    let columns = [Column::text("Agent"), Column::text("State"), Column::text("Since")];
    let rows = agents.iter().map(|(agent, watched)| {
        let name = agent.agent.name.as_str();
        let state = watched.as_ref().map(|watched| watched.state.status);
        let cells = vec![
            html! { (name) },
            state.map_or_else(|| html! { "-" }, |state| status(tone(state), state.as_str())),
            watched
                .as_ref()
                .map_or_else(|| html! { "-" }, |watched| html! { (moment(watched.created, now)) }),
        ];
        (name.to_owned(), cells)
    });
    Ok(visit.page(
        Section::Agents,
        "Agents",
        &[Kind::Agents],
        table("Agents", &columns, rows),
    ))
}

fn tone(state: Status) -> Tone {
    match state {
        Status::Up => Tone::Good,
        Status::Late => Tone::Warning,
        Status::Down => Tone::Bad,
        Status::New | Status::Paused => Tone::Quiet,
    }
}
