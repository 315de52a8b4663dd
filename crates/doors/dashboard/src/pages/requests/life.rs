//! A request's life: what happened to it, in its order.

use cc_devops_deploys::{PlanRecord, PlanState};
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::text;
use cc_devops_kernel::work::Progress;
use cc_devops_requests::record::{RequestRecord, RequestState};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::components::{Tone, moment, status};
use crate::links;

/// One step.
struct Step {
    tone: Tone,
    word: &'static str,
    /// When, where that is kept.
    at: Option<Timestamp>,
    note: Markup,
}

impl Step {
    fn new(tone: Tone, word: &'static str, at: Option<Timestamp>, note: Markup) -> Self {
        Self { tone, word, at, note }
    }
}

/// The life of a request, with its plan where it has one, and since when it waits where it does.
pub(super) fn life(
    record: &RequestRecord,
    plan: Option<&PlanRecord>,
    waits_since: Option<Timestamp>,
    now: Timestamp,
) -> Markup {
    let mut steps = vec![Step::new(
        Tone::Good,
        "Received",
        Some(record.head.received_at),
        html! { "It was written down before the agent was answered." },
    )];
    steps.extend(plan.into_iter().flat_map(of_plan));
    steps.extend(under_way(record, plan, waits_since));
    if let Some(completed) = &record.completed {
        let (tone, word) = match completed.status {
            Status::Success => (Tone::Good, "Concluded"),
            Status::Error => (Tone::Bad, "Failed"),
        };
        let note = html! { "After " (super::took(completed.latency_ms)) ", with " (tries(record.tries)) "." };
        steps.push(Step::new(tone, word, Some(completed.timestamp), note));
        steps.push(if record.state == RequestState::Published {
            Step::new(
                Tone::Good,
                "Told",
                None,
                html! { "The event devops.completed is in the event log, for everybody who is told." },
            )
        } else {
            Step::new(
                Tone::Waiting,
                "Being told",
                None,
                html! { "The event devops.completed is on its way into the event log." },
            )
        });
    }
    html! {
        ol.life {
            @for step in steps {
                li {
                    (status(step.tone, step.word))
                    @if let Some(at) = step.at { " " (moment(at, now)) }
                    p.note { (step.note) }
                }
            }
        }
    }
}

fn tries(tries: u32) -> String {
    match tries {
        0 => "no try: it was decided at once".to_owned(),
        1 => "one try".to_owned(),
        more => format!("{more} tries"),
    }
}

/// What was decided of a plan, and what became of it.
fn of_plan(plan: &PlanRecord) -> Vec<Step> {
    let link = html! { a href=(links::plan(&plan.id)) { "plan " (plan.id) } };
    let mut steps = vec![Step::new(
        Tone::Good,
        "Planned",
        Some(plan.made_at),
        html! { "What the deploy would do: " (link) "." },
    )];
    for approval in &plan.approvals {
        let note = html! {
            "By " (approval.by)
            @if let Some(comment) = &approval.comment { ": " (text::line(comment)) }
        };
        steps.push(Step::new(Tone::Good, "Approved", Some(approval.at), note));
    }
    if let Some(lifted) = &plan.freeze_override {
        let note = html! { "By " (lifted.by) ": " (text::line(&lifted.reason)) };
        steps.push(Step::new(Tone::Warning, "Freeze overridden", Some(lifted.at), note));
    }
    if let Some(decided) = &plan.decided {
        let (tone, word) = match plan.state {
            PlanState::Denied => (Tone::Bad, "Denied"),
            PlanState::Expired => (Tone::Warning, "Not approved in time"),
            PlanState::Superseded => (Tone::Warning, "Superseded"),
            PlanState::Moved => (Tone::Warning, "Changed meanwhile"),
            _ => (Tone::Quiet, "Not carried out"),
        };
        let note = html! {
            @if let Some(by) = &decided.by { "By " (by) ": " }
            (text::line(&decided.reason))
        };
        steps.push(Step::new(tone, word, Some(decided.at), note));
    }
    if let Some(begun) = plan.begun_at {
        let note = html! { "The plan was begun to be carried out." };
        steps.push(Step::new(Tone::Good, "Begun", Some(begun), note));
    }
    steps
}

/// What happens at the moment.
fn under_way(record: &RequestRecord, plan: Option<&PlanRecord>, waits_since: Option<Timestamp>) -> Option<Step> {
    let waiting = plan.filter(|plan| plan.state == PlanState::Waiting);
    let (word, at, note) = match (record.state, waiting) {
        (RequestState::Received, _) if record.tries > 0 => (
            "To be tried again",
            None,
            html! { "A system was not there; after " (tries(record.tries)) " it is taken again later." },
        ),
        (RequestState::Received, _) => ("To be carried out", None, html! { "Nobody works on it yet." }),
        (RequestState::Waiting, Some(plan)) => (
            "Waits for approval",
            waits_since,
            html! {
                a href=(links::plan(&plan.id)) { "See what it would do, and decide" } "."
                @if let Some(frozen) = &plan.frozen { " " (text::line(frozen)) }
            },
        ),
        (RequestState::Waiting, None) => (
            "Waits for work elsewhere",
            waits_since,
            html! { "It is concluded when that has ended." (progress(record.progress.as_ref())) },
        ),
        (RequestState::Executing, _) => (
            "Being carried out",
            None,
            html! { "This is try " (record.tries) "." (progress(record.progress.as_ref())) },
        ),
        (RequestState::Completed | RequestState::Published, _) => return None,
    };
    Some(Step::new(Tone::Waiting, word, at, note))
}

/// How far the work is.
fn progress(progress: Option<&Progress>) -> Markup {
    let Some(progress) = progress else { return html! {} };
    let percent = progress.done.saturating_mul(100).checked_div(progress.of);
    let what = text::line(&progress.what);
    html! {
        " " progress max=(progress.of.max(1)) value=(progress.done.min(progress.of)) aria-label="How far it is" {}
        " " (progress.done) " of " (progress.of) " " (what)
        @if let Some(percent) = percent { " (" (percent.min(100)) "%)" }
        "."
    }
}
