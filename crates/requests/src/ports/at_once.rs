//! Doing a request in the very transaction that takes it in.

use async_trait::async_trait;
use cc_devops_kernel::outcome::Completed;
use cc_devops_kernel::ports::{PortResult, SecretWrite, SecretWritten};

use crate::record::{Conclusion, RequestHead, RequestRecord};

/// Words the end of a request once its effect is known. It may be called more than once, because a
/// transaction may be made again.
pub type Conclude = Box<dyn Fn(SecretWritten) -> Conclusion + Send + Sync>;

/// What became of a request that was to be done at once.
#[derive(Debug, Clone)]
pub enum Done {
    /// It is on record with its effect and this outcome.
    Now(Completed),
    /// It was on record before, with the same meaning. Nothing was written.
    Known(Box<RequestRecord>),
    /// Its id was used before for something else. Nothing was written.
    Conflict,
}

/// Where ledger and secrets are one store, a request, its effect and its outcome are one
/// transaction: nothing can come between them, and nothing is left to recover.
#[async_trait]
pub trait AtOnce: Send + Sync {
    /// Takes a `putSecret` in and does it: the request as [`Ledger::receive`](super::ledger::Ledger::receive)
    /// would record it, the secret as [`SecretStore::put`](cc_devops_kernel::ports::SecretStore::put) would write it,
    /// the outcome as [`Ledger::conclude`](super::ledger::Ledger::conclude) would. All of it or nothing.
    ///
    /// # Errors
    /// Those of the three; `Refused` where the secret store refuses the write for good.
    async fn put_secret(&self, head: &RequestHead, write: SecretWrite<'_>, conclude: Conclude) -> PortResult<Done>;
}
