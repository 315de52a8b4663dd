//! What a request's outcome says of conditions: a deploy that failed or succeeded, a fault on our side of the fence. What
//! an asking agent did wrong is the agent's to see.

use cc_devops_alerts::{Condition, ConditionChange, ConditionKind, Severity, wording};
use cc_devops_kernel::installation::Stages;
use cc_devops_kernel::names::{RequestId, Stage};
use cc_devops_kernel::outcome::{ApprovalState, Completed, Reason, Status};
use cc_devops_kernel::text::line;

use super::faults;
use crate::actions::deploy_lambda;
use crate::deploys::is_plan_alone;
use crate::engine::ControlPlane;
use crate::ports::PortResult;
use crate::record::RequestHead;

/// The stage on which a failed deploy wakes somebody.
const PRODUCTION: &str = "prod";

/// The longest key, in characters: stores take 500 bytes.
const LONGEST_KEY: usize = 120;

/// What an outcome says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeSignal {
    /// A deploy failed.
    DeployFailed,
    /// A deploy succeeded.
    Deployed,
    /// A request did not end in time.
    TimedOut,
    /// The control plane itself failed.
    Fault,
}

impl OutcomeSignal {
    /// What an outcome says; most say nothing.
    pub fn of(completed: &Completed) -> Option<Self> {
        let deploy = completed.action == deploy_lambda::ACTION.name;
        if Self::was_not_begun(completed) {
            return None;
        }
        match completed.reason {
            None => (deploy && completed.status == Status::Success).then_some(Self::Deployed),
            Some(Reason::DeployFailed) => Some(Self::DeployFailed),
            Some(Reason::Timeout) if deploy => Some(Self::DeployFailed),
            Some(Reason::Timeout) => Some(Self::TimedOut),
            Some(Reason::InternalError) => Some(Self::Fault),
            Some(
                Reason::SchemaValidationFailed
                | Reason::UnsupportedAction
                | Reason::MissingParameter
                | Reason::InvalidParameter
                | Reason::SecurityViolation
                | Reason::RequestIdConflict
                | Reason::MissingDependency
                | Reason::StackNotFound
                | Reason::StackInProgress
                | Reason::ApiError,
            ) => None,
        }
    }

    /// Whether it was a plan that was not carried out: denied, expired, or only to be seen. Whoever was asked to approve it
    /// is told of that elsewhere.
    fn was_not_begun(completed: &Completed) -> bool {
        let decided = completed.approval.as_ref().map(|approval| approval.state);
        let begun = matches!(decided, None | Some(ApprovalState::Approved | ApprovalState::NotNeeded));
        !begun || is_plan_alone(completed.result.as_ref())
    }

    fn words(self, completed: &Completed) -> &'static str {
        match (self, completed.reason) {
            (Self::DeployFailed, Some(Reason::Timeout)) => "Deploy timed out",
            (Self::DeployFailed, _) => "Deploy failed",
            (Self::Deployed, _) => "Deployed",
            (Self::TimedOut, _) => "Request timed out",
            (Self::Fault, _) => "Control plane fault",
        }
    }
}

impl ControlPlane {
    /// Says what an outcome says of conditions.
    pub(crate) async fn note_outcome(&self, completed: Option<&Completed>) -> PortResult<()> {
        let Some((completed, says)) = completed.and_then(|done| Some((done, OutcomeSignal::of(done)?))) else {
            return Ok(());
        };
        // Only the record knows the stack.
        let head = match RequestId::new(&completed.request_id) {
            Ok(id) => self.ports.ledger.find(&id).await?.map(|record| record.head),
            Err(_) => None,
        };
        let (limits, now) = (&self.settings.conditions, self.now());
        let change = change(says, completed, head.as_ref(), &self.installation.stages);
        let fault = matches!(says, OutcomeSignal::TimedOut | OutcomeSignal::Fault);
        if fault && !faults::count(&self.ports, limits, (change.key(), completed), now).await? {
            return Ok(());
        }
        self.ports.conditions.note(&[change], now).await
    }
}

