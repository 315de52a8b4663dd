//! Freeing a stack whose last change's fate nobody knows, after somebody has looked.

use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::names::{AgentName, FullStackName, RequestId};
use cc_devops_kernel::outcome::Status;
use serde_json::json;

use crate::ports::{PortError, Ports};

/// Why a stack was not freed.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// No request holds it.
    #[error("no request holds stack {0}: the next deploy may change it")]
    Free(FullStackName),
    /// Its request goes on.
    #[error("request {by} is changing stack {stack}, and frees it when it ends")]
    InUse {
        /// The stack.
        stack: FullStackName,
        /// The request.
        by: RequestId,
    },
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Frees a stack that a request kept beyond its end, because nobody knew what became of its
/// change, and puts on record who had looked. The request that had kept it.
///
/// # Errors
/// [`ReleaseError`].
pub async fn release_stack(ports: &Ports, by: &AgentName, stack: &FullStackName) -> Result<RequestId, ReleaseError> {
    let Some(holder) = ports.ledger.holder_of(stack).await? else {
        return Err(ReleaseError::Free(stack.clone()));
    };
    let entry = AuditEntry {
        at: ports.clock.now(),
        principal: Some(by.clone()),
        agent: Some(by.clone()),
        action: actions::STACK_RELEASED.to_owned(),
        request_id: Some(holder.to_string()),
        stage: None,
        resource: Some(stack.to_string()),
        status: Status::Success,
        reason: None,
        detail: json!({}),
    };
    if ports.ledger.release_stack(stack, &holder, &entry).await? {
        return Ok(holder);
    }
    Err(ReleaseError::InUse {
        stack: stack.clone(),
        by: holder,
    })
}
