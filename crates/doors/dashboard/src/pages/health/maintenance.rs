//! Switching maintenance mode on and off, each on a page of its own.

use axum::response::Response;
use cc_devops_http::access::{SetMaintenance, TryMaintenance};
use cc_devops_http::problem::Problem;
use jiff::SignedDuration;
use maud::html;
use serde::Deserialize;

use crate::components::{confirm, field, select};
use crate::extract::Form;
use crate::gate::Visit;
use crate::refusal::Refusal;
use crate::said::Said;
use crate::section::Section;

/// Where it is switched on.
pub(super) const BEGIN: &str = "/ui/health/maintenance";

/// Where it is switched off.
pub(super) const END: &str = "/ui/health/maintenance/end";

/// What it means.
pub(super) const MEANS: &str = "The control plane changes nothing unasked. It takes requests, watches the agents and tells you of alerts as before.";

/// What it means that it is off.
pub(super) const NORMAL: &str =
    "The control plane acts on its own: it follows its schedule and mends what it was told to mend.";

/// How long it can last: what the form sends, what people read, and the hours; none until somebody ends it.
const LASTS: [(&str, &str, Option<i64>); 5] = [
    ("1h", "1 hour", Some(1)),
    ("4h", "4 hours", Some(4)),
    ("1d", "1 day", Some(24)),
    ("7d", "7 days", Some(168)),
    ("", "until somebody ends it", None),
];

/// Why, and for how long.
#[derive(Deserialize)]
pub(super) struct Beginning {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    lasts: String,
}

/// The page that begins it.
pub(super) async fn ask(visit: Visit<SetMaintenance>) -> Result<Response, Refusal> {
    let choices = LASTS.map(|(value, words, _)| (value, words));
    let hint = "Every alert tells it meanwhile.";
    let fields = html! {
        (field("Why", "reason", "text", "", Some(hint)))
        (select("How long", "lasts", "1h", &choices))
    };
    let form = confirm(BEGIN, MEANS, &fields, "Begin maintenance", Section::Health.path());
    Ok(visit.page(Section::Health, "Begin maintenance", &[], form))
}

/// Begins it.
pub(super) async fn begin(
    visit: Visit<TryMaintenance>,
    Form(Beginning { reason, lasts }): Form<Beginning>,
) -> Result<Response, Refusal> {
    let known = LASTS.into_iter().find(|(value, ..)| *value == lasts);
    let (_, _, hours) = known.ok_or_else(|| Problem::invalid("choose how long it lasts from the list"))?;
    let lasts = hours.map(SignedDuration::from_hours);
    visit.permitted.begin(&reason, lasts).await?;
    Ok(visit.done(Section::Health.path(), Said::MaintenanceOn))
}

/// The page that ends it.
pub(super) async fn ask_to_end(visit: Visit<SetMaintenance>) -> Result<Response, Refusal> {
    let form = confirm(END, NORMAL, &html! {}, "End maintenance", Section::Health.path());
    Ok(visit.page(Section::Health, "End maintenance", &[], form))
}

/// Ends it.
pub(super) async fn end(visit: Visit<TryMaintenance>) -> Result<Response, Refusal> {
    visit.permitted.end().await?;
    Ok(visit.done(Section::Health.path(), Said::MaintenanceOff))
}
