//! What a command does, what it is given to do it with, and how that can end.

use std::any::Any;
use std::sync::Arc;

use cc_devops_kernel::names::Stage;
use cc_devops_kernel::outcome::{ApprovalOutcome, Failure, to_value};
use cc_devops_kernel::work::WorkHandle;
use cc_devops_policy::{Access, Resource};
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use crate::engine::ControlPlane;
use crate::ports::{Done, PortError, PortResult, Ports, RepositoryWorker, StackEnd};
use crate::record::{Claim, RequestHead};

/// What a request of an action does: the parameters as they were read, and how they are carried out.
pub trait Effect: Any + Send + Sync {
    /// What it is done to. The policies are asked about the action on this, and it is on record as the resource.
    fn resource(&self) -> Resource;

    /// The stage that the parameters name, where they name one; it counts more than the request's.
    fn stage(&self) -> Option<&Stage> {
        None
    }

    /// What else the policies are asked: who does this does that, too.
    fn also_asks(&self) -> Vec<Access> {
        Vec::new()
    }

    /// Carries it out as far as it goes now. It may be called again for the same request, after a crash or a
    /// failure that passes: it must find what it did before.
    fn carry_out<'a>(&'a self, context: EffectContext<'a>) -> BoxFuture<'a, Result<EffectProgress, EffectError>>;

    /// Takes the request in and does it in one transaction. None where it has to go the whole way. It is only called
    /// where the action is `Carrying::AtOnce`, the store can, and the policies let it.
    fn at_once<'a>(&'a self, _arrival: Arrival<'a>) -> BoxFuture<'a, PortResult<Option<Done>>> {
        Box::pin(async { Ok(None) })
    }
}

/// What an effect is given to be carried out with.
#[derive(Clone, Copy)]
pub struct EffectContext<'a> {
    /// Who carries it out: its settings, its policies.
    pub plane: &'a ControlPlane,
    /// The systems.
    pub ports: &'a Ports,
    /// What looks after repositories, where something does.
    pub repositories: Option<&'a Arc<dyn RepositoryWorker>>,
    /// The right to carry the request out.
    pub claim: &'a Claim,
    /// What is known of the request.
    pub head: &'a RequestHead,
    /// The stage it is carried out on.
    pub stage: &'a Stage,
    /// Where it says how far it is, and hears whether it is to stop.
    pub handle: &'a WorkHandle,
}

/// A request that arrives, and is to be done in the transaction that takes it in.
pub struct Arrival<'a> {
    /// The systems.
    pub ports: &'a Ports,
    /// What is known of the request.
    pub head: &'a RequestHead,
    /// The stage it is carried out on.
    pub stage: &'a Stage,
    /// What its audit row says beside its outcome: an object.
    pub detail: Value,
}

/// How far an effect came.
pub enum EffectProgress {
    /// To its end.
    Ended(EffectEnd),
    /// It goes on elsewhere: the request is parked, and looked at as its action's
    /// `Carrying` says.
    Elsewhere,
    /// It cannot be begun yet: it is given back, to be taken again then. It was not tried.
    Later(Timestamp),
}

impl EffectProgress {
    /// Refused; nothing was done.
    pub fn refused(failure: Failure) -> Self {
        Self::Ended(EffectEnd::with(Err(failure)))
    }

    /// Done, with this result.
    pub fn done(result: Value) -> Self {
        Self::Ended(EffectEnd::with(Ok(result)))
    }
}

/// How an effect ended.
pub struct EffectEnd {
    /// Its result, or why there is none.
    pub outcome: Result<Value, Failure>,
    /// What a command printed.
    pub output: Option<String>,
    /// Whether the stack it holds stays its own, because nobody knows how that stands.
    pub keeps_stack: bool,
    /// Of a deploy: what was decided of its plan.
    pub approval: Option<ApprovalOutcome>,
}

impl EffectEnd {
    /// Ended so; what it held is free.
    pub fn with(outcome: Result<Value, Failure>) -> Self {
        Self {
            outcome,
            output: None,
            keeps_stack: false,
            approval: None,
        }
    }

    /// A failure after which nobody knows what became of the effect.
    pub fn fate_unknown(failure: Failure) -> Self {
        Self {
            keeps_stack: true,
            ..Self::with(Err(failure))
        }
    }
}

impl From<StackEnd> for EffectEnd {
    fn from(end: StackEnd) -> Self {
        Self {
            outcome: end.outcome.map(|result| to_value(&result)),
            output: end.output,
            keeps_stack: !end.fate_known,
            approval: None,
        }
    }
}

/// A port failed while an effect was carried out.
pub struct EffectError {
    /// What failed.
    pub error: PortError,
    /// Whether it was the effect itself, which may have taken place.
    pub in_effect: bool,
}

impl From<PortError> for EffectError {
    fn from(error: PortError) -> Self {
        Self {
            error,
            in_effect: false,
        }
    }
}

/// The failure of the effect itself, which may have taken place.
pub fn in_effect(error: PortError) -> EffectError {
    EffectError { error, in_effect: true }
}
