//! The model as one store: a request, its effect and its outcome under one lock.

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortResult, SecretWrite};
use cc_devops_requests::ports::{AtOnce, Conclude, Done};
use cc_devops_requests::record::{Receipt, RequestHead, RequestState};

use super::{Memory, secrets};

#[async_trait]
impl AtOnce for Memory {
    async fn put_secret(&self, head: &RequestHead, write: SecretWrite<'_>, conclude: Conclude) -> PortResult<Done> {
        let mut model = self.lock()?;
        match model.requests.known(head) {
            Some(Receipt::Known(record)) => return Ok(Done::Known(record)),
            Some(_) => return Ok(Done::Conflict),
            None => {}
        }
        let conclusion = conclude(secrets::put(&mut model, write)?);
        model.record_concluded(head, RequestState::Executing, &conclusion);
        Ok(Done::Now(conclusion.completed))
    }
}
