//! How a plan stands, in words.

use cc_devops_deploys::life::Next;
use cc_devops_deploys::{PlanRecord, PlanState};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::text;
use cc_devops_requests::deploys::Outlook;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::components::{Tone, moment, status};
use crate::links;

fn tone_and_word(state: PlanState) -> (Tone, &'static str) {
    match state {
        PlanState::Waiting => (Tone::Waiting, "waiting"),
        PlanState::Applying => (Tone::Waiting, "running"),
        PlanState::Applied => (Tone::Good, "deployed"),
        PlanState::Failed => (Tone::Bad, "failed"),
        PlanState::Denied => (Tone::Quiet, "denied"),
        PlanState::Expired => (Tone::Warning, "expired"),
        PlanState::Superseded => (Tone::Quiet, "replaced by a newer plan"),
        PlanState::Moved => (Tone::Warning, "changed meanwhile"),
        PlanState::Shown => (Tone::Quiet, "only planned"),
    }
}

/// How a plan stands.
pub(crate) fn state(state: PlanState) -> Markup {
    let (tone, word) = tone_and_word(state);
    status(tone, word)
}

/// The states to choose from.
pub(super) fn choices() -> Vec<(&'static str, &'static str)> {
    let all = PlanState::ALL.into_iter();
    let states = all.map(|state| (state.as_str(), tone_and_word(state).1));
    std::iter::once(("", "All")).chain(states).collect()
}

/// A door's name.
pub(super) fn door(door: Door) -> &'static str {
    match door {
        Door::Api => "command line or API",
        Door::Slack => "Slack",
        Door::Dashboard => "dashboard",
        Door::Aws => "AWS SDK",
    }
}

/// What is to come of a plan, or what became of it.
pub(super) fn what_next(plan: &PlanRecord, outlook: Option<&Outlook>, visitor: &str, now: Timestamp) -> Markup {
    match (plan.state, outlook) {
        (PlanState::Waiting, Some(outlook)) => to_come(plan, outlook, visitor, now),
        (PlanState::Waiting, None) => html! { p { "It waits." } },
        (PlanState::Applying, _) => html! {
            p { "It is being carried out since " (moment(plan.begun_at.unwrap_or(plan.made_at), now)) ". Its request says how far it is." }
        },
        (PlanState::Applied, _) => html! { p { "It was carried out. There is nothing more to do." } },
        (PlanState::Failed, _) => html! {
            p { "It was begun, and failed. Its request says why: " (links::to_request(plan.request.as_str())) "." }
        },
        (PlanState::Shown, _) => html! { p { "It was only to be seen, and is not carried out." } },
        (PlanState::Denied | PlanState::Expired | PlanState::Superseded | PlanState::Moved, _) => html! {
            @if let Some(decided) = &plan.decided {
                p {
                    "It is not carried out"
                    @if let Some(by) = &decided.by { ", as " (by) " decided" }
                    ": " (text::line(&decided.reason))
                }
            } @else {
                p { "It is not carried out." }
            }
        },
    }
}

fn to_come(plan: &PlanRecord, outlook: &Outlook, visitor: &str, now: Timestamp) -> Markup {
    let has_approved = plan.approvals.iter().any(|approval| approval.by.as_str() == visitor);
    let is_own = plan.requested_by.as_str() == visitor;
    html! {
        @match &outlook.next {
            Next::Apply(_) => { p { "It is permitted, and begins within moments." } }
            Next::AwaitThaw { until, .. } => { p { "It is permitted, and begins when the freeze ends: " (moment(*until, now)) "." } }
            Next::End(_, reason) => { p { "It comes to its end without being carried out: " (text::line(reason)) } }
            Next::AwaitApproval { .. } => {
                p { "It waits for somebody’s approval. Without it, it expires: " (moment(plan.expires_at, now)) "." }
                (yours(outlook, has_approved, is_own, now))
            }
        }
        @if let Some(frozen) = &outlook.frozen {
            p {
                @if let Some(lifted) = &plan.freeze_override {
                    "The stack is frozen, and " (lifted.by) " lifted that for this deploy: " (text::line(&lifted.reason))
                } @else {
                    "The stack is frozen: " (text::line(&frozen.to_string())) "."
                }
            }
        }
    }
}

/// What the visitor's approval would come to.
fn yours(outlook: &Outlook, has_approved: bool, is_own: bool, now: Timestamp) -> Markup {
    html! {
        @match &outlook.approved {
            Some(Next::Apply(_)) => { p { "Your approval is enough: it is carried out at once then." } }
            Some(Next::AwaitThaw { until, .. }) => {
                p { "Your approval is enough. It is carried out when the freeze ends: " (moment(*until, now)) "." }
            }
            Some(Next::AwaitApproval { .. }) if is_own => {
                p { "You asked for it yourself, so your approval alone is not enough: somebody else has to approve it." }
            }
            Some(Next::AwaitApproval { .. }) => {
                p { "Your approval alone is not enough: one more person has to approve it." }
            }
            Some(Next::End(_, reason)) => { p { "With your approval it would end all the same: " (text::line(reason)) } }
            None if has_approved => { p { "You approved it. Somebody else has to, as well." } }
            None => { p { "You may look at it; whether it is approved, others decide." } }
        }
    }
}
