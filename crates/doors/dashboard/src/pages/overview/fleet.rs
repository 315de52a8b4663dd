//! The fleet by state.

use cc_devops_fleet::watch::Status;
use cc_devops_http::access::ByState;
use maud::{Markup, html};

use crate::components::{Tone, empty, status, written};
use crate::pages::agents::tone;

/// How many agents are in a state.
pub(super) fn count(fleet: &ByState, state: Status) -> u64 {
    fleet.counts.get(&state).copied().unwrap_or_default()
}

/// The states, each with a link to the agents that are in it.
pub(super) fn markup(fleet: &ByState) -> Markup {
    let states = [Status::Up, Status::Late, Status::Down, Status::Paused, Status::New];
    if fleet.counts.values().sum::<u64>() == 0 {
        let how = html! { "Add the first with " code { "cc-devops agents add NAME" } "; it is here from its first heartbeat on." };
        return empty("No agents yet", &how);
    }
    html! {
        dl.stats {
            @for state in states {
                @let counted = count(fleet, state);
                div.stat {
                    dt { (status(if counted == 0 { Tone::Quiet } else { tone(state) }, state.as_str())) }
                    dd {
                        a.value href=(format!("/ui/agents?state={}", state.as_str())) { (written(counted)) }
                    }
                }
            }
        }
        p.more { a href="/ui/agents" { "All agents" } }
    }
}
