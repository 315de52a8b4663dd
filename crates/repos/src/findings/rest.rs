//! The rules on settings, workflows and exemptions.

use serde_json::json;

use super::{Case, Outcome, demanded};
use crate::snapshot::{SecurityUpdates, WorkflowState};

pub(super) fn alerts(case: &Case<'_>) -> Outcome {
    demanded(
        "Whether Dependabot alerts are on",
        &case.repository.vulnerability_alerts,
        |on| {
            if *on {
                Outcome::pass("Dependabot alerts are on.")
            } else {
                Outcome::fail("Dependabot alerts are off.", "Switch Dependabot alerts on.")
            }
        },
    )
}

pub(super) fn security_updates(case: &Case<'_>) -> Outcome {
    demanded(
        "Whether Dependabot security updates are on",
        &case.repository.security_updates,
        |updates| {
            match updates {
                // They need no Dependabot file; a missing one is a finding of its own.
                SecurityUpdates::On => Outcome::pass("Dependabot security updates are on."),
                SecurityUpdates::Off => Outcome::fail(
                    "Dependabot security updates are off.",
                    "Switch Dependabot security updates on.",
                ),
                SecurityUpdates::Paused => Outcome::fail(
                    "GitHub paused Dependabot security updates, because nobody looked at its pull requests.",
                    "Merge or close one of Dependabot's pull requests; the updates then go on.",
                ),
            }
            .with(json!({"state": updates}))
        },
    )
}

pub(super) fn workflows(case: &Case<'_>) -> Outcome {
    demanded("Which workflows there are", &case.repository.workflows, |workflows| {
        let asleep: Vec<&str> = workflows
            .iter()
            .filter(|workflow| workflow.state == WorkflowState::DisabledInactivity)
            .map(|workflow| workflow.path.as_str())
            .filter(|path| !case.settings.workflows.ignores(path))
            .collect();
        if asleep.is_empty() {
            Outcome::pass("GitHub switched no workflow off for inactivity.")
        } else {
            Outcome::fail(
                format!("GitHub switched off for inactivity: {}.", asleep.join(", ")),
                "Switch them on again, or delete them.",
            )
            .with(json!({"workflows": asleep}))
        }
    })
}

pub(super) fn exemptions(case: &Case<'_>) -> Outcome {
    let over: Vec<_> = case
        .policy
        .exemptions
        .iter()
        .filter(|exemption| {
            exemption.covers(&case.repository.owner, &case.repository.name) && exemption.expired(case.today)
        })
        .collect();
    if over.is_empty() {
        return Outcome::pass("No exemption of this repository is past its last day.");
    }
    let told: Vec<String> = over
        .iter()
        .map(|exemption| format!("{} until {} by {}", exemption.rule, exemption.until, exemption.owner))
        .collect();
    let data: Vec<_> = over
        .iter()
        .map(|e| json!({"rule": e.rule, "owner": e.owner, "reason": e.reason, "until": e.until}))
        .collect();
    Outcome::fail(
        format!("Past its last day: {}.", told.join(", ")),
        "Put the breach right and remove the exemption, or let its owner renew it.",
    )
    .with(json!({"exemptions": data}))
}
