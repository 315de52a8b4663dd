//! What an audit says of conditions: each breach is one, and so is an audit that could not be made.
//!
//! A breach's key has the repository's number, because names change.

use cc_devops_alerts::{Condition, ConditionChange, ConditionKind, Severity, wording};
use jiff::Timestamp;

use super::AuditError;
use crate::audit::{Audit, Change, ChangeKind};
use crate::rules;
use crate::snapshot::RepositoryId;

/// The key of an audit that could not be made.
pub(super) fn audit_key(owner: &str) -> String {
    format!("hygiene/{}", owner.to_lowercase())
}

fn key(owner: &str, change: &Change) -> String {
    let owner = owner.to_lowercase();
    let (id, rule) = (change.id, change.rule.name());
    format!("hygiene/{owner}/{id}/{rule}")
}

/// The audit failed.
pub(super) fn failed(owner: &str, error: &AuditError, now: Timestamp) -> ConditionChange {
    let known = format!(
        "The daily audit failed: {error}\n\nWhat was known stands as it was. The run is tried again; try it yourself \
         with: cc-devops repos audit"
    );
    let title = wording::title(&format!("Repositories of {owner} could not be audited"));
    let text = wording::text(ConditionKind::Hygiene, &known, "with the next audit");
    let kind = (ConditionKind::Hygiene, Severity::Warning);
    Condition::new(audit_key(owner), kind, now, title, text).opened()
}

/// The audit was made.
pub(super) fn made(owner: &str, at: Timestamp) -> ConditionChange {
    ConditionChange::Resolved {
        key: audit_key(owner),
        at,
        title: wording::title(&format!("The repositories of {owner} were audited")),
    }
}

/// What ended, which is said before it is forgotten.
pub(super) fn ended(audit: &Audit) -> Vec<ConditionChange> {
    let (owner, at) = (&audit.report.owner, audit.report.timestamp);
    let mut ended = Vec::new();
    for change in &audit.report.changes {
        let key = key(owner, change);
        match change.kind {
            ChangeKind::Fixed => ended.push(ConditionChange::Resolved {
                key,
                at,
                title: wording::title(&format!("{}: {}", place(owner, change), change.rule.demand())),
            }),
            ChangeKind::Lapsed => ended.push(ConditionChange::Closed {
                key,
                at,
                why: "the policy demands it there no more, or the repository is gone".to_owned(),
            }),
            ChangeKind::New | ChangeKind::Still | ChangeKind::Unconfirmed => {}
        }
    }
    ended
}

/// A breach that nobody was told of yet.
pub(super) fn broken(owner: &str, change: &Change) -> ConditionChange {
    let place = place(owner, change);
    let title = wording::title(&format!("{place} ({}): {}", change.severity, change.rule.breach()));
    let look = if change.id == RepositoryId::ORGANIZATION {
        "audit".to_owned()
    } else {
        format!("explain {}", change.repository)
    };
    let known = format!(
        "What the policy demands of {place} and does not hold any more, or was not looked at before: {}\n\nSee it with: \
         cc-devops repos {look}\nSee what would put it right with: cc-devops repos fix",
        change.rule.demand(),
    );
    let ends = "with the next complete audit that finds it put right, or the repository exempt";
    let text = wording::text(ConditionKind::Hygiene, &known, ends);
    let kind = (ConditionKind::Hygiene, severity(change.severity));
    Condition::new(key(owner, change), kind, change.since, title, text)
        .tagged("repository", place)
        .tagged("rule", change.rule.name())
        .opened()
}

/// The repository as people name it; the owner, where the rule is about the organisation itself.
fn place(owner: &str, change: &Change) -> String {
    if change.id == RepositoryId::ORGANIZATION {
        return owner.to_owned();
    }
    format!("{owner}/{}", change.repository)
}

fn severity(of: rules::Severity) -> Severity {
    match of {
        rules::Severity::Critical => Severity::Critical,
        rules::Severity::High | rules::Severity::Medium => Severity::Warning,
        rules::Severity::Low => Severity::Info,
    }
}
