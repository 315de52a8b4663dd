//! What comes over the event bus: requests of agents, and the news that a stack has changed.
//!
//! On the bus, who asks is what `source` says: IAM lets each agent put events under its own source
//! alone (`events:source`), so the claim is the proof.

use cc_devops_kernel::Installation;
use cc_devops_kernel::agent::{Principal, Role};
use cc_devops_kernel::door::Door;
use cc_devops_kernel::input::{self, InputError};
use cc_devops_kernel::names::{AgentName, FullStackName, RequestId, Stage};
use cc_devops_kernel::outcome::{Completed, Failure, Reason};
use futures::future::join;
use serde_json::Value;

use crate::cost_reports;
use crate::engine::ControlPlane;
use crate::envelope::{Envelope, REQUEST_DETAIL_TYPE};
use crate::execution::Step;
use crate::ports::PortResult;
use crate::receiving::Received;

/// The `detail-type` of a stack's change, as CloudFormation tells it.
pub const STACK_STATUS_DETAIL_TYPE: &str = "CloudFormation Stack Status Change";
/// The `source` of a stack's change.
pub const STACK_STATUS_SOURCE: &str = "aws.cloudformation";

/// An event from the bus.
#[derive(Clone)]
pub enum Signal {
    /// A request, or what was meant as one.
    Request(Value),
    /// A stack of that full name has changed; how is for the provider to say.
    StackChanged(FullStackName),
    /// JSON that is not taken, whatever it was meant as.
    Refused(Failure),
}

impl Signal {
    /// Reads an event's text, as a message of a queue brings it.
    ///
    /// # Errors
    /// It is no JSON, so it did not come over the bus; or as [`Signal::read`].
    pub fn parse(text: &str) -> Result<Self, Failure> {
        match input::document(text.as_bytes()) {
            Ok(event) => Self::read(event),
            Err(InputError::Refused(error)) => Ok(Self::Refused(unreadable(error.to_string()))),
            Err(error @ InputError::NotJson(_)) => Err(unreadable(error.to_string())),
        }
    }

    /// Tells what an event is.
    ///
    /// # Errors
    /// It is the news of a stack, but does not name the stack.
    pub fn read(event: Value) -> Result<Self, Failure> {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        if text("source") != Some(STACK_STATUS_SOURCE) || text("detail-type") != Some(STACK_STATUS_DETAIL_TYPE) {
            return Ok(Self::Request(event));
        }
        let stack = event.pointer("/detail/stack-id").and_then(Value::as_str);
        // arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID
        let name = stack
            .and_then(|arn| arn.split('/').nth(1))
            .filter(|name| !name.is_empty());
        name.map(|name| Self::StackChanged(FullStackName::from_stored(name.to_owned())))
            .ok_or_else(|| unreadable("`detail.stack-id` must be a stack's ARN"))
    }
}

fn unreadable(problem: impl Into<String>) -> Failure {
    Failure::new(Reason::SchemaValidationFailed, problem)
}

/// What became of a request from the bus.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// Another stage's control plane takes it.
    OtherStage,
    /// It cannot be read; that is on record.
    Unreadable(Failure),
    /// It has its outcome.
    Concluded(Completed),
    /// It is on record and goes on: its stack is changing, or a sweep takes it up again.
    Accepted(RequestId),
}

impl ControlPlane {
    /// Takes a request from the bus and carries it out as far as it goes now.
    ///
    /// An `Err` says that nothing is certain: the same event may be given again.
    pub async fn take_request(&self, event: Value) -> PortResult<Taken> {
        if self
            .settings
            .serves
            .as_ref()
            .is_some_and(|ours| *ours != asked_stage(&event, &self.installation))
        {
            return Ok(Taken::OtherStage);
        }
        let claimed = principal(&event);
        let envelope = match Envelope::read(event) {
            Ok(envelope) => envelope,
            Err(unreadable) => {
                let failure = unreadable.failure.clone();
                let refused = self.refuse_unreadable(claimed.as_ref(), unreadable, Door::Api, self.now());
                refused.await?;
                return Ok(Taken::Unreadable(failure));
            }
        };
        let principal = Principal {
            agent: envelope.source.clone(),
            role: Role::Agent,
        };
        // Beside the write, which takes longer: what is read of the agent now is new enough to decide on, for it is
        // carried out at once.
        let find = self.ports.agents.find(&principal.agent);
        let (received, found) = join(self.receive_envelope(Door::Api, &principal, envelope, true), find).await;
        // Where it could not be read, it is asked for again.
        let asker = found.unwrap_or_default();
        Ok(match received? {
            Received::Unreadable(failure) => Taken::Unreadable(failure),
            Received::Concluded(completed) => Taken::Concluded(completed),
            Received::Recorded(id) => Taken::Accepted(id),
            Received::Known(record) => match record.completed {
                Some(completed) => Taken::Concluded(completed),
                None => Taken::Accepted(record.head.id),
            },
            Received::Claimed(claimed) => {
                let id = claimed.request.head.id.clone();
                match self.carry_out_for(claimed, asker).await {
                    Ok(Step::Concluded(completed)) => Taken::Concluded(completed),
                    Ok(Step::Parked | Step::Postponed | Step::HandedBack | Step::Superseded) => Taken::Accepted(id),
                    // It is on record: a sweep takes it up when the lease has ended.
                    Err(error) => {
                        tracing::warn!(request_id = %id, %error, "the request was not carried out; a sweep takes it up");
                        Taken::Accepted(id)
                    }
                }
            }
        })
    }

