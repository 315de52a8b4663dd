//! The last deploys.

use cc_devops_deploys::PlanRecord;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::components::{Column, empty, moment, table};
use crate::links;
use crate::pages::deploys::state;

/// The last deploys, newest first.
pub(super) fn markup(latest: &[PlanRecord], now: Timestamp) -> Markup {
    if latest.is_empty() {
        let how = html! { "When somebody asks for one, what it would change stands here before it runs." };
        return empty("No deploys yet", &how);
    }
    let columns = [Column::text("Stack"), Column::text("State"), Column::text("When")];
    let rows = latest.iter().map(|plan| {
        let at = plan.ended_at.or(plan.begun_at).unwrap_or(plan.made_at);
        let cells = vec![
            html! { a href=(links::plan(&plan.id)) { (plan.stack) } },
            state(plan.state),
            moment(at, now),
        ];
        (format!("deploy-{}", plan.id), cells)
    });
    html! {
        (table("Last deploys", &columns, rows))
        p.more { a href="/ui/deploys" { "All deploys" } }
    }
}
