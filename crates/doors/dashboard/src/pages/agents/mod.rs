//! Agents: who is alive, and what can be done to one.

mod acts;
mod list;
mod one;
mod words;

use std::sync::Arc;

use cc_devops_kernel::names::AgentName;

use crate::row::{Row, act, page};
use crate::section::Section;
use crate::state::DashboardState;

pub(crate) use words::tone;

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![
        page(shared, Section::Agents.path(), list::show),
        page(shared, "/ui/agents/{name}", one::show),
        act(shared, "/ui/agents/{name}/pause", acts::pause),
        act(shared, "/ui/agents/{name}/resume", acts::resume),
        page(shared, "/ui/agents/{name}/rotate", acts::ask_rotate),
        act(shared, "/ui/agents/{name}/rotate", acts::rotate),
        page(shared, "/ui/agents/{name}/revoke", acts::ask_revoke),
        act(shared, "/ui/agents/{name}/revoke", acts::revoke),
    ]
}

/// An agent's page. Names have nothing that an address could not.
fn path_of(name: &AgentName) -> String {
    format!("{}/{name}", Section::Agents.path())
}