    /// Puts on record that something came over the bus that is not taken. Where each stage has a control plane of its
    /// own, that of the default stage does, for nobody can say which stage is meant.
    pub async fn refuse_signal(&self, failure: Failure) -> PortResult<Taken> {
        let ours = self.settings.serves.as_ref();
        if ours.is_some_and(|ours| ours != self.installation.stages.default_stage()) {
            return Ok(Taken::OtherStage);
        }
        self.receive_unreadable(None, failure.clone()).await?;
        Ok(Taken::Unreadable(failure))
    }

    /// Looks at the request that waits for a stack, if one does, and concludes it if the stack's
    /// change has ended.
    pub async fn stack_changed(&self, stack: &FullStackName) -> PortResult<Option<Completed>> {
        match self.ports.ledger.holder_of(stack).await? {
            Some(request) => self.ended_elsewhere(&request).await,
            None => Ok(None),
        }
    }
}

/// Who is proven to ask by an event on the bus.
fn principal(event: &Value) -> Option<Principal> {
    let source = event.get("source")?.as_str()?;
    let agent = AgentName::new(source.strip_prefix("agent.")?).ok()?;
    Some(Principal {
        agent,
        role: Role::Agent,
    })
}

/// The stage whose control plane answers for a request: the one asked for, where that exists;
/// else the default one, so that what asks for none that exists is still answered, once.
pub fn asked_stage(event: &Value, installation: &Installation) -> Stage {
    let stages = &installation.stages;
    let known = |path: &str| stages.find(event.pointer(path)?.as_str()?).ok();
    let kind = event.get("detail-type").and_then(Value::as_str);
    let is_request = matches!(kind, Some(REQUEST_DETAIL_TYPE | cost_reports::DETAIL_TYPE));
    let asked = is_request.then(|| {
        known("/detail/params/stage")
            .or_else(|| known("/detail/payload/stage"))
            .or_else(|| known("/detail/stage"))
    });
    asked.flatten().unwrap_or_else(|| stages.default_stage().clone())
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::installation::Stages;
    use cc_devops_kernel::names::Namespace;
    use serde_json::json;

    use super::*;

    fn installation() -> Installation {
        Installation {
            agent: AgentName::new("DevOpsAutomation").unwrap(),
            namespace: Namespace::new("contentcraft").unwrap(),
            stages: Stages::new(Stage::new("dev").unwrap(), vec![Stage::new("prod").unwrap()]),
            credentials: vec![],
            cost_control: AgentName::new("CostSentinel").unwrap(),
        }
    }

    fn asked(detail: &Value) -> String {
        let event = json!({"source": "agent.A", "detail-type": REQUEST_DETAIL_TYPE, "detail": detail});
        asked_stage(&event, &installation()).to_string()
    }

    #[test]
    fn the_parameters_stage_comes_before_the_events_and_nobody_is_left_unanswered() {
        assert_eq!(asked(&json!({"stage": "prod"})), "prod");
        assert_eq!(asked(&json!({"stage": "prod", "params": {"stage": "dev"}})), "dev");
        assert_eq!(asked(&json!({"stage": "dev", "payload": {"stage": "prod"}})), "prod");
        for nobodys in [json!({}), json!({"stage": "mars"}), json!({"stage": 7}), json!("x")] {
            assert_eq!(asked(&nobodys), "dev", "{nobodys}");
        }
    }

    #[test]
    fn a_stacks_news_names_its_stack() {
        let news = |id: Value| {
            Signal::read(json!({
                "source": STACK_STATUS_SOURCE, "detail-type": STACK_STATUS_DETAIL_TYPE,
                "detail": {"stack-id": id, "status-details": {"status": "UPDATE_COMPLETE"}},
            }))
        };
        let arn = json!("arn:aws:cloudformation:us-east-1:123456789012:stack/shop-dev/0d6c");
        assert!(matches!(news(arn), Ok(Signal::StackChanged(name)) if name.as_str() == "shop-dev"));
        for broken in [json!("shop-dev"), json!(null), json!("a//b")] {
            assert!(news(broken).is_err());
        }
        assert!(Signal::parse("{").is_err());
        let private = r#"{"source": "agent.A", "detail": {"$serde_json::private::RawValue": "[]"}}"#;
        let deep = format!("{}1{}", "{\"detail\":".repeat(65), "}".repeat(65));
        for refused in [private, &deep] {
            assert!(matches!(Signal::parse(refused), Ok(Signal::Refused(_))), "{refused}");
        }
        let other = json!({"source": "agent.A", "detail-type": STACK_STATUS_DETAIL_TYPE});
        assert!(matches!(Signal::read(other), Ok(Signal::Request(_))));
    }
}
