//! Agents: who is alive, and what can be done to one.

mod acts;
mod list;
mod one;
mod words;

use std::sync::Arc;

use cc_devops_kernel::names::AgentName;

use crate::house::House;
use crate::layout::Section;
use crate::routes::{Row, act, page};

pub(crate) use words::tone;

pub(crate) fn rows(house: &Arc<House>) -> Vec<Row> {
    vec![
        page(house, Section::Agents.path(), list::show),
        page(house, "/ui/agents/{name}", one::show),
        act(house, "/ui/agents/{name}/pause", acts::pause),
        act(house, "/ui/agents/{name}/resume", acts::resume),
        page(house, "/ui/agents/{name}/rotate", acts::ask_rotate),
        act(house, "/ui/agents/{name}/rotate", acts::rotate),
        page(house, "/ui/agents/{name}/revoke", acts::ask_revoke),
        act(house, "/ui/agents/{name}/revoke", acts::revoke),
    ]
}

/// An agent's page. Names have nothing that an address could not.
fn path_of(name: &AgentName) -> String {
    format!("{}/{name}", Section::Agents.path())
}
