//! The repositories of a program that was not told whose to look after.

use async_trait::async_trait;
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::work::WorkHandle;
use cc_devops_repos::ports::RepositoryWorker;
use cc_devops_repos::work::RepositoryWork;
use serde_json::Value;

/// What is said where no owner is configured.
pub const NO_OWNER: &str =
    "no owner of repositories is configured: set github.owner to the organisation or person at GitHub";

/// Looks after nobody's repositories.
pub(crate) struct NoOwner;

#[async_trait]
impl RepositoryWorker for NoOwner {
    async fn carry_out(
        &self,
        _work: &RepositoryWork,
        _author: &Author,
        _handle: &WorkHandle,
    ) -> PortResult<Result<Value, Failure>> {
        Ok(Err(Failure::new(Reason::MissingDependency, NO_OWNER)))
    }
}