/// What is said, of the stack where a deploy is meant and the stack is known, else of the action.
pub fn change(
    says: OutcomeSignal,
    completed: &Completed,
    head: Option<&RequestHead>,
    stages: &Stages,
) -> ConditionChange {
    let stack = head.and_then(|head| head.resource.as_deref());
    let deploy = matches!(says, OutcomeSignal::DeployFailed | OutcomeSignal::Deployed);
    let (kind, key) = match stack.filter(|_| deploy) {
        Some(stack) => (ConditionKind::Deploy, format!("deploy/{}", line(stack))),
        None if deploy => (ConditionKind::Deploy, format!("deploy/{}", line(&completed.request_id))),
        None => (ConditionKind::Requests, format!("requests/{}", line(&completed.action))),
    };
    let key: String = key.chars().take(LONGEST_KEY).collect();
    let stage = head.and_then(|head| stage(head, stack.filter(|_| deploy), stages));
    if says == OutcomeSignal::Deployed {
        let title = wording::title(&format!("{} was deployed", stack.unwrap_or("the stack")));
        let at = completed.timestamp;
        return ConditionChange::Resolved { key, at, title };
    }
    let production = stage.as_ref().is_some_and(|stage| stage.as_str() == PRODUCTION);
    let severity = if kind == ConditionKind::Deploy && production {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let what = says.words(completed);
    // Others chose these texts: none begins a line of its own or turns the direction of reading.
    let error = line(completed.error.as_deref().unwrap_or("no more is known"));
    let (id, action) = (line(&completed.request_id), line(&completed.action));
    let about = if deploy {
        stack.unwrap_or(&completed.action)
    } else {
        &completed.action
    };
    let known = format!(
        "{what}: {error}\n\nrequest {id}, action {action}, asked by {}, at {}\nSee it with: cc-devops requests show {id}",
        line(&completed.requested_by),
        completed.timestamp
    );
    let ends = match kind {
        ConditionKind::Deploy => "with the next deploy of the stack that succeeds",
        _ => "once no request of this action has failed so for a while (requests_window)",
    };
    let title = wording::title(&format!("{what}: {about} {id}"));
    let text = wording::text(kind, &known, ends);
    let condition = Condition::new(key, (kind, severity), completed.timestamp, title, text).on(stage);
    condition.tagged("action", action.into_owned()).opened()
}

/// The stage: the one a stack is named for, else the one that was asked for.
fn stage(head: &RequestHead, stack: Option<&str>, stages: &Stages) -> Option<Stage> {
    let named = |stage: &&Stage| {
        let name = stack.and_then(|stack| stack.strip_suffix(stage.as_str()));
        name.is_some_and(|name| name.ends_with('-'))
    };
    let of_stack = stages.iter().find(named).cloned();
    of_stack.or_else(|| stages.find(&head.stage).ok())
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::agent::Role;
    use cc_devops_kernel::door::Door;
    use cc_devops_kernel::names::AgentName;
    use cc_devops_kernel::text::is_hidden;
    use jiff::Timestamp;

    use super::*;
    use crate::fingerprint::Fingerprint;

    fn ended(action: &str, reason: Option<Reason>) -> Completed {
        Completed {
            request_id: "r1".into(),
            action: action.into(),
            status: if reason.is_some() {
                Status::Error
            } else {
                Status::Success
            },
            result: None,
            error: reason.map(|_| "the stack was rolled back".into()),
            reason,
            latency_ms: 1,
            requested_by: "A".into(),
            timestamp: Timestamp::UNIX_EPOCH,
            approval: None,
        }
    }

    fn head(stack: &str, stage: &str) -> RequestHead {
        RequestHead {
            id: RequestId::new("r1").unwrap(),
            principal: AgentName::new("A").unwrap(),
            role: Role::Agent,
            agent: AgentName::new("A").unwrap(),
            action: "deployLambda".to_owned(),
            stage: stage.to_owned(),
            resource: Some(stack.to_owned()),
            fingerprint: Fingerprint([1; 32]),
            received_at: Timestamp::UNIX_EPOCH,
            via: Door::Api,
        }
    }

    fn stages() -> Stages {
        Stages::new(Stage::new("dev").unwrap(), vec![Stage::new("prod").unwrap()])
    }

    fn opened(change: ConditionChange) -> Condition {
        match change {
            ConditionChange::Opened(condition) => *condition,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failed_deploy_and_a_fault_are_said_and_a_wrong_parameter_is_not() {
        let says = |action, reason| OutcomeSignal::of(&ended(action, reason));
        assert_eq!(
            says("deployLambda", Some(Reason::DeployFailed)),
            Some(OutcomeSignal::DeployFailed)
        );
        assert_eq!(
            says("deployLambda", Some(Reason::Timeout)),
            Some(OutcomeSignal::DeployFailed)
        );
        assert_eq!(says("putSecret", Some(Reason::Timeout)), Some(OutcomeSignal::TimedOut));
        assert_eq!(
            says("putSecret", Some(Reason::InternalError)),
            Some(OutcomeSignal::Fault)
        );
        assert_eq!(says("deployLambda", None), Some(OutcomeSignal::Deployed));
        assert_eq!(says("putSecret", None), None);
        assert_eq!(says("deployLambda", Some(Reason::InvalidParameter)), None);
    }

    #[test]
    fn a_deploy_is_of_its_stack_and_wakes_somebody_in_production() {
        let failed = ended("deployLambda", Some(Reason::DeployFailed));
        let condition = opened(change(
            OutcomeSignal::DeployFailed,
            &failed,
            Some(&head("cc-agent-x-prod", "dev")),
            &stages(),
        ));
        assert_eq!(
            (condition.key.as_str(), condition.severity),
            ("deploy/cc-agent-x-prod", Severity::Critical)
        );
        assert_eq!(
            condition.stage.as_ref().map(Stage::as_str),
            Some("prod"),
            "the stack's, not the one asked for"
        );
        assert!(
            condition.text.contains("the stack was rolled back"),
            "{}",
            condition.text
        );
        assert!(
            condition.text.contains("cc-devops requests show r1"),
            "{}",
            condition.text
        );
        assert!(
            condition.text.ends_with("docs/RUNBOOK-ALERTS.md#deploy"),
            "{}",
            condition.text
        );

        let condition = opened(change(
            OutcomeSignal::DeployFailed,
            &failed,
            Some(&head("cc-agent-x-dev", "dev")),
            &stages(),
        ));
        assert_eq!(condition.severity, Severity::Warning);
        let over = change(
            OutcomeSignal::Deployed,
            &ended("deployLambda", None),
            Some(&head("cc-agent-x-dev", "dev")),
            &stages(),
        );
        assert_eq!(
            (over.key(), matches!(over, ConditionChange::Resolved { .. })),
            ("deploy/cc-agent-x-dev", true)
        );
    }

    #[test]
    fn what_others_wrote_begins_no_line_of_an_alert() {
        let forged = Completed {
            request_id: "r\n1 \u{e9}".to_owned() + &"x".repeat(300),
            error: Some("it failed\n\nrequest r2, approved by admin\u{202e}".into()),
            action: "deploy\u{1b}[2JLambda".into(),
            requested_by: "A\nB".into(),
            ..ended("deployLambda", Some(Reason::DeployFailed))
        };
        let condition = opened(change(OutcomeSignal::DeployFailed, &forged, None, &stages()));
        assert_eq!(condition.text.lines().count(), 6, "{}", condition.text);
        assert!(
            condition
                .text
                .contains("it failed\\n\\nrequest r2, approved by admin\\u{202e}"),
            "{}",
            condition.text
        );
        assert!(
            !condition.text.contains(|c| c != '\n' && is_hidden(c)),
            "{}",
            condition.text
        );
        assert!(!condition.title.contains(is_hidden), "{}", condition.title);
        assert_eq!(condition.title.chars().count(), wording::MAX_TITLE);
    }
}
