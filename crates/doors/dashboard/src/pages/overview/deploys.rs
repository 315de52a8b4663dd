//! The last deploys.

use cc_devops_deploys::{PlanRecord, PlanState};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::components::{Column, Tone, empty, moment, status, table};
use crate::links;

/// The last deploys, newest first.
pub(super) fn markup(latest: &[PlanRecord], now: Timestamp) -> Markup {
    if latest.is_empty() {
        let how = html! { "When somebody asks for one, what it would change stands here before it runs." };
        return empty("No deploys yet", &how);
    }
    let columns = [Column::text("Stack"), Column::text("State"), Column::text("When")];
    let rows = latest.iter().map(|plan| {
        let (tone, word) = standing(plan.state);
        let at = plan.ended_at.or(plan.begun_at).unwrap_or(plan.made_at);
        let cells = vec![
            html! { a href=(links::plan(&plan.id)) { (plan.stack) } },
            status(tone, word),
            moment(at, now),
        ];
        (format!("deploy-{}", plan.id), cells)
    });
    html! {
        (table("Last deploys", &columns, rows))
        p.more { a href="/ui/deploys" { "All deploys" } }
    }
}

fn standing(state: PlanState) -> (Tone, &'static str) {
    match state {
        PlanState::Waiting => (Tone::Waiting, "waits"),
        PlanState::Applying => (Tone::Waiting, "runs"),
        PlanState::Applied => (Tone::Good, "done"),
        PlanState::Failed => (Tone::Bad, "failed"),
        PlanState::Denied => (Tone::Quiet, "denied"),
        PlanState::Expired => (Tone::Quiet, "expired"),
        PlanState::Superseded => (Tone::Quiet, "replaced"),
        PlanState::Moved => (Tone::Warning, "overtaken"),
        PlanState::Shown => (Tone::Quiet, "shown only"),
    }
}
