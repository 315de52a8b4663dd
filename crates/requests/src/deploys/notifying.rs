//! People are told that a plan waits for them, and that it does not any more.

use cc_devops_alerts::{Condition, ConditionChange, ConditionKind, PlanNotice, Severity, wording};
use cc_devops_deploys::{PlanRecord, PlanState};
use cc_devops_kernel::ports::PortResult;

use super::parts;
use super::reviewing::tree;
use crate::engine::ControlPlane;

/// The most bytes of the tree that a condition takes along; channels cut it to their own size.
const MOST_TREE: usize = 16_000;

/// The condition of a plan that waits.
fn key(record: &PlanRecord) -> String {
    format!("{}/{}", ConditionKind::Approval.as_str(), record.id)
}

impl ControlPlane {
    /// Says that a plan waits for approval, unless that was said.
    pub(super) async fn notify_waiting(&self, record: &PlanRecord) -> PortResult<()> {
        if record.told {
            return Ok(());
        }
        let body = parts::body(&*self.ports.state, record).await?;
        let notice = PlanNotice {
            plan: record.id.to_string(),
            digest: record.digest.to_string(),
            stack: record.stack.clone(),
            stage: record.stage.clone(),
            requested_by: record.requested_by.clone(),
            expires_at: record.expires_at,
            tree: tree(record, &body),
        };
        let title = format!("A deploy of {} waits for approval", record.stack);
        let mut known = format!("{} wants to change {}.", record.requested_by, record.stack);
        if !record.notes.is_empty() {
            known.push_str("\n\n");
            known.push_str(&record.notes.join("\n"));
        }
        let ends = format!("once it is approved or denied, or at {}", record.expires_at);
        let condition = Condition::new(
            key(record),
            (ConditionKind::Approval, Severity::Warning),
            record.made_at,
            wording::title(&title),
            wording::text(ConditionKind::Approval, &known, &ends),
        )
        .on(Some(record.stage.clone()))
        .tagged("stack", record.stack_name.as_str())
        .of_plan(notice.within(MOST_TREE));
        self.ports.conditions.note(&[condition.opened()], self.now()).await
    }

    /// Says that a plan waits no more, where it may have been said that it does.
    pub(super) async fn notify_over(&self, record: &PlanRecord) -> PortResult<()> {
        let nobody_was_asked = matches!(
            record.state,
            PlanState::Applying | PlanState::Applied | PlanState::Failed
        ) && record.approvals.is_empty();
        // Whoever said so may have died before that was on record.
        if !record.told && (nobody_was_asked || record.state == PlanState::Shown) {
            return Ok(());
        }
        let change = ConditionChange::Resolved {
            key: key(record),
            at: record.ended_at.or(record.begun_at).unwrap_or(record.made_at),
            title: wording::title(&over(record)),
        };
        self.ports.conditions.note(&[change], self.now()).await
    }
}

/// What became of a plan, with who decided.
fn over(record: &PlanRecord) -> String {
    let plan = format!("The plan {} of {}", record.id, record.stack);
    let decided = record.decided.as_ref();
    let reason = decided.map_or("", |decided| decided.reason.as_str());
    match record.state {
        PlanState::Denied => match decided.and_then(|decided| decided.by.as_ref()) {
            Some(by) => format!("{plan} was denied by {by}: {reason}"),
            None => format!("{plan} was denied: {reason}"),
        },
        PlanState::Expired => format!("{plan} expired"),
        PlanState::Superseded => format!("{plan} was superseded by a newer one"),
        PlanState::Moved => format!("{plan} was not carried out: {reason}"),
        PlanState::Waiting | PlanState::Shown => format!("{plan} waits no more"),
        PlanState::Applying | PlanState::Applied | PlanState::Failed => {
            let by: Vec<String> = record
                .approvals
                .iter()
                .map(|approval| format!("{} ({})", approval.by, approval.door.as_str()))
                .collect();
            let by = if by.is_empty() {
                "the policies".to_owned()
            } else {
                by.join(", ")
            };
            match record.state {
                PlanState::Applying => format!("{plan} was approved by {by} and is being carried out"),
                _ => format!("{plan} was approved by {by}, and has ended"),
            }
        }
    }
}
